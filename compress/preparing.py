"""What a step starts from: the model at HEAD, its texts, its evaluator, what holds of it."""

from __future__ import annotations

from compress.architectures.generic import is_transposed
from compress.calibration.texts import Samples, fitting, read, tokenizer_of, windows
from compress.chain import Chain, chain
from compress.evaluation.evaluator import Evaluator, Subject
from compress.evaluation.texts import Texts
from compress.invariants import broken
from compress.model.weights import Committed, stored_as
from compress.options import Options
from compress.standing import Standing
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """``standing``: what earlier steps promised and holds. ``calibration``: None where the recipe needs none.

    ``warnings``: what is thin about the texts.
    """

    onto: str
    parent: Subject
    dense: Committed
    chain: Chain
    standing: Standing
    evaluator: Evaluator
    calibration: Samples | None
    warnings: tuple[str, ...] = ()


def start(repo: Repository, options: Options, *, calibrate: bool, revision: str = "HEAD") -> Start:
    """Everything that a step on ``revision`` needs to begin.

    Raises:
        UsageError: there is no model, no data or no evaluator: with how to give it.
    """
    if repo.head is None:
        raise UsageError("there is no commit to compress yet", hint="mvc add . && mvc commit")
    onto = repo.resolve(revision)
    parent = Subject(Committed(repo, onto, options.model))
    known = chain(repo, onto)
    dense = parent
    if known.dense != onto:
        dense = Subject(Committed(repo, known.dense, options.model))
    judged, calibration = _texts(parent, options, calibrate=calibrate)
    evaluator: Evaluator
    if options.evaluator:
        from compress.evaluation.command import Command

        evaluator = Command(options.evaluator, options.metric, higher=options.higher_is_better)
    elif judged is None:
        raise UsageError(
            "nothing says how good the model is: a step is only kept if it can be judged",
            hint="--data FILE… (texts; the end of them judges), --held FILE…, or --evaluator CMD",
        )
    else:
        evaluator = Texts(judged, dense)
    standing = _held(parent, known)
    thin = tuple(text for of in (calibration, judged) if of is not None for text in of.warnings)
    if calibration is not None:
        thin += _few(parent, calibration)
    return Start(onto, parent, dense.committed, known, standing, evaluator, calibration, thin)


def _few(parent: Subject, calibration: Samples) -> tuple[str, ...]:
    """Whether G has fewer rows than columns somewhere: then damping decides what the texts don't."""
    tokens, skeleton = calibration.ids.numel(), parent.skeleton
    widths = {
        module.weight.shape[0 if is_transposed(module) else 1]
        for block in skeleton.blocks
        for module in skeleton.matrices(block).values()
    }
    if not widths or tokens >= max(widths):
        return ()
    return (f"{tokens} tokens calibrate matrices of up to {max(widths)} inputs: more --samples",)


def _held(parent: Subject, known: Chain) -> Standing:
    """What the chain promised, without what the weights belie (a merge of two masks has neither's pattern)."""
    changed = {}
    for name in known.doubtful:
        own = name.removesuffix(".weight")
        module = parent.skeleton.stored(own)
        names = stored_as(parent.weights, module)
        after = parent.skeleton.dense(own) if names else None
        stored = {one.removeprefix(f"{module}."): parent.weights.read(one) for one in names}
        changed[name] = {
            kind: value
            for kind, value in known.standing.of(name).items()
            if after is not None and not broken({kind: value}, None, after, stored)
        }
    return known.standing.after(changed)


def _texts(
    parent: Subject, options: Options, *, calibrate: bool
) -> tuple[Samples | None, Samples | None]:
    """What judges, and what calibrates."""
    if not options.data and not options.held:
        if calibrate:
            raise UsageError("this needs texts to calibrate on", hint="--data FILE…")
        return None, None
    tokenizer, length = tokenizer_of(parent.committed), fitting(parent.committed, options.length)
    data, held = read(options.data), read(options.held)
    if not options.held:
        data, held = data.split()
    judged = None
    if not options.evaluator:
        ids = held.tokens(tokenizer, options.judged * length)
        judged = windows(ids, held.files, options.judged, length, seed=None)
    if not calibrate:
        return judged, None
    if not options.data:
        raise UsageError("this needs texts to calibrate on, apart from --held", hint="--data FILE…")
    ids, seed = data.tokens(tokenizer, options.samples * length), options.seed or None
    return judged, windows(ids, data.files, options.samples, length, seed=seed)
