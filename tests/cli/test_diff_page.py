"""``mvc diff --html`` and ``--markdown``: what they hold, and that no name can break out of them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from cli.paging import HOSTILE, matrices, pair
from cli.terminal import Terminal, safetensors


class Outline(HTMLParser):
    """Tags with their attributes, and all text but that of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, str] = {}
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is None:
            self.words.append(data)
        else:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_sums_up_and_lists_what_changed_most_first(bare_terminal: Terminal) -> None:
    pair(bare_terminal)
    outline = Outline(bare_terminal("diff", "--html", "old.safetensors", "new.safetensors"))
    assert "old.safetensors → new.safetensors" in outline.text
    assert "5 of 10 tensors changed" in outline.text
    rows = [tag["id"] for name, tag in outline.tags if name == "tr" and "id" in tag]
    assert len(rows) == 5
    data = json.loads(outline.raw["data"])
    first = data[0][rows[0][3:]]  # type: ignore[index]
    assert dict(first["facts"])["status"] == "changed"
    assert sum(sum(one[1:]) for one in first["bins"]) + first["equal"] == first["numbers"]
    assert len(first["spectrum"]["values"]) == 6


def test_the_page_needs_nothing_from_anywhere(bare_terminal: Terminal) -> None:
    pair(bare_terminal)
    text = bare_terminal("diff", "--html", "old.safetensors", "new.safetensors")
    for name, tag in Outline(text).tags:
        assert name not in ("link", "iframe", "img", "object", "embed")
        assert "src" not in tag and "style" not in tag
        assert not [key for key in tag if key.startswith("on")]
        assert tag.get("href", "#").startswith("#")  # type: ignore[union-attr]
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text


def test_no_name_breaks_out_of_the_page(bare_terminal: Terminal) -> None:
    old = {name: np.ones((2, 2), "f4") for name in HOSTILE}
    new = {name: np.full((2, 2), 2, "f4") for name in HOSTILE}
    bare_terminal.write("old.safetensors", matrices(old, {"k</script>": "<b>"}))
    bare_terminal.write("new.safetensors", matrices(new, {"k</script>": "<i>"}))
    text = bare_terminal("diff", "--html", "old.safetensors", "new.safetensors")
    outline = Outline(text)
    assert [name for name, _ in outline.tags].count("script") == 2
    assert not {name for name, _ in outline.tags} & {"b" * 2, "i", "img", "marquee"}
    assert not set(text) & {"\0", "\u202e", "\u2066", "\x1b"}
    assert len(json.loads(outline.raw["data"])[0]) == len(HOSTILE)
    assert r"\u202e" in outline.text
    assert r"\x00" in outline.text


def test_no_name_and_no_number_of_layers_makes_a_picture_without_end(
    bare_terminal: Terminal,
) -> None:
    names = [
        "x" * 60_000,
        *(f"layers.{n}.w" for n in range(1200)),
        *(f"l.0.{n}k" for n in range(200)),
    ]
    for name, value in (("old", 1), ("new", 2)):
        tensors = {one: np.full((1, 1), value, "f4") for one in names}
        bare_terminal.write(f"{name}.safetensors", matrices(tensors))
    text = bare_terminal("diff", "--html", "old.safetensors", "new.safetensors")
    outline = Outline(text)
    sizes = [float(tag["width"] or 0) for name, tag in outline.tags if name == "svg"]
    assert max(sizes) < 4000
    assert "256 of 1200 layers, 96 of 201 kinds" in outline.text
    assert "more are not listed; --all-tensors" in outline.text
    assert len(text) < 3_000_000


def test_configuration_is_shown_by_key(bare_terminal: Terminal) -> None:
    for folder, width, more in (("old", 4, ""), ("new", 8, ', "rope": {"theta": 1e4}')):
        bare_terminal.write(f"{folder}/m.safetensors", safetensors({"a": [float(width)]}))
        bare_terminal.write(f"{folder}/config.json", f'{{"width": {width}, "deep": 2{more}}}')
    outline = Outline(bare_terminal("diff", "--html", "old", "new"))
    assert "Keys: 1 changed, 1 added." in outline.text
    assert "width 4 8" in outline.text
    assert "rope.theta – 10000.0" in outline.text


def test_a_page_is_replaced_and_nothing_else_is(bare_terminal: Terminal) -> None:
    pair(bare_terminal)
    words = ("diff", "--html", "-o", "page.html", "old.safetensors", "new.safetensors")
    assert bare_terminal(*words) == "wrote page.html\n"
    assert bare_terminal(*words) == "wrote page.html\n"
    before = (bare_terminal.root / "old.safetensors").read_bytes()
    for target in ("old.safetensors", "."):
        result = bare_terminal.run("diff", "--html", "-o", target, *words[-2:])
        assert result.code == 2
    assert (bare_terminal.root / "old.safetensors").read_bytes() == before
    assert bare_terminal.run("diff", "-o", "x", *words[-2:]).code == 2
    assert bare_terminal.run("diff", "--html", "--json", *words[-2:]).code == 2


def test_the_exit_code_is_that_of_every_diff(bare_terminal: Terminal) -> None:
    pair(bare_terminal)
    for form in ("--html", "--markdown"):
        words = ("diff", form, "old.safetensors")
        assert bare_terminal.run(*words, "new.safetensors").code == 0
        assert bare_terminal.run(*words, "--exit-code", "new.safetensors").code == 1
        same = bare_terminal.run(*words, "--exit-code", "old.safetensors")
        assert same.code == 0
        assert "Nothing differs." in same.out


def test_commits_have_pages_too(terminal: Terminal) -> None:
    pair(terminal)
    (terminal.root / "old.safetensors").rename(terminal.root / "m.safetensors")
    terminal("add", "m.safetensors")
    terminal("commit", "-m", "one")
    (terminal.root / "new.safetensors").rename(terminal.root / "m.safetensors")
    assert "5 of 10 tensors changed" in Outline(terminal("diff", "--html")).text
    terminal("commit", "-am", "two")
    outline = Outline(terminal("diff", "--html", "HEAD~1", "HEAD"))
    assert outline.text.count("5 of 10 tensors changed") == 1
    assert "HEAD~1 → HEAD" in outline.text


def test_markdown_is_short_and_folds_the_rest(bare_terminal: Terminal) -> None:
    pair(bare_terminal)
    said = bare_terminal("diff", "--markdown", "old.safetensors", "new.safetensors")
    assert said.startswith("<!-- made by mvc diff -->\n### `old.safetensors` → `new.safetensors`\n")
    assert "| 5 of 10 |" in said
    assert said.index("`layers.1.w`") < said.index("`layers.0.w`")
    assert "transposed" in said


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_the_table(bare_terminal: Terminal, name: str) -> None:
    bare_terminal.write("old.safetensors", matrices({name: np.ones((2, 2), "f4")}))
    bare_terminal.write("new.safetensors", matrices({name: np.zeros((2, 2), "f4")}))
    said = bare_terminal("diff", "--markdown", "old.safetensors", "new.safetensors")
    (row,) = [line for line in said.splitlines() if "F32" in line]
    cells = row.replace("\\|", "").count("|") - 1
    assert cells == 7
    code = re.match(r"\| (?:`[^`|]+`|<code>[^<>`|]+</code>) \| F32 \|", row)
    assert code, row
    assert not set(said) & {"\0", "\u202e", "\u2066", "\x1b"}


def test_a_patch_with_fences_stays_inside_its_own(bare_terminal: Terminal) -> None:
    for folder, text in (("old", "a\n"), ("new", "```\n````\n# out\n")):
        bare_terminal.write(f"{folder}/README.md", text)
    said = bare_terminal("diff", "--markdown", "old", "new")
    assert said.count("\n`````") == 2
    assert Path(bare_terminal.root / "old").is_dir()
