"""The verb ``merge`` with several revisions or a recipe: Git's decisions around ``uniting``.

As in ``merging`` the slow part comes before the lock of the refs; under it the files are put into place and the
refs move in one operation, or nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mvc.errors import MergeConflict, UsageError
from mvc.history import revisions
from mvc.history.context import Context, writes_objects
from mvc.history.record import Json
from mvc.history.signature import Signature
from mvc.history.unfinished import Unfinished
from mvc.ids import CommitId
from mvc.merge import arithmetic
from mvc.merge.checks import ways
from mvc.merge.conflicts import announce
from mvc.merge.heads import Origin, contributions, independent, origin_of, originals
from mvc.merge.merging import Outcome, merge, refuse_unfinished, require_clean_stage, settle_down
from mvc.merge.recipe import Recipe
from mvc.merge.uniting import unite
from mvc.merge.wording import merge_message, octopus_message
from mvc.values import dataclass
from mvc.worktree.ingest import Progress


@dataclass(frozen=True, slots=True)
class Wish:
    """How it shall be merged; ``again``: what a recipe made from what it was made of.

    ``keep_conflicts``: commit tensors that stay undecided, as such.
    """

    message: str | None
    fast_forward: str
    again: bool
    keep_conflicts: bool


@writes_objects
def merge_many(
    context: Context,
    others: Sequence[str],
    recipe: Recipe,
    *,
    wish: Wish,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    """Merge the revisions ``others`` into HEAD.

    Raises:
        UsageError: a merge is unfinished, a revision or a parameter is off, or a fast-forward was demanded.
        DirtyWorktree: unsaved work is in the way.
        MergeConflict: something is left undecided; nothing has changed.
    """
    message, fast_forward = wish.message, wish.fast_forward
    refuse_unfinished(context)
    recipe.choices()  # a word that is off is refused even when it is not needed
    others = ["@{-1}" if other == "-" else other for other in others]
    head = context.refs.head()
    if head is None and len(others) > 1:
        raise UsageError("can merge only exactly one commit into an empty branch")
    if head is None:
        return _alone(context, others[0], message, fast_forward, author, who, progress)
    ours = CommitId(head)
    names = {revisions.resolve(context, other): other for other in others}
    heads = independent(context, [ours, *names])
    if heads == [ours]:
        return Outcome("up-to-date", ours, ours)
    if fast_forward == "only" and (len(heads) > 1 or ours in heads):
        raise UsageError(
            "not possible to fast-forward, aborting", hint="mvc merge without --ff-only"
        )
    if fast_forward == "never" and ours not in heads:
        heads.insert(0, ours)
    if len(heads) == 1:
        return _alone(context, names[heads[0]], message, fast_forward, author, who, progress)
    require_clean_stage(context)
    made_of = heads
    if wish.again and recipe.choices().combinations():
        made_of, recipe = originals(context, heads, recipe)
    recipe = _with_samples(context, made_of, _with_numbers(context, made_of, recipe))
    tensors, files = origin_of(context, made_of), origin_of(context, heads)
    recipe.choices().accept(len(made_of))
    objects = context.writer()
    of_files = contributions(context, objects, files)
    of_tensors = of_files if tensors == files else contributions(context, objects, tensors)
    labels = [names.get(id_, "HEAD") for id_ in heads]
    merged = unite(context, objects, recipe, of_tensors, of_files, labels=labels, progress=progress)
    objects.flush()
    # A conflict's sides are those of the commit's parents, in their order; nothing else can be settled later.
    kept = wish.keep_conflicts and heads[0] == ours and tensors == files and not merged.conflicts
    if merged.conflicted and not (kept or (heads == [ours, heads[-1]] and tensors == files)):
        lines = announce(merged, (labels[0], labels[-1]))
        raise MergeConflict(
            "\n".join([*lines, "Automatic merge failed; nothing has changed."]),
            hint="a --rule for these tensors; --keep-conflicts; or mvc merge them one by one",
        )
    if message is None:
        given = list(names.values())
        one = len(given) == 1
        message = merge_message(context, given[0]) if one else octopus_message(context, given)
    plan = Unfinished(
        kind="merge",
        onto=ours,
        theirs=heads[-1],
        message=message,
        operation="merge",
        strategy=recipe.strategy,
        recipe=_recorded(context, recipe, tensors),
        keep=wish.keep_conflicts,
    )
    label = " ".join(others)
    return settle_down(context, plan, merged, label, author or who, who, progress, heads=heads)


def _alone(
    context: Context,
    other: str,
    message: str | None,
    fast_forward: str,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    """A merge of one revision that HEAD only has to be moved to."""
    return merge(
        context,
        other,
        message=message,
        fast_forward=fast_forward,
        strategy=None,
        author=author,
        who=who,
        progress=progress,
    )


def _with_numbers(context: Context, models: Sequence[CommitId], recipe: Recipe) -> Recipe:
    """``recipe``, in which ``take=REVISION`` is the number of that model, as records have it.

    Raises:
        UsageError: it is none of those that are merged.
    """

    def number(name: str) -> int:
        if name in ("ours", "theirs"):
            return 1 if name == "ours" else len(models)
        id_ = revisions.resolve(context, name)
        if id_ not in models:
            raise UsageError(
                f"--mismatch take={name}: it is none of the models that are merged",
                hint=f"one of {', '.join(map(revisions.shorten, models))}",
            )
        return 1 + models.index(id_)

    words = ((word, ways.named(word)) for word in recipe.mismatch)
    numbered = (word if name is None else ways.take(number(name)) for word, name in words)
    return replace(recipe, mismatch=tuple(numbered))


def _with_samples(context: Context, models: Sequence[CommitId], recipe: Recipe) -> Recipe:
    """``recipe``, with the numbers of samples that were noted of ``models``, where it asks for them.

    Raises:
        UsageError: of one nothing was noted.
    """
    used = [(recipe.strategy, recipe.parameters)]
    used += [(rule.strategy, {**recipe.parameters, **rule.parameters}) for rule in recipe.rules]
    if not any(name == "fedavg" and "samples" not in given for name, given in used):
        return recipe
    from mvc.history.metrics import Metrics

    metrics, samples = Metrics(context), []
    for model in models:
        found = metrics.of(context.git.commit(model)).get("samples")
        if found is None:
            short = revisions.shorten(model)
            raise UsageError(
                f"fedavg needs to know how many samples each model has seen, and {short} says nothing",
                hint=f"mvc metric add {short} samples=1200, or --param samples=1200,800",
            )
        samples.append(found.value)
    return replace(recipe, parameters={**recipe.parameters, "samples": samples})


def _recorded(context: Context, recipe: Recipe, origin: Origin) -> dict[str, Json]:
    """What the merge commit says: all that it takes to merge again."""
    return {**recipe.written(), **origin.written(context), "versions": arithmetic.versions()}
