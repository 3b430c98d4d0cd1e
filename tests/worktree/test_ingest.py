"""Files into the repository: what becomes text, what a manifest, what is refused; nothing is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worktree.work import Work, model, safetensors, scratch

from mvc import formats, limits
from mvc.errors import FormatError, LfsPointer, MalformedFile, MvcError, UsageError
from mvc.formats.layout import Layout
from mvc.history.manifest import Manifest, is_manifest
from mvc.ids import object_id
from mvc.worktree.checkout import switch_files
from mvc.worktree.ingest import describe, take_in

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
).encode()

MODELS = st.builds(model, st.integers(0, 255), st.integers(0, 40))
CONTENTS = st.one_of(
    st.binary(max_size=3000).map(lambda data: ("blob.dat", data)),
    st.text(max_size=300).map(lambda text: ("notes.md", text.encode())),
    MODELS.map(lambda data: ("model.safetensors", data)),
    st.just(("odd.txt", b"mvc-manifest 1\nformat bytes\n")),
    st.just(("empty", b"")),
)


def blob_of(work: Work, path: str) -> bytes:
    return work.staged().blob(path)


@given(st.dictionaries(st.integers(0, 3), st.tuples(CONTENTS, st.booleans()), min_size=1))
def test_checkout_gives_back_every_file_bit_for_bit(
    files: dict[int, tuple[tuple[str, bytes], bool]],
) -> None:
    with scratch() as work:
        for number, ((name, data), executable) in files.items():
            work.write(f"{number}/{name}", data, 0o755 if executable else 0o644)
        before = work.files()
        modes = {path: os.stat(work.root / path).st_mode for path in before}
        work.add(*before)
        staged = work.staged()
        empty = staged.with_files(dict.fromkeys(staged))

        switch_files(work.context, staged, empty)
        assert work.files() == {}
        switch_files(work.context, empty, staged)

        assert work.files() == before
        assert {path: os.stat(work.root / path).st_mode for path in before} == modes


@given(CONTENTS, st.booleans())
def test_describe_gives_what_take_in_gives(content: tuple[str, bytes], opaque: bool) -> None:
    name, data = content
    with scratch() as work:
        work.write(name, data)
        described = describe(work.context, name, opaque=opaque)
        work.add(name, opaque=opaque)

        assert described[:2] == work.staged()[name]
        assert described[2] == work.staged().manifest(name)


def test_describe_writes_nothing(work: Work) -> None:
    work.write("m.safetensors", model())
    before = sorted(str(p) for p in Path(work.context.folder).rglob("*"))
    describe(work.context, "m.safetensors")
    assert sorted(str(p) for p in Path(work.context.folder).rglob("*")) == before


def test_each_tensor_is_named_by_the_hash_of_its_bytes(work: Work) -> None:
    work.write("m.safetensors", safetensors({"w": ("F32", [2], b"12345678")}, {"by": "me"}))
    work.add("m.safetensors")
    manifest = work.staged().manifest("m.safetensors")
    assert manifest is not None
    (entry,) = manifest.tensors
    assert (entry.name, entry.dtype, entry.shape, entry.storage) == ("w", "F32", (2,), None)
    assert entry.id == object_id(b"12345678")
    assert work.context.store.read(entry.id) == b"12345678"


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "größe".encode(), True),
        ("no-suffix", b"", True),
        ("zero.txt", b"a\0b", False),
        ("latin.txt", "größe".encode("latin-1"), False),
        ("cut.txt", "ö".encode()[:1], False),
        ("full.txt", b"a" * limits.TEXT_BLOB, True),
        ("large.txt", b"a" * (limits.TEXT_BLOB + 1), False),
        ("manifest.txt", b"mvc-manifest 1\n", False),
        ("old.bin", b"plain text under a weight's name", True),
    ],
)
def test_small_utf8_is_a_git_blob_and_all_else_goes_to_the_store(
    work: Work, name: str, data: bytes, text: bool
) -> None:
    work.write(name, data)
    work.add(name)
    blob = blob_of(work, name)
    assert (blob == data) is text
    assert is_manifest(blob) is not text
    if not text:
        manifest = Manifest.decode(blob)
        assert (manifest.format, manifest.size) == ("bytes", len(data))
        assert manifest.content == object_id(data)


def test_a_damaged_model_is_refused_by_name_and_opaque_is_the_way_out(work: Work) -> None:
    data = model()[:-1]
    work.write("sub/m s.safetensors", data)
    with pytest.raises(MalformedFile) as caught:
        work.add("sub/m s.safetensors")
    assert caught.value.message.startswith("sub/m s.safetensors: ")
    assert caught.value.hint is not None
    assert "mvc add --opaque 'sub/m s.safetensors'" in caught.value.hint
    assert list(work.staged()) == []

    work.add("sub/m s.safetensors", opaque=True)
    manifest = work.staged().manifest("sub/m s.safetensors")
    assert manifest is not None
    assert manifest.format == "bytes"


def test_opaque_keeps_a_sound_model_as_bytes_and_text_as_text(work: Work) -> None:
    work.write("m.safetensors", model())
    work.write("config.json", "{}")
    work.add("m.safetensors", "config.json", opaque=True)
    manifest = work.staged().manifest("m.safetensors")
    assert manifest is not None
    assert manifest.format == "bytes"
    assert work.staged().manifest("config.json") is None


def test_a_git_lfs_pointer_is_called_by_its_name(work: Work) -> None:
    work.write("m.safetensors", POINTER)
    with pytest.raises(LfsPointer) as caught:
        work.add("m.safetensors")
    assert "Git LFS pointer" in caught.value.message
    assert caught.value.hint is not None
    assert "git lfs pull" in caught.value.hint


def test_describe_can_fall_back_to_bytes(work: Work) -> None:
    work.write("m.safetensors", b"broken")
    with pytest.raises(FormatError):
        describe(work.context, "m.safetensors")
    manifest = describe(work.context, "m.safetensors", opaque_ok=True)[2]
    assert manifest is not None
    assert manifest.content == object_id(b"broken")


def test_a_refused_file_keeps_all_others_of_the_call_out(work: Work) -> None:
    work.write("a.safetensors", model(1))
    work.write("b.safetensors", b"broken")
    with pytest.raises(MalformedFile):
        work.add("a.safetensors", "b.safetensors")
    assert list(work.context.store.object_ids()) == []


def test_a_file_that_changes_while_it_is_read_is_an_error(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = work.write("m.safetensors", model(1))
    real = formats.detect

    def detect(path: str, head: bytes) -> object:
        place.write_bytes(model(2, rows=9))  # a program saves its next checkpoint just now
        return real(path, head)

    monkeypatch.setattr(formats, "detect", detect)
    with pytest.raises(MvcError, match="changed while it was read"):
        take_in(work.context, work.context.writer(), ["m.safetensors"])
    assert list(work.context.store.object_ids()) == []


def test_add_leaves_the_file_alone(work: Work) -> None:
    place = work.write("m.safetensors", model())
    os.utime(place, (1_600_000_000, 1_600_000_000))
    before = place.stat()
    work.add("m.safetensors")
    after = place.stat()
    assert place.read_bytes() == model()
    assert (before.st_ino, before.st_mtime_ns, before.st_mode, before.st_ctime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_mode,
        after.st_ctime_ns,
    )


def test_many_files_make_one_pack(work: Work) -> None:
    names = [f"m{n}.safetensors" for n in range(5)]
    for number, name in enumerate(names):
        work.write(name, model(number))
    taken = work.add(*names)
    assert len(list(Path(work.context.folder, "store", "packs").iterdir())) == 1
    # Each model has a tensor of its own and two that differ by seed; the skeleton is shared by all.
    assert taken.report.objects == 15
    assert taken.report.new_objects == 11


def test_progress_ends_at_the_total(work: Work) -> None:
    work.write("m.safetensors", model(3, rows=5000))
    work.write("n.safetensors", model(4, rows=50))
    steps: list[tuple[str, int, int]] = []
    take_in(
        work.context,
        work.context.writer(),
        ["m.safetensors", "n.safetensors"],
        progress=lambda *step: steps.append(step),
    )
    assert steps == sorted(steps, key=lambda step: step[1])
    assert 0.9 * steps[-1][2] < steps[-1][1] <= steps[-1][2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_a_link_and_a_folder_are_refused_at_once(work: Work) -> None:
    os.mkfifo(work.root / "pipe.bin")
    work.write("real.bin", b"\0")
    (work.root / "link.bin").symlink_to("real.bin")
    (work.root / "folder.bin").mkdir()
    for name, what in [("pipe", "pipe"), ("link", "symbolic link"), ("folder", "folder")]:
        with pytest.raises(UsageError, match=what):
            work.add(f"{name}.bin")


def test_nothing_is_read_through_a_linked_folder(work: Work, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.bin").write_bytes(b"\0")
    (work.root / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="beyond a symbolic link"):
        work.add("link/secret.bin")


def test_a_path_into_the_repository_is_refused(work: Work) -> None:
    with pytest.raises(UsageError, match="reserved"):
        work.add(".mvc/HEAD")


def test_only_what_lies_outside_the_tensors_is_read_to_classify(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mvc.formats import skeleton
    from mvc.worktree import reading

    seen: list[Layout] = []
    real = skeleton.cut

    def cut(file: object, layout: Layout) -> skeleton.Skeleton:
        seen.append(layout)
        return real(file, layout)  # type: ignore[arg-type]

    monkeypatch.setattr(skeleton, "cut", cut)
    work.write("m.safetensors", model(1, rows=100_000))
    with reading.open_file(work.context.root, "m.safetensors") as opened:
        content = reading.classify(opened)
    assert isinstance(content, reading.Model)
    assert seen == [content.layout]
    assert len(content.skeleton.literal) < 300
