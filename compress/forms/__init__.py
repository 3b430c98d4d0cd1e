"""The registry: the forms in which a matrix may lie in a file, asked in this order; the first that fits reads.

A form that looks for more names than ``weight`` stands before ``plain``.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module

from compress.forms.form import Form

FORMS: dict[str, str] = {
    "factors": "compress.forms.factors",
    "bitsandbytes": "compress.forms.bitsandbytes",
    "pack-quantized": "compress.forms.pack_quantized",
    "scaled": "compress.forms.scaled",
    "plain": "compress.forms.plain",
}


def form_of(names: Collection[str], module: str) -> Form | None:
    """The form in which ``module`` has its weight; None when nothing of it is there."""
    for path in FORMS.values():
        form: Form = import_module(path).FORM
        if form.holds(names, module):
            return form
    return None
