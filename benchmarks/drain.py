"""Runs a program, reads what it writes, and prints as JSON what came and what it took.

A process of its own, with the standard library only, because the kernel counts the memory of the parent
at the time of the fork into a child's peak: a child of pytest seems to need what pytest needs.

    python drain.py [--digest] PROGRAM [ARGUMENT…]
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import time

# A megabyte is what the system lets everyone ask for; the default of 64 KiB halves every throughput.
PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16


def drain(argv: list[str], *, digested: bool) -> dict[str, object]:
    """Count what a program writes, or digest it as well, which is slower than most pipes."""
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    start = time.perf_counter()
    redirect = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)]
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=redirect)
    os.close(writer)

    state = hashlib.blake2b(digest_size=16)
    buffer = memoryview(bytearray(READ_BYTES))
    count, first = 0, 0.0
    while size := os.readv(reader, [buffer]):
        first = first or time.perf_counter() - start
        count += size
        if digested:
            state.update(buffer[:size])
    _, status, usage = os.wait4(process, 0)
    return {
        "bytes": count,
        "digest": state.hexdigest() if digested else None,
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - start,
        "seconds_to_first_byte": first,
        "peak_bytes": usage.ru_maxrss * 1024,  # of the program and of every process that it waited for
    }


def main() -> None:
    """Read the arguments, print the result."""
    digested = sys.argv[1] == "--digest"
    json.dump(drain(sys.argv[1 + digested :], digested=digested), sys.stdout)


if __name__ == "__main__":
    main()
