"""The step that broke a model, the layer in it: found in the fewest measurements, taken back alone."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import LAYERS
from test_steps import QUICK, take

from compress.edit import Edit, Mask
from compress.operations import prune
from compress.operations.prune import Prune
from mvc.errors import UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

LITTLE = dataclasses.replace(QUICK, judged=12)
LIMIT = ["--metric", "perplexity", "--data", "few.txt", "--max-increase", "3%"]
STEPS, BAD_STEP = 16, 11
BAD_LAYER = 17


@pytest.fixture(autouse=True)
def few(request: pytest.FixtureRequest) -> None:
    """A text of some two thousand tokens, to measure on."""
    if "opened" in request.fixturenames:
        return
    request.getfixturevalue("thirty" if "thirty" in request.fixturenames else "repo")
    Path("few.txt").write_text(Path("held.txt").read_text("utf-8")[:4000], "utf-8")


def typed(*words: str) -> Result:
    """Run ``mvc``; an error is raised."""
    from mvc.cli.app import program

    found = CliRunner().invoke(program, list(words), standalone_mode=False)
    if found.exception is not None:
        raise found.exception
    return found


def measured(repo: Repository) -> int:
    """How many commits' perplexity has been noted."""
    commits = repo.log("main")
    return sum(
        m["perplexity"].how.startswith("mvc bisect") for _, m in repo.metrics.of_each(commits)
    )


@pytest.fixture
def ruining(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has prune ruin matrices of which the name contains a word; "" for none."""
    honest = prune.OPERATION

    def ruin(word: str) -> None:
        def edit(matrix: Any, recipe: Any) -> Edit:
            import torch

            found = honest.edit(matrix, recipe)  # type: ignore[misc]
            if not word or word not in matrix.name:
                return found
            draw = torch.Generator().manual_seed(1)
            noise = torch.randn(matrix.weight.shape, generator=draw)
            weight = (found.payload.dense + 0.2 * noise) * (found.payload.dense != 0)
            return dataclasses.replace(found, payload=Mask(weight), loss=7.0)

        monkeypatch.setattr(prune, "OPERATION", dataclasses.replace(honest, edit=edit))

    return ruin


def test_the_bad_one_of_sixteen_steps_is_found_in_five_measurements(
    repo: Repository, ruining: Callable[[str], None]
) -> None:
    from compress.running import Refused

    dense, bad = repo.head, ""
    for number in range(1, STEPS + 1):
        ruining("layers.1.mlp.down" if number == BAD_STEP else "")
        recipe = Prune(method="magnitude", sparsity=number / 200)
        if number == BAD_STEP:
            with pytest.raises(Refused):  # the guard alone would not have let it land
                take(repo, recipe, dataclasses.replace(LITTLE, limit="3%"))
        bad = take(repo, recipe, LITTLE).commit.id if number == BAD_STEP else bad
        if number != BAD_STEP:
            take(repo, recipe, dataclasses.replace(LITTLE, limit="3%"))
    typed("bisect", "start", "HEAD", str(dense))
    found = typed("bisect", "run", *LIMIT)
    assert f"{bad} is the first bad commit" in found.output
    assert "5 measured, 0 remembered" in found.output and measured(repo) == 5


def test_the_bad_one_of_thirty_layers_is_found_and_taken_back_alone(
    thirty: Repository, ruining: Callable[[str], None]
) -> None:
    from compress.evaluation.builtin import perplexity
    from compress.running import Refused

    repo = thirty
    dense = repo.load(framework="pt")
    good = perplexity(repo, "HEAD", ["few.txt"])
    ruining(f"layers.{BAD_LAYER}.mlp.down")
    recipe = Prune(method="magnitude", sparsity=0.02)
    with pytest.raises(Refused):
        take(repo, recipe, dataclasses.replace(LITTLE, limit="3%"))
    take(repo, recipe, LITTLE)
    refs = (Path(repo.folder) / "refs").rglob("*")
    before = sorted(path.read_bytes() for path in refs if path.is_file())

    refused = json.loads(
        typed("bisect", "run", *LIMIT, "--layers", "refs/mvc/refused/1", "--json").output
    )
    told = json.loads(typed("bisect", "run", *LIMIT, "--layers", "HEAD", "--json").output)
    assert told["layer"] == refused["layer"] == f"model.layers.{BAD_LAYER}"
    assert refused["revert"] is None
    assert told["layers"] == LAYERS and told["measured"] <= 1 + 5
    worst = f"model.layers.{BAD_LAYER}.mlp.down_proj.weight"
    assert told["tensors"][worst]["loss"] == 7.0 and len(told["tensors"]) == 7
    refs = (Path(repo.folder) / "refs").rglob("*")
    assert sorted(path.read_bytes() for path in refs if path.is_file()) == before

    typed(*shlex.split(told["revert"])[1:])
    after = repo.load(framework="pt")
    assert bool((after[worst] == dense[worst]).all())
    kept = "model.layers.0.mlp.down_proj.weight"
    assert float((after[kept] == 0).float().mean()) >= 0.02
    assert perplexity(repo, "HEAD", ["few.txt"]) < 1.03 * good


def test_a_model_that_is_no_number_is_bad_and_ends_no_search(repo: Repository) -> None:
    import torch

    dense = repo.head
    weights = {name: values.clone() for name, values in repo.load(framework="pt").items()}
    ids = []
    for number in range(3):
        weights[f"model.layers.{number}.mlp.up_proj.weight"] *= 1.0001
        if number == 1:
            weights["model.layers.1.mlp.down_proj.weight"][0] = torch.nan
        ids.append(repo.commit_tensors(weights, f"step {number}").id)
    typed("bisect", "start", "HEAD", str(dense))
    found = typed("bisect", "run", *LIMIT)
    assert f"{ids[1]} is the first bad commit" in found.output
    told = json.loads(typed("bisect", "run", *LIMIT, "--layers", ids[1], "--json").output)
    assert (told["layer"], told["with"]) == ("model.layers.1", None)


def test_every_metric_of_a_step_can_be_searched_by(repo: Repository) -> None:
    from compress.evaluation import builtin, layered
    from compress.evaluation.measurement import BETTER

    take(repo, Prune(method="magnitude", sparsity=0.6), LITTLE)
    record = repo.record()
    assert record is not None
    for metric in set(BETTER) - {"similarity"}:
        dense, now = (getattr(builtin, metric)(repo, r, ["held.txt"]) for r in ("HEAD~1", "HEAD"))
        assert abs(now - record.metrics[metric]) < 0.25 * abs(now)
        between = getattr(layered, metric)(repo, "HEAD", ["held.txt"])
        assert between.measure(0) == dense
        assert between.measure(len(between.names)) == pytest.approx(now)
    assert builtin.kl(repo, "HEAD~1", ["held.txt"]) == 0.0
    with pytest.raises(UsageError, match="a kind that has no similarity") as caught:
        builtin.similarity(repo, "HEAD", ["held.txt"])
    assert caught.value.hint == "--metric perplexity"


def test_a_step_of_an_encoder_is_searched_by_what_encoders_have(opened: Any) -> None:
    from compress.evaluation import builtin

    repo = opened("minilm")
    options = dataclasses.replace(LITTLE, length=24)
    take(repo, Prune(method="magnitude", sparsity=0.9), options)
    with pytest.raises(UsageError, match="a kind that has no perplexity") as caught:
        builtin.perplexity(repo, "HEAD", ["held.txt"])
    assert caught.value.hint == "--metric similarity"
    good, bad = (builtin.similarity(repo, r, ["held.txt"]) for r in ("HEAD~1", "HEAD"))
    assert good == pytest.approx(1.0) and bad < 0.999
    limit = ["--metric", "similarity", "--data", "held.txt", "--below", f"{(good + bad) / 2}"]
    found = typed("bisect", "run", *limit, "--layers", "HEAD", "--json")
    assert json.loads(found.output)["layer"].startswith("encoder.layer.")


def test_what_is_missing_is_said(repo: Repository) -> None:
    take(repo, Prune(method="magnitude", sparsity=0.1))
    with pytest.raises(UsageError, match="needs texts") as caught:
        typed("bisect", "run", *LIMIT[:2], *LIMIT[4:], "--layers", "HEAD")
    assert "--data" in str(caught.value.hint)
    with pytest.raises(UsageError, match="has 0 parents"):
        typed("bisect", "run", *LIMIT, "--layers", "HEAD~1")
