"""A process that has mvc imported and forks for each command, so that a fault costs no start-up.

Each line of its input is a request (JSON: ``cwd``, ``words``, ``out``); the answers are the child's process
id, once it has stopped itself, and, when it has ended, its exit code (negative for a signal). Whoever asked
attaches to the child and lets it go on. Its calls are the command's alone, none of the interpreter's start.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import sys


def preload() -> None:
    """Import all of mvc; start no thread, which a fork would lose."""
    import mvc

    for module in pkgutil.walk_packages(mvc.__path__, "mvc."):
        if not module.name.rpartition(".")[2].startswith(
            "_"
        ):  # a library of the kernel is no module
            importlib.import_module(module.name)
    for name in ("encodings.idna", "concurrent.futures.thread", "numpy", "difflib", "email.utils"):
        importlib.import_module(name)


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request["cwd"], request["words"], request["out"])
        os.waitpid(child, os.WUNTRACED)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(cwd: str, words: list[str], out: str) -> None:
    code = 99
    try:
        os.chdir(cwd)
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        os.close(0)
        from mvc.cli.app import main

        os.kill(os.getpid(), signal.SIGSTOP)
        code = main(words)
        sys.stdout.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    preload()
    serve()
