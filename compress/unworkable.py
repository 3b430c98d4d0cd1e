"""The error of a recipe that a model does not bear, however often it is tried.

What depends on the machine (memory, a full disk, an evaluator that fails) is no such error: such a run can be
resumed.
"""

from __future__ import annotations

from mvc.errors import MvcError


class Unworkable(MvcError):
    """Numbers that are none, a singular G, a broken promise: the same run would end the same."""
