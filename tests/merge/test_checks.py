"""Models that do not match: what is found, what refuses, and what each way makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge.test_uniting import merged, normal, read, tensors
from merge.world import World

from mvc.errors import ModelMismatch, UsageError
from mvc.merge import strategies
from mvc.merge.recipe import Recipe

M = "m.safetensors"
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
WORDS = ["a", "b", "c", "d", "e", "f"]


def config(**values: Any) -> bytes:
    return (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()


def tokenizer(words: Sequence[str]) -> bytes:
    vocab = {word: row for row, word in enumerate(words)}
    return json.dumps({"model": {"type": "BPE", "vocab": vocab}, "added_tokens": []}).encode()


def language_model(
    words: Sequence[str] = WORDS, seed: int = 0, head: bool = True, **more: Any
) -> dict[str, bytes]:
    """A row of an embedding is its token's number in the alphabet, and a little of the model's own."""
    rows = np.array([[ord(word[0]) - 96] * 3 for word in words], np.float32)
    own = rows + np.float32(seed / 4)
    arrays = {EMBED: own, "w": normal(seed, 4, 3), **({HEAD: -own} if head else {})}
    said = {"vocab_size": len(words), "hidden_size": 3, "tie_word_embeddings": not head, **more}
    return {
        M: tensors(**arrays),
        "config.json": config(**said),
        "tokenizer.json": tokenizer(words),
    }


def made(world: World, sides: Sequence[Mapping[str, bytes]], *ways: str, **given: Any) -> Any:
    recipe = Recipe(given.pop("strategy", "linear"), given, mismatch=ways)
    return merged(world, language_model(), sides, recipe)


def test_a_grown_vocabulary_is_refused_by_the_names_of_its_tensors_and_with_ways_on(
    world: World,
) -> None:
    sides = [language_model(seed=1), language_model([*WORDS, "x", "y"], seed=2)]
    with pytest.raises(ModelMismatch) as caught:
        made(world, sides)
    assert caught.value.message.splitlines() == [
        "m.safetensors: the models do not match, and nothing has changed",
        "  vocabulary: tokens differ: 'x' and 1 more only in side1; 2 tensors: lm_head.weight (6×3 in HEAD, "
        "8×3 in side1), model.embed_tokens.weight",
    ]
    assert caught.value.exit_code == 10
    for way in ("pad", "skip", "take=side1", "three-way"):
        assert way in str(caught.value.hint)


def test_rows_that_all_have_are_merged_and_others_are_those_of_the_model_that_has_them(
    world: World,
) -> None:
    sides = [language_model(seed=1), language_model([*WORDS, "x", "y"], seed=2)]
    found = made(world, sides, "pad")
    embed = read(world, found)[EMBED]
    assert embed[:, 0].tolist() == [1.375, 2.375, 3.375, 4.375, 5.375, 6.375, 24.5, 25.5]
    assert read(world, found)[HEAD].tolist() == (-embed).tolist()
    files = world.files(found)
    assert files["tokenizer.json"] == sides[1]["tokenizer.json"]
    assert json.loads(files["config.json"])["vocab_size"] == 8
    assert found.notes[0].startswith("vocabulary: ")
    assert found.notes[0].endswith(": padded")
    assert not found.conflicted


def test_tokens_in_another_order_are_merged_token_by_token(world: World) -> None:
    moved = ["f", "e", "d", "c", "b", "a"]
    sides = [language_model(seed=1), language_model(moved, seed=2)]
    with pytest.raises(ModelMismatch, match="'a' is 0 in HEAD and 5 in side1, and 5 more"):
        made(world, sides)
    found = made(world, sides, "pad")
    assert read(world, found)[EMBED][:, 0].tolist() == [1.375, 2.375, 3.375, 4.375, 5.375, 6.375]
    assert world.files(found)["tokenizer.json"] == sides[0]["tokenizer.json"]


def test_models_with_tokens_of_their_own_can_not_be_padded(world: World) -> None:
    sides = [language_model([*WORDS, "x"], seed=1), language_model([*WORDS, "y"], seed=2)]
    with pytest.raises(ModelMismatch) as caught:
        made(world, sides, "pad")
    assert "pad" not in str(caught.value.hint)
    found = made(world, sides, "pad", "take=2")
    assert read(world, found)[EMBED][-1].tolist() == [25.5] * 3
    assert world.files(found)["tokenizer.json"] == sides[1]["tokenizer.json"]


@pytest.mark.parametrize(("way", "number"), [("skip", 0), ("take=1", 0), ("take=2", 1)])
def test_a_model_taken_from_gives_its_rows_its_tokenizer_and_its_size(
    world: World, way: str, number: int
) -> None:
    sides = [language_model(seed=1), language_model([*WORDS, "x", "y"], seed=2)]
    found = made(world, sides, way)
    whole = made(world, [sides[number], sides[number]])
    for name in (EMBED, HEAD):
        assert read(world, found)[name].tolist() == read(world, whole)[name].tolist()
    files = world.files(found)
    for name in ("tokenizer.json", "config.json"):
        assert files[name] == sides[number][name]
    assert read(world, found)["w"].tolist() == ((normal(1, 4, 3) + normal(2, 4, 3)) / 2).tolist()


def test_a_vocabulary_is_told_without_a_tokenizer_by_its_size_alone(world: World) -> None:
    sides = [language_model(seed=1), language_model([*WORDS, "x"], seed=2)]
    bare = [{M: side[M]} for side in sides]
    with pytest.raises(ModelMismatch, match=r"vocabulary: 2 tensors: lm_head\.weight"):
        merged(world, {M: language_model()[M]}, bare, "linear")
    found = merged(world, {M: language_model()[M]}, bare, Recipe("linear", mismatch=("pad",)))
    assert read(world, found)[EMBED][:, 0].tolist() == [
        1.375, 2.375, 3.375, 4.375, 5.375, 6.375, 24.5,
    ]  # fmt: skip


def test_a_vocabulary_of_lines_is_read_and_one_that_can_not_be_read_is_not_padded(
    world: World,
) -> None:
    def lines(*words: str) -> dict[str, bytes]:
        found = language_model(words, seed=len(words))
        del found["tokenizer.json"]
        return {**found, "vocab.txt": ("\n".join(words) + "\n").encode()}

    sides = [lines(*"abcdef"), lines(*"xabcdef")]
    found = merged(world, lines(*"abcdef"), sides, Recipe("ties", mismatch=("pad",)))
    assert world.files(found)["vocab.txt"] == b"x\na\nb\nc\nd\ne\nf\n"
    assert np.floor(read(world, found)[EMBED][0]).tolist() == [25] * 3
    odd = [{**side, "tokenizer.model": bytes([n])} for n, side in enumerate(sides)]
    unread = [{k: v for k, v in side.items() if k != "vocab.txt"} for side in odd]
    with pytest.raises(ModelMismatch, match="can't all be read"):
        merged(world, {M: sides[0][M]}, unread, Recipe("linear", mismatch=("pad",)))


def test_another_shape_is_padded_by_rows_or_can_not_be(world: World) -> None:
    base = {M: tensors(w=normal(0, 2, 3))}
    more = [{M: tensors(w=normal(n, n + 1, 3))} for n in (1, 2)]
    found = read(world, merged(world, base, more, Recipe("linear", mismatch=("pad",))))["w"]
    assert found[:2].tolist() == ((normal(1, 2, 3) + normal(2, 3, 3)[:2]) / 2).tolist()
    assert found[2].tolist() == normal(2, 3, 3)[2].tolist()
    wide = [{M: tensors(w=normal(n, 2, n + 3))} for n in (1, 2)]
    with pytest.raises(ModelMismatch, match=r"shape: 1 tensor: w \(2×4 in HEAD, 2×5 in side1\)"):
        merged(world, base, wide, Recipe("linear", mismatch=("pad",)))
    taken = merged(world, base, wide, Recipe("linear", mismatch=("pad", "take=2")))
    assert read(world, taken)["w"].shape == (2, 5)


#: Of RegMean the matrices are of the inputs; rows do not enter.
BY_ROWS = [name for name in strategies.COMBINATIONS if name != "regmean"]


@pytest.mark.parametrize("name", BY_ROWS)
def test_every_strategy_merges_common_rows_as_if_there_were_no_others(
    world: World, name: str
) -> None:
    parameters: dict[str, Any] = {"samples": [1, 3]} if name == "fedavg" else {}
    beside = (
        {"m.fisher.safetensors": tensors(w=np.abs(normal(9, 4, 3)))} if name == "fisher" else {}
    )
    plain = [{**beside, M: tensors(w=normal(n, 4, 3))} for n in (1, 2)]
    more = {**beside, M: tensors(w=np.concatenate([normal(2, 4, 3), normal(7, 2, 3)]))}
    if beside:
        stretched = np.concatenate([np.abs(normal(9, 4, 3)), np.ones((2, 3), np.float32)])
        more["m.fisher.safetensors"] = tensors(w=stretched)
    base = {M: tensors(w=normal(0, 4, 3))}
    wanted = read(world, merged(world, base, plain, name, **parameters))["w"]
    recipe = Recipe(name, parameters, mismatch=("pad",))
    found = read(world, merged(world, base, [plain[0], more], recipe))["w"]
    assert found[:4].tobytes() == wanted.tobytes()
    assert found[4:].tobytes() == normal(7, 2, 3).tobytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(order=st.permutations(WORDS), other=st.permutations(WORDS))
def test_padding_does_not_depend_on_the_order_of_tokens(
    world: World, order: list[str], other: list[str]
) -> None:
    sides = [language_model(order, seed=1), language_model(other, seed=2)]
    found = made(world, sides, "pad")
    assert read(world, found)[EMBED][:, 0].tolist() == [ord(w) - 96 + 0.375 for w in order]


def test_numbers_on_one_side_and_integers_on_the_other_are_refused(world: World) -> None:
    base = {M: tensors(w=normal(0, 4))}
    sides = [{M: tensors(w=normal(1, 4))}, {M: tensors(w=np.arange(4))}]
    with pytest.raises(ModelMismatch, match="dtype: w: w is F32 in HEAD and I64 in side1"):
        merged(world, base, sides, "linear")
    found = merged(world, base, sides, Recipe("linear", mismatch=("skip",)))
    assert read(world, found)["w"].tobytes() == normal(1, 4).tobytes()


@pytest.mark.parametrize("strategy", ["linear", "dare_ties", "slerp"])
@pytest.mark.parametrize("twice", [(True, True), (True, False), (False, True), (False, False)])
def test_what_all_models_tie_comes_out_tied(
    world: World, strategy: str, twice: tuple[bool, bool]
) -> None:
    def tied(seed: int, stored: bool) -> dict[str, bytes]:
        embed = normal(seed, 6, 3)
        head = {HEAD: embed} if stored else {}
        return {M: tensors(**{EMBED: embed, **head})}

    parameters = {"density": 0.5} if strategy == "dare_ties" else {}
    sides = [tied(n, stored) for n, stored in enumerate(twice, 1)]
    found = read(world, merged(world, tied(0, True), sides, strategy, **parameters))
    assert (HEAD in found) == twice[0]
    if twice[0]:
        assert found[HEAD].tobytes() == found[EMBED].tobytes()
        assert found[HEAD].tobytes() not in [normal(n, 6, 3).tobytes() for n in (0, 1, 2)]


def test_a_conflict_of_a_tied_tensor_is_one_of_both_its_names(world: World) -> None:
    def tied(seed: int, rows: int) -> dict[str, bytes]:
        embed = normal(seed, rows, 3)
        return {M: tensors(**{EMBED: embed, HEAD: embed})}

    recipe = Recipe("linear", mismatch=("three-way",))
    found = merged(world, tied(0, 4), [tied(1, 5), tied(2, 6)], recipe)
    assert found.undecided == {M: (HEAD, EMBED)}
    assert world.files(found) == tied(1, 5)


def test_a_head_that_one_side_untied_is_refused_and_each_way_settles_head_and_config(
    world: World,
) -> None:
    tied, untied = language_model(seed=1, head=False), language_model(seed=2)
    base = language_model(head=False)
    with pytest.raises(ModelMismatch, match=r"tied weights: lm_head.weight is tied to model.embed"):
        merged(world, base, [tied, untied], "linear")
    heads = {}
    for way in ("pad", "skip", "take=2"):
        found = merged(world, base, [tied, untied], Recipe("linear", mismatch=(way,)))
        heads[way] = read(world, found).get(HEAD)
        said = json.loads(world.files(found)["config.json"])
        assert said["tie_word_embeddings"] == (way == "skip")
    embed, head = (
        read(world, merged(world, base, [side] * 2, "linear")) for side in (tied, untied)
    )
    assert heads["skip"] is None
    assert heads["take=2"].tobytes() == head[HEAD].tobytes()
    assert heads["pad"].tolist() == ((embed[EMBED] + head[HEAD]) / 2).tolist()


def test_a_head_that_a_model_never_had_is_no_tied_one(world: World) -> None:
    bare = {**language_model(seed=1, head=False), "config.json": config(tie_word_embeddings=False)}
    other = {**language_model(seed=2), "config.json": config(tie_word_embeddings=False)}
    found = merged(world, {M: bare[M]}, [bare, other], "linear")
    assert HEAD in read(world, found)


def test_keys_that_change_what_weights_mean_must_agree(world: World) -> None:
    sides = [language_model(seed=1, rope_theta=1e4), language_model(seed=2, rope_theta=1e6)]
    with pytest.raises(
        ModelMismatch, match=r"config.json: rope_theta is 10000.0 in HEAD and 1000000.0 in side1"
    ):
        made(world, sides)
    for way, theta in (("skip", 1e4), ("take=2", 1e6)):
        found = made(world, sides, way)
        assert json.loads(world.files(found)["config.json"])["rope_theta"] == theta
        assert not found.conflicted
    waiting = made(world, sides, "three-way")
    assert waiting.conflicts.keys() == {"config.json"}


def test_configurations_of_three_models_are_settled_by_the_same_ways(world: World) -> None:
    words = [WORDS, [*WORDS, "x"], [*WORDS, "x", "y"]]
    sides = [language_model(some, seed=n) for n, some in enumerate(words, 1)]
    for way, number in (("pad", 2), ("skip", 0), ("take=2", 1)):
        found = made(world, sides, way)
        files = world.files(found)
        assert not found.conflicted
        assert files["tokenizer.json"] == sides[number]["tokenizer.json"]
        assert json.loads(files["config.json"])["vocab_size"] == len(words[number])
    embed = read(world, made(world, sides, "pad"))[EMBED][:, 0]
    assert embed.tolist() == [*(n + 0.5 for n in range(1, 7)), 24.625, 25.75]


def test_a_key_that_nobody_settled_stays_a_conflict(world: World) -> None:
    sides = [language_model(seed=n, rope_theta=float(n), dropout=n / 10) for n in (1, 2)]
    found = made(world, sides, "skip")
    assert found.conflicts.keys() == {"config.json"}


def test_what_is_alike_everywhere_or_settled_by_a_side_is_not_checked(world: World) -> None:
    grown = language_model([*WORDS, "x"], seed=2)
    assert not made(world, [grown, grown]).notes
    recipe = Recipe.read({"strategy": "linear", "rules": {"*embed*": "ours", "lm_head*": "ours"}})
    found = merged(world, language_model(), [language_model(seed=1), grown], recipe)
    assert read(world, found)[EMBED].shape == (6, 3)


def test_words_that_are_no_ways_are_refused(world: World) -> None:
    for word in ("fill", "take", "take=", 3, ["pad", 4]):
        with pytest.raises(UsageError, match="must be pad, skip, three-way or take=REVISION"):
            Recipe.read({"strategy": "linear", "mismatch": word})
    with pytest.raises(UsageError, match="there are 2 models"):
        made(world, [language_model(seed=1)] * 2, "take=3")
    assert Recipe.read({"strategy": "linear", "mismatch": "pad,skip"}).written()["mismatch"] == [
        "pad",
        "skip",
    ]


def test_files_beside_a_model_that_break_every_rule_say_nothing(world: World) -> None:
    for text in (b"{", b"[1]", b'{"model": {"vocab": {"a": -1}}}', b'{"vocab_size": "6"}', b"\xff"):
        sides = [
            {**language_model(seed=n), "config.json": text, "tokenizer.json": text} for n in (1, 2)
        ]
        assert not made(world, sides).notes
