"""How mvc bears numbers: of tensors, of commits, of what did not change. ``python -m benchmarks.scale``.

An hour and 8 GB of disk, most of it for ten thousand commits. ``--quick`` takes a tenth of everything.
"""

from __future__ import annotations

import sys

from benchmarks import history, many_tensors, one_change, report, scratch
from benchmarks.measure import Row
from benchmarks.scratch import Setting


def measure(where: Setting) -> list[Row]:
    rows: list[Row] = []
    for module in (many_tensors, one_change, history):
        print(f"{module.__name__} …", file=sys.stderr)
        rows += module.measure(where)
    return rows


def main() -> None:
    parser = scratch.options(__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, three rounds")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.rounds = arguments.size / 10, 3
    with scratch.setting(arguments) as where:
        print(report.table(measure(where)))


if __name__ == "__main__":
    main()
