"""What shapes are, as naively as possible: whole texts, regular expressions, one beginning at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.report_oracle import SHAPE, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

BIT = 1 << 31
_BLOCK_MOST = 32 * 1024
_USER = rb"[^\x00-\x20\x7f/?#@:\[\]{}<>\"'`\\^|]"
_FIRST = _USER.replace(rb"@:", rb"@")  # of a password
_OTHER = _USER.replace(rb"@:", rb"")

# What is certain is the first group.
_TOKENS = [
    ("github-token", rb"((?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}))[A-Za-z0-9]*"),
    ("gitlab-token", rb"(glpat-[\w-]{20})[\w-]*(?:\.[\w-]+)*"),
    ("aws-key-id", rb"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("slack-token", rb"(xox[abprs]-[A-Za-z0-9-]{10})[A-Za-z0-9-]*"),
    ("jwt", rb"(eyJ[\w-]{7,2048}\.eyJ)[\w-]*(?:\.[\w-]+)*"),
]
_BEGIN = re.compile(rb"-----BEGIN (?=[A-Z0-9 ]{0,64}-----)[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(rb"-----END [A-Z0-9 ]{1,64}-----")
_URL = re.compile(rb"(?<=[A-Za-z0-9+.-])://%b{0,128}:(%b%b{0,255})(?=@)" % (_USER, _FIRST, _OTHER))
NAMES = (*(name for name, _ in _TOKENS), "private-key", "url-password")


def _tokens(text: bytes) -> Iterator[tuple[str, int, int, int]]:
    for name, pattern in _TOKENS:
        for found in re.finditer(rb"(?a:(?<![A-Za-z0-9])(?=(" + pattern + rb")))", text):
            start, end = found.span(1)
            complete = found.end(2) if found.re.groups > 1 else min(end + 1, len(text))
            yield name, start, end, complete


def _private_keys(text: bytes) -> Iterator[tuple[str, int, int, int]]:
    at = 0
    while found := _BEGIN.search(text, at):
        begun = found.end()
        ended = _END.search(text[begun : begun + _BLOCK_MOST])
        at = begun + ended.end() if ended else min(len(text), begun + _BLOCK_MOST)
        yield "private-key", found.start(), at, begun


def _passwords(text: bytes) -> Iterator[tuple[str, int, int, int]]:
    for found in _URL.finditer(text):
        start, end = found.span(1)
        yield "url-password", start, end, text.index(b"@", start + 1) + 1


def occurrences(names: Iterable[str], text: bytes) -> list[Occurrence]:
    """Every shape in the text."""
    wanted = set(names)
    return [
        Occurrence(complete, SHAPE, 0, BIT | NAMES.index(name), start, end)
        for name, start, end, complete in (*_tokens(text), *_private_keys(text), *_passwords(text))
        if name in wanted
    ]


def examples(random: Random) -> list[bytes]:
    """One of each, of the least length or some more."""

    def some(letters: bytes, least: int) -> bytes:
        return bytes(random.choices(letters, k=least + random.choice([0, 0, 0, 1, 9])))

    alnum = b"abcXYZ0189"
    word = alnum + b"_-"
    head, kind = (
        random.choice([b"", b"RSA ", b"A" * 52 + b" "]),
        random.choice([b"", b" BLOCK"]),
    )  # 64 bytes, or too many
    return [
        b"gh" + random.choice([b"p", b"o", b"u", b"s", b"r"]) + b"_" + some(alnum, 36),
        b"github_pat_" + bytes(random.choices(alnum, k=22)) + b"_" + some(alnum, 59),
        b"glpat-" + some(word, 20) + random.choice([b"", b".", b".ab", b".ab.c."]),
        b"A"
        + random.choice([b"K", b"S"])
        + b"IA"
        + bytes(random.choices(b"AKIS09", k=16))
        + random.choice([b"", b"a"]),
        b"xox" + random.choice([b"a", b"b", b"p", b"r", b"s"]) + b"-" + some(alnum + b"-", 10),
        b"eyJ" + some(word, 7) + b".eyJ" + some(word, 0) + random.choice([b"", b".", b".sig", b".a.b"]),
        b"-----BEGIN " + head + b"PRIVATE KEY" + kind + b"-----",
        b"-----END " + head + b"PRIVATE KEY" + kind + b"-----",
        random.choice([b"s", b"+", b""]) + b"://" + some(alnum, 0) + b":" + some(alnum + b":@", 1) + b"@",
    ]
