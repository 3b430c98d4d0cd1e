"""The page of ``mvc diff --html`` in a real browser: what it shows, does and asks for (``make test-pages``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli.browser import PATH, Page, browser
from cli.paging import HOSTILE, matrices, pair
from cli.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PATH is None, reason="no Chromium is installed (apt install chromium)"),
]
PHONE = 390


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(chromium: Page, bare_terminal: Terminal) -> Page:
    """The page of two small models, in a wide window and the light theme."""
    pair(bare_terminal)
    for folder, width in (("old", 6), ("new", 8)):
        (bare_terminal.root / folder).mkdir()
        place = bare_terminal.root / f"{folder}.safetensors"
        place.rename(bare_terminal.root / folder / "model.safetensors")
        bare_terminal.write(f"{folder}/config.json", f'{{"hidden": {width}, "layers": 4}}\n')
    return shown(chromium, bare_terminal, "old", "new")


def shown(chromium: Page, terminal: Terminal, old: str, new: str) -> Page:
    terminal("diff", "--html", "-o", "page.html", old, new)
    chromium.complaints.clear()
    chromium.asked.clear()
    chromium.look(width=1200, dark=False)
    chromium.open(terminal.root / "page.html")
    return chromium


def text(page: Page, selector: str) -> list[str]:
    found: list[str] = page(
        f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent)"
    )
    return found


def background(page: Page) -> str:
    found: str = page("getComputedStyle(document.documentElement).backgroundColor")
    return found


def test_it_shows_the_difference_and_asks_for_nothing(page: Page) -> None:
    assert text(page, "h1") == ["old→new"]
    assert text(page, ".cards b")[0] == "5 of 10"
    assert text(page, "table.tensors tbody td.name")[0] == "layers.1.w"
    assert "transposed" in text(page, "table.tensors td")
    assert text(page, "#keys td") == ["hidden", "6", "8"]
    assert "epoch" in text(page, "table.keys td")
    assert [address for address in page.asked if not address.startswith("file:")] == []
    assert len(page.asked) == 1
    assert page.complaints == []


def test_the_heat_map_has_a_cell_for_each_tensor_that_leads_to_it(page: Page) -> None:
    titles = text(page, "svg.heat title")
    assert len(titles) == 10
    assert any(one.startswith("layers.1.w: changed, relative L2") for one in titles)
    assert "layers.3.norm: unchanged" in titles
    assert page("document.querySelectorAll('svg.heat a').length") == 5
    page(
        "document.querySelector('svg.heat a').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert page("new Promise((go) => setTimeout(() => go(location.hash), 50))").startswith("#m0t")
    assert page("document.querySelectorAll('tr.detail').length") == 1


def test_a_name_opens_its_histogram_and_spectrum_and_closes_them(page: Page) -> None:
    assert page("document.querySelectorAll('tr.detail').length") == 0
    page("document.querySelector('td.name button').click()")
    captions = text(page, "tr.detail figcaption")
    assert "how many of which size" in captions[0]
    assert "effective rank" in captions[1]
    assert page("document.querySelectorAll('tr.detail rect.bar-plus').length") > 3
    assert page("document.querySelector('td.name button').getAttribute('aria-expanded')") == "true"
    page("document.querySelector('td.name button').click()")
    assert page("document.querySelector('tr.detail').hidden")


def test_a_heading_sorts_and_details_stay_with_their_rows(page: Page) -> None:
    names = "table.tensors tbody td.name"
    page("document.querySelector('td.name button').click()")
    page("document.querySelector('table.tensors th button').click()")
    assert text(page, names) == sorted(text(page, names))
    previous = "document.querySelector('tr.detail').previousElementSibling"
    assert page(f"{previous}.querySelector('.name').textContent") == "layers.1.w"
    page("document.querySelector('table.tensors th button').click()")
    assert text(page, names) == sorted(text(page, names), reverse=True)
    page("document.querySelectorAll('table.tensors th button')[4].click()")
    assert text(page, names)[:2] == ["layers.1.w", "layers.2.w"]


def test_the_theme_is_the_systems_until_the_switch_is_used(page: Page) -> None:
    light = background(page)
    page.look(width=1200, dark=True)
    dark = background(page)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(16, 19, 23)")
    assert text(page, "#theme") == ["Light"]
    page("document.getElementById('theme').click()")
    assert background(page) == light
    assert text(page, "#theme") == ["Dark"]
    page.call("Page.reload")
    while page("document.readyState") != "complete":
        pass
    page("localStorage.removeItem('mvc-theme')")


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.look(width=PHONE, dark=False)
    page("document.querySelectorAll('td.name button').forEach((one) => one.click())")
    assert page("document.documentElement.scrollWidth") <= PHONE
    wide = page(
        """[...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll')
        && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"""
    )
    assert wide == []
    smallest = page(
        "Math.min(...[...document.querySelectorAll('p,td,li')].map("
        "(one) => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert smallest >= 11


def test_many_tensors_are_shown_on_demand(chromium: Page, bare_terminal: Terminal) -> None:
    draw = np.random.default_rng(0)
    old = {f"blocks.{n}.{part}": draw.normal(size=(3, 3)) for n in range(20) for part in "abc"}
    new = {name: array + draw.normal(size=(3, 3)) for name, array in old.items()}
    bare_terminal.write("old.safetensors", matrices(old))
    bare_terminal.write("new.safetensors", matrices(new))
    page = shown(chromium, bare_terminal, "old.safetensors", "new.safetensors")
    seen = "[...document.querySelectorAll('tr[id]')].filter((one) => one.offsetHeight).length"
    assert page(seen) == 20
    page("document.querySelectorAll('table.tensors th button')[0].click()")
    assert page(seen) == 20
    page("document.querySelector('button.more').click()")
    assert page(seen) == 60


def test_hostile_names_are_text_and_nothing_else(chromium: Page, bare_terminal: Terminal) -> None:
    names = (*HOSTILE, *(f"layers.0.{name}" for name in HOSTILE))
    bare_terminal.write("old.safetensors", matrices({n: np.ones((2, 2)) for n in names}))
    bare_terminal.write("new.safetensors", matrices({n: np.full((2, 2), 2.0) for n in names}))
    page = shown(chromium, bare_terminal, "old.safetensors", "new.safetensors")
    page("document.querySelectorAll('td.name button').forEach((one) => one.click())")
    page("document.querySelectorAll('table.tensors th button').forEach((one) => one.click())")
    assert page("document.title") == "mvc diff: old.safetensors → new.safetensors"
    assert page("document.scripts.length") == 2
    assert page("document.querySelectorAll('img, [onmouseover]').length") == 0
    shown_names = text(page, "td.name")
    assert len(shown_names) == len(names)
    assert "<img src=x onerror=alert(1)>" in shown_names
    assert r"right\u202eto\u2066left" in shown_names
    assert page.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_what_is_behind_them(page: Page, dark: bool) -> None:
    """WCAG's contrast of 4.5 : 1 for all text of the page that is not in a picture."""
    page.look(width=1200, dark=dark)
    page("document.querySelector('td.name button').click()")
    least = page(
        """(() => {
          const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((one) => one / 255)
              .map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const behind = (one) => {
            for (; one; one = one.parentElement) {
              const back = getComputedStyle(one).backgroundColor;
              if (!/, 0\\)$/.test(back)) return back;
            }
          };
          const texts = [...document.querySelectorAll('h1,h2,p,b,span,td,th,button,a,dt,dd,del,ins')]
            .filter((one) => one.offsetHeight && one.textContent.trim() && !one.closest('svg'));
          return Math.min(...texts.map((one) => {
            const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort();
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          }));
        })()"""
    )
    assert least >= 4.5


def test_pictures_can_be_taken_of_it(page: Page, tmp_path: Path) -> None:
    page.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
