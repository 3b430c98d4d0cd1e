"""When a measured number makes a commit a bad one."""

from __future__ import annotations

import math
import re
from typing import Literal

from mvc.errors import UsageError
from mvc.values import dataclass

Way = Literal["max-increase", "max-decrease", "above", "below"]
_AMOUNT = re.compile(r"(.+?)(%?)")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``max-increase`` and ``max-decrease`` allow ``amount`` from the good commit's value, or that ``share`` of
    it in hundredths; ``above`` and ``below`` what is on the other side of ``amount``. Not a number is bad."""

    way: Way
    amount: float
    share: bool = False

    @staticmethod
    def parse(way: Way, text: str) -> Tolerance:
        """From ``3%`` or ``0.05``.

        Raises:
            UsageError: it is neither.
        """
        match = _AMOUNT.fullmatch(text.strip())
        try:
            amount = float(match[1]) if match else math.nan
        except ValueError:
            amount = math.nan
        share = bool(match and match[2])
        relative = way.startswith("max")
        if not math.isfinite(amount) or (share and not relative) or (relative and amount < 0):
            raise UsageError(
                f"--{way} takes no '{text}'",
                hint=f"--{way} 3%, or --{way} 0.05" if relative else f"--{way} 12.5",
            )
        return Tolerance(way, amount, share)

    @property
    def needs_good(self) -> bool:
        """Whether the value of a good commit must be known."""
        return self.way.startswith("max")

    def limit(self, good: float) -> float:
        """The last value that is still good; ``good`` counts only where it ``needs_good``."""
        if not self.needs_good:
            return self.amount
        room = abs(good) * self.amount / 100 if self.share else self.amount
        return good + room if self.way == "max-increase" else good - room

    def is_bad(self, value: float, good: float) -> bool:
        """Whether ``value`` is past the limit."""
        if math.isnan(value):
            return True
        limit = self.limit(good)
        return value > limit if self.way in ("max-increase", "above") else value < limit

    def __str__(self) -> str:
        return f"--{self.way} {self.amount:g}{'%' if self.share else ''}"
