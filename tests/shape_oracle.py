"""The meaning of shapes, as naively as possible: whole texts, regular expressions, one beginning at a time."""

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
_FIRST = _USER.replace(rb"@:", rb"@").replace(rb"\"'`", rb"\"`")  # of a password
_OTHER = _USER.replace(rb"@:", rb"").replace(rb"\"'`", rb"\"`")
_DIGEST = rb"sha[0-9]{3}:"

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
_URL = re.compile(rb"(?<=[A-Za-z0-9+.-])://(%b{0,128}):(%b%b{0,255})(?=@(?!%b))" % (_USER, _FIRST, _OTHER, _DIGEST))
_HOST = re.compile(rb"localhost|(?=[^.]*\.)[A-Za-z0-9.-]+")
_PORT = {False: re.compile(rb"[0-9]{1,5}'"), True: re.compile(rb"[0-9]{1,5}['!$&()*,;=]")}

# A line of a key, its end, and what ends the last one.
_LINE_END = re.compile(rb"\\*[\r\n]|\\+[nrt]")
_BORDER = re.compile(rb"-----BEGIN |-----END [A-Z0-9 ]{1,64}-----|[\"'`]")
_MARKS = rb"[ \t>|#*:=-]*"
_RUN = re.compile(_MARKS + rb"([A-Za-z0-9+/]+)=*[ \t]*")
_HEADER = re.compile(_MARKS + rb"[A-Za-z0-9][A-Za-z0-9-]*: ")
_UNCERTAIN = 512
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
        at = _key_end(text[begun : begun + _BLOCK_MOST]) + begun
        yield "private-key", found.start(), at, begun


def _certain(line: bytes) -> tuple[int, bool]:
    """Return how much of a line shows that it is a key's (0: nothing), and whether something precedes the run."""
    run, first = b"", True
    for found in re.finditer(rb"\\+/|.", line, re.DOTALL):
        letter = found.group()[-1:]
        if letter.isalnum() or letter in (b"+", b"/"):
            first = first if run else bool(re.fullmatch(_MARKS, line[: found.start()]))
            run += letter
        else:
            run = b""
        mixed = all(re.search(kind, run) for kind in (rb"[0-9]", rb"[a-z]", rb"[A-Z]"))
        if (len(run) >= 32 and mixed) or (len(run) > 128 and first):
            return found.end(), not first
    return 0, False


def _key_end(text: bytes) -> int:
    """Return the end of what may be a key that begins with the text."""
    at = covered = 0
    keyed = loose = followed = False
    while True:
        ended, border = _LINE_END.search(text, at), _BORDER.search(text, at)
        if border and (not ended or border.start() < ended.end()):
            ended = None
        else:
            border = None
        stop = border.start() if border else ended.start() if ended else len(text)
        line = text[at:stop].rstrip(b"\\") if not border or len(border.group()) == 1 else text[at:stop]
        known, prefixed = _certain(line)
        certain = known > 0 and at + known - covered <= _UNCERTAIN
        if known and not certain:
            return covered
        keyed, loose = keyed or certain, prefixed if certain else loose
        near = certain or (border or ended or re.compile(rb"\Z").search(text, stop)).end() - covered <= _UNCERTAIN
        if border and len(border.group()) > 1:
            ending = border.end() if border.group().startswith(b"-----END") else stop
            return ending if (near if ending > stop else certain) else covered
        plain = re.sub(rb"\\+/", b"/", line)
        run = _RUN.fullmatch(plain)
        key = certain or (near and run is not None and (len(run[1]) >= 16 or followed))
        if not ended:
            return at + len(line) if key else covered
        loose = loose or (b"Proc-Type: " in plain and not keyed)
        empty = re.fullmatch(_MARKS, plain)
        uncertain = run or empty or (_HEADER.match(plain) and not keyed) or loose
        if not near or not (key or uncertain):
            return covered
        if key:
            keyed, loose, covered = True, loose and certain, ended.end()
            followed = not loose and (certain or (run is not None and len(run[1]) >= 16))
        elif not empty:
            followed = False
        at = ended.end()


def _passwords(text: bytes) -> Iterator[tuple[str, int, int, int]]:
    for found in _URL.finditer(text):
        start, end = found.span(2)
        if _PORT[bool(_HOST.fullmatch(found[1]))].match(text, start):
            continue
        first = next(at.start() for at in re.compile(rb"@(?!%b)" % _DIGEST).finditer(text, start + 1))
        like = next(
            n for n in range(6, -1, -1) if re.fullmatch(rb"sha###:"[:n].replace(b"#", b"[0-9]"), text[first + 1 :][:n])
        )
        yield "url-password", start, end, min(first + like + 2, len(text))


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
        some(b"abcXYZ0189+/", random.choice([0, 15, 31, 63, 128])) + random.choice([b"", b"=", b"==", b"\\/aB1"]),
        random.choice([b"\n", b"\n", b"\r\n", b"\\n", b"\\\\n", b"\n\n", b"\n- ", b"\n2026: "]),
        random.choice(
            [b"Proc-Type: 4", b"a | Proc-Type: 4", b"DEK-Info: a,", b"not a key", b"x" * 250, b'"', b"'", b'\\"']
        ),
        random.choice([b"s", b"+", b""]) + b"://" + some(alnum, 0) + b":" + some(alnum + b":@'", 1) + b"@",
        b"s://"
        + random.choice([b"localhost", b"a.b", b"a"])
        + b":"
        + some(b"09", 1)
        + random.choice([b",", b"'", b"."])
        + b"a@",
        b"s://a:b@" + random.choice([b"sha256:", b"sha1", b"b@sha512:0@", b"c"]),
    ]
