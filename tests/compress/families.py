"""Tiny models of each family, their weights drawn at random: a few ten thousand parameters, two blocks.

Windows are shorter than the sequences, heads are grouped, and norms and biases are drawn, too, so that nothing
of it can be forgotten unseen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mvc.repository import Repository

#: Opens a copy of a family's repository, which the test stands in then.
Opening = Callable[[str], Repository]

VOCABULARY, LENGTH = 384, 24
_BASIC = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
_GROUPED = {**_BASIC, "num_key_value_heads": 2, "use_cache": False}
_WIDE = {**_GROUPED, "head_dim": 16}
_OPT = {
    **{key: value for key, value in _BASIC.items() if key != "intermediate_size"},
    "ffn_dim": 64,
    "word_embed_proj_dim": 32,
}

#: Name → its class in transformers, that of its configuration, and what this says.
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", {**_GROUPED, "tie_word_embeddings": True}),
    "mistral": ("MistralForCausalLM", "MistralConfig", {**_GROUPED, "sliding_window": 8}),
    "qwen2": (
        "Qwen2ForCausalLM",
        "Qwen2Config",
        {**_GROUPED, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**_WIDE, "tie_word_embeddings": True}),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", _WIDE),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", {**_WIDE, "sliding_window": 8}),
    "gemma3": ("Gemma3ForCausalLM", "Gemma3TextConfig", {**_WIDE, "sliding_window": 8}),
    "gpt2": (
        "GPT2LMHeadModel",
        "GPT2Config",
        {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    ),
    "opt": ("OPTForCausalLM", "OPTConfig", _OPT),
    "opt-350m": (
        "OPTForCausalLM",
        "OPTConfig",
        {
            **_OPT,
            "do_layer_norm_before": False,
            "word_embed_proj_dim": 16,
            "activation_function": "gelu",
        },
    ),
    "bert": ("BertForMaskedLM", "BertConfig", _BASIC),
    "minilm": ("BertModel", "BertConfig", _BASIC),
    "roberta": ("RobertaModel", "RobertaConfig", {**_BASIC, "max_position_embeddings": 66}),
    "t5": (
        "T5ForConditionalGeneration",
        "T5Config",
        {"vocab_size": VOCABULARY, "d_model": 32, "d_ff": 64, "num_layers": 2, "d_kv": 8},
    ),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", {**_GROUPED, "num_local_experts": 2}),
    "mamba": (
        "MambaForCausalLM",
        "MambaConfig",
        {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    ),
    "gpt_neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", {**_BASIC, "use_cache": False}),
}
ENCODERS = ("bert", "minilm", "roberta")


def save(name: str, folder: Path, like: Path) -> None:
    """The model ``name`` in ``folder``, with the tokenizer and the texts that lie in ``like``."""
    import torch
    import transformers

    kind, configuration, given = FAMILIES[name]
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = getattr(transformers, kind)(getattr(transformers, configuration)(**given, **ends))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.12)
    model.eval().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for beside in ("tokenizer.json", "tokenizer_config.json", "known.txt", "held.txt"):
        shutil.copyfile(like / beside, folder / beside)


def tokens() -> Any:
    """Some, int64 ``[3, LENGTH]``."""
    import torch

    draw = torch.Generator().manual_seed(1)
    return torch.randint(2, VOCABULARY, (3, LENGTH), generator=draw)


def whole(model: Any) -> Any:
    """A model's logits for ``tokens``, or an encoder's states."""
    import torch

    with torch.no_grad():
        out = model(input_ids=tokens())
    return out.logits if hasattr(out, "logits") else out.last_hidden_state


def skeleton(repo: Repository) -> Any:
    """The model at HEAD, to be run block by block."""
    from compress.model.skeleton import Skeleton
    from compress.model.weights import Committed

    return Skeleton(Committed(repo))


def streamed(repo: Repository) -> Any:
    """What ``whole`` gives, block by block."""
    import torch

    from compress.evaluation.outputs import run

    return torch.stack(list(run(skeleton(repo), tokens()).each()))
