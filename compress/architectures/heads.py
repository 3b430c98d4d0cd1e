"""What a model has on top of its blocks: it predicts the next token, fills in masked ones, or gives its states.

transformers marks it by the names of classes alone, those that config.json lists, too.
"""

from __future__ import annotations

from typing import Any, Literal

Head = Literal["causal", "masked", "states"]

#: How the classes of a head are named; one of any other name is loaded without its head.
_ENDINGS: dict[str, Head] = {
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "ForMaskedLM": "masked",
}


def of(model: Any) -> Head:
    """What the transformers ``model`` has."""
    return _named(type(model).__name__)


def predicts(model: Any) -> bool:
    """Whether the model predicts the next token, so that there is a loss to go by."""
    return of(model) == "causal"


def loader(config: Any) -> Any:
    """The class of transformers that makes the model of ``config`` (a ``PretrainedConfig``) with its head."""
    import transformers

    listed = [_named(name) for name in getattr(config, "architectures", None) or ()]
    if "causal" in listed:
        return transformers.AutoModelForCausalLM
    return transformers.AutoModelForMaskedLM if "masked" in listed else transformers.AutoModel


def _named(name: str) -> Head:
    return next((head for ending, head in _ENDINGS.items() if name.endswith(ending)), "states")
