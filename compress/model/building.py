"""The transformers model that a commit's ``config.json`` describes, without values."""

from __future__ import annotations

from typing import Any

import torch

from compress.architectures import heads
from compress.model.weights import Committed
from mvc.errors import UsageError


def on_meta(committed: Committed) -> Any:
    """The model that ``config.json`` describes, without values.

    Raises:
        UsageError: transformers doesn't know it, or it is of an encoder and a decoder.
    """
    import transformers

    with committed.unpacked() as folder:
        try:
            config = transformers.AutoConfig.from_pretrained(folder)
        except (ValueError, KeyError, OSError) as error:
            raise UsageError(
                f"config.json describes no model that transformers {transformers.__version__} knows: {error}"
            ) from error
    if getattr(config, "is_encoder_decoder", False):
        raise UsageError(
            f"'{config.model_type}' has an encoder and a decoder: their blocks can't be streamed as one list"
        )
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # forms make it dense
    with torch.device("meta"):
        model = heads.loader(config).from_config(config, dtype=torch.float32)
    model.eval()
    return model
