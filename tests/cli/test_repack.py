"""``mvc repack`` and ``mvc gc --aggressive`` on the command line."""

from __future__ import annotations

import json
import random
import re

from cli.terminal import Terminal


def family(terminal: Terminal) -> None:
    """Two files that resemble each other, on branches that do not know of each other."""
    draw = random.Random(0)
    values = [draw.gauss(0, 1) for _ in range(4000)]
    terminal.commit("one", one={"w": values})
    terminal("switch", "-c", "other", "HEAD")
    terminal("rm", "one.safetensors")
    terminal.commit("other", other={"v": [value * (1 + 1e-6) for value in values]})


def test_it_says_what_it_would_save_and_saves_it(terminal: Terminal) -> None:
    family(terminal)
    pattern = r"would store 1 object over better bases, \d+\.\d kB → about \d+\.\d kB\n"
    assert re.fullmatch(pattern, terminal("repack", "-n"))
    assert re.fullmatch(r"stored 1 object over better bases, .* → .*\n", terminal("repack", "-d"))
    found = json.loads(terminal("repack", "--json"))
    assert found == {
        "schema": "mvc.repack/1",
        "dry_run": False,
        "objects": 0,
        "before": 0,
        "after": 0,
    }
    assert "kept" in terminal("gc") or terminal("gc")
    assert terminal("repack", "-q") == ""


def test_an_aggressive_collection_says_it_among_the_rest(terminal: Terminal) -> None:
    family(terminal)
    assert "would store 1 object over" in terminal("gc", "-n", "--aggressive")
    said = terminal("gc", "--aggressive", "--prune=now")
    assert "stored 1 object over better bases" in said and "freed" in said
    found = json.loads(terminal("gc", "--aggressive", "--json"))
    assert found["repacked"] == {"objects": 0, "before": 0, "after": 0}
    assert json.loads(terminal("gc", "-n", "--json"))["repacked"] is None
