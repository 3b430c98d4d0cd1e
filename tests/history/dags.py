"""Random histories of models, written as Git objects: what a manifest lists is lines to Git."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from history.place import Place
from hypothesis import strategies as st

from mvc.history.gitobjects import FILE_MODE
from mvc.history.manifest import Entry, Manifest
from mvc.history.signature import Signature
from mvc.ids import BlobId, CommitId, ObjectId

NAMES = ("a", "b.weight", "c d", "é")
PEOPLE = (("Ada", "ada@example.org"), ("Bo", "bo@example.org"), ("ada", "other@example.org"))

_LINE = re.compile(r'^([0-9a-f]{40}) .*?^filename (\S+)\n\t("(?:[^"\\]|\\.)*") ', re.M | re.S)
#: path → name → value
Files = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Step:
    """A commit: ``parents`` counts back from it; of a merge ``sides`` says whose tensor it takes (by place).

    ``edits`` are (which tensor, new value or None); ``moves`` renames the model; ``later`` are seconds.
    """

    parents: tuple[int, ...]
    sides: tuple[int, ...]
    edits: tuple[tuple[int, int | None], ...]
    moves: bool
    later: int
    who: int
    subject: str


steps = st.builds(
    Step,
    st.lists(st.integers(1, 4), max_size=3, unique=True).map(tuple),
    st.lists(st.integers(0, 2), min_size=len(NAMES), max_size=len(NAMES)).map(tuple),
    st.lists(
        st.tuples(st.integers(0, len(NAMES) - 1), st.sampled_from([None, 0, 1, 2, 3, 4, 5, 6])),
        max_size=2,
    ).map(tuple),
    st.integers(0, 9).map(lambda n: n == 0),
    st.sampled_from([0, 1, 60, 60, -30]),
    st.integers(0, len(PEOPLE) - 1),
    st.sampled_from(["train", "prune", "[PATCH 1/2] fix", "two\nlines"]),
)
histories = st.lists(steps, min_size=1, max_size=14)


def tensor_id(name: str, value: int) -> ObjectId:
    return ObjectId(hashlib.sha256(f"{name} {value}".encode()).hexdigest())


def manifest(values: Mapping[str, int]) -> bytes:
    tensors = tuple(Entry(n, "F32", (2, v + 1), tensor_id(n, v)) for n, v in sorted(values.items()))
    return Manifest("safetensors", 8, ObjectId("0" * 64), tensors).encode()


def write(place: Place, history: Sequence[Step]) -> list[CommitId]:
    """Commit ``history``; the newest is on the branch ``main``."""
    writer = place.context.writer()
    done: list[tuple[CommitId, str, dict[str, int]]] = []
    clock = 1_700_000_000
    for step in history:
        clock += step.later
        behind = [done[-back] for back in step.parents if back <= len(done)]
        if not behind and done:
            behind = [done[-1]]
        path, values = _content(step, behind)
        blobs: dict[str, tuple[int, BlobId]] = {path: (FILE_MODE, writer.blob(manifest(values)))}
        for number, name in enumerate(NAMES):  # each tensor once more, as a text of its own
            if name in values:
                blobs[f"t{number}"] = (FILE_MODE, writer.blob(f"{values[name]}\n".encode()))
        who = Signature(*PEOPLE[step.who], clock, 60)
        parents = [id_ for id_, _, _ in behind]
        id_ = writer.commit(writer.files(blobs), parents, who, who, f"{step.subject}\n")
        done.append((id_, path, values))
    writer.flush()
    (place.root / ".mvc" / "refs" / "heads" / "main").write_text(f"{done[-1][0]}\n")
    return [id_ for id_, _, _ in done]


def _content(
    step: Step, behind: Sequence[tuple[CommitId, str, dict[str, int]]]
) -> tuple[str, dict[str, int]]:
    if not behind:
        return "m.safetensors", dict.fromkeys(NAMES, 0) | _edited(step, {})
    path = behind[0][1]
    values = {}
    for name, side in zip(NAMES, step.sides, strict=True):
        origin = behind[side % len(behind)][2]
        if name in origin:
            values[name] = origin[name]
    if step.moves:
        path = "n.safetensors" if path == "m.safetensors" else "m.safetensors"
        return path, values or {NAMES[0]: 0}
    return path, _edited(step, values) or {NAMES[0]: 0}


def _edited(step: Step, values: dict[str, int]) -> dict[str, int]:
    for number, value in step.edits:
        values.pop(NAMES[number], None)
        if value is not None:
            values[NAMES[number]] = value
    return dict(sorted(values.items()))


def model_of(place: Place, id_: str) -> str:
    """The path of a commit's model."""
    (path,) = (p for p in place.git("ls-tree", "--name-only", id_).split() if p[0] != "t")
    return path


def gits(place: Place, path: str, revision: str) -> dict[str, tuple[str, str]]:
    """Of each tensor the commit and the path that Git blames."""
    text = place.git("blame", "--line-porcelain", revision, "--", path)
    chunks = re.split(r"(?m)(?<=\n)(?=[0-9a-f]{40} \d+ \d+)", text)
    found = {}
    for chunk in chunks:
        match = _LINE.match(chunk)
        if match is not None:
            found[json.loads(match[3])] = (match[1], match[2])
    return found


def commit(
    place: Place, parents: list[CommitId], number: int, **files: bytes | dict[str, int]
) -> CommitId:
    writer = place.context.writer()
    blobs = {
        path: (FILE_MODE, writer.blob(what if isinstance(what, bytes) else manifest(what)))
        for path, what in files.items()
    }
    who = Signature("Ada", "ada@example.org", 1_700_000_000 + number, 0)
    id_ = writer.commit(writer.files(blobs), parents, who, who, f"number {number}\n")
    writer.flush()
    return id_


def index(**weight_map: str) -> bytes:
    return json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
