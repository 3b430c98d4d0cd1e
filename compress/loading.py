"""Loading what mvc compressed into transformers: factored matrices, by a hook that transformers has for this.

Owns the hook: ``config.json`` names the method ``mvc-factors``, and whoever registers it can load such a folder
with plain ``from_pretrained``, train it, save it, and load it again.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from compress.architectures import heads
from compress.environment import installed
from compress.factoring.entry import METHOD
from mvc.errors import UsageError


def load(folder: str, **options: Any) -> Any:
    """The model in ``folder`` as transformers has it, to be run; ``options`` go to ``from_pretrained``.

    Raises:
        UsageError: the folder holds no model.
        MvcError: the extra is not installed.
    """
    with installed():
        import transformers

        register()
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
        return heads.loader(config).from_pretrained(folder, **options)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder} holds no model that can be loaded: {error}",
            hint="mvc restore . writes the files of HEAD into the folder",
        ) from error


@cache
def register() -> None:
    """Teach transformers the method, so that plain ``from_pretrained`` loads factors too."""
    from transformers.quantizers import (
        HfQuantizer,
        register_quantization_config,
        register_quantizer,
    )
    from transformers.utils.quantization_config import QuantizationConfigMixin

    @register_quantization_config(METHOD)
    class FactorsConfig(QuantizationConfigMixin):  # type: ignore[misc]
        """``ranks``: module → rank."""

        def __init__(self, ranks: dict[str, int] | None = None, **other: Any) -> None:
            self.quant_method = METHOD
            self.ranks = dict(ranks or {})

    @register_quantizer(METHOD)
    class FactorsLoader(HfQuantizer):  # type: ignore[misc]
        """Puts modules of two factors where the weights' are to be loaded into."""

        def _process_model_before_weight_loading(self, model: Any, **other: Any) -> Any:
            from compress.factoring.modules import replace

            prefix = f"{model.base_model_prefix}."
            ranks = dict(self.quantization_config.ranks)
            if model.base_model is model:  # a head that is left out takes its prefix along
                ranks = {name.removeprefix(prefix): rank for name, rank in ranks.items()}
            missing = replace(model, ranks)
            if missing:
                raise ValueError(
                    f"config.json has factors for modules that there are not: {missing[0]}"
                )
            return model

        def _dequantize(self, model: Any, dtype: Any = None) -> Any:
            from compress.factoring.modules import multiply

            return multiply(model)

        def is_serializable(self, **other: Any) -> bool:
            return True

        @property
        def is_trainable(self) -> bool:
            return True
