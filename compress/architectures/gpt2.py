"""GPT-2: q, k and v are one matrix, and weights lie as ``[in, out]`` (Conv1D).

Behind attention and GELU nothing takes in a scale: v is a part of the one matrix, and GELU is not linear.
"""

from __future__ import annotations

from compress.architectures.architecture import Architecture, GroupRule

ARCHITECTURE = Architecture(
    name="gpt2",
    model_types=("gpt2",),
    blocks="h",
    groups=(
        GroupRule("attn_in", ("attn.c_attn",), "ln_1"),
        GroupRule("attn_out", ("attn.c_proj",)),
        GroupRule("mlp_in", ("mlp.c_fc",), "ln_2"),
        GroupRule("mlp_out", ("mlp.c_proj",)),
    ),
)
