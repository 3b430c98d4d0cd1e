"""Sharded Hugging Face checkpoints: several weight files that an index makes one model.

Owns the index file (``*.index.json``) and the grouping of tracked paths into models. Grouping never fails:
an index that breaks a rule groups nothing, and its files stand for themselves. It must not know what is
inside a shard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from mvc import paths
from mvc.errors import MalformedFile, MvcError
from mvc.formats import FORMATS
from mvc.formats.strict_json import NESTING, Repeated, depth, parse
from mvc.values import dataclass

INDEX_SUFFIXES = (".safetensors.index.json", ".bin.index.json")
_ENDING = ".index.json"


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """``weight_map``: tensor name → name of its shard, a file beside the index."""

    weight_map: Mapping[str, str]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """One model: its ``files`` (sorted tracked paths), and the tracked path of its index, if it has one.

    ``missing`` are the shards that the index names and that are not tracked.
    """

    name: str
    files: tuple[str, ...]
    index: str | None = None
    missing: tuple[str, ...] = ()


def parse_index(text: bytes) -> ShardIndex:
    """Read an index.

    Raises:
        MalformedFile: no JSON object, no ``weight_map`` of strings, a key twice, or a shard's name that is
            not the name of a file beside the index.
    """
    top = _object(parse(text), "the index")
    if depth(top) > NESTING:
        raise MalformedFile("the index is nested too deeply")
    weight_map = _object(top.get("weight_map"), "the index's weight_map")
    for tensor, shard in weight_map.items():
        if not isinstance(shard, str):
            raise MalformedFile(f"the index gives the tensor {tensor!r} no file name")
        problem = "is not beside the index" if "/" in shard else paths.problem(shard)
        if problem:
            raise MalformedFile(f"the index names the shard {shard!r}, which {problem}")
    metadata = top.get("metadata")
    return ShardIndex(
        weight_map, {} if metadata is None else _object(metadata, "the index's metadata")
    )


def render_index(weight_map: Mapping[str, str], metadata: Mapping[str, Any]) -> bytes:
    """The index as transformers writes it: keys sorted, two spaces, a newline at the end."""
    index = {"metadata": dict(metadata), "weight_map": dict(weight_map)}
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()


def models(paths: Iterable[str], read_text: Callable[[str], bytes]) -> list[ModelFiles]:
    """Group tracked ``paths`` into models, sorted by name; every weight file is in exactly one.

    An index and those shards it names that are tracked and in no earlier index's model make one model,
    called as the index is without ``.index.json``, or by the index's whole path where a file has that
    name. Every other weight file is a model of its own.

    ``read_text`` gives a tracked file's bytes; an index it can't read (``MvcError``) groups nothing.
    """
    tracked = set(paths)
    free = {path for path in tracked if path.lower().endswith(_WEIGHTS)}
    found: list[ModelFiles] = []
    for index_path in sorted(path for path in tracked if path.lower().endswith(INDEX_SUFFIXES)):
        try:
            index = parse_index(read_text(index_path))
        except MvcError:
            continue
        folder = index_path[: index_path.rfind("/") + 1]
        shards = {folder + shard for shard in index.weight_map.values()}
        files = shards & free
        if files:
            free -= files
            name = index_path[: -len(_ENDING)]
            found.append(
                ModelFiles(
                    name=index_path if name in tracked else name,
                    files=tuple(sorted(files)),
                    index=index_path,
                    missing=tuple(sorted(shards - tracked)),
                )
            )
    found += (ModelFiles(path, (path,)) for path in free)
    return sorted(found, key=lambda model: model.name)


_WEIGHTS = tuple(suffix for entry in FORMATS.values() for suffix in entry.suffixes)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedFile(f"{what} is not a JSON object")
    if isinstance(value, Repeated):
        raise MalformedFile(f"{what} has a key twice")
    return value
