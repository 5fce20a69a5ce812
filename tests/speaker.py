"""A step that writes noise as fast as it is read, and says what it is told: `python speaker.py ORDERS ANSWERS`.

A line of the pipe ORDERS is an order and pieces in base64. Each piece is one write. After `say` noise follows, after
`begin` nothing does before the next line; after `tell` neither, but a byte comes to ANSWERS when all is written. `end`
ends the process. No noise has a byte of a value of tests/test_barrier.py.
"""

import os
import random
import select
import sys
from base64 import b64decode

NOISE_FREE_OF = b"0123456789abcdef\x1b"


def noise() -> bytes:
    """64 KiB of anything, with colours and line ends in it."""
    anything = random.randbytes(1 << 16).translate(None, NOISE_FREE_OF)
    lines = (anything[i : i + 60] + b"\x1b[;m LOG\r\n" for i in range(0, len(anything), 60))
    return b"".join(lines)[: 1 << 16].replace(b"\x1b", b"\x1b[m")


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def main(orders_path: str, answers_path: str) -> None:
    random.seed(os.path.basename(orders_path))
    blocks = [noise() for _ in range(4)]
    with open(orders_path, "rb", buffering=0) as orders, open(answers_path, "wb", buffering=0) as answers:
        unread, speaking = b"", True
        while True:
            if speaking:
                write(random.choice(blocks))
            while b"\n" not in unread and (not speaking or select.select([orders], [], [], 0)[0]):
                unread += orders.read(4096)
            if b"\n" in unread:
                line, _, unread = unread.partition(b"\n")
                order, *pieces = line.split()
                for piece in pieces:
                    write(b64decode(piece))
                if order == b"end":
                    return
                if order == b"tell":
                    answers.write(b".")
                speaking = order == b"say"


if __name__ == "__main__":
    main(*sys.argv[1:])
