"""All of it: ``python -m benchmarks`` (``make bench``), about ten minutes and 8 GB of disk.

``--quick`` takes a tenth of the size and three rounds, to see that all of it runs, and writes no page.
``--scale`` takes half an hour longer, for many tensors, many commits and what did not change.
Each script also runs by itself: ``python -m benchmarks.hook --record`` measures one, and writes its table.
``benchmarks.merging`` only does so: it needs mergekit, which ``python -m benchmarks.mergekit`` installs.
"""

from __future__ import annotations

import sys

from benchmarks import (
    bisection,
    checkout,
    first_commit,
    history,
    hook,
    many_tensors,
    memory,
    merging,
    numeric_diff,
    one_change,
    one_sided,
    report,
    scratch,
    startup,
)

USUAL = (first_commit, checkout, memory, startup)
SCALE = (one_change, many_tensors, history, hook, numeric_diff, one_sided, bisection)
#: Only by itself: mergekit has to be installed first.
ALONE = (merging,)


def main() -> None:
    parser = scratch.options(__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, three rounds")
    parser.add_argument("--scale", action="store_true", help="many tensors and commits, too")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.rounds = arguments.size / 10, 3
    modules = (*USUAL, *(SCALE if arguments.scale else ()))
    with scratch.setting(arguments) as where:
        for module in modules:
            print(f"{module.__name__} …", file=sys.stderr)
            rows = module.measure(where)
            print(report.table(rows))
            if not arguments.quick:
                scratch.record(module.__name__, where, rows)


if __name__ == "__main__":
    main()
