"""Whose arithmetic makes tensors, as a record has it: what comes out otherwise later is explained by it."""

from __future__ import annotations

from mvc.history.record import Json


def versions() -> dict[str, Json]:
    """The versions of the libraries that compute."""
    import ml_dtypes
    import numpy as np

    return {"numpy": np.__version__, "ml_dtypes": ml_dtypes.__version__}
