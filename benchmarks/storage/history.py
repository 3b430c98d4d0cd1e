"""The five BF16 checkpoints of a family in each tool: bytes of raw, and of the best of the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.storage.figures import Figure, best_size, of_bytes, ours, rivals
from benchmarks.storage.install import missing
from benchmarks.storage.peers import OURS, PEERS
from benchmarks.storage.trial import Outcome, history


def outcomes(
    versions: Sequence[Path],
    folder: Path,
    environments: Path,
    only: str = "",
    before: Sequence[Outcome] = (),
) -> list[Outcome]:
    """Every tool's, or of ``only`` some, beside what was found ``before``; those that could not be tried say
    why."""
    found: list[Outcome] = []
    kept = {one.name: one for one in before}
    for peer in (OURS, *PEERS):
        if peer is not OURS and not any(word in peer.name for word in only.split(",")):
            found += [kept[peer.name]] if peer.name in kept else []
            continue
        print(f"  {peer.name} …", file=sys.stderr, flush=True)
        why = "" if peer is OURS else missing(peer, environments)
        found.append(
            Outcome(peer.name, failed=why) if why else history(peer, versions, folder, environments)
        )
    return found


def figures(outcomes: Sequence[Outcome], raw: int) -> list[Figure]:
    mine = ours(outcomes)
    if not mine.counts:
        raise SystemExit(f"mvc itself failed: {mine.failed}")
    what = f"{len(mine.sizes)} BF16 versions"
    found = [of_bytes(f"{what}, after commit : raw", mine.sizes[-1], raw, 0.30)]
    if mine.tidied is not None:
        found.append(
            of_bytes(f"{what}, after `gc --aggressive` : raw", mine.tidied, raw, None, 0.25)
        )
    best = rivals(outcomes)
    if best:
        size = best_size(best[0])
        found.append(
            of_bytes(f"{what}, after commit : {best[0].name}", mine.sizes[-1], size, 0.95, 0.8)
        )
        if mine.tidied is not None:
            title = f"{what}, after `gc --aggressive` : {best[0].name}"
            found.append(of_bytes(title, mine.tidied, size, 0.95, 0.8))
    return found
