"""G = XᵀX/n and max|X| for each group of a block, while the block runs over the calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from compress.matrix import Tensor
from mvc.errors import UsageError


class Grams:
    """Sums in float32, a sequence at a time in their order: the same whatever else runs."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._rows: dict[str, int] = {}
        self._peaks: dict[str, Tensor] = {}

    @contextmanager
    def listening(self, inputs: Mapping[str, Any]) -> Iterator[None]:
        """``inputs``: group → a module that sees the group's input."""
        handles = [
            module.register_forward_pre_hook(self._hook(name)) for name, module in inputs.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def of(self, name: str) -> Tensor:
        """``[in, in]``, float32.

        Raises:
            UsageError: nothing was seen.
        """
        return self._seen(name)[name] / self._rows[name]

    def take(self, name: str) -> Tensor:
        """As ``of``, and the sum is let go."""
        self._seen(name)
        found = self._sums.pop(name)
        found /= self._rows[name]
        return found

    def peak(self, name: str) -> Tensor:
        """``[in]``, float32: the largest magnitude of each input."""
        self._seen(name)
        return self._peaks[name]

    def rows(self, name: str) -> int:
        """How many inputs were seen."""
        return self._rows[name]

    def _seen(self, name: str) -> dict[str, Tensor]:
        if name not in self._sums:
            raise UsageError(
                f"{name} is given no input: the model uses its matrix without calling the module",
                hint=f"--skip '*.{name.rpartition('.')[2]}.*'",
            )
        return self._sums

    def _hook(self, name: str) -> Any:
        def add(module: Any, inputs: tuple[Any, ...]) -> None:
            rows = inputs[0].reshape(-1, inputs[0].shape[-1]).float()
            if name not in self._sums:
                width = rows.shape[1]
                self._sums[name], self._rows[name] = rows.new_zeros(width, width), 0
                self._peaks[name] = rows.new_zeros(width)
            self._sums[name].addmm_(rows.T, rows)
            self._rows[name] += rows.shape[0]
            self._peaks[name] = self._peaks[name].maximum(rows.abs().amax(dim=0))

        return add
