"""Whole trees in one file, without the GIL; what is promised in detail is in `ext/treefile/treefile.h`.

Both return the number of regular files and their bytes. `stop` holds one byte; another thread that sets it ends the
work with ECANCELED. Raise OSError whose `filename` is counted from the top of the tree.
"""

def write(tree: int, file: int, skipped: bytes, stop: bytearray) -> tuple[int, int]:
    """Write what is in the open directory `tree`, but for the entry `skipped`, into the open, empty file `file`."""

def read(file: int, tree: int, threads: int, stop: bytearray) -> tuple[int, int]:
    """Make the tree in the open file `file` again in the open directory `tree`, in so many threads."""
