"""Copies of whole trees, without the GIL; what is promised in detail is in `ext/copying/copying.h`."""

def copy(source: int, made: int, threads: int, stop: bytearray) -> tuple[int, int, int]:
    """Copy what is in the open directory `source` into the open, empty directory `made` (-1: only look).

    Returns the number of files, their bytes, and the fingerprint of `source`: it changes when anything
    in there does. `stop` holds one byte; another thread that sets it ends the copy with ECANCELED.
    Raises OSError whose `filename` is counted from `source`.
    """
