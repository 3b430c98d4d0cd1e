"""OPT: a decoder with learned positions and biases everywhere.

OPT-350m has its norms behind attention and MLP; there the residual sees their output too, so that no scale can
be folded into them. ReLU lets a positive scale through, so fc1 takes in one of fc2.
"""

from __future__ import annotations

from compress.architectures.architecture import Architecture, GroupRule

_BEFORE = ("do_layer_norm_before", True)

ARCHITECTURE = Architecture(
    name="opt",
    model_types=("opt",),
    blocks="decoder.layers",
    groups=(
        GroupRule(
            "attn_in",
            ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            "self_attn_layer_norm",
            given=_BEFORE,
        ),
        GroupRule("attn_out", ("self_attn.out_proj",), "self_attn.v_proj", "heads"),
        GroupRule("mlp_in", ("fc1",), "final_layer_norm", given=_BEFORE),
        GroupRule("mlp_out", ("fc2",), "fc1", "linear", given=("activation_function", "relu")),
    ),
)
