# cython: language_level=3
"""The Python side of copying trees; `_copying.pyi` documents it, `copying.h` explains it."""

import os

from libc.stdint cimport uint64_t

cdef extern from "copying.h" nogil:
    struct copying_request:
        int source, made, threads
        const char *stop  # volatile in truth
    struct copying_result:
        uint64_t files, bytes, fingerprint
        int error
        char path[1]
    void copying(const copying_request *request, copying_result *result)


def copy(int source, int made, int threads, bytearray stop not None):
    cdef copying_request request
    cdef copying_result result
    cdef unsigned char[:] flag = stop  # held: the bytearray cannot move meanwhile
    request.source, request.made, request.threads = source, made, threads
    request.stop = <const char *>&flag[0]
    with nogil:
        copying(&request, &result)
    if result.error:
        raise OSError(result.error, os.strerror(result.error), os.fsdecode(<bytes>result.path))
    return result.files, result.bytes, result.fingerprint
