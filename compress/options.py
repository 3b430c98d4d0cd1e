"""How a step is run, whatever its operation: on which texts, judged by what, how much worse it may get."""

from __future__ import annotations

from mvc.errors import UsageError
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """``data``: texts to calibrate on; ``held``: texts to judge by, else the end of ``data``.

    ``samples`` sequences of ``length`` tokens calibrate, ``judged`` such ones judge. ``metric`` and ``limit``
    are the guard's; "" for the operation's own: 3 % of the first of what is measured, or that it helps.
    ``rollback``: globs of weights that, if the step is refused, stay as they were, the rest judged again.
    ``evaluator``: a command that prints a number; less is better unless ``higher_is_better``. ``first``:
    blocks before it stay as they are. ``threads``: 0 for as many as torch takes.
    """

    data: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    samples: int = 32
    length: int = 256
    judged: int = 32
    seed: int = 0
    metric: str = ""
    limit: str = ""
    rollback: tuple[str, ...] = ()
    evaluator: str = ""
    higher_is_better: bool = False
    model: str | None = None
    first: int = 0
    threads: int = 0
    message: str = ""

    def __post_init__(self) -> None:
        """UsageError: a number that can't be one."""
        if self.higher_is_better and not self.evaluator:
            raise UsageError(
                "of what mvc measures it knows which way is better",
                hint="--higher-is-better goes with --evaluator CMD",
            )
        for word in ("samples", "length", "judged"):
            if getattr(self, word) < 1:
                raise UsageError(f"{word} is {getattr(self, word)}, and must be at least 1")
        for word in ("seed", "first", "threads"):
            if getattr(self, word) < 0:
                raise UsageError(f"{word} is {getattr(self, word)}, and must not be negative")
