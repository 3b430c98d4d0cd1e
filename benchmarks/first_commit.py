"""The first commit of a model, durable: against copying the file durably, and against Git LFS.

``python -m benchmarks.first_commit``. Also how close the store comes to the file's order-0 bound.
"""

from __future__ import annotations

from statistics import median

from benchmarks import peers, scratch
from benchmarks.measure import Contender, Row, alternate, compared, megabytes, size_of
from benchmarks.scratch import Setting

STRETCH = 0.6


def measure(where: Setting) -> list[Row]:
    model, bound = where.model()
    sizes: list[int] = []

    def ours() -> float:
        repository = peers.Mvc(model, where.folder / "work")
        taken = repository.commit()
        sizes.append(size_of(repository.folder / ".mvc"))
        return taken

    contenders: dict[str, Contender] = {
        "mvc": ours,
        "copy": lambda: peers.copy(model, where.folder / "work"),
    }
    if peers.has_lfs():
        contenders["lfs"] = lambda: peers.Lfs(model, where.folder / "work").commit()
    times = alternate(contenders, where.rounds)

    rows = [compared("first commit : `cp` + `sync`", times, "mvc", "copy", 1.0)]
    if "lfs" in times:
        rows.append(compared("first commit : Git LFS", times, "mvc", "lfs", 0.5))
    stored = median(sizes)
    rows.append(
        Row(
            "store (all of `.mvc`) : order-0 bound",
            megabytes(stored),
            megabytes(bound),
            stored / bound,
            1.005,
            ".4f",
        )
    )
    return rows


if __name__ == "__main__":
    scratch.main(__doc__, measure)
