"""Healing makes good what a step broke, keeps what was promised, and lands only if it helps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_steps import take, with_

from compress import operations
from compress.operations.factor import Factor
from compress.operations.heal import Heal
from compress.operations.prune import Prune
from compress.rerunning import rerun
from mvc.errors import MvcError, UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch
UP = "model.layers.0.mlp.up_proj"
#: As the command has it: no limit is given, so that it has to help.
HEALED = with_(samples=64, judged=16, limit="")
SHORT = Heal(steps=40, rank=4, rate=2e-3)
BROKEN = Prune(method="magnitude", sparsity=0.7)


@pytest.fixture
def pruned(repo: Repository) -> Repository:
    take(repo, BROKEN, with_(samples=4, judged=4))
    return repo


def test_healing_brings_a_pruned_model_nearer_to_the_dense_one_and_opens_no_zero(
    pruned: Repository,
) -> None:
    before = {n: t for n, t in pruned.load(framework="pt").items() if n.endswith("proj.weight")}
    state = _random_state()
    taken = take(pruned, SHORT, HEALED)
    assert taken.verdict.metric == "kl" and taken.commit is not None
    assert taken.after.values["kl"] < 0.8 * taken.before.values["kl"]
    after = pruned.load(framework="pt")
    for name, weight in before.items():
        assert ((after[name] == 0) == (weight == 0)).all(), name
        assert not (after[name] == weight).all()
    assert (after["model.embed_tokens.weight"] == 0).float().mean() < 0.01
    assert (_random_state() == state).all()  # the global generator was not asked
    record = pruned.record()
    assert record is not None and record.operation == "heal"
    learned: Any = record.parameters["decisions"][""]  # type: ignore[index,call-overload]
    assert learned["best"] < learned["before"] and 0 < learned["step"] <= learned["taken"] <= 40


def test_the_same_seed_heals_the_same_and_qlora_and_distillation_help_too(
    pruned: Repository,
) -> None:
    options = with_(samples=32, judged=8, limit="")
    twice = [take(pruned, Heal(steps=10), options, dry_run=True).after.values for _ in range(2)]
    assert twice[0] == twice[1]
    for recipe in (
        Heal(method="qlora", steps=10, distill="cosine"),
        Heal(steps=10, distill="none"),
    ):
        taken = take(pruned, recipe, options, dry_run=True)
        assert taken.after.values["kl"] < taken.before.values["kl"], recipe


def test_what_does_not_help_is_refused(pruned: Repository) -> None:
    from compress.running import Refused

    head = pruned.head
    always_the_same = with_(
        samples=16, limit="", evaluator=f"{sys.executable} -c print(1) {{model}}"
    )
    with pytest.raises(Refused, match="it does not help"):
        take(pruned, Heal(steps=10), always_the_same)
    assert pruned.head == head and pruned.status().clean


@pytest.mark.parametrize("limit", ["", "none"])
def test_a_training_that_learns_nothing_says_so_and_leaves_nothing(
    pruned: Repository, limit: str
) -> None:
    from compress.operations.heal import NothingLearned

    head = pruned.head
    with pytest.raises(NothingLearned, match=r"in 2 steps.* nothing is kept") as caught:
        take(pruned, Heal(steps=2, rate=2.0, alpha=400), with_(samples=8, limit=limit))
    assert "--rate" in str(caught.value.hint)
    assert pruned.head == head and pruned.status().clean and not pruned.steps.refused()


def test_training_stops_early_and_gives_the_best_that_was_seen() -> None:
    import torch

    from compress.healing.training import Course, train

    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    seen = []

    def loss(model: Any, ids: Any) -> Any:
        """Falls to 0.5 in training, but is least for the sequence kept apart at 0.8."""
        held = bool((ids == 7).any())
        return (parameter - (0.8 if held else 0.5)).square().sum()

    samples = torch.tensor([[1, 2], [3, 4], [7, 7]])
    learned = train(
        None, [parameter], samples, loss, Course(200, 2, 0.02), torch.Generator(), lambda s, v: seen.append(s)
    )  # fmt: skip
    assert learned.taken < 200 and seen[-1] == learned.taken
    assert learned.best < learned.before
    assert float(loss(None, samples[2:]).detach()) == pytest.approx(learned.best)


def test_a_loss_that_is_no_number_ends_it(repo: Repository) -> None:
    import torch

    from compress.healing.training import Course, train

    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    samples = torch.zeros(4, 2, dtype=torch.long)
    with pytest.raises(MvcError, match="training loss is nan after 1 steps") as caught:
        train(
            None,
            [parameter],
            samples,
            lambda model, ids: parameter.sum() * float("nan"),
            Course(3, 2, 1.0),
            torch.Generator(),
        )
    assert caught.value.hint == "a lower --rate"
    with pytest.raises(UsageError, match="two sequences"):
        take(repo, SHORT, with_(samples=1, limit=""))


def test_an_adapter_kept_apart_leaves_the_weights_and_is_judged_with_them(
    pruned: Repository,
) -> None:
    import safetensors.torch

    before = pruned.record().result  # type: ignore[union-attr]
    taken = take(pruned, Heal(steps=10, rank=4, adapter="apart"), HEALED)
    assert taken.after.values["kl"] < taken.before.values["kl"] and pruned.status().clean
    assert {path.name for path in Path("adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    again = rerun(pruned, "HEAD")
    assert again.same and again.exact == again.tensors == 2 * 21
    weights = pruned.load("HEAD", "model.safetensors", framework="pt")
    parent = pruned.load("HEAD~1", "model.safetensors", framework="pt")
    assert all((weights[name] == parent[name]).all() for name in parent) and before
    said = json.loads(Path("adapter/adapter_config.json").read_text())
    assert said["r"] == 4 and said["lora_alpha"] == 16 and UP in said["target_modules"]
    tensors = safetensors.torch.load_file("adapter/adapter_model.safetensors")
    assert tensors[f"base_model.model.{UP}.lora_B.weight"].shape == (128, 4)


def test_factors_are_healed_in_their_rank(repo: Repository) -> None:
    take(repo, Factor(keep=0.3, ranks="uniform", only=("*.mlp.*",)), with_(samples=4, judged=4))
    with pytest.raises(UsageError, match="is factored"):
        take(repo, Heal(adapter="apart"), HEALED)
    taken = take(repo, Heal(steps=10), HEALED)
    assert taken.after.values["kl"] < taken.before.values["kl"]
    weights = repo.load(framework="pt")
    assert weights[f"{UP}.0.weight"].shape == (12, 64) and f"{UP}.weight" not in weights


def test_four_bits_keep_zeros_and_lie_within_half_a_level() -> None:
    import torch

    from compress.healing.nf4 import packed

    draw = torch.Generator().manual_seed(2)
    weight = torch.randn(7, 33, generator=draw)
    weight[weight.abs() < 0.5] = 0
    back = packed(weight).dense()
    assert back.shape == weight.shape and ((back == 0) | (weight != 0)).all()
    assert float((back - weight).abs().max()) < 0.16 * float(weight.abs().max())
    assert torch.equal(packed(back).dense(), back)


@pytest.mark.parametrize(
    "values", [{"steps": 0}, {"rank": 0}, {"batch": 0}, {"rate": 0.0}, {"labels": -1.0}]
)
def test_a_recipe_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Heal(**values)


def test_a_recipe_of_version_1_counts_the_next_token_as_it_did() -> None:
    _, old = operations.read({"operation": "heal", "steps": 7, "version": 1})
    assert old == Heal(steps=7, labels=1.0)


@pytest.mark.parametrize("distill", ["kl", "cosine"])
def test_a_model_that_is_the_dense_one_has_nothing_to_learn_but_what_labels_say(
    repo: Repository, distill: Any
) -> None:
    import torch
    import transformers

    from compress.healing.objective import Objective

    model = transformers.AutoModelForCausalLM.from_pretrained(repo.root)
    ids = torch.arange(24).reshape(2, 12)
    with torch.no_grad():
        alone = float(Objective(model, model, distill, 1.0, 0.0)(model, ids))
        text = float(Objective(model, None, "none", 1.0, 0.0)(model, ids))
        both = float(Objective(model, model, distill, 1.0, 0.5)(model, ids))
    assert abs(alone) < 1e-5 and text > 1
    assert both == pytest.approx(0.5 * text, rel=1e-4)


def test_to_learn_states_alone_no_head_is_run(repo: Repository) -> None:
    import torch
    import transformers

    from compress.healing.objective import Objective

    model = transformers.AutoModelForCausalLM.from_pretrained(repo.root)
    run: list[Any] = []
    model.lm_head.register_forward_hook(lambda *given: run.append(given))
    ids = torch.arange(24).reshape(2, 12)
    Objective(model, model, "cosine", 1.0, 0.0)(model, ids)
    assert not run
    Objective(model, model, "cosine", 1.0, 0.5)(model, ids)
    assert len(run) == 1


def test_a_course_is_not_given_up_before_its_rate_has_fallen() -> None:
    import torch

    from compress.healing.training import Course, train

    held = iter([1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.5, 0.5, 0.5])  # at first, then after each step
    weight = torch.nn.Parameter(torch.ones(3))

    def loss(model: Any, ids: Any) -> Any:
        return (weight**2).sum() if torch.is_grad_enabled() else torch.tensor(next(held))

    samples = torch.zeros(9, 4, dtype=torch.long)
    draw = torch.Generator().manual_seed(0)
    learned = train(None, [weight], samples, loss, Course(10, 2, 1e-3), draw)
    assert (learned.step, learned.taken) == (5, 8)


def test_an_encoder_learns_from_the_dense_model_or_not_at_all() -> None:
    from compress.healing.objective import Objective

    with pytest.raises(UsageError, match="predicts no next token") as caught:
        Objective(object(), None, "none", 1.0, 0.0)
    assert caught.value.hint == "--distill cosine"


def _random_state() -> Any:
    import torch

    return torch.random.get_rng_state()
