"""A snapshot: the tracked files of a commit or of the stage, with their manifests read on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mvc.history.git import Files, Git
from mvc.ids import BlobId
from mvc.paths import DOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.manifest import Manifest


class Snapshot(Mapping[str, tuple[int, BlobId]]):
    """``path -> (mode, blob id)``, sorted by path; the commit's own record is left out."""

    def __init__(self, git: Git, files: Files) -> None:
        self._git = git
        self._files = dict(sorted(files.items()))
        self._decoded: dict[str, Manifest | None] = {}

    @staticmethod
    def of_tree(git: Git, tree: str | None) -> Snapshot:
        """The files of a commit's tree, or of the stage's; None is no files."""
        files = git.files(tree)
        return Snapshot(git, {p: e for p, e in files.items() if p.split("/")[0] != DOT})

    def __getitem__(self, path: str) -> tuple[int, BlobId]:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def blob(self, path: str) -> bytes:
        """The Git blob at ``path``: a manifest, or the file's own text."""
        return self._git.blob(self._files[path][1])

    def manifest(self, path: str) -> Manifest | None:
        """The manifest at ``path``; None for a text file."""
        # What lists files alone, as `log` does, starts without.
        from mvc.history.manifest import Manifest, is_manifest

        id_ = self._files[path][1]
        if id_ not in self._decoded:
            data = self._git.blob(id_)
            self._decoded[id_] = Manifest.decode(data) if is_manifest(data) else None
        return self._decoded[id_]

    def with_files(self, changes: Mapping[str, tuple[int, BlobId] | None]) -> Snapshot:
        """This snapshot with some files put in, and those mapped to None taken out.

        As in Git's index a file that is put in takes the place of what is in its way: a file where one of
        its folders must be, and everything below a folder of its own name.
        """
        files: Files = {path: e for path, e in self._files.items() if path not in changes}
        added = {path: entry for path, entry in changes.items() if entry is not None}
        for folder in {folder for path in added for folder in _folders(path)}:
            files.pop(folder, None)
        if added.keys() & {folder for path in files for folder in _folders(path)}:
            files = {p: e for p, e in files.items() if added.keys().isdisjoint(_folders(p))}
        return Snapshot(self._git, {**files, **added})


def _folders(path: str) -> Iterator[str]:
    end = path.rfind("/")
    while end >= 0:
        yield path[:end]
        end = path.rfind("/", 0, end)
