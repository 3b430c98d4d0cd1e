"""Llama, Mistral, Qwen2, Qwen3: pre-norm blocks, rotary positions, grouped-query attention, a gated MLP.

Four inputs a block. What they differ in (sliding windows, biases of q, k and v, norms of q and k) is done by
their own code, and is neither a matrix nor in the way of a scale.
"""

from __future__ import annotations

from compress.architectures.architecture import Architecture, GroupRule

ARCHITECTURE = Architecture(
    name="llama",
    model_types=("llama", "mistral", "qwen2", "qwen3"),
    blocks="layers",
    groups=(
        GroupRule(
            "attn_in",
            ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            "input_layernorm",
        ),
        GroupRule("attn_out", ("self_attn.o_proj",), "self_attn.v_proj", "heads"),
        GroupRule("mlp_in", ("mlp.gate_proj", "mlp.up_proj"), "post_attention_layernorm"),
        GroupRule("mlp_out", ("mlp.down_proj",), "mlp.up_proj", "linear"),
    ),
)
