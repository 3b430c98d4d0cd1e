"""``fsck``: is everything that a ref can reach there, and is it what it says it is?

Without ``full``: the housing, refs and logs, every Git object, every manifest, the presence and declared
length of every object, and a checksum of all stored bytes. With ``full`` also every frame is decoded and
every object hashed. No damage stops it: what can't be looked into is a finding, and the rest goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from mvc.errors import MvcError
from mvc.history import ref_files
from mvc.history.context import Context
from mvc.history.git import Git
from mvc.history.loose import LooseObjects
from mvc.history.unpacking import damaged_packs
from mvc.maintenance import housing, references
from mvc.maintenance.connectivity import Connectivity
from mvc.maintenance.finding import Finding

__all__ = ["Finding", "fsck"]

Progress = Callable[[str, int, int], None]


def fsck(context: Context, *, full: bool, progress: Progress | None) -> Iterator[Finding]:
    """Everything that is wrong with the repository; nothing when it is whole."""
    yield from housing.check(context)
    damaged: set[str] = set()
    yield from _store(context, full, damaged, progress)
    broken = dict(damaged_packs(os.path.join(context.folder, "objects")))
    for path, why in broken.items():
        where = os.path.relpath(path, context.folder).replace(os.sep, "/")
        # A Git pack comes before its index and goes after it, so this is what a killed gc leaves; what is
        # lost with an index that was there, the walk over the refs tells.
        unread = why == "has no idx file"
        yield Finding(where, why if why.startswith("has ") else f"its {why}", unread)
    try:
        context.git.open()
    except MvcError as error:
        if not broken:
            yield Finding("HEAD, config, objects or refs", error.message)
        return
    files = ref_files.survey(context.folder)
    yield from references.check(context, files)
    yield from loose_damage(context.folder)
    yield from _packed_damage(context.git, context.folder)
    yield from Connectivity(context, damaged).walk(files.values)


def loose_damage(folder: str) -> Iterator[Finding]:
    """Loose Git objects whose bytes are not what their names say, whether or not anything needs them.

    One that nothing needs is harmful too: the same content, added again, would be taken to be there.
    """
    loose = LooseObjects(os.path.join(folder, "objects"))
    try:
        for id_ in loose.ids():
            try:
                loose.verify(id_)
            except MvcError as error:
                yield Finding(f"objects/{id_[:2]}/{id_[2:]}", error.message, missing=id_)
    except OSError as error:
        yield Finding("objects", f"can't be listed: {error.strerror}")


def _packed_damage(git: Git, folder: str) -> Iterator[Finding]:
    loose = LooseObjects(os.path.join(folder, "objects"))
    try:
        for id_ in git.ids():
            try:
                if not loose.has(id_):
                    git.kind(id_)
            except MvcError as error:
                yield Finding("objects/pack", error.message, missing=id_)
    except MvcError as error:
        yield Finding("objects/pack", error.message)


def _store(
    context: Context, full: bool, damaged: set[str], progress: Progress | None
) -> Iterator[Finding]:
    try:
        for found in context.store.check(full, progress):
            if found.object_id:
                damaged.add(found.object_id)
            where = os.path.relpath(found.pack, context.folder).replace(os.sep, "/")
            object_ = f", object {found.object_id}" if found.object_id else ""
            said = found.message.removeprefix("the index ").removeprefix(f"{found.pack} ")
            yield Finding(where + object_, said)
        yield from _left_behind(context)
    except (MvcError, OSError) as error:
        text = error.message if isinstance(error, MvcError) else str(error)
        yield Finding("store", text)


def _left_behind(context: Context) -> Iterator[Finding]:
    for path, why in context.store.left_behind():
        yield Finding(os.path.relpath(path, context.folder).replace(os.sep, "/"), why, True)
