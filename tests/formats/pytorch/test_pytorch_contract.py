from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import ClassVar

from formats.format_contract import ComposingContract, FormatContract
from formats.pytorch.torch_zip import Call, Name, Store, archive, floats, parameter, saved, tensor

from mvc.formats.layout import Format
from mvc.formats.pytorch import PYTORCH

SHARED = Store(bytes(range(48)))


class TestCheckpoint(ComposingContract):
    subject: ClassVar[Format] = PYTORCH
    samples: ClassVar[dict[str, bytes]] = {
        "state dict": saved(OrderedDict(weight=floats(4, 3), bias=floats(4))),
        "nested": saved({"model": {"w": floats(2)}, "opt": [{0: {"step": floats()}}], "epoch": 3}),
        "shared and viewed": saved(
            {"a": tensor(SHARED, (12,)), "b": tensor(SHARED, (2, 3), (1, 4), 1)}
        ),
        "transposed": saved({"t": tensor(Store(bytes(24)), (2, 3), (1, 2))}),
        "parameter": saved({"p": parameter(floats(3))}),
        "empty": saved({"none": floats(0, 4), "scalar": floats()}),
        "float8": saved({"f": tensor(Store(b"abc", "UntypedStorage"), (3,), dtype="float8_e5m2")}),
        "foreign class": saved({"m": Call(Name("my.net", "Model"), (), {"w": floats(2)})}),
        "one tensor": saved(floats(2, 2)),
        "protocol 5": saved({"a": [floats(2)], "s": {1, 2}, "b": b"raw"}, protocol=5),
        "nothing": saved({}),
    }


def _torchscript() -> bytes:
    made = archive({"w": floats(2)})
    constants = archive((floats(3), floats(1)))
    made.entries["archive/constants.pkl"] = constants.entries["archive/data.pkl"]
    made.entries["archive/constants/0"] = constants.entries["archive/data/0"]
    made.entries["archive/constants/1"] = constants.entries["archive/data/1"]
    made.entries["archive/code/model.py"] = b"def forward(self): pass\n" * 20
    made.deflated.add("archive/code/model.py")
    return made.write()


def _unreferenced() -> bytes:
    made = archive({"w": floats(2)})
    made.entries["archive/data/7"] = b"of no tensor"
    return made.write()


class TestReadOnly(FormatContract):
    """Files that are read and come back bit for bit, with spans that are no tensor's."""

    subject: ClassVar[Format] = PYTORCH
    samples: ClassVar[dict[str, bytes]] = {
        "torchscript": _torchscript(),
        "unreferenced storage": _unreferenced(),
        "dtype without a name": saved(
            {"c": tensor(Store(bytes(32), "ComplexDoubleStorage"), (2,)), "w": floats(2)}
        ),
        "quantized": saved(
            {
                "q": Call(
                    Name("torch._utils", "_rebuild_qtensor"),
                    (Store(bytes(3), "QUInt8Storage"), 0, (3,), (1,), (1.0, 0), False),
                )
            }
        ),
        "no torch at all": saved(pickle.PicklingError("x").args),
    }
