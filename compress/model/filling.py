"""Values for a model on the meta device, from the file: parameters by name, whatever form they lie in.

Owns the names that a checkpoint may use for a tensor, tied weights (one tensor under two names), and buffers
that no file holds.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from compress.architectures.generic import is_matrix, is_transposed
from compress.matrix import Tensor
from compress.model.weights import Weights, dense, stored_as
from mvc.errors import UnsupportedDtype, UsageError

_FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


class Filling:
    """Fills modules of ``model`` with ``weights``, in float32."""

    def __init__(self, model: Any, weights: Weights) -> None:
        self._model, self._weights = model, weights
        self._names = weights.names

    def stored(self, name: str) -> str:
        """What the file calls the tensor or module that the model calls ``name``."""
        for spelling in self._spellings(name):
            if spelling in self._names or f"{spelling}.weight" in self._names:
                return spelling
        for spelling in self._spellings(name):
            if any(one.startswith(f"{spelling}.") for one in self._names):
                return spelling
        return name

    def fill(self, root: Any, prefix: str, skip: str | None = None) -> None:
        """Give every parameter and buffer of ``root`` that is on the meta device its values.

        ``prefix``: what its names begin with in the model; modules below ``skip`` are left alone.

        Raises:
            UsageError: a tensor is missing, or has another shape.
            UnsupportedDtype: one of a dtype that can't be computed with.
        """
        shared: dict[int, Any] = {}
        for path, module in root.named_modules():
            full = f"{prefix}{path}".rstrip(".")
            if skip is not None and f"{full}.".startswith(skip):
                continue
            if any(buffer.is_meta for buffer in module.buffers(recurse=False)):
                self._buffers(module, full)
            for name, parameter in list(module.named_parameters(recurse=False)):
                if not parameter.is_meta:
                    continue
                known = shared.get(id(parameter))
                if known is None:
                    values = self._values(module, f"{full}.{name}", parameter)
                    known = torch.nn.Parameter(values, requires_grad=False)
                    shared[id(parameter)] = known
                module._parameters[name] = known

    def _values(self, module: Any, name: str, parameter: Any) -> Tensor:
        owner, _, kind = name.rpartition(".")
        if kind == "weight" and is_matrix(module):
            found = self._formed(owner, is_transposed(module))
        else:
            spelling = next((one for one in self._spellings(name) if one in self._names), None)
            if spelling is None:
                raise self._missing(name)
            found = self._weights.read(spelling)
        if found.dtype not in _FLOATS:
            raise UnsupportedDtype(
                f"the tensor {name!r} is {found.dtype}, which can't be computed with here",
                hint="a step works on F32, BF16 and F16; mvc compress dequantize first",
            )
        if found.shape != parameter.shape:
            raise UsageError(
                f"the tensor {name!r} is {list(found.shape)}, and config.json asks for "
                f"{list(parameter.shape)}"
            )
        return found.float()

    def _formed(self, owner: str, turned: bool) -> Tensor:
        """The matrix; ``turned``: as GPT-2's Conv1D has it, which forms other than plain have ``[out, in]``."""
        for spelling in self._spellings(owner):
            try:
                found = dense(self._weights, spelling)
            except KeyError:
                continue
            plain = stored_as(self._weights, spelling) == [f"{spelling}.weight"]
            return found if plain or not turned else found.T
        raise self._missing(f"{owner}.weight")

    def _spellings(self, name: str) -> list[str]:
        """A bare model's file lacks the prefix, one with a head has it; BERT had other names for norms."""
        prefix = f"{self._model.base_model_prefix}."
        found = [name, name.removeprefix(prefix), prefix + name]
        if "LayerNorm." in name:
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            found += [old.replace("LayerNorm.bias", "LayerNorm.beta").removeprefix(prefix)]
        if name in self._renamed:
            found.append(self._renamed[name])
        return list(dict.fromkeys(found))

    @cached_property
    def _rules(self) -> list[Any]:
        """How transformers gets from the file's tensors to the model's."""
        from transformers.conversion_mapping import get_model_conversion_mapping

        return list(get_model_conversion_mapping(self._model))

    @cached_property
    def _renamed(self) -> dict[str, str]:
        """What the model calls otherwise than the file."""
        from transformers.core_model_loading import WeightRenaming, apply_renamings

        rules = [rule for rule in self._rules if isinstance(rule, WeightRenaming)]
        found = {}
        for name in self._names:
            ours = apply_renamings(name, rules)
            if ours != name:
                found[ours] = name
                found[ours.rpartition(".")[0]] = name.rpartition(".")[0]
        return found

    def _buffers(self, module: Any, path: str) -> None:
        """What no file holds (rotary frequencies, causal masks) is what the model's own code makes it."""
        for name, buffer in list(module.named_buffers(recurse=False)):
            stored = next((s for s in self._spellings(f"{path}.{name}") if s in self._names), None)
            values = (
                torch.empty_like(buffer, device="cpu")
                if stored is None
                else self._weights.read(stored)
            )
            module._buffers[name] = values
        with torch.no_grad():
            self._model._init_weights(module)

    def _missing(self, name: str) -> UsageError:
        from transformers.core_model_loading import WeightRenaming

        if not all(isinstance(rule, WeightRenaming) for rule in self._rules):
            return UsageError(
                f"transformers puts {name!r} together from several tensors of the file, as of a "
                "mixture's experts, which can't be compressed",
            )
        return UsageError(
            f"the model has no tensor {name!r}, which its config.json asks for",
            hint="mvc ls -r shows its tensors; is the config.json of another model?",
        )
