"""Which names a weight file may not even mention.

The reader never imports or calls anything, so these could be kept as inert nodes. They are refused for the
sake of whoever loads the file with another tool later: no checkpoint needs them, and attacks are built on
them. A list can't be complete, and nothing here relies on that.
"""

from __future__ import annotations

from typing import Final

from mvc.errors import UnsafePickle

#: Top-level modules of which no name may appear.
_MODULES: Final = frozenset(
    "os posix nt posixpath ntpath subprocess sys socket ssl shutil runpy ctypes _ctypes importlib imp pty "
    "webbrowser commands popen2 code codeop bdb pdb timeit cProfile profile trace pip ensurepip venv "
    "http urllib urllib2 httplib requests aiohttp smtplib ftplib telnetlib poplib imaplib nntplib xmlrpc "
    "pickle _pickle cPickle shelve marshal asyncio tempfile fileinput pydoc pkgutil zipimport idlelib "
    "lib2to3 distutils setuptools".split()
)
#: Modules that other modules hold as an attribute, so that a dotted name reaches them; and ways from any
#: object to the interpreter's inner parts.
_ATTRIBUTES: Final = frozenset(
    "os posix nt subprocess sys socket shutil runpy ctypes importlib pty builtins __builtin__ "
    "__builtins__ __globals__ __subclasses__ __import__ __getattribute__ __dict__".split()
)
_BUILTINS: Final = frozenset(
    "eval exec execfile compile open file input raw_input getattr setattr delattr __import__ "
    "__build_class__ breakpoint globals locals vars apply map filter".split()
)
_NAMES: Final = frozenset(
    "operator.methodcaller operator.attrgetter _operator.methodcaller _operator.attrgetter functools.reduce "
    "_functools.reduce types.FunctionType types.CodeType io.open io.open_code io.FileIO _io.open "
    "_io.open_code _io.FileIO numpy.load numpy.testing._private.utils.runstring "
    "numpy.f2py.crackfortran.getlincoef torch.load torch.serialization.load torch.jit.load "
    "torch.jit.unsupported_tensor_ops.execWrapper torch._utils._import_dotted_name torch.hub.load "
    "torch.utils._config_module.load_config torch.utils.cpp_extension.load "
    "torch.utils.cpp_extension.load_inline torch._dynamo.guards.GuardBuilder.get".split()
)


def check_global(module: str, name: str, offset: int) -> None:
    """Let the global pass, or refuse the file that names it at ``offset`` of its pickle.

    From protocol 4 on a name may have dots and then walks attributes, so that ``torch`` +
    ``serialization.os.system`` reaches ``os``: every part of a name is looked at.

    Raises:
        UnsafePickle: naming the global.
    """
    full = f"{module}.{name}"
    parts = name.split(".")
    builtin = module in ("builtins", "__builtin__", "__builtins__")
    if (
        module.split(".", 1)[0] in _MODULES
        or (builtin and parts[0] in _BUILTINS)
        or any(part in _ATTRIBUTES for part in parts)
        or full in _NAMES
    ):
        raise UnsafePickle(
            f"the pickle names {full!r}, which can run code when the file is loaded (at byte {offset} "
            "of the pickle)",
            hint="don't load this file; to keep it as plain bytes: mvc add --opaque FILE",
        )
