"""Models for pages to be made of."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np
from cli.terminal import Terminal

#: Names that mean something in HTML, in Markdown, in a script or to a terminal.
HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "nul\0in",
    "right\u202eto\u2066left",
    "\x1b[31mred",
    "`code` | cell",
    "a|b",
    "``` fence",
    "](javascript:alert(1)) [x",
    "line\nbreak\r\n",
    " ",
    "&lt;b&gt;&#0;",
    "<!-- ",
    "]]> --> {{x}} ${x}",
)


def matrices(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of F32 arrays."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    body = b""
    for name, array in tensors.items():
        data = array.astype("<f4").tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def pair(terminal: Terminal) -> None:
    """``old.safetensors`` and ``new.safetensors``: three of four layers changed, one turned, one new."""
    draw = np.random.default_rng(0)
    old = {f"layers.{n}.w": draw.normal(size=(8, 6)) for n in range(4)}
    old |= {f"layers.{n}.norm": np.ones(6) for n in range(4)}
    old["embed"] = draw.normal(size=(12, 6))
    new = dict(old)
    new["layers.0.w"] = old["layers.0.w"] + 1e-3
    new["layers.1.w"] = old["layers.1.w"] + draw.normal(size=(8, 6))
    new["layers.2.w"] = np.where(np.abs(old["layers.2.w"]) < 0.5, 0, old["layers.2.w"])
    new["layers.3.w"] = old["layers.3.w"].T.copy()
    new["head"] = np.ones((2, 6))
    terminal.write("old.safetensors", matrices(old, {"format": "pt"}))
    terminal.write("new.safetensors", matrices(new, {"format": "pt", "epoch": "2"}))
