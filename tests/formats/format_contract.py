"""What every format promises, whoever wrote it: subclass ``FormatContract`` and give it files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import ClassVar

import pytest

from mvc.dtypes import nbytes
from mvc.errors import FormatError
from mvc.formats.layout import ComposedTensor, Format, Layout, Storage
from mvc.formats.skeleton import Skeleton, cut


def read(entry: Format, data: bytes) -> Layout:
    return entry.read_layout(io.BytesIO(data), len(data))


def spans(layout: Layout, data: bytes) -> dict[str, bytes]:
    """The bytes of every storage by its key."""
    return {s.key: data[s.offset : s.offset + s.length] for s in layout.storages}


def fill(skeleton: Skeleton, contents: dict[str, bytes]) -> bytes:
    """The file again, written piece by piece as checkout does it."""
    file = bytearray()
    for piece in skeleton.pieces():
        if isinstance(piece, Storage):
            assert piece.offset == len(file)
            assert piece.length == len(contents[piece.key])
            file += contents[piece.key]
        else:
            assert piece[0] == len(file)
            file += piece[1]
    return bytes(file)


class ReadOutside(io.BytesIO):
    """A file that counts which of its bytes were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.seen: set[int] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.seen.update(range(start, start + len(data)))
        return data


class FormatContract:
    """Promises of a format over ``samples``, small valid files by name."""

    subject: ClassVar[Format]
    samples: ClassVar[dict[str, bytes]]

    def files(self) -> Iterable[tuple[bytes, Layout]]:
        assert self.samples
        for data in self.samples.values():
            yield data, read(self.subject, data)

    def test_the_format_has_a_name_and_suffixes_with_a_dot(self) -> None:
        assert self.subject.name
        assert all(s == s.lower() and s.startswith(".") for s in self.subject.suffixes)

    def test_a_layout_says_its_format_and_size(self) -> None:
        for data, layout in self.files():
            assert (layout.format, layout.size) == (self.subject.name, len(data))

    def test_storages_are_sorted_inside_the_file_and_never_overlap(self) -> None:
        for data, layout in self.files():
            position = 0
            for storage in layout.storages:
                assert position <= storage.offset
                position = storage.offset + storage.length
            assert position <= len(data)

    def test_tensors_are_sorted_by_a_name_of_their_own(self) -> None:
        for _, layout in self.files():
            names = [tensor.name for tensor in layout.tensors]
            assert names == sorted(set(names))

    def test_a_tensor_lies_inside_its_storage_and_a_whole_one_fills_it(self) -> None:
        for _, layout in self.files():
            by_key = {storage.key: storage for storage in layout.storages}
            assert len(by_key) == len(layout.storages)
            for tensor in layout.tensors:
                length = by_key[tensor.storage].length
                if tensor.strides is None:
                    assert tensor.offset == 0
                    assert tensor.storage == tensor.name
                    assert nbytes(tensor.dtype, tensor.shape) == length
                elif 0 not in tensor.shape:
                    reach = sum(
                        (n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)
                    )
                    assert 0 <= tensor.offset <= tensor.offset + reach
                    assert nbytes(tensor.dtype, (tensor.offset + reach + 1,)) <= length

    def test_a_key_that_is_a_tensors_name_belongs_to_that_whole_tensor(self) -> None:
        for _, layout in self.files():
            names = {tensor.name: tensor for tensor in layout.tensors}
            for storage in layout.storages:
                if storage.key in names:
                    tensor = names[storage.key]
                    assert (tensor.storage, tensor.strides) == (storage.key, None)

    def test_cut_and_fill_give_the_file_again(self) -> None:
        for data, layout in self.files():
            skeleton = cut(io.BytesIO(data), layout)
            assert fill(skeleton, spans(layout, data)) == data
            assert Skeleton.decode(skeleton.encode()) == skeleton

    def test_no_byte_of_a_tensor_is_read(self) -> None:
        for data, layout in self.files():
            file = ReadOutside(data)
            cut(file, self.subject.read_layout(file, len(data)))
            for storage in layout.storages:
                assert file.seen.isdisjoint(range(storage.offset, storage.offset + storage.length))

    def test_the_skeleton_does_not_depend_on_the_weights(self) -> None:
        for data, layout in self.files():
            other = bytearray(data)
            for storage in layout.storages:
                other[storage.offset : storage.offset + storage.length] = bytes(storage.length)
            assert cut(io.BytesIO(data), layout) == cut(io.BytesIO(bytes(other)), layout)

    def test_every_truncation_is_refused_as_a_format_error(self) -> None:
        for data, _ in self.files():
            for size in range(0, len(data), max(len(data) // 97, 1)):
                with pytest.raises(FormatError) as caught:
                    read(self.subject, data[:size])
                assert caught.value.message

    def test_no_flipped_byte_outside_the_tensors_escapes_as_a_foreign_exception(self) -> None:
        for data, layout in self.files():
            inside = {
                position
                for storage in layout.storages
                for position in range(storage.offset, storage.offset + storage.length)
            }
            outside = [position for position in range(len(data)) if position not in inside]
            for position in outside[:: max(len(outside) // 199, 1)]:
                damaged = bytearray(data)
                damaged[position] ^= 1 << position % 8
                try:
                    changed = read(self.subject, bytes(damaged))
                except FormatError:
                    continue
                skeleton = cut(io.BytesIO(bytes(damaged)), changed)
                assert fill(skeleton, spans(changed, bytes(damaged))) == damaged


class ComposingContract(FormatContract):
    """Promises of a format that also writes."""

    def composed(self, data: bytes, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> bytes:
        """A new file after ``data``'s template; each tensor's bytes are its name, repeated."""
        layout = read(self.subject, data)
        template = cut(io.BytesIO(data), layout).encode()
        wanted = tuple(
            ComposedTensor(name, dtype, shape, nbytes(dtype, shape))
            for name, (dtype, shape) in tensors.items()
        )
        encoded, made = self.subject.compose(template, wanted)  # type: ignore[attr-defined]
        file = fill(
            Skeleton.decode(encoded),
            {
                tensor.storage: pattern(tensor.name, nbytes(tensor.dtype, tensor.shape))
                for tensor in made.tensors
            },
        )
        assert read(self.subject, file) == made
        return file

    def test_a_file_composed_of_its_own_tensors_reads_as_the_same_tensors(self) -> None:
        for data, layout in self.files():
            own = {tensor.name: (tensor.dtype, tensor.shape) for tensor in layout.tensors}
            again = read(self.subject, self.composed(data, own))
            assert {t.name: (t.dtype, t.shape) for t in again.tensors} == own
            assert again.metadata == layout.metadata

    def test_a_composed_file_holds_exactly_the_bytes_it_was_given(self) -> None:
        for data, layout in self.files():
            grown = {tensor.name: ("F32", (3, 2)) for tensor in layout.tensors}
            file = self.composed(data, grown)
            for key, content in spans(read(self.subject, file), file).items():
                assert content == pattern(key, len(content))


def pattern(name: str, length: int) -> bytes:
    """Bytes that tell one tensor from another."""
    seed = name.encode() or b"?"
    return (seed * (length // len(seed) + 1))[:length]
