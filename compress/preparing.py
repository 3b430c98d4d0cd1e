"""What a step starts from: the model at HEAD, its texts, its evaluator, what holds of it."""

from __future__ import annotations

from compress.calibration.texts import Samples, read, tokenizer_of, windows
from compress.chain import Chain, chain
from compress.evaluation.evaluator import Evaluator, Subject
from compress.evaluation.texts import Texts
from compress.model.weights import Committed
from compress.options import Options
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """``calibration``: None where the recipe needs none."""

    onto: str
    parent: Subject
    dense: Committed
    chain: Chain
    evaluator: Evaluator
    calibration: Samples | None


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

        evaluator = Command(options.evaluator, options.metric)
    elif judged is None:
        raise UsageError(
            "nothing says how good the model is: a step is only kept if it can be judged",
            hint="--data FILE… (texts; the end of them judges), --held FILE…, or --evaluator CMD",
        )
    else:
        evaluator = Texts(judged, dense)
    return Start(onto, parent, dense.committed, known, evaluator, calibration)


def _texts(
    parent: Subject, options: Options, *, calibrate: bool
) -> tuple[Samples | None, Samples | None]:
    """What judges, and what calibrates."""
    if not options.data and not options.held:
        if calibrate:
            raise UsageError("this needs texts to calibrate on", hint="--data FILE…")
        return None, None
    tokenizer, length = tokenizer_of(parent.committed), _length(parent, options.length)
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


def _length(parent: Subject, asked: int) -> int:
    """As long as the model can take."""
    most = parent.committed.config.get("max_position_embeddings")
    return min(asked, most) if isinstance(most, int) and most > 0 else asked
