"""Merge two real fine-tunes, find the step that broke the result, and take it out, as on a command line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "quickstart"))

from models import CACHE, RXNFP, fetch

HERE = CACHE.parent / "merge"
SCRIPTS = ("prepare.py", "evaluate.py", "round_weights.py")
#: Signs the demo's commits, unless the environment says who you are.
NOBODY = {"NAME": "Demo", "EMAIL": "demo@example.com"}
#: Name of the branch, folder in the package, message.
TRAINED = (
    ("main", "bert_pretrained", "Pretrained on reactions"),
    ("ft", "bert_ft", "Fine-tuned"),
    ("ft-10k", "bert_ft_10k_25s", "Fine-tuned on 10,000 reactions"),
)
#: Bits, the tensors that are rounded to them, message.
ROUNDED = (
    ("6", "encoder.layer.0.", "Round layer 0"),
    ("6", "encoder.layer.1.", "Round layer 1"),
    ("2", "embeddings.", "Round the embeddings"),
    ("6", "encoder.layer.2.", "Round layer 2"),
    ("6", "encoder.layer.3.", "Round layer 3"),
)


def run(line: str) -> None:
    """Show and run a command; a failure ends the demo."""
    print(f"\n$ {line}", flush=True)
    words = shlex.split(line)
    program = [sys.executable, "-m", "mvc"] if words[0] == "mvc" else [sys.executable]
    people = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in NOBODY.items()}
    # One thread: the matrices are small, and several get into each other's way.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**people, "OPENBLAS_NUM_THREADS": "1", **os.environ, "PATH": path}
    subprocess.run([*program, *words[1:]], cwd=HERE, env=environment, check=True)


def main() -> None:
    """The whole tour."""
    models = fetch(RXNFP)
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    for name in SCRIPTS:
        shutil.copy(Path(__file__).parent / name, HERE)
    shutil.copy(models / "bert_pretrained" / "vocab.txt", HERE)
    run("mvc init")
    for branch, folder, message in TRAINED:
        if branch != "main":
            run(f"mvc switch -c {branch} main")
        run(f"python prepare.py '{models / folder}/pytorch_model.bin' model.safetensors")
        run("mvc add .")
        run(f"mvc commit -m '{message}'")
        run("mvc run -- python evaluate.py")
    run("mvc switch main")
    run("mvc merge ft ft-10k -X ties --density 0.5")
    run("mvc run -- python evaluate.py")
    run("mvc log --oneline --graph --metrics")
    run("mvc rerun HEAD --verify")
    run("mvc blame model.safetensors -- 'classifier.*' '*.0.attention.self.query.*'")
    run("mvc lineage encoder.layer.0.attention.self.query.weight --stats")
    run("mvc diff --html -o merged.html main^1 main")
    for bits, prefix, message in ROUNDED:
        run(f"python round_weights.py {bits} {prefix}")
        run(f"mvc commit -a -m '{message}'")
    run("mvc bisect start main main~5")
    run("mvc bisect run --metric triplets --max-decrease 3% -- python evaluate.py")
    run("mvc bisect reset")
    run("mvc revert --no-edit main~2")
    run("mvc run -- python evaluate.py")
    run("mvc plot triplets")
    print(f"\nthe repository is {HERE}")


if __name__ == "__main__":
    main()
