# cython: language_level=3
"""The Python side of trees in files; `_treefile.pyi` documents it, `treefile.h` explains it."""

import os

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint64_t

cdef extern from "treefile.h" nogil:
    struct treefile_request:
        int tree, file, threads
        const char *skipped
        const char *stop  # volatile in truth
    struct treefile_result:
        uint64_t files, bytes
        int error
        char path[1]
    void treefile_write(const treefile_request *request, treefile_result *result)
    void treefile_read(const treefile_request *request, treefile_result *result)


def write(int tree, int file, bytes skipped not None, bytearray stop not None):
    return _do(tree, file, 0, skipped, stop)


def read(int file, int tree, int threads, bytearray stop not None):
    return _do(tree, file, threads, b"", stop)


cdef _do(int tree, int file, int threads, bytes skipped, bytearray stop):
    cdef treefile_request request
    cdef treefile_result result
    request.tree, request.file, request.threads = tree, file, threads
    request.skipped = skipped
    request.stop = PyByteArray_AS_STRING(stop)  # nobody makes it longer, so it stays where it is
    with nogil:
        if threads:
            treefile_read(&request, &result)
        else:
            treefile_write(&request, &result)
    if result.error:
        raise OSError(result.error, os.strerror(result.error), os.fsdecode(<bytes>result.path))
    return result.files, result.bytes
