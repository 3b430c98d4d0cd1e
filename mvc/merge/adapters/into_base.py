"""An adapter written into its base: which tensor each module means, and the tensors to be made.

Owns the mapping of names and what does not fit; the arithmetic is in ``products.py``. Equals PEFT's
``merge_and_unload`` but for rounding: here it is once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from mvc.dtypes import nbytes
from mvc.errors import ModelMismatch
from mvc.merge.adapters.products import merged_in, product_of, rounded
from mvc.merge.adapters.reading import Adapter, Factors
from mvc.merge.held import Bytes, Held, bytes_of
from mvc.merge.producing import Planned
from mvc.merge.strategies.numbers import FLOATS
from mvc.merge.terms import Decision, Kept, Piece
from mvc.store.source import Candidate
from mvc.store.store import Store
from mvc.values import dataclass

_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class Addition:
    """What becomes of the base's tensors: ``planned`` are to be made, ``kept`` are the adapter's or stay."""

    planned: tuple[Planned, ...]
    kept: Mapping[str, Decision]


def addition(
    store: Store, adapter: Adapter, base: Mapping[str, Piece], weight: float, model: str
) -> Addition:
    """The base's tensors with ``weight`` times the adapter; ``model`` is what messages call the base.

    Raises:
        ModelMismatch: the adapter changes tensors that the base lacks, or that have other shapes.
    """
    prefixes = _prefixes(adapter, base)
    planned: list[Planned] = []
    missing: list[str] = []
    wrong: list[str] = []
    for module, factors in adapter.modules.items():
        target = _named(f"{module}.weight", base, prefixes)
        before = base.get(target) if target else None
        if before is None or target is None:
            missing.append(f"{module}.weight")
            continue
        start = before if factors.weight is None else factors.weight
        problem = _problem(adapter, factors, start)
        if problem:
            wrong.append(f"{target} {problem}")
            continue
        scale = weight * adapter.settings.scale(module, factors.rank)
        planned.append(_weight(store, adapter, factors, target, (before, start), scale))
        if factors.bias is not None:
            bias = target.removesuffix("weight") + "bias"
            if bias not in base:
                missing.append(bias)
            else:
                start = adapter.whole.get(f"{module}.bias", base[bias])
                planned.append(_bias(store, start, factors.bias, bias, scale))
    _refuse(adapter, model, missing, wrong)
    made = {one.name for one in planned}
    kept: dict[str, Decision] = {
        name: Kept(piece, "unchanged") for name, piece in base.items() if name not in made
    }
    for name, piece in adapter.whole.items():
        target = _named(name, base, prefixes) or name
        if target not in made:
            entry = piece.entry._replace(name=target)
            kept[target] = Kept(Piece(entry, piece.home), "theirs")
    return Addition(tuple(planned), kept)


def _prefixes(adapter: Adapter, base: Mapping[str, Piece]) -> tuple[str, str]:
    """What to take off names of the adapter and to put before them, that most of them name a tensor: a base
    may be saved with or without the part that holds it (``model.``, ``transformer.``)."""
    names = [f"{module}.weight" for module in adapter.modules]
    ways = [("", "")]
    for name in names[:1]:
        parts = name.split(".")
        ways += [(".".join(parts[:cut]) + ".", "") for cut in range(1, len(parts) - 1)]
        ways += sorted(
            {("", full.removesuffix(name)) for full in base if full.endswith(f".{name}")}
        )
    return max(ways, key=lambda way: sum(_named(name, base, way) is not None for name in names))


def _named(name: str, base: Mapping[str, Piece], prefixes: tuple[str, str]) -> str | None:
    off, before = prefixes
    full = before + name.removeprefix(off)
    return full if full in base else name if name in base else None


def _problem(adapter: Adapter, factors: Factors, base: Piece) -> str | None:
    """Why the product can't be added; completes "the tensor …"."""
    if base.entry.dtype not in FLOATS:
        return f"is {base.entry.dtype}, and not numbers to add to"
    a, b = factors.a.entry.shape, factors.b.entry.shape
    turned = factors.embedding or adapter.settings.transposed
    product = (*a[1:], b[0]) if turned else (b[0], *a[1:])
    if product != base.entry.shape:
        return f"is {_shape(base.entry.shape)}, and the adapter adds {_shape(product)}"
    outputs = product[-1] if turned else product[0]
    magnitude = factors.magnitude
    if magnitude is not None and nbytes("U8", magnitude.entry.shape) != outputs:
        return f"has {outputs} outputs, and the adapter another number of magnitudes"
    return None


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _weight(
    store: Store,
    adapter: Adapter,
    factors: Factors,
    name: str,
    pieces: tuple[Piece, Piece],
    scale: float,
) -> Planned:
    """The module's weight; ``pieces``: the base's, and what the product is added to."""
    before, start = pieces
    turned = factors.embedding or adapter.settings.transposed
    dtype, shape = before.entry.dtype, start.entry.shape

    def make() -> Bytes:
        product = product_of(
            _held(store, factors.a), _held(store, factors.b), scale, transposed=turned
        )
        magnitude = factors.magnitude
        known = None if magnitude is None else _held(store, magnitude).whole()
        with np.errstate(all="ignore"):  # NaNs and infinities go where IEEE 754 sends them
            return merged_in(_held(store, start), product, dtype, known, by_column=turned)

    inputs = sum(nbytes("U8", piece.entry.shape) for piece in (factors.a, factors.b))
    cost = nbytes(start.entry.dtype, shape) + 2 * nbytes(dtype, shape) + 16 * inputs
    return Planned(name, dtype, shape, cost, make, partial(_candidates, before))


def _bias(store: Store, base: Piece, bias: Piece, name: str, scale: float) -> Planned:
    entry = base.entry

    def make() -> Bytes:
        with np.errstate(all="ignore"):
            added = _held(store, base).whole() + scale * _held(store, bias).whole()
        return rounded(added, entry.dtype)

    size = nbytes("U8", entry.shape)
    return Planned(name, entry.dtype, entry.shape, 32 * size, make, partial(_candidates, base))


def _held(store: Store, piece: Piece) -> Held:
    return Held(bytes_of(store, piece), piece.entry.dtype, piece.entry.shape, _DOUBLE)


def _candidates(piece: Piece) -> list[Candidate]:
    entry = piece.entry
    return [] if entry.storage is not None else [Candidate(entry.id, entry.dtype, entry.shape)]


def _refuse(adapter: Adapter, model: str, missing: Sequence[str], wrong: Iterable[str]) -> None:
    wrong = list(wrong)
    if not missing and not wrong:
        return
    said = [f"{adapter.path} does not fit {model}, and nothing has changed"]
    if missing:
        said.append(f"  missing: {_some(missing)}")
    said += [f"  shape: {one}" for one in wrong[:3]]
    if len(wrong) > 3:
        said.append(f"  and {len(wrong) - 3} more")
    told = adapter.settings.values.get("base_model_name_or_path")
    hint = f"it was trained for {told:.120}" if isinstance(told, str) and told else None
    raise ModelMismatch("\n".join(said), hint=hint or "--into PATH names another model")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
