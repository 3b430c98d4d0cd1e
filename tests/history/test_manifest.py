"""The manifest's text: canonical, exact, and strict about everything that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack
from mvc.history.manifest import Conflict, Entry, Manifest, StorageEntry, is_manifest
from mvc.history.merkle import commit_root, file_root
from mvc.ids import ObjectId

ID = ObjectId("ab" * 32)
ids = st.integers(0, 2**256 - 1).map(lambda number: ObjectId(f"{number:064x}"))
names = st.text(max_size=12) | st.sampled_from(
    ["", "../x", "a\nb", "\x7f", '"', "\\", "é", "𝔸", "layer.0"]
)
shapes = st.lists(st.integers(0, 2**40), max_size=4).map(tuple)
dtypes = st.sampled_from(sorted(DTYPES))


@st.composite
def entries(draw: st.DrawFn, name: str, views: bool = True) -> Entry:
    entry = Entry(name, draw(dtypes), draw(shapes), draw(ids))
    if not views or draw(st.booleans()):
        return entry
    strides = tuple(draw(st.integers(0, 2**40)) for _ in entry.shape)
    return Entry(
        name, entry.dtype, entry.shape, entry.id, draw(names), draw(st.integers(0, 99)), strides
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    if draw(st.booleans()):
        return Manifest("bytes", draw(st.integers(0, 2**50)), content=draw(ids))
    unique = sorted(draw(st.sets(names, max_size=6)))
    contested = draw(st.sets(st.sampled_from(unique))) if unique else set()
    conflicts = []
    for name in sorted(contested):
        sides = [draw(st.none() | entries(name, views=False)) for _ in range(3)]
        more = draw(st.lists(st.none() | entries(name, views=False), max_size=2))
        conflicts.append(Conflict(name, *sides, tuple(more)))
    return Manifest(
        format=draw(st.sampled_from(["safetensors", "pytorch"])),
        size=draw(st.integers(0, 2**50)),
        skeleton=draw(ids),
        tensors=tuple(draw(entries(name)) for name in unique if name not in contested),
        storages=tuple(
            StorageEntry(key, draw(st.integers(0, 2**50)), draw(ids))
            for key in sorted(draw(st.sets(names, max_size=3)))
        ),
        conflicts=tuple(conflicts),
    )


@given(manifests())
def test_a_manifest_comes_back_from_its_text(manifest: Manifest) -> None:
    assert Manifest.decode(manifest.encode()) == manifest


@given(manifests(), st.integers(0, 20))
def test_plain_lines_and_others_are_read_alike(manifest: Manifest, count: int) -> None:
    known = {entry.name for entry in (*manifest.tensors, *manifest.conflicts)}
    plain = [Entry(f"p{n}", "BF16", (n, 2), ID) for n in range(count) if f"p{n}" not in known]
    tensors = tuple(sorted([*manifest.tensors, *plain], key=lambda entry: entry.name))
    if manifest.content is None:
        grown = replace(manifest, tensors=tensors)
        assert Manifest.decode(grown.encode()) == grown


@given(manifests())
def test_the_text_is_recognised_and_is_ascii_lines(manifest: Manifest) -> None:
    text = manifest.encode()
    assert is_manifest(text) and text.isascii() and text.endswith(b"\n")
    tensors = len(manifest.tensors) + len(manifest.storages) + len(manifest.conflicts)
    assert text.count(b"\n") == 4 + tensors


@given(manifests(), st.data())
def test_a_flipped_byte_is_refused_or_gives_another_valid_manifest(
    manifest: Manifest, data: st.DataObject
) -> None:
    text = bytearray(manifest.encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        changed = Manifest.decode(bytes(text))
    except CorruptPack:
        return
    assert changed.encode() == bytes(text) and changed != manifest


GOOD = f'mvc-manifest 1\nformat safetensors\nsize 9\nskeleton {ID}\n"a" F32 [1] {ID}\n"b" F32 [] {ID}\n'


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("mvc-manifest 1", "mvc-manifest 2"),
        ("size 9", "size 09"),
        ("size 9", "size -9"),
        ("format safetensors\n", ""),
        (f"skeleton {ID}\n", ""),
        (f"skeleton {ID}\n", f"skeleton {ID}\ncontent {ID}\n"),
        ("size 9", "size 9\nsize 9"),
        ('"b" F32', '"a" F32'),
        ('"a" F32', '"c" F32'),
        ('"a" F32', '"\\u0061" F32'),
        ('"a" F32', '"\x7f" F32'),
        ('"a" F32 [1]', '"a"  F32 [1]'),
        ("[1]", "[01]"),
        ("[1]", "[1,]"),
        ("[] ab", "[] AB"),
        ('"a" F32', "/etc/passwd F32"),
        ("F32 [] " + ID + "\n", "F32 [] " + ID),
    ],
)
def test_text_that_is_not_canonical_is_refused(was: str, becomes: str) -> None:
    assert Manifest.decode(GOOD.encode())
    with pytest.raises(CorruptPack):
        Manifest.decode(GOOD.replace(was, becomes, 1).encode())


def test_a_newer_version_is_named_in_the_error() -> None:
    with pytest.raises(CorruptPack, match="newer mvc"):
        Manifest.decode(GOOD.replace("manifest 1", "manifest 3").encode())


def test_a_conflict_of_many_sides_is_of_a_version_that_says_so() -> None:
    one, two = (Conflict("a", None, None, None, more) for more in ((), (None,)))
    texts = [Manifest("t", 1, ID, conflicts=(conflict,)).encode() for conflict in (one, two)]
    assert [text.split(b"\n")[0] for text in texts] == [b"mvc-manifest 1", b"mvc-manifest 2"]
    for text, other in ((texts[0], b"2\n"), (texts[1], b"1\n")):
        with pytest.raises(CorruptPack, match="canonical"):
            Manifest.decode(text[:13] + other + text[15:])


def test_an_undecided_tensor_is_written_as_ours_and_is_its_term() -> None:
    ours, kept = Entry("b", "F32", (1,), ID), Entry("a", "F32", (1,), ID)
    conflict = Conflict("b", None, ours, None)
    found = Manifest("t", 1, ID, tensors=(kept,), conflicts=(conflict,))
    assert found.written == (kept, ours)
    assert found.values == {"a": kept.value, "b": conflict}


def test_the_merkle_root_tells_a_conflict_from_ours_and_counts_every_side() -> None:
    ours, other = Entry("b", "F32", (1,), ID), Entry("b", "F32", (1,), ObjectId("1" * 64))
    conflicts = [Conflict("b", None, ours, None), Conflict("b", None, ours, other)]
    conflicts.append(Conflict("b", None, ours, other, (other,)))
    files = [Manifest("t", 1, ID, conflicts=(one,)) for one in conflicts]
    roots = {file_root(one) for one in [*files, Manifest("t", 1, ID, tensors=(ours,))]}
    assert len(roots) == 4


def test_every_object_is_counted_conflict_terms_included() -> None:
    one, two, three, skeleton = (ObjectId(f"{n:064x}") for n in range(4))
    base, ours = Entry("a", "F32", (1,), one), Entry("a", "F32", (1,), two)
    manifest = Manifest(
        "safetensors",
        9,
        skeleton,
        storages=(StorageEntry("s", 4, three),),
        conflicts=(Conflict("a", base, ours, None),),
    )
    assert set(manifest.object_ids()) == {one, two, three, skeleton}
    assert manifest.span_ids() == {"s": three, "a": two}


@given(manifests(), ids)
def test_the_merkle_root_ignores_the_layout_and_follows_the_weights(
    manifest: Manifest, other: ObjectId
) -> None:
    moved = Manifest(
        manifest.format,
        manifest.size + 1,
        None if manifest.skeleton is None else other,
        manifest.tensors,
        manifest.storages,
        manifest.conflicts,
        manifest.content,
    )
    if manifest.content is None:
        assert file_root(moved) == file_root(manifest)
    else:
        assert file_root(moved) != file_root(manifest)


def test_the_merkle_root_has_its_documented_value() -> None:
    manifest = Manifest.decode(GOOD.encode())
    assert file_root(manifest) == "5113797e158807c4e290f2524388fd0c6b6a49e9917e1b36b4548fed4b1db0c0"
    assert (
        commit_root([("m.safetensors", file_root(manifest))])
        == "0d663427765cf1873c9232d724ec5ca16309a83ef46cc43640a487202794b2d5"
    )
