"""The arithmetic of quantization: grids, methods and layouts, on small matrices without a model."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.operations.quantize import Quantize
from mvc.errors import MvcError, UsageError

pytestmark = pytest.mark.torch

FORMATS = ("int3", "int4", "int8", "nf4", "fp8-e4m3", "fp8-e5m2", "fp16", "bf16")
METHODS = ("rtn", "hqq", "gptq", "awq", "smoothquant")


def matrix(rows: int = 16, columns: int = 64, *, seed: int = 5, holes: bool = False) -> Any:
    """A matrix whose inputs are of very different sizes, as a model's are."""
    import torch

    from compress.matrix import Matrix

    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=draw) * 0.05
    inputs = torch.randn(4 * columns, columns, generator=draw)
    inputs = (
        inputs @ (torch.eye(columns) + 0.2 * torch.randn(columns, columns, generator=draw))
    ) * torch.linspace(0.1, 6, columns)[torch.randperm(columns, generator=draw)]
    zeros = None
    if holes:
        zeros = torch.rand(rows, columns, generator=draw) < 0.4
        weight = weight.masked_fill(zeros, 0.0)
    gram = inputs.T @ inputs / len(inputs)
    return Matrix(f"m{seed}.weight", weight, gram, zeros, peak=inputs.abs().amax(dim=0))


def edit(of: Any, recipe: Quantize, source: Any = None) -> Any:
    from compress.matrix import Group
    from compress.operations.quantize import quantize

    return quantize(Group("g", (of,), source), recipe)[of.name]


def recipe(**more: Any) -> Quantize:
    return Quantize(**{"group_size": 32, **more})


def shape(name: str, *, width: int = 64, symmetric: bool = False, dtype: Any = None) -> Any:
    import torch

    from compress.quantization.formats import named
    from compress.quantization.grid import Shape

    return Shape(named(name), width, symmetric, False, dtype or torch.float32)


def digest(tensor: Any) -> str:
    import torch

    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def known_weight(dtype: Any) -> Any:
    """The matrix that was given to bitsandbytes and compressed-tensors; its first block is zero."""
    import torch

    values = np.random.default_rng(7).standard_normal((48, 192)).astype("f4") * np.float32(0.05)
    values[0, :64] = 0
    return torch.from_numpy(values).to(dtype)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "group"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_value_on_the_grid_stays_there_and_others_go_to_the_nearest(
    form: str, granularity: Any, symmetric: bool
) -> None:
    import torch

    from compress.quantization.grid import Shape, spread

    of = matrix()
    width = {"tensor": 64, "channel": 64, "group": 32}[granularity]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        base = shape(form, width=width, symmetric=symmetric, dtype=dtype)
        grid = spread(Shape(base.form, width, symmetric, granularity == "tensor", dtype), of.weight)
        once = grid.onto(of.weight)
        assert torch.equal(grid.onto(once), once)
        if base.form.scaled:
            # Half a step and, at an end, what rounding the zero moved it; and what the dtype can't tell apart.
            most = grid.scale.amax() * (1.01 if base.form.kind == "integer" else base.form.top / 4)
            near = of.weight.abs().max() * (0 if dtype == torch.float32 else 2**-8)
            assert float((once - of.weight).abs().max()) <= float(most + near)
            for group in grid.shape.folded(once).flatten(0, 1):
                assert len(group.unique()) <= 2**base.form.bits
        assert (grid.onto(torch.zeros(16, 64)) == 0).all()


@pytest.mark.parametrize(
    ("layout", "form", "granularity", "symmetric"),
    [
        *itertools.product(
            ["compressed-tensors"], ["int3", "int4", "int8"], ["tensor", "channel", "group"],
            [True, False],
        ),
        ("compressed-tensors", "fp8-e4m3", "channel", True),
        ("compressed-tensors", "fp8-e4m3", "tensor", True),
        ("bitsandbytes", "nf4", "group", True),
        ("fake", "int4", "group", False),
        ("fake", "bf16", "auto", True),
    ],
)  # fmt: skip
def test_what_is_stored_reads_back_as_what_was_computed_with(
    layout: Any, form: Any, granularity: Any, symmetric: bool
) -> None:
    import dataclasses

    import torch

    from compress.forms import form_of

    for dtype in (torch.float32, torch.bfloat16):
        of = dataclasses.replace(matrix(columns=96), dtype=dtype)
        how = recipe(
            format=form, granularity=granularity, symmetric=symmetric, save_as=layout, method="gptq"
        )
        payload = edit(of, how).payload
        kept = {f"m.{end}": one for end, one in payload.tensors.items() if one is not None}
        found = form_of(kept, "m")
        assert found is not None and set(found.stored(kept, "m")) == set(kept)
        assert torch.equal(found.dense(kept.__getitem__, "m", {}).float(), payload.dense)


@given(st.data())
def test_packed_codes_come_back(data: st.DataObject) -> None:
    import torch

    from compress.forms.packing import packed, unpacked, words_of

    bits = data.draw(st.integers(1, 8))
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 70))
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes = torch.from_numpy(draw.integers(0, 2**bits, (rows, columns)))
    words = packed(codes, bits)
    assert words.dtype == torch.int32 and words.shape == (rows, words_of(columns, bits))
    assert torch.equal(unpacked(words, bits, columns).long(), codes)


@pytest.mark.parametrize(
    ("dtype", "codes", "scales", "values"),
    [
        ("float32", "1a0bc6033d4741cb", "94ecd89de180a739", "4fc15101cd165284"),
        ("bfloat16", "8b4d54d6aa169943", "5fd1f7a25443d5ad", "28609cc2b9b20e94"),
    ],
)
def test_nf4_is_that_of_bitsandbytes_bit_for_bit(
    dtype: str, codes: str, scales: str, values: str
) -> None:
    """Oracle: ``quantize_4bit`` and ``dequantize_4bit`` of bitsandbytes 0.50.2, blocks of 64."""
    import torch

    from compress.quantization.grid import spread
    from compress.quantization.layouts import stored

    kind = getattr(torch, dtype)
    grid = spread(shape("nf4", dtype=kind), known_weight(kind).float())
    found = grid.onto(known_weight(kind).float())
    kept = stored("bitsandbytes", grid, found)
    assert digest(kept["weight"]) == codes and digest(kept["weight.absmax"]) == scales
    assert digest(found.to(kind)) == values
    state = bytes(kept["weight.quant_state.bitsandbytes__nf4"].tolist())  # type: ignore[union-attr]
    expected = f'{{"quant_type": "nf4", "blocksize": 64, "dtype": "{dtype}", "shape": [48, 192]}}'
    assert state.decode() == expected


@pytest.mark.parametrize(
    ("bits", "words"),
    [(3, "1fa973b028f95594"), (4, "4de98d4fa8540371"), (8, "f29448860b1b9523")],
)
def test_packed_words_are_those_of_compressed_tensors(bits: int, words: str) -> None:
    """Oracle: ``PackedQuantizationCompressor`` of compressed-tensors 0.19.0, symmetric groups of 64."""
    import torch

    from compress.quantization.grid import spread
    from compress.quantization.layouts import stored

    weight = known_weight(torch.float32)
    grid = spread(shape(f"int{bits}", symmetric=True), weight)
    assert digest(stored("compressed-tensors", grid, grid.onto(weight))["weight_packed"]) == words


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("form", ["int3", "int4", "nf4", "fp8-e4m3"])
def test_gptq_loses_less_than_rounding_and_hqq_less_of_its_own_norm(
    form: Any, symmetric: bool
) -> None:
    from compress.quantization.grid import spread
    from compress.quantization.hqq import half_quadratic

    of = matrix()
    made = {
        method: edit(of, recipe(format=form, symmetric=symmetric, method=method, clip=False))
        for method in ("rtn", "gptq")
    }
    assert made["gptq"].loss < 0.8 * made["rtn"].loss
    kind = shape(form, width=32, symmetric=symmetric or not form.startswith("int"))
    norms = [
        float((grid.onto(of.weight) - of.weight).abs().pow(0.7).sum())
        for grid in (half_quadratic(kind, of.weight), spread(kind, of.weight))
    ]
    assert norms[0] <= norms[1]


def test_drawing_ends_in_never_loses_more() -> None:
    from compress.numbers import output_error
    from compress.quantization.clipping import clipped
    from compress.quantization.grid import spread

    of = matrix()
    for form, symmetric in itertools.product(("int3", "int4", "nf4"), (True, False)):
        kind = shape(form, width=64, symmetric=symmetric or form == "nf4")
        losses = [
            output_error(grid.onto(of.weight) - of.weight, of.gram)
            for grid in (clipped(kind, of.weight, of.gram), spread(kind, of.weight))
        ]
        assert losses[0] < losses[1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["int3", "int4", "int8", "nf4", "fp8-e4m3", "bf16"])
def test_zeros_of_a_mask_stay_zero_and_values_on_the_grid(form: Any, method: Any) -> None:
    of = matrix(holes=True)
    found = edit(of, recipe(format=form, method=method))
    assert not found.payload.dense[of.zeros].any()
    from compress.invariants import broken

    stored = found.payload.tensors
    assert not broken(found.payload.invariant, None, found.payload.dense, stored)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_matrix_and_recipe_give_the_same_codes(method: Any) -> None:
    import torch

    how = recipe(method=method, save_as="compressed-tensors")
    one, other = (edit(matrix(), how).payload.tensors for _ in range(2))
    assert list(one) == list(other)
    assert all(value is None or torch.equal(value, other[end]) for end, value in one.items())


@pytest.mark.parametrize("kind", ["norm", "offset", "linear", "heads"])
def test_a_scale_that_is_folded_into_what_is_before_changes_no_output(kind: str) -> None:
    import torch

    from compress.matrix import Source
    from compress.quantization.folding import folded, takes, tied

    draw = torch.Generator().manual_seed(3)
    scale = torch.rand(32, generator=draw) + 0.5
    weight, inputs = torch.randn(8, 32, generator=draw), torch.randn(5, 32, generator=draw)
    if kind in ("norm", "offset"):
        offset = 1.0 if kind == "offset" else 0.0
        source = Source("n.weight", "norm", torch.rand(32, generator=draw), torch.ones(32), offset)

        def through(w: Any, b: Any) -> Any:
            return inputs * (w + offset) + b
    else:
        repeats = 2 if kind == "heads" else 1
        rows = 32 // repeats
        made = torch.randn(rows, 6, generator=draw)
        source = Source("v.weight", kind, made, torch.ones(rows), 0.0, repeats, 4)

        def through(w: Any, b: Any) -> Any:
            out = torch.linspace(-1, 1, 30).reshape(5, 6) @ w.T + b
            heads = out.reshape(5, -1, 1, 4).expand(5, rows // 4, repeats, 4)
            return heads.reshape(5, 32) if kind == "heads" else out

    assert takes(source, 32) and not takes(source, 24) and not takes(None, 32)
    scale, new = folded(source, tied(source, scale), torch.bfloat16)
    name = source.name.removesuffix("weight")
    before = through(source.weight, source.bias) @ weight.T
    after = through(new[f"{name}weight"], new[f"{name}bias"]) @ (weight * scale).T
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-4)
    assert float((scale - 1).abs().max()) > 0.1


def test_awq_loses_less_than_rounding_where_a_scale_can_be_folded() -> None:
    import torch

    from compress.matrix import Source

    of = matrix()
    source = Source("n.weight", "norm", torch.ones(64))
    plain = edit(of, recipe(method="rtn", format="int3"))
    found = edit(of, recipe(method="awq", format="int3", clip=False), source)
    assert found.loss < 0.9 * plain.loss
    assert found.decisions["scaled"].startswith("x^") and set(found.folded) == {"n.weight"}
    nowhere = edit(of, recipe(method="awq", format="int3", clip=False))
    assert nowhere.loss == plain.loss and "nothing before it" in nowhere.warnings[0]


def test_smoothquant_evens_out_what_a_column_is_multiplied_by() -> None:
    import torch

    from compress.matrix import Source

    of = matrix()
    found = edit(
        of, recipe(method="smoothquant", format="int8"), Source("n.weight", "norm", torch.ones(64))
    )
    scale = 1 / found.folded["n.weight"]
    smoothed, before = of.peak / scale, of.peak
    assert float(smoothed.max() / smoothed.min()) < 0.5 * float(before.max() / before.min())


def test_a_group_that_does_not_divide_the_row_becomes_one_that_does_with_a_warning() -> None:
    from compress.quantization.grid import width_of

    widths = [width_of(576, 128), width_of(96, 64), width_of(64, 128), width_of(101, 64)]
    assert widths == [96, 48, 64, 101]
    found = edit(matrix(columns=96), recipe(group_size=64, method="rtn"))
    assert found.payload.grid["group_size"] == 48
    assert found.warnings == ("groups of 64 don't divide rows of 96: 48 instead",)


def test_a_budget_is_kept_and_gives_more_bits_where_more_is_lost() -> None:
    import dataclasses

    from compress.allocation import allocate
    from compress.operations.quantize import budget, options

    how = recipe(budget="5.5bit", formats=("int3", "int4", "int8"), method="rtn")
    matrices = [matrix(seed=seed) for seed in range(4)]
    loud = dataclasses.replace(matrices[0], gram=matrices[0].gram * 1000)
    offered = {one.name: options(one, how) for one in (loud, *matrices[1:])}
    dense = sum(one.weight.numel() * 4 for one in matrices)
    most = budget(how, dense)
    assert most == 4 * 16 * 64 * 5.5 / 8
    chosen = allocate(offered, most)
    assert sum(one.cost for one in chosen.values()) <= most
    formats = {name: one.choice["format"] for name, one in chosen.items()}
    assert formats[loud.name] == "int8" and "int3" in formats.values()
    picked = dataclasses.replace(loud, choice=chosen[loud.name].choice)
    assert edit(picked, how).payload.grid["format"] == "int8"
    assert budget(recipe(budget="60MB"), dense) == 60e6 and budget(recipe(), dense) is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("form", "width"), [("int8", 192), ("int4", 64)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_codes_by_rounding_follow_from_the_stored_floats(
    form: str, width: int, symmetric: bool, dtype: str
) -> None:
    """So that the store's codec ``requant`` keeps a recipe, and lists hardly anything."""
    import torch

    from compress.quantization.grid import spread
    from compress.quantization.layouts import stored
    from mvc.arrays import to_bytes
    from mvc.store.codecs import Place, requant

    weight = known_weight(getattr(torch, dtype))
    grid = spread(shape(form, width=width, symmetric=symmetric, dtype=weight.dtype), weight.float())
    kept = stored("compressed-tensors", grid, grid.onto(weight.float()))
    codes = kept.get("weight") if form == "int8" else kept["weight_packed"]
    _, _, data = to_bytes(codes)
    kind, _, base = to_bytes(weight)
    out = memoryview(bytearray(len(data)))
    place = Place(0, (192, width))
    sizes = [
        size
        for param in requant.parameter(kind, len(base) / len(data))
        if (size := requant.encode(memoryview(data), param, out, memoryview(base), place))
    ]
    assert sizes and min(sizes) < 200


def test_a_grid_of_codes_is_not_quantized_again() -> None:
    import dataclasses

    grid = {"format": "nf4", "layout": "bitsandbytes"}
    with pytest.raises(UsageError, match="stored as codes of nf4") as caught:
        edit(dataclasses.replace(matrix(), grid=grid), recipe())
    assert caught.value.hint == "mvc compress dequantize first"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"group_size": 0}, "group-size is 0"),
        ({"budget": "some"}, "the budget is 'some'"),
        ({"budget": "4bit", "formats": ("int5",)}, "no format 'int5'"),
        ({"save_as": "bitsandbytes"}, "written for nf4, not int4"),
        ({"save_as": "compressed-tensors", "format": "nf4"}, "has no nf4"),
        ({"save_as": "compressed-tensors", "budget": "4bit"}, "only without zeros"),
        ({"exponent": 2.0}, "exponent between 0 and 1"),
    ],
)
def test_a_recipe_that_can_not_be_is_refused(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Quantize(**given)


def test_without_calibration_or_with_a_singular_one_it_is_said() -> None:
    import dataclasses

    import torch

    of = dataclasses.replace(matrix(), gram=None)
    with pytest.raises(UsageError, match="needs calibration"):
        edit(of, recipe())
    flat = dataclasses.replace(matrix(), gram=torch.zeros(64, 64))
    with pytest.raises(MvcError, match="G is singular"):
        edit(flat, recipe())


def test_codes_with_zeros_in_groups_of_two_sizes_are_refused_as_nothing_loads_them() -> None:
    how = {"method": "rtn", "format": "int4", "save_as": "compressed-tensors"}
    with pytest.raises(UsageError, match="only if all groups are of one size"):
        edit(matrix(columns=48), recipe(**how))
    assert edit(matrix(columns=48), recipe(symmetric=True, **how)).warnings
