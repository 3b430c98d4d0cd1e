"""The housing put right: folders, format line, configuration, and a HEAD that lets Git open the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mvc.errors import MvcError
from mvc.history import horizon, ref_files
from mvc.history.config import entries
from mvc.history.foundation import CONFIG, FORMAT, POINTER
from mvc.history.unpacking import damaged_packs
from mvc.maintenance import housing, lost_refs
from mvc.maintenance.finding import Repaired
from mvc.maintenance.workbench import Workbench


def refit(bench: Workbench) -> Iterator[Repaired]:
    """Put right what is needed before anything can be opened; HEAD at least so that Git opens."""
    for name in housing.missing_folders(bench.folder):
        if not bench.dry_run:
            bench.context.disk.make_folder(bench.path(name))
        yield Repaired(name, "the missing folder was made")
    for name, text in (("format", FORMAT), (".git", POINTER)):
        if housing.read(bench.folder, name) != text.encode():
            bench.replace(name, text.encode())
            yield Repaired(name, f"reads {text.strip()!r} again")
    try:
        horizon.read(bench.folder)
    except MvcError:
        bench.move("shallow")
        yield Repaired("shallow", "was moved aside: where the operation log ends is not known")
    head = bench.path("HEAD")
    files = ref_files.survey(bench.folder)
    if "HEAD" not in files.values:
        value = lost_refs.head(bench.context, files)
        if os.path.lexists(head):
            bench.move("HEAD")
        if not bench.dry_run:
            bench.context.disk.write_whole(head, f"{value}\n".encode())
        yield Repaired("HEAD", f"says {value!r} again")
    yield from _config(bench)


def _config(bench: Workbench) -> Iterator[Repaired]:
    broken = any(damaged_packs(bench.path("objects"), indexes_only=True))
    try:
        found = dict(entries(bench.path("config")))
        # In a dry run HEAD may be what Git can't open, and it still is not put right.
        if not broken and (not bench.dry_run or "HEAD" in ref_files.survey(bench.folder).values):
            bench.fresh().git.open()
    except MvcError:
        found = {}
    if any(found.get(key, "").lower() != value for key, value in housing.vital().items()):
        kept, config = _salvaged_config(housing.read(bench.folder, "config") or b"")
        bench.replace("config", config)
        try:
            if not (broken or bench.dry_run):
                bench.fresh().git.open()
        except MvcError:  # one of the options that were kept is what Git can't take
            kept = 0
            bench.context.disk.write_whole(bench.path("config"), CONFIG.encode())
        yield Repaired("config", f"was written anew with {kept} option(s) of the damaged one")


def _salvaged_config(data: bytes) -> tuple[int, bytes]:
    """How many of a damaged configuration's own options could be kept, and the configuration with them."""
    base = housing.options(CONFIG)
    sections: dict[str, list[str]] = {}
    section = ""
    for line in data.decode("utf-8", "replace").splitlines():
        if housing.SECTION.fullmatch(line.strip()):
            section = line.strip()
        elif (option := housing.OPTION.fullmatch(line.strip())) and section:
            if f"{section.strip('[]')}.{option[1]}".lower() not in base:
                sections.setdefault(section, []).append(f"\t{line.strip()}\n")
    kept = sum(map(len, sections.values()))
    text = "".join(f"{name}\n{''.join(lines)}" for name, lines in sections.items())
    return kept, (CONFIG + text).encode()
