"""Drive the targets with atheris, one after another: ``python tests/fuzz [SECONDS [TARGET…]]``.

Each target runs in a process of its own, on a corpus that lasts in ``.cache/fuzz/``, held to 2 GiB of memory
and 20 s an input. What it did is added to ``.cache/fuzz/log.tsv``; an input that breaks a property is left
beside it.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
CACHE = HERE.parents[2] / ".cache" / "fuzz"
_DONE = re.compile(r"Done (\d+) runs in \d+ second")
_STEP = re.compile(r"^#(\d+)\t", re.MULTILINE)


def names() -> list[str]:
    from fuzz.places import PLACES
    from fuzz.targets import PARSERS

    return [target.__name__ for target in (*PARSERS, *PLACES)]


def drive(name: str, seconds: int) -> bool:
    """Fuzz one target in a child process; whether its property held."""
    corpus = CACHE / name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(HERE), "--child", name, str(corpus)]
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=20", "-max_len=4096"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*command, *options, f"-artifact_prefix={CACHE}/{name}-", "-print_final_stats=1"],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    runs = [int(count) for count in (*_DONE.findall(done.stderr), *_STEP.findall(done.stderr))]
    line = f"{name}\t{max(runs, default=0)}\t{spent:.0f}\t{wall:.0f}\t{done.returncode}"
    print(line, flush=True)
    with (CACHE / "log.tsv").open("a") as log:
        log.write(line + "\n")
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if not line.startswith(("INFO", "#"))]
        print("\n".join(told), file=sys.stderr, flush=True)
    return done.returncode == 0


def child(arguments: list[str]) -> None:
    """One target until libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["mvc"]):
        from fuzz import places, seeds, targets
    name, corpus = arguments[:2]
    target = next(t for t in (*targets.PARSERS, *places.PLACES) if t.__name__ == name)
    for number, data in enumerate(seeds.seeds(target)):
        Path(corpus, f"seed-{number}").write_bytes(data)
    atheris.Setup([sys.argv[0], corpus, *arguments[2:]], target)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--child"]:
        child(arguments[1:])
    seconds = int(arguments[0]) if arguments else 60
    held = [drive(name, seconds) for name in arguments[1:] or names()]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
