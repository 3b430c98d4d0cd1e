"""A LoRA adapter as PEFT saves it: a folder with factors and their settings, read from a commit's files.

Owns what its tensors are called: ``base_model.model.<module>.lora_A.weight`` and the like. It never reads a
tensor's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from mvc.errors import MalformedFile, UsageError
from mvc.history.snapshot import Snapshot
from mvc.merge.adapters.settings import FILE, Settings
from mvc.merge.checks.beside import read_json
from mvc.merge.grouping import read_side
from mvc.merge.strategies.numbers import FLOATS
from mvc.merge.terms import Piece
from mvc.store.store import Store
from mvc.values import dataclass

#: The adapter's weights, beside its settings.
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_PREFIX = "base_model.model."
#: The end of a name → what the tensor is to its module.
_ROLES = {
    ".lora_A.weight": "a",
    ".lora_B.weight": "b",
    ".lora_embedding_A": "embedding_a",
    ".lora_embedding_B": "embedding_b",
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_B.bias": "bias",
    ".base_layer.weight": "weight",
}
#: Ends of names by which a factor is known: of these no mean is a mean of what they multiply to.
FACTORS = tuple(end for end, role in _ROLES.items() if role in ("a", "b") or "embedding" in role)


@dataclass(frozen=True, slots=True)
class Factors:
    """Of one module: A is [r, in], B is [out, r], further axes of a convolution behind them.

    ``embedding``: A is [r, rows] and B [columns, r]. ``magnitude``: of DoRA, one number for each output.
    ``bias`` is added to the module's, scaled like the product; ``weight`` takes the place of the base's.
    """

    a: Piece
    b: Piece
    embedding: bool = False
    magnitude: Piece | None = None
    bias: Piece | None = None
    weight: Piece | None = None

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.a.entry.shape[0]


@dataclass(frozen=True, slots=True)
class Adapter:
    """``modules`` by name; ``whole``: tensors that take the place of the base's, by name (``modules_to_save``
    and biases); ``prefix``: what PEFT puts before all names."""

    path: str
    settings: Settings
    modules: Mapping[str, Factors]
    whole: Mapping[str, Piece] = field(default_factory=dict)
    prefix: str = _PREFIX


def is_adapter(sides: Iterable[Snapshot], group: Iterable[str]) -> bool:
    """Whether the files ``group`` are an adapter's weights: on each side settings lie beside them."""
    path = min(group)
    beside = settings_of(path)
    known = path.rpartition("/")[2] in WEIGHTS
    return known and all(beside in side for side in sides if path in side)


def settings_of(path: str) -> str:
    """The file beside the weights at ``path`` that says how they are meant."""
    return path[: path.rfind("/") + 1] + FILE


def find(files: Snapshot, path: str) -> str:
    """The weights that ``path`` means: the file, or that in the folder.

    Raises:
        UsageError: there is none.
    """
    folder = path.rstrip("/")
    for name in (folder, *(f"{folder}/{name}" if folder else name for name in WEIGHTS)):
        if name in files and is_adapter([files], [name]):
            return name
    known = [path for path in files if is_adapter([files], [path])]
    raise UsageError(
        f"{path} holds no adapter: {WEIGHTS[0]} with {FILE} beside it",
        hint=f"there is {', '.join(known[:3])}" if known else "mvc ls shows what is tracked",
    )


def read_adapter(store: Store, files: Snapshot, path: str) -> Adapter:
    """The adapter whose weights are the file ``path``.

    Raises:
        UsageError: it is of a kind that mvc can't merge.
        MalformedFile: factors do not fit each other.
    """
    side = read_side(store, files, frozenset({path}))
    if side is None or not side.pieces:
        raise UsageError(f"{path} holds no tensors")
    beside = settings_of(path)
    settings = Settings.read(read_json(store, files, beside), beside)
    return _sorted_out(path, settings, side.pieces)


def _sorted_out(path: str, settings: Settings, pieces: Mapping[str, Piece]) -> Adapter:
    prefix = _PREFIX if all(name.startswith(_PREFIX) for name in pieces) else ""
    found: dict[str, dict[str, Piece]] = {}
    whole: dict[str, Piece] = {}
    for full, piece in pieces.items():
        name = full.removeprefix(prefix).replace(".modules_to_save.", ".")
        name = name.replace(".base_layer.bias", ".bias")
        end = next((end for end in _ROLES if name.endswith(end)), None)
        if end is not None:
            found.setdefault(name.removesuffix(end), {})[_ROLES[end]] = piece
        elif "lora_" in name or piece.entry.dtype not in FLOATS:
            raise UsageError(f"{path}: mvc does not know what to do with the tensor {full!r:.120}")
        else:
            whole[name] = piece
    modules = {}
    for module, roles in found.items():
        factors = _factors(path, module, roles)
        if factors is None:
            whole[f"{module}.weight"] = roles["weight"]
        else:
            modules[module] = factors
    return Adapter(path, settings, modules, whole, prefix)


def _factors(path: str, module: str, roles: Mapping[str, Piece]) -> Factors | None:
    if roles.keys() == {"weight"}:
        return None
    embedding = "embedding_a" in roles
    a, b = (roles.get(f"embedding_{side}" if embedding else side) for side in "ab")
    if a is None or b is None:
        raise MalformedFile(f"{path}: the module {module} has only one of its factors")
    for piece in roles.values():
        if piece.entry.dtype not in FLOATS:
            raise UsageError(
                f"{path}: {piece.entry.name} is {piece.entry.dtype}; mvc merges floats"
            )
    one, other = a.entry.shape, b.entry.shape
    tail = set(other[2:]) - {1}
    if len(one) < 2 or len(other) < 2 or one[0] != other[1] or tail or not one[0]:
        raise MalformedFile(
            f"{path}: the factors of {module} are {list(one)} and {list(other)}, which do not multiply"
        )
    return Factors(a, b, embedding, *(roles.get(role) for role in ("magnitude", "bias", "weight")))
