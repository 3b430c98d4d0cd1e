"""The quickstart: version five real releases of one model and a sentence encoder, as on a command line.

Every line after a ``$`` is a command that you can type. Nothing is edited by hand: the five releases are what
the Open Force Field initiative published from 2024 to 2025, the encoder is all-MiniLM-L6-v2.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from models import CACHE, MINILM, NAGL, fetch

RELEASES = {
    "v0.0.1-alpha.1": "first public weights",
    "v0.1.0-rc.1": "retrained from scratch",
    "v0.1.0-rc.2": "a small update",
    "v0.1.0-rc.3": "same tensors, new lookup tables",
    "v1.0.0": "two tensors changed",
}
SIDECARS = [
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
]
HERE = CACHE.parent / "quickstart"
#: Signs the demo's commits, unless the environment says who you are.
NOBODY = {"NAME": "Demo", "EMAIL": "demo@example.com"}


class Demo:
    """Runs commands in one folder, shows them, and keeps account of what each step stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[tuple[str, int, int]] = []
        names = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in NOBODY.items()
        }
        self.environment = {**names, **os.environ}

    def run(self, *words: str) -> None:
        """Show and run a command; a failure ends the demo."""
        shown = " ".join(f"'{word}'" if " " in word or "*" in word else word for word in words)
        print(f"\n$ {shown}", flush=True)
        program = [sys.executable, "-m", "mvc"] if words[0] == "mvc" else [words[0]]
        subprocess.run([*program, *words[1:]], cwd=self.folder, env=self.environment, check=True)

    def put(self, source: Path, name: str) -> None:
        """Copy a file into the work tree, as a training run would leave it there."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        print(f"\n# {source.name} is now {name}", flush=True)

    def stored(self) -> int:
        """Bytes under ``.mvc``."""
        return sum(
            file.stat().st_size for file in (self.folder / ".mvc").rglob("*") if file.is_file()
        )

    def step(self, label: str, raw: int, before: int) -> None:
        """Note and print what a step added to the repository."""
        added = self.stored() - before
        self.steps.append((label, raw, added))
        print(f"# {label}: {raw / 1e6:.1f} MB raw, {added / 1e6:.1f} MB stored ({added / raw:.0%})")


def releases(demo: Demo, files: list[Path]) -> None:
    """The true history of one model, a commit and a tag each."""
    for number, (file, (tag, what)) in enumerate(zip(files, RELEASES.items(), strict=True)):
        before = demo.stored()
        demo.put(file, "am1bcc.pt")
        if number == 1:
            demo.run("mvc", "status")
        demo.run("mvc", "add", "am1bcc.pt")
        demo.run("mvc", "commit", "-m", f"{tag}: {what}")
        demo.run("mvc", "tag", tag)
        demo.step(tag, file.stat().st_size, before)


def encoder(demo: Demo, folder: Path) -> None:
    """A large file on a branch of its own, merged into what happened meanwhile."""
    before = demo.stored()
    demo.run("mvc", "switch", "-c", "encoder", "v0.1.0-rc.2")
    for name in SIDECARS:
        demo.put(folder / name, f"encoder/{name}")
    demo.run("mvc", "add", "encoder")
    demo.run("mvc", "commit", "-m", "Add the sentence encoder")
    demo.step("all-MiniLM-L6-v2", sum((folder / name).stat().st_size for name in SIDECARS), before)
    demo.run("mvc", "switch", "main")
    demo.run("mvc", "merge", "encoder")


def exact(demo: Demo, files: list[Path]) -> None:
    """Every release comes back bit for bit."""
    for file, tag in zip(files, RELEASES, strict=True):
        demo.run("mvc", "switch", "--detach", tag)
        digests = [
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (file, demo.folder / "am1bcc.pt")
        ]
        if digests[0] != digests[1]:
            raise SystemExit(f"{tag} came back different: {digests}")
        print(f"# am1bcc.pt is {file.name} again: SHA-256 {digests[1][:16]}…")
    demo.run("mvc", "switch", "main")


def main() -> None:
    """The whole tour."""
    nagl, minilm = fetch(NAGL), fetch(MINILM)
    files = sorted(nagl.glob("*.pt"))
    started = time.monotonic()
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    demo = Demo(HERE)
    demo.run("mvc", "init")
    releases(demo, files)
    demo.run("mvc", "log", "--oneline", "--stat")
    demo.run("mvc", "diff", "v0.1.0-rc.1", "v0.1.0-rc.2")
    demo.run("mvc", "diff", "v0.1.0-rc.3", "v1.0.0")
    encoder(demo, minilm)
    demo.run("mvc", "log", "--graph", "--oneline")
    demo.run("mvc", "revert", "--no-edit", "v1.0.0")
    demo.run("mvc", "diff", "v0.1.0-rc.3", "HEAD", "--", "am1bcc.pt")
    exact(demo, files)
    demo.run("mvc", "status")
    demo.run("mvc", "fsck", "--full")
    demo.run("git", "--git-dir=.mvc", "log", "--graph", "--oneline", "-n", "4")
    raw, kept = sum(step[1] for step in demo.steps), sum(step[2] for step in demo.steps)
    print("\nwhat each step stored")
    for label, size, added in [*demo.steps, ("all", raw, kept)]:
        print(
            f"  {label:<18} {size / 1e6:8.1f} MB raw {added / 1e6:8.1f} MB stored {added / size:6.0%}"
        )
    print(f"\n{time.monotonic() - started:.0f} s; the repository is {HERE}")


if __name__ == "__main__":
    main()
