"""A step is judged, recorded and checked, or leaves nothing on the branch."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from compress.chain import chain
from compress.operations.prune import Prune
from compress.options import Options
from mvc.errors import MvcError, Refused, UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

QUICK = Options(
    data=("known.txt",),
    held=("held.txt",),
    samples=16,
    length=64,
    judged=40,
    limit="none",
    threads=1,
)


def take(repo: Repository, recipe: Any = None, options: Options = QUICK, **more: Any) -> Any:
    from compress.running import take as run

    return run(repo, recipe or Prune(sparsity=0.5), options, **more)


def with_(**given: Any) -> Options:
    return dataclasses.replace(QUICK, **given)


def test_sparsegpt_beats_wanda_and_wanda_beats_magnitude_on_a_trained_model(
    repo: Repository,
) -> None:
    found = {}
    for recipe in (Prune(), Prune(method="wanda"), Prune(method="magnitude", scope="row")):
        found[recipe.method] = take(repo, recipe, dry_run=True).after.values["kl"]
    assert found["sparsegpt"] < found["wanda"] < found["magnitude"]


def test_a_step_is_a_commit_that_says_how_it_came_about(repo: Repository) -> None:
    dense = repo.head
    taken = take(repo, options=with_(seed=3))
    assert taken.commit.id == repo.head and repo.status().clean
    record = repo.record()
    assert record is not None and record.operation == "prune" and record.seed == 3
    said = record.parameters
    assert said["recipe"]["sparsity"] == 0.5 and said["dense"] == dense  # type: ignore[index,call-overload]
    assert said["calibration"]["digest"] and said["evaluation"]["digest"]  # type: ignore[index,call-overload]
    assert said["environment"]["threads"] == 1  # type: ignore[index,call-overload]
    assert len(said["losses"]) == 21 and said["verdict"]["refused"] is False  # type: ignore[arg-type,index,call-overload]
    assert record.versions["torch"] and record.metrics == pytest.approx(dict(taken.after.values))
    weights = repo.load(framework="pt")
    assert float((weights["model.layers.1.mlp.up_proj.weight"] == 0).float().mean()) == 0.5
    assert float((weights["model.embed_tokens.weight"] == 0).float().mean()) < 0.01


def test_the_same_command_and_seed_give_the_same_weights(repo: Repository) -> None:
    results = []
    for seed in (1, 1, 2):
        take(repo, options=with_(seed=seed))
        record = repo.record()
        assert record is not None
        results.append(record.result)
        repo.reset("HEAD~1", mode="hard")
    assert results[0] == results[1] != results[2]


def test_what_got_too_much_worse_is_refused_and_kept_aside(repo: Repository) -> None:
    from compress.running import Refused

    head = repo.head
    with pytest.raises(Refused, match="perplexity") as caught:
        take(repo, Prune(sparsity=0.8, method="magnitude"), with_(limit="3%"))
    assert repo.head == head and repo.status().clean
    (number,) = repo.steps.refused()
    assert number == caught.value.number
    tried = repo.record(f"refs/mvc/refused/{number}")
    assert tried is not None and tried.parameters["verdict"]["refused"] is True  # type: ignore[index,call-overload]
    assert tried.metrics["perplexity"] > 30


def test_a_dry_run_leaves_no_trace(repo: Repository) -> None:
    from compress.streaming.journal import Journal

    head, operations = repo.head, len(list(repo.operations()))
    taken = take(repo, dry_run=True)
    assert taken.commit is None and taken.sizes[0] == taken.sizes[1]
    assert repo.head == head and len(list(repo.operations())) == operations
    assert Journal(repo.folder).run() is None and not repo.steps.refused()


def test_a_second_step_knows_the_first_ones_mask_and_the_dense_model(repo: Repository) -> None:
    dense = repo.head
    take(repo, Prune(sparsity=0.3))
    first = {n: t == 0 for n, t in repo.load(framework="pt").items() if n.endswith("proj.weight")}
    take(repo, Prune(sparsity=0.5, method="wanda"))
    second = repo.load(framework="pt")
    assert not any(bool(second[name][zeros].any()) for name, zeros in first.items())
    found = chain(repo)
    assert found.dense == dense and found.newest is not None
    assert found.newest.standing.of("model.layers.0.mlp.up_proj.weight") == {"mask": "unstructured"}


def test_a_step_that_would_break_a_promise_is_not_made(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compress.edit import Dense, Edit
    from compress.operations import prune

    take(repo, Prune(sparsity=0.3))
    head = repo.head
    broken = dataclasses.replace(
        prune.OPERATION, edit=lambda matrix, recipe: Edit(Dense(matrix.weight + 1e-3), 0.0)
    )
    monkeypatch.setattr(prune, "OPERATION", broken)
    with pytest.raises(MvcError, match="zeros of its mask are zero no more"):
        take(repo, Prune(sparsity=0.5))
    assert repo.head == head


def test_without_anything_to_judge_by_it_is_said_what_is_missing(repo: Repository) -> None:
    with pytest.raises(UsageError, match="nothing says how good the model is") as caught:
        take(repo, Prune(method="magnitude"), Options())
    assert "--data" in str(caught.value.hint) and "--evaluator" in str(caught.value.hint)
    with pytest.raises(UsageError, match="texts to calibrate on"):
        take(repo, Prune(), Options())


def test_too_little_text_is_said_in_tokens(repo: Repository) -> None:
    from pathlib import Path

    Path("short.txt").write_text("too short")
    with pytest.raises(UsageError, match="tokens are fewer than one sequence of 64"):
        take(repo, options=with_(data=("short.txt",)))


def test_a_command_can_judge(repo: Repository) -> None:
    import sys
    from pathlib import Path

    script = "import os, sys; print(len(os.listdir(sys.argv[1])))"
    Path("judge.py").write_text(script)
    options = with_(evaluator=f"{sys.executable} judge.py {{model}}", metric="files", limit="0.5")
    taken = take(repo, options=options)
    assert taken.after.values == {"files": 4.0} == taken.before.values


def test_of_a_commands_number_it_can_be_said_that_more_is_better(repo: Repository) -> None:
    import sys
    from pathlib import Path

    Path("judge.py").write_text(
        "import sys\nfrom safetensors.numpy import load_file\n"
        "found = load_file(sys.argv[1] + '/model.safetensors').values()\n"
        "print(sum((one != 0).mean() for one in found) / len(found))\n"
    )
    judged = with_(evaluator=f"{sys.executable} judge.py {{model}}", limit="3%", data=(), held=())
    plain = Prune(method="magnitude", sparsity=0.2)
    better = dataclasses.replace(judged, higher_is_better=True)
    for dry in ({"dry_run": True}, {"dry_run": True, "sample": True}):
        assert not take(repo, plain, judged, **dry).verdict.refused
        assert take(repo, plain, better, **dry).verdict.refused
    with pytest.raises(Refused, match="worse"):
        take(repo, plain, better)
    known = take(repo, plain, dataclasses.replace(better, limit="none"))
    assert take(repo, Prune(method="magnitude", sparsity=0.4), better, dry_run=True).verdict.refused
    assert known.after.sign("score") == -1.0
    with pytest.raises(UsageError, match="knows which way is better"):
        with_(higher_is_better=True)


def test_confirm_may_say_no(repo: Repository) -> None:
    head = repo.head
    assert take(repo, confirm=lambda verdict: False).commit is None and repo.head == head


def test_a_parent_that_was_measured_alike_is_not_measured_again(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compress.evaluation.texts import Texts

    first = take(repo, Prune(method="magnitude", sparsity=0.1))
    measured: list[Any] = []
    original = Texts.measure

    def counted(self: Texts, subject: Any, report: Any) -> Any:
        measured.append(subject)
        return original(self, subject, report)

    monkeypatch.setattr(Texts, "measure", counted)
    second = take(repo, Prune(method="magnitude", sparsity=0.2))
    assert len(measured) == 1
    assert dict(second.before.values) == pytest.approx(dict(first.after.values))
    third = take(repo, Prune(method="magnitude", sparsity=0.3), with_(judged=30))
    assert len(measured) == 3 and third.before.values["kl"] > 0


def test_perplexity_is_measured_of_any_commit_without_a_checkout(repo: Repository) -> None:
    from compress.evaluation.builtin import perplexity

    dense = perplexity(repo, "HEAD", ["held.txt"])
    take(repo, Prune(method="magnitude", sparsity=0.6))
    assert (
        5
        < dense
        == perplexity(repo, "HEAD~1", ["held.txt"])
        < perplexity(repo, "HEAD", ["held.txt"])
    )
    with pytest.raises(UsageError, match="needs texts"):
        perplexity(repo, "HEAD", [])
