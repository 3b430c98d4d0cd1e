"""The program's entry: the two answers that must come at once, then everything else.

``--version`` and a ``status`` with nothing to report are answered before anything heavy is imported; a shell
prompt may ask for them at every line.
"""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Run ``mvc`` with the process's arguments and end the process."""
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported; later ones end in ``failures``
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)


def _run(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        from mvc.version import VERSION

        sys.stdout.write(f"mvc version {VERSION}\n")
        return
    if arguments == ["status"]:
        from mvc.worktree.quick import unchanged

        branch = unchanged(".")
        if branch is not None and _written(f"{branch}\nnothing to commit, working tree clean\n"):
            return
    # OpenBLAS, which NumPy brings, would start a thread a core, and each spins for 0.1 s before it sleeps.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports make thousands of containers and hardly a cycle: passing over them less often, and not once more
    # at the end, is a twelfth of what `mvc log` does.
    gc.set_threshold(10_000)
    from mvc.cli.app import main

    code = main(arguments)
    gc.freeze()
    sys.exit(code)


def _written(text: str) -> bool:
    """Whether ``text`` went out; where it can't, the long way has the words for the reason."""
    try:
        return sys.stdout is not None and os.write(sys.stdout.fileno(), text.encode()) > 0
    except OSError:
        return False
