"""Families of checkpoints: one real pretrained model and what people make of it, really trained, by script and
seed.

``python -m benchmarks.families FOLDER`` writes them and says how far each is from its parent, so that nobody
tunes the input. Needs the extra ``torch``, and the encoder that ``make demo`` fetches.
"""
