"""A transformers model whose blocks hold no weights until they are asked for, one block at a time.

Owns the model on the meta device, everything outside its blocks (embeddings, last norm, head: held), and the
three ways of running it: into the blocks, through one, and out of them. The model's own code does all of it, so
masks, rotary positions and soft caps are what transformers makes them. Computes in float32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from compress import architectures
from compress.architectures.generic import is_matrix, is_transposed
from compress.matrix import Tensor
from compress.memory import give_back
from compress.model.building import on_meta
from compress.model.filling import Filling
from compress.model.weights import Committed, Weights, dense, stored_as
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """How the model calls a block, besides the hidden states."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Skeleton:
    """The model of ``committed``, with its own tensors or other ``weights``."""

    def __init__(self, committed: Committed, weights: Weights | None = None) -> None:
        self.committed = committed
        self.weights: Weights = committed if weights is None else weights
        self.model = on_meta(committed)
        base = self.model.base_model
        self.architecture = architectures.of(self.model.config.model_type, base)
        self._prefix = "" if base is self.model else f"{self.model.base_model_prefix}."
        self.blocks = base.get_submodule(self.architecture.blocks)
        self.path = f"{self._prefix}{self.architecture.blocks}"
        self._filling = Filling(self.model, self.weights)
        self._filling.fill(self.model, "", skip=f"{self.path}.")
        self._returns_tuple = self._probe()

    def __len__(self) -> int:
        return len(self.blocks)

    def name_of(self, block: int, module: str) -> str:
        """The full name of a block's module, as the model has it."""
        return f"{self.path}.{block}.{module}"

    def stored(self, name: str) -> str:
        """What the file calls the tensor or module that the model calls ``name``."""
        return self._filling.stored(name)

    def dense(self, name: str, weights: Weights | None = None) -> Tensor:
        """The weight of the module ``name`` as it computes, ``[out, in]``; of its own ``weights``, or others.

        Raises:
            KeyError: it is not there.
        """
        weights, module = self.weights if weights is None else weights, self.stored(name)
        found = dense(weights, module)
        return found.T.contiguous() if self.turned(name, stored_as(weights, module)) else found

    def turned(self, name: str, stored: Collection[str]) -> bool:
        """Whether the file has the module ``name``, as the tensors ``stored``, as ``[in, out]``.

        GPT-2's Conv1D has it so; packed codes and factors are ``[out, in]`` everywhere.
        """
        alone = list(stored) == [f"{self.stored(name)}.weight"]
        return alone and is_transposed(self.model.get_submodule(name))

    def enter(self, ids: Tensor) -> tuple[Tensor, list[Call]]:
        """Hidden states ``[n, length, width]`` before the first block, and how each block is called.

        ``ids``: ``[n, length]``, int64.
        """
        calls: list[Call] = []
        first: list[Tensor] = []

        def record(hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
            first.append(hidden)
            calls.append(Call(args, kwargs))
            return self._as_returned(hidden)

        self._run(ids, record)
        return first[0], calls

    def leave(self, ids: Tensor, hidden: Tensor) -> Tensor:
        """What the model makes of ``hidden``, the output of its last block: logits, or an encoder's states."""

        def replace(_: Tensor, *args: Any, **kwargs: Any) -> Any:
            return self._as_returned(hidden)

        out = self._run(ids, replace)
        found = getattr(out, "logits", None)
        return out.last_hidden_state if found is None else found

    def through(self, block: Any, hidden: Tensor, call: Call) -> Tensor:
        """Hidden states after ``block``."""
        with torch.no_grad():
            out = block(hidden, *call.args, **call.kwargs)
        return out[0] if isinstance(out, tuple) else out

    @contextmanager
    def loaded(self, number: int, weights: Weights | None = None) -> Iterator[Any]:
        """Block ``number`` with its weights, or other ``weights``; they are let go at the end."""
        block = self.blocks[number]
        filling = self._filling if weights is None else Filling(self.model, weights)
        try:
            filling.fill(block, f"{self.path}.{number}.")
            yield block
        finally:
            block.to("meta")
            give_back()

    def matrices(self, block: Any) -> dict[str, Any]:
        """Modules of a block that multiply by one matrix, by their name in it."""
        return {name: module for name, module in block.named_modules() if is_matrix(module)}

    def every_matrix(self) -> dict[str, str]:
        """Of the whole model: the weight's name → its module, as the model without its head calls it."""
        return {
            f"{name}.weight": name.removeprefix(self._prefix)
            for name, module in self.model.named_modules()
            if is_matrix(module)
        }

    def _run(self, ids: Tensor, forward: Any) -> Any:
        for block in self.blocks:
            block.forward = forward
        try:
            with torch.no_grad():
                return self.model(input_ids=ids, **self._options())
        finally:
            for block in self.blocks:
                del block.forward

    def _options(self) -> dict[str, Any]:
        return {"use_cache": False} if getattr(self.model.config, "use_cache", None) else {}

    def _as_returned(self, hidden: Tensor) -> Any:
        return (hidden,) if self._returns_tuple else hidden

    def _probe(self) -> bool:
        """Whether blocks give their hidden states in a tuple."""
        self._returns_tuple = False
        ids = torch.zeros((1, 2), dtype=torch.long)
        found: list[bool] = []

        class _SeenError(Exception):
            pass

        with self.loaded(0) as block:
            original = type(block).forward

            def watch(*args: Any, **kwargs: Any) -> Any:
                found.append(isinstance(original(block, *args, **kwargs), tuple))
                raise _SeenError

            with suppress(_SeenError):
                self._run(ids, watch)
        return found[0]
