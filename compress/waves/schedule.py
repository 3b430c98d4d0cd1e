"""A schedule of waves: how sparse the model shall be after each, and what a refusal does to the next.

Plain numbers. ``cubic`` is that of Zhu and Gupta (arXiv:1710.01878), s = to + (from - to)(1 - n/N)³: much while
there is much to take. ``adaptive`` takes half as much again as long as waves cost less than half the limit. A
refused wave is tried again with half of its step, at most three times in a row; after that the schedule goes on
from where it is on its curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass

#: Refusals in a row after which a schedule stops.
PATIENCE = 3
#: Methods that may heal after a wave; "" for none.
HEALS = ("", "lora", "qlora")
_GROWTH, _BACK = 1.5, 0.5


@dataclass(frozen=True, slots=True)
class Schedule:
    """From ``start`` to ``to`` in ``waves`` waves. ``heal``: the method that heals after each, "" for none."""

    waves: int
    to: float
    start: float = 0.0
    shape: Literal["cubic", "linear", "adaptive"] = "cubic"
    heal: str = ""

    def __post_init__(self) -> None:
        """UsageError: it leads nowhere, or there is no such method to heal by."""
        if self.waves < 1:
            raise UsageError(f"a schedule of {self.waves} waves does nothing", hint="--waves 8")
        if not 0 < self.to < 1 or self.to <= self.start:
            raise UsageError(
                f"waves go from {self.start:.1%} of zeros to more, and {self.to:.1%} is not",
                hint="--to 50%",
            )
        if self.heal not in HEALS:
            raise UsageError(f"there is no method to heal called '{self.heal}'", hint="--heal lora")

    def after(self, sparsity: float) -> float:
        """Where the curve is a wave beyond ``sparsity``."""
        left = max((self.to - sparsity) / (self.to - self.start), 0.0)
        done = 1 - (left ** (1 / 3) if self.shape == "cubic" else left)
        return self.planned(min((done + 1 / self.waves), 1.0))

    def planned(self, done: float) -> float:
        """The sparsity when the share ``done`` of the waves is, if none was refused."""
        if self.shape == "cubic":
            return self.to + (self.start - self.to) * (1 - done) ** 3
        return self.start + (self.to - self.start) * done


@dataclass(frozen=True, slots=True)
class Wave:
    """Where a schedule is: ``number`` waves are in, the last took it to ``sparsity`` by ``step``."""

    schedule: Schedule
    number: int = 0
    sparsity: float = 0.0
    step: float = 0.0

    @property
    def done(self) -> bool:
        """Whether there is nothing left to take."""
        return self.sparsity >= self.schedule.to - 1e-9

    def next(self, refused: int, ease: float = 1.0) -> Wave:
        """The wave to try, ``refused`` tries of it having been; ``ease``: what the last cost, in limits.

        Raises:
            UsageError: the schedule is done, or has stopped.
        """
        if self.done:
            raise UsageError(
                f"the schedule is done: {self.sparsity:.1%} of {self.schedule.to:.1%}",
                hint="mvc compress prune --waves N --to S begins another",
            )
        if refused >= PATIENCE:
            raise UsageError(
                f"the schedule has stopped: {refused} tries in a row were refused after "
                f"{self.sparsity:.1%}",
                hint="mvc compress heal first; or mvc compress forget --all, and a higher --limit",
            )
        step = self._step(ease) * _BACK**refused
        reached = min(self.sparsity + step, self.schedule.to)
        return Wave(self.schedule, self.number + 1, reached, reached - self.sparsity)

    def _step(self, ease: float) -> float:
        plan = self.schedule
        if plan.shape != "adaptive":
            return plan.after(self.sparsity) - self.sparsity
        if self.step == 0:
            return (plan.to - plan.start) / plan.waves
        return self.step * (_GROWTH if ease < 0.5 else 1.0)

    def written(self) -> dict[str, Json]:
        """As a record says it; ``read`` is the inverse."""
        plan = self.schedule
        return {
            "waves": plan.waves,
            "to": plan.to,
            "start": plan.start,
            "shape": plan.shape,
            "heal": plan.heal,
            "wave": self.number,
            "sparsity": self.sparsity,
            "step": self.step,
        }

    @staticmethod
    def read(said: Mapping[str, Json]) -> Wave:
        """The wave that a record tells of."""
        values: dict[str, object] = dict(said)
        shape = str(values["shape"])
        plan = Schedule(
            int(str(values["waves"])),
            float(str(values["to"])),
            float(str(values["start"])),
            shape,  # type: ignore[arg-type]
            str(values["heal"]),
        )
        number, sparsity, step = values["wave"], values["sparsity"], values["step"]
        return Wave(plan, int(str(number)), float(str(sparsity)), float(str(step)))
