"""What a report says, in words, for the page and for Markdown alike; nothing here is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mvc.cli.difference import only_cast, renaming
from mvc.cli.output import counted, size
from mvc.cli.rendering import shape
from mvc.diff.changes import FileChange, TensorChange, TensorStatus, TensorVersion
from mvc.diff.report import ModelReport

_FATES: dict[TensorStatus, str] = {
    "added": "added",
    "removed": "removed",
    "transposed": "transposed",
    "renamed": "renamed",
    "moved": "moved to another shard",
    "conflict": "undecided",
}
#: What counts as a change of the model, rather than of where its tensors are and what they are called.
TOUCHED: tuple[TensorStatus, ...] = ("changed", "added", "removed", "transposed", "conflict")


def cards(model: ModelReport) -> Iterator[tuple[str, str]]:
    """The few numbers that sum a model up, each with what it is."""
    change, counts = model.change, model.counts
    if not change.old_tensors or not change.new_tensors:
        yield f"{change.new_tensors or change.old_tensors:,}", "tensors"
        yield ("new" if change.new_tensors else "deleted"), "model"
        return
    touched = change.count(*TOUCHED)
    yield f"{touched:,} of {change.new_tensors + counts.get('removed', 0):,}", "tensors changed"
    if model.relative_l2 is not None:
        yield rounded(model.relative_l2), "relative L2 of those measured"
    for status, what in _FATES.items():
        if count := counts.get(status):
            yield f"{count:,}", what
    if model.cast:
        yield f"{model.cast:,}", "same values, other dtype"
    portraits = model.portraits.values()
    elements = sum(one.elements for one in portraits)
    before, after = (
        sum(one.old_zeros for one in portraits),
        sum(one.new_zeros for one in portraits),
    )
    if elements and (before or after):
        yield (
            f"{percent(before, elements)} → {percent(after, elements)}",
            "zeros in tensors that changed",
        )


def told(model: ModelReport) -> Iterator[str]:
    """What holds for many tensors at once."""
    for one in model.gist.renamed:
        yield f"{counted(one.count, 'tensor')} renamed: {renaming(one.rule)}"
    for one in model.gist.compared:
        if one.count > 1:
            text = f"{counted(one.count, 'tensor')} compared under another name"
            yield f"{text}: {renaming(one.rule)}"
    if model.gist.moved:
        yield f"{counted(model.gist.moved, 'tensor')} moved to another shard, unchanged"
    if dtypes := only_cast(model.change.tensors):
        yield f"only the dtype changed: the same values as {', '.join(dtypes)}"
    measured = [tensor for tensor in model.change.tensors if tensor.stats is not None]
    broken = sum(one.stats.new_nonfinite > one.stats.old_nonfinite for one in measured if one.stats)
    if broken:
        yield f"{counted(broken, 'tensor')} with more NaN or infinite values than before"
    if model.change.other_content:
        yield "something beside the tensors changed in a file (metadata, or what is pickled)"


def facts(model: ModelReport, index: int) -> Iterator[tuple[str, str]]:
    """All that is known of one tensor's change."""
    tensor = model.change.tensors[index]
    yield "status", fate(tensor)
    if tensor.name_changed and tensor.old:
        yield "was called", tensor.old.entry.name
    if tensor.old or tensor.new:
        yield "dtype", dtype_of(tensor)
        yield "shape", shape_of(tensor)
    sharded = len(model.change.files) > 2
    if sharded and tensor.old and tensor.new and tensor.old.path != tensor.new.path:
        yield "file", f"{tensor.old.path} → {tensor.new.path}"
    stats = tensor.stats
    if stats is None:
        return
    if tensor.shape_changed and tensor.old:
        yield "compared", f"the first {tensor.old.entry.shape[0]:,} rows"
    if tensor.recast is not None and tensor.new:
        rounding = " (rounded)" if tensor.recast == "rounded" else ""
        yield "values", f"the same as {tensor.new.entry.dtype}{rounding}"
    yield "changed", f"{stats.changed:,} of {stats.elements:,}"
    yield "relative L2", _known(stats.relative_l2)
    yield "cosine", _known(stats.cosine, ".6f")
    yield "max |Δ|", _known(stats.max_abs)
    if stats.max_ulp is not None:
        yield "max ULP", f"{stats.max_ulp:.3g}"
    yield "norm", f"{rounded(stats.old_norm)} → {rounded(stats.new_norm)}"
    if stats.old_nonfinite or stats.new_nonfinite:
        yield "NaN or infinite", f"{stats.old_nonfinite:,} → {stats.new_nonfinite:,}"
    portrait = model.portraits.get(index)
    if portrait is not None:
        yield "zeros", f"{portrait.old_zeros:,} → {portrait.new_zeros:,}"


def fate(tensor: TensorChange) -> str:
    """What became of a tensor."""
    if tensor.status == "moved":
        return "moved to another shard"
    if tensor.status == "changed" and tensor.same_bytes:
        return "reshaped" if not tensor.dtype_changed else "read as another dtype"
    return tensor.status


def file_fate(file: FileChange) -> str:
    """What became of a file, with sizes or lines."""
    if file.status == "renamed" and file.old:
        return f"renamed from {file.old.path}"
    if file.status == "mode" and file.old and file.new:
        return f"mode {file.old.mode:o} → {file.new.mode:o}"
    if file.text is not None:
        lines = f"+{file.text.insertions:,} −{file.text.deletions:,} lines"
        return lines if file.status == "modified" else f"{file.status}, {lines}"
    sizes = " → ".join(size(version.size) for version in (file.old, file.new) if version)
    if file.old and file.new and file.old.path != file.new.path:
        return f"{sizes}, was {file.old.path}"
    return sizes if file.status == "modified" else f"{file.status}, {sizes}"


def dtype_of(tensor: TensorChange) -> str:
    """``F32``, or ``F32 → BF16``."""
    return _both(tensor, lambda version: version.entry.dtype)


def shape_of(tensor: TensorChange) -> str:
    """``2×3``, or ``2×3 → 3×2``."""
    return _both(tensor, lambda version: shape(version.entry.shape))


def percent(count: int, whole: int) -> str:
    """A share that is neither 0 nor 1 is not rounded to them."""
    share = count / whole if whole else 0.0
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.3g}%"


def rounded(value: float, form: str = ".3g") -> str:
    """A number for people."""
    return format(value, form)


def _known(value: float | None, form: str = ".3g") -> str:
    return "–" if value is None else rounded(value, form)


def _both(tensor: TensorChange, of: Callable[[TensorVersion], str]) -> str:
    words = [of(version) for version in (tensor.old, tensor.new) if version is not None]
    return " → ".join(dict.fromkeys(words))
