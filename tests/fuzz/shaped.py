"""One fuzz case of the shapes beside secrets: registrations, feeds and flushes, held to `tests/shape_oracle.py`.

A case is a byte string, as in `case.py`: a head of two bytes, then operations. An odd first byte makes texts of what
shapes are made of; with an even one bytes mean themselves. A `weave` feeds a shape, or a piece of one.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from runnerlib.masking._scanner import KERNELS, SHAPES, Scanner
from tests import oracle, shape_oracle
from tests.fuzz.case import MARKER, Operation, Registered
from tests.fuzz.folded import is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECES = [
    *(b"ghp_", b"github_pat_", b"glpat-", b"AKIA", b"ASIA", b"xoxb-", b"eyJ", b".eyJ", b"://", b"s://u:", b"@", b":"),
    *(b"-----BEGIN ", b"PRIVATE KEY", b"-----", b"-----END ", b" BLOCK", b"a" * 36, b"A1" * 8, b"b" * 22, b"_", b"-"),
    *(b".", b" ", b"\n", b"/", b"0", b"Z", b"\0", b"\xe2\x80", b"?", b"+"),
]
LONGEST = 6000


def operations(case: bytes) -> Iterator[Operation]:
    """Decode the operations behind the head."""
    at, strange = 2, bool(case) and case[0] % 2 == 0
    while at < len(case):
        code, length = case[at], case[at + 1] if at + 1 < len(case) else 0
        data = case[at + 2 : at + 2 + length]
        at += 2 + length
        name = ("register", "feed", "weave", "feed", "weave", "weave", "feed", "flush")[code % 8]
        if name == "weave":
            yield Operation("feed", _shape(data) * (1 + code // 8 % 4))
        else:
            yield Operation(name, _text(data, strange) * (1 + code // 8))


def _text(data: bytes, strange: bool) -> bytes:
    if strange:
        return bytes(byte % 255 for byte in data)  # no byte of a text is one of the marker
    return b"".join(PIECES[byte % len(PIECES)] for byte in data)


def _shape(data: bytes) -> bytes:
    """A shape, or the piece of it between two places."""
    seed, kind, start, cut = (*data, 0, 0, 0, 0)[:4]
    examples = shape_oracle.examples(Random(seed))
    shape = examples[kind % len(examples)]
    return shape[start % (len(shape) + 1) :][: len(shape) - cut]


def check(case: bytes) -> None:
    """Run a case. Raises AssertionError when the output is not what the twins allow."""
    kernel = KERNELS[case[1] % len(KERNELS)] if len(case) > 1 else None
    scanner = Scanner(MARKER, kernel, shapes=dict.fromkeys(SHAPES, MARKER))
    stream = scanner.stream()
    registered: list[Registered] = []
    text = shown = b""
    for name, data in operations(case):
        if name == "register" and data:
            scanner.add([data])
            registered.append(Registered(data, len(text) - stream.held))
        elif name == "feed":
            piece = data[: LONGEST - len(text)]
            text += piece
            shown += stream.feed(piece)
        elif name == "flush":
            assert is_allowed(shown + stream.flush(), text, *_bounds(registered, text))
            assert stream.held == 0
            registered = [Registered(entry.pattern, 0) for entry in registered]
            text = shown = b""
    assert is_allowed(shown + stream.flush(), text, *_bounds(registered, text))


def _bounds(registered: list[Registered], text: bytes) -> tuple[bytearray, bytearray]:
    """A 1 for each byte that must be hidden, and for each that may be.

    They are the same but for patterns that were registered in the middle of the text: these count from what was
    withheld then, and may count from what was kept beside it.
    """
    must, may = bytearray(len(text)), bytearray(len(text))
    for pattern, since in registered:
        late = oracle.covered([pattern], text[since:])
        whole = oracle.covered([pattern], text)
        for i in range(len(text)):
            may[i] |= whole[i]
            must[i] |= i >= since and late[i - since]
    for shape in shape_oracle.occurrences(SHAPES, text):
        must[shape.start : shape.end] = may[shape.start : shape.end] = b"\1" * (shape.end - shape.start)
    return must, may
