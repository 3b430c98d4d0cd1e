"""Every error that mvc raises, and the exit code that the command line turns it into.

::

    MvcError                1   anything that has no class of its own
    ├── UsageError          2   the call's words are off; unknown revision, path or option
    │   └── NothingToCommit 1   as in Git
    ├── NotARepository      3
    ├── Locked              4   another process holds the repository
    ├── DirtyWorktree       5   unsaved work is in the way
    ├── MergeConflict       6   a merge or revert stopped and waits for the user
    ├── RefConflict         7   a ref moved while the command ran
    ├── SigningError        9   a signature can't be made or judged, or is not what was asked for
    ├── ModelMismatch      10   models that no strategy can merge as they are
    ├── Refused            11   a guard judged what a step made, and did not let it land
    ├── FormatError        20   a file can't be taken as what its name says
    │   ├── MalformedFile      (with the offset, where one is known)
    │   ├── UnsupportedDtype
    │   ├── LimitExceeded
    │   ├── UnsafePickle
    │   └── LfsPointer         a Git LFS pointer or an HTML page instead of weights
    ├── StorageError       30
    │   ├── OutOfSpace
    │   ├── ReadOnly
    │   └── DurabilityError    the disk refused to make a write durable
    └── IntegrityError     90   stored bytes are not what was stored
        ├── HashMismatch
        ├── MissingObject
        │   └── WeightsExpired  8   on purpose: mvc expire let the weights of the commit go
        ├── CorruptPack
        └── DecodeMismatch     a codec did not give back what it was given

A message says what happened and where (file, tensor, commit); ``hint`` is the command to try next.
"""

from __future__ import annotations

__all__ = [
    "CorruptPack",
    "DecodeMismatch",
    "DirtyWorktree",
    "DurabilityError",
    "FormatError",
    "HashMismatch",
    "IntegrityError",
    "LfsPointer",
    "LimitExceeded",
    "Locked",
    "MalformedFile",
    "MergeConflict",
    "MissingObject",
    "ModelMismatch",
    "MvcError",
    "NotARepository",
    "NothingToCommit",
    "OutOfSpace",
    "ReadOnly",
    "RefConflict",
    "Refused",
    "SigningError",
    "StorageError",
    "UnsafePickle",
    "UnsupportedDtype",
    "UsageError",
    "WeightsExpired",
]


class MvcError(Exception):
    """The root: ``message`` for what and where, ``hint`` for the next command."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MvcError):
    """The call names something that does not exist or can't be combined."""

    exit_code = 2


class NothingToCommit(UsageError):
    """The stage is as HEAD has it."""

    exit_code = 1


class NotARepository(MvcError):
    """No ``.mvc`` in this folder or above it."""

    exit_code = 3


class Locked(MvcError):
    """Another process holds a lock that this command needs."""

    exit_code = 4


class DirtyWorktree(MvcError):
    """The command would overwrite work that no commit holds."""

    exit_code = 5


class MergeConflict(MvcError):
    """Both sides changed the same thing; the repository waits for a decision."""

    exit_code = 6


class RefConflict(MvcError):
    """A ref no longer has the value that the command started from."""

    exit_code = 7


class SigningError(MvcError):
    """A signature can't be made or judged, or is not the one that was asked for."""

    exit_code = 9


class ModelMismatch(MvcError):
    """Models differ in what their tensors mean: shapes, tokens, tied weights, configuration."""

    exit_code = 10


class Refused(MvcError):
    """A guard judged what a step made of a model, and did not let it land."""

    exit_code = 11


class FormatError(MvcError):
    """A file that can't be taken as what its name says."""

    exit_code = 20


class MalformedFile(FormatError):
    """The bytes break the format's rules."""


class UnsupportedDtype(FormatError):
    """A dtype that the format, or the requested framework, does not have."""


class LimitExceeded(FormatError):
    """A file asks for more than a cap in ``mvc.limits`` allows."""


class UnsafePickle(FormatError):
    """A pickle that needs code to run before its tensors can be found."""


class LfsPointer(FormatError):
    """A placeholder (Git LFS pointer, HTML page) under the name of a weight file."""


class StorageError(MvcError):
    """The file system refused an operation."""

    exit_code = 30


class OutOfSpace(StorageError):
    """No room, or quota reached."""


class ReadOnly(StorageError):
    """The repository or the folder can't be written."""


class DurabilityError(StorageError):
    """An fsync or a lock failed; nothing was acknowledged."""


class IntegrityError(MvcError):
    """Stored bytes are not the bytes that were stored."""

    exit_code = 90


class HashMismatch(IntegrityError):
    """Bytes do not hash to the id that names them."""


class MissingObject(IntegrityError):
    """A named object is in no pack."""


class WeightsExpired(MissingObject):
    """The weights of the commit were let go on purpose."""

    exit_code = 8


class CorruptPack(IntegrityError):
    """A pack or an index breaks its own format."""


class DecodeMismatch(IntegrityError):
    """A codec did not give back the bytes that it was given."""
