"""Bringing a deleted model back: against Git LFS, whose file is not synced while mvc's is.

``python -m benchmarks.checkout``. Git LFS can do it through Git's smudge filter or by its own command; the
faster of the two counts. The copy is for orientation: it is what the disk allows.
"""

from __future__ import annotations

from statistics import median

from benchmarks import peers, scratch
from benchmarks.measure import Contender, Row, alternate, compared
from benchmarks.scratch import Setting


def measure(where: Setting) -> list[Row]:
    model, _ = where.model()
    ours = peers.Mvc(model, where.folder / "mvc")
    ours.commit()
    contenders: dict[str, Contender] = {
        "mvc": ours.restore,
        "copy": lambda: peers.copy(model, where.folder / "copy"),
    }
    if peers.has_lfs():
        lfs = peers.Lfs(model, where.folder / "lfs")
        lfs.commit()
        contenders["Git LFS (`git checkout`)"] = lfs.restore
        contenders["Git LFS (`git lfs checkout`)"] = lfs.lfs_checkout
    times = alternate(contenders, where.rounds)

    rows = []
    rivals = sorted((name for name in times if "LFS" in name), key=lambda name: median(times[name]))
    for place, name in enumerate(rivals):
        rows.append(compared(f"checkout : {name}", times, "mvc", name, None if place else 0.5))
    rows.append(compared("checkout : `cp` + `sync`", times, "mvc", "copy", None))
    return rows


if __name__ == "__main__":
    scratch.main(__doc__, measure)
