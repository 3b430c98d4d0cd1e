"""``mvc compress`` at the command line: what it says, in which form, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mvc.repository import Repository

QUICK = ["--data", "known.txt", "--held", "held.txt", "--length", "64", "--samples", "8"]
QUICK += ["--judged", "16", "--threads", "1", "--method", "magnitude"]


def test_help_of_every_verb_imports_no_framework() -> None:
    code = (
        "import sys\nfrom mvc.cli.app import main\nfrom compress.cli import command\n"
        "main(['compress', '--help'])\n"
        "for verb in command.commands: main(['compress', verb, '--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'numpy', 'yaml')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_the_framework_every_verb_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys\nfor name in ('torch', 'transformers'): sys.modules[name] = None\n"
        "import mvc\nfrom mvc.cli.app import main\nmvc.init('.')\n"
        "for words in sys.argv[1:]: print(main(['compress', *words.split()]), flush=True)\n"
        "import compress\ntry: compress.load('.')\nexcept mvc.MvcError as error: print(error.hint)"
    )
    verbs = [
        "prune --data a.txt",
        "quantize --data a.txt",
        "factor --data a.txt",
        "--wave",
        "resume",
    ]
    verbs += ["heal --data a.txt", "rerun HEAD", "dequantize", "unfactor"]
    done = subprocess.run(
        [sys.executable, "-c", code, *verbs, "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = done.stderr.splitlines()
    assert done.stdout.split()[: len(verbs)] == ["1"] * len(verbs), done.stderr
    assert errors[0] == "error: mvc compress needs torch, which is not installed"
    assert errors[0::2] == errors[:1] * len(verbs) and "mvc-weights[compress]" in errors[1]
    assert done.stdout.splitlines()[len(verbs) :] == [
        "HEAD stands on no step",
        "0",
        'pip install "mvc-weights[compress]"',
    ]


def typed(*words: str) -> Any:
    """Run ``mvc compress``; gives output, errors and exit code."""
    from mvc.cli.app import program
    from mvc.errors import MvcError

    found = CliRunner().invoke(program, ["compress", *words], standalone_mode=False)
    if isinstance(found.exception, MvcError):
        return found, found.exception
    if found.exception is not None:
        raise found.exception
    return found, None


@pytest.fixture
def ada(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    return repo


@pytest.mark.torch
def test_a_chain_is_told_by_status_and_its_events_are_json(ada: Repository) -> None:
    done, _ = typed("prune", "--sparsity", "10%", *QUICK, "--limit", "none")
    lines = done.output.splitlines()
    assert lines[0].endswith("] Prune to 0.1 with magnitude")
    assert lines[1].startswith("  perplexity ") and "limit none" in lines[1]
    assert lines[-1] == "  tensors 542.5 kB → 542.5 kB"

    done, error = typed("prune", "--sparsity", "80%", *QUICK, "--json")
    events = [json.loads(line) for line in done.output.splitlines()]
    assert {"layer", "measured", "verdict"} <= {event["event"] for event in events}
    assert error is not None and error.exit_code == 11 and "refused" in error.message

    done, _ = typed("status", "--json")
    told = json.loads(done.output)
    assert told["schema"] == "mvc.compress-status/1"
    assert [step["summary"] for step in told["steps"]] == ["Prune to 0.1 with magnitude"]
    assert told["invariants"] == [{"what": {"mask": "unstructured"}, "count": 21}]
    assert told["refused"][0]["number"] == 1 and told["waves"] is None
    done, _ = typed("status")
    assert "refused 1: Prune to 0.8 with magnitude" in done.output
    assert "in force: mask unstructured, 21 weights" in done.output

    done, _ = typed("rerun", "HEAD", "--verify")
    assert "all 21 tensors come out as recorded" in done.output
    done, _ = typed("rerun", "HEAD", "--dry-run")
    assert "again: Prune to 0.1 with magnitude; nothing has changed" in done.output
    done, _ = typed("rerun", "HEAD", "--dry-run", "--json")
    assert json.loads(done.output)["dry_run"] is True
    typed("forget", "1")
    assert not ada.steps.refused()


@pytest.mark.torch
def test_whoever_interrupts_a_run_is_told_how_it_goes_on(
    ada: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compress import running
    from compress.streaming.layer import Layer
    from mvc.cli.app import program

    def interrupted(*given: Any) -> None:
        given[5].write(Layer("0000", {}))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "edits_of", interrupted)
        done = CliRunner().invoke(program, ["compress", "prune", "--sparsity", "10%", *QUICK])
    assert "mvc compress resume goes on, --drop forgets it" in done.output
    done, _ = typed("resume", "--dry-run")
    assert "would go on: Prune to 0.1 with magnitude, 1 blocks done; nothing" in done.output
    done, _ = typed("resume", "--dry-run", "--json")
    assert json.loads(done.output.splitlines()[1]) == {
        "event": "resumable", "summary": "Prune to 0.1 with magnitude", "blocks": 1,
    }  # fmt: skip
    _, error = typed("resume", "--dry-run", "--seed", "3")
    assert error is not None and "began with other seed" in error.message
    typed("resume", "--drop")


@pytest.mark.torch
def test_waves_and_pipelines_are_typed(ada: Repository) -> None:
    _, error = typed("--wave")
    assert error is not None and "prune --waves N --to S" in str(error.hint)
    typed("prune", "--waves", "2", "--to", "20%", *QUICK, "--limit", "none")
    done, _ = typed("status")
    assert "waves: 1 of 2 (cubic), 17.5% of 20.0%" in done.output
    done, _ = typed("--wave")
    assert "Prune to 0.2 with magnitude" in done.output
    Path("r.yaml").write_text(
        "options: {data: [known.txt], held: [held.txt], length: 64, judged: 16, limit: none}\n"
        "steps:\n- {operation: prune, method: magnitude, sparsity: 25%}\n"
        "- {operation: prune, method: magnitude, sparsity: 30%}\n"
    )
    done, _ = typed("run", "r.yaml", "--dry-run")
    assert done.output.splitlines()[1] == "2  Prune to 0.3 with magnitude"
    assert "dry run: would be committed, told from all 3 blocks" in done.output
    Path("heal.yaml").write_text("steps: [{operation: heal, data: [known.txt]}]")
    done, _ = typed("run", "heal.yaml", "--dry-run")
    assert done.output.endswith("step 1 does can't be told from a part of it\n")
    head = ada.head
    done, _ = typed("run", "r.yaml", "--dry-run", "--begin", "2", "--json")
    assert '"event": "foretold"' in done.output.splitlines()[-1] and ada.head == head
    typed("run", "r.yaml")
    assert next(ada.log(limit=1)).subject == "Prune to 0.3 with magnitude"


@pytest.mark.torch
def test_of_a_pipeline_that_is_refused_the_steps_that_landed_are_told(ada: Repository) -> None:
    Path("r.yaml").write_text(
        "options: {data: [known.txt], held: [held.txt], length: 64, judged: 16}\n"
        "steps:\n- {operation: prune, method: magnitude, sparsity: 20%, limit: none}\n"
        "- {operation: prune, method: magnitude, sparsity: 90%, limit: 0%}\n"
    )
    done, error = typed("run", "r.yaml")
    assert error is not None and error.exit_code == 11
    assert "] Prune to 0.2 with magnitude" in done.output
    assert "note: step 2 of 2 did not land; --begin 2 goes on from it" in done.output
    for number in ("0", "3"):
        _, error = typed("run", "r.yaml", "--begin", number)
        assert (
            error is not None
            and f"no step {number}: the pipeline has steps 1 to 2" in error.message
        )


@pytest.mark.torch
def test_words_that_don_t_fit_are_said(ada: Repository) -> None:
    for words, message in (
        (["prune", "--waves", "3", *QUICK], "--to S"),
        (["prune", "--sparsity", "150%", *QUICK], "between 0% and 100%"),
        (["prune", "--sparsity", "10%"], "texts to calibrate on"),
        (["prune", "--limit", "x", *QUICK], "is no limit"),
        (["prune", "--damping", "nan", *QUICK], "must not be negative"),
        (["prune", "--heal", "lora", *QUICK], "waves need --waves N"),
        (["resume"], "no run to resume"),
        (["--limit", "5%", "status"], "are of --wave, which takes none"),
        (["--wave", "status"], "are of --wave, which takes none"),
        (["--seed", "5"], "are of --wave, which takes none"),
        (["prune", "--metric", "bleu", *QUICK], "nothing measured bleu"),
        (["rerun", "HEAD"], "records no step"),
    ):
        _, error = typed(*words)
        assert error is not None and message in error.message, words
