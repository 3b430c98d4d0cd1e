"""All of it: ``python -m benchmarks`` (``make bench``), about ten minutes and 8 GB of disk.

``--quick`` takes a tenth of the size and three rounds, to see that all of it runs, and writes no page.
``--scale`` takes an hour longer, for many tensors and many commits (``benchmarks.scale``).
"""

from __future__ import annotations

import sys

from benchmarks import checkout, first_commit, memory, report, scale, scratch, startup
from benchmarks.measure import Row


def main() -> None:
    parser = scratch.options(__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, three rounds")
    parser.add_argument("--scale", action="store_true", help="many tensors and commits, too")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.rounds = arguments.size / 10, 3
    rows: list[Row] = []
    with scratch.setting(arguments) as where:
        for module in (first_commit, checkout, memory, startup, *[scale] * arguments.scale):
            print(f"{module.__name__} …", file=sys.stderr)
            rows += module.measure(where)
    print(report.table(rows))
    if not arguments.quick:
        conditions = (
            f"A generated BF16 model of {arguments.size / 1e9:g} GB; {arguments.rounds} rounds, "
            f"{max(arguments.rounds, startup.ROUNDS)} of the start-up."
        )
        report.write(rows, conditions)


if __name__ == "__main__":
    main()
