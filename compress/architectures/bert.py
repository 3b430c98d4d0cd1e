"""BERT and RoBERTa, MiniLM and other sentence encoders among them: norms behind attention and MLP.

The residual sees what a norm gives, and GELU is not linear: only v takes in a scale, attention's output's.
"""

from __future__ import annotations

from compress.architectures.architecture import Architecture, GroupRule

ARCHITECTURE = Architecture(
    name="bert",
    model_types=("bert", "roberta"),
    blocks="encoder.layer",
    groups=(
        GroupRule(
            "attn_in", ("attention.self.query", "attention.self.key", "attention.self.value")
        ),
        GroupRule("attn_out", ("attention.output.dense",), "attention.self.value", "heads"),
        GroupRule("mlp_in", ("intermediate.dense",)),
        GroupRule("mlp_out", ("output.dense",)),
    ),
)
