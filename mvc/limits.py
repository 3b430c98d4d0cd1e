"""Every cap and every size constant in one place, each with its reason."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

#: Raw bytes a frame holds; larger gains nothing, 64 KiB costs a tenth of the speed.
FRAME = 1 * MIB

#: Raw bytes of tensors held in memory at once while packing or unpacking.
WINDOW = 32 * MIB

#: Largest text that is a plain Git blob; Git's own tools then show and merge it.
TEXT_BLOB = 1 * MIB

#: Bases that a delta may stand on, one on the other; and, as a multiple of an object's raw bytes, the
#: stored bytes that may have to be read to get it back.
DELTA_DEPTH = 8
DELTA_READ_BACK = 4

#: Objects smaller than this stand by themselves: a base costs more to find than it saves.
DELTA_SMALLEST = 4 * KIB

#: Bytes of a factor object, which every frame that stands on it reads: rank 64 of 16,384 columns.
LARGEST_FACTOR = 4 * MIB + 40

#: safetensors' own limit on its JSON header.
SAFETENSORS_HEADER = 100_000_000

#: Bytes of a file that lie outside every tensor; they are held in memory.
SKELETON = 256 * MIB

#: Largest object that is handed out in one piece (skeletons, manifests, text).
WHOLE_OBJECT = 512 * MIB

#: Bytes of pickle that the reader is willing to walk.
PICKLE = 256 * MIB

#: Opcodes, and nesting, that a pickle may have. One can cost 280 bytes of memory; the richest released model
#: that we know (a force field with a lookup table) has 1.65 million, a tensor needs 25.
PICKLE_OPCODES = 6_000_000
PICKLE_DEPTH = 1_000

#: Entries of a zip directory.
ZIP_ENTRIES = 1_000_000

#: Dimensions of a tensor; NumPy stops at 64.
DIMENSIONS = 64

#: Bytes of a tensor's name.
NAME = 64 * KIB

#: Files of one commit; a hundred small objects can describe a tree of any number.
TREE_FILES = 500_000

#: Bytes of a tracked path, and of one of its parts (the common file-system limit).
PATH = 4096
PATH_PART = 255
