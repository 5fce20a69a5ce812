"""Text as CI jobs print it: compilers, tests, package managers, JSON, blobs, hashes, colours, UTF-8.

A long text is made of blocks of whole lines, about 10 KB each. Some megabytes of blocks are generated
once; then blocks are laid in random order, so that neither caches nor branch predictors can learn the
text, and 200 MiB take a fraction of a second.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.draw import Draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BLOCK = 10_000
# Larger than the second level caches, and quick to generate.
BLOCKS = 400

_WORDS = (
    *("request", "session", "header", "parser", "buffer", "worker", "module", "config", "loader", "handler"),
    *("stream", "packet", "vector", "index", "token", "value", "entry", "cursor", "schema", "widget", "router"),
    *("client", "server", "socket", "thread", "queue", "cache", "event"),
)
_MESSAGES = (
    "Größe überschritten - Vorgang wird wiederholt",
    "ファイルが見つかりません: 再試行します",
    "✓ étape terminée avec succès",
    "Сборка завершена без ошибок",
    "🚀 deployed to region eu-west-1",
)


def _word(draw: Draw) -> str:
    return draw.pick(_WORDS)


def _gcc(draw: Draw) -> str:
    name = f"src/{_word(draw)}/{_word(draw)}_{_word(draw)}.c"
    if draw.below(3):
        return f"gcc -O2 -Wall -Wextra -fPIC -Iinclude -c {name} -o build/{_word(draw)}.o"
    place = f"{name}:{draw.between(1, 2000)}:{draw.between(1, 90)}"
    return f"\x1b[1m{place}: \x1b[35mwarning: \x1b[0munused variable '{_word(draw)}' [\x1b[35m-Wunused-variable\x1b[0m]"


def _pytest(draw: Draw) -> str:
    outcome = draw.pick(("\x1b[32mPASSED\x1b[0m", "\x1b[32mPASSED\x1b[0m", "\x1b[33mSKIPPED\x1b[0m"))
    test = f"tests/{_word(draw)}/test_{_word(draw)}.py::test_{_word(draw)}_{_word(draw)}[{draw.below(64)}]"
    return f"{test} {outcome} \x1b[32m[{draw.below(100):3}%]\x1b[0m"


def _npm(draw: Draw) -> str:
    package = f"@{_word(draw)}/{_word(draw)}-{_word(draw)}@{draw.below(20)}.{draw.below(30)}.{draw.below(10)}"
    if draw.below(4):
        return f"npm http fetch GET 200 https://registry.npmjs.org/{package} {draw.between(9, 900)}ms (cache miss)"
    return f"npm \x1b[93mWARN\x1b[0m deprecated {package}: this package is no longer maintained"


def _json(draw: Draw) -> str:
    return (
        f'{{"level":"{draw.pick(("info", "debug", "warn"))}","logger":"{_word(draw)}.{_word(draw)}",'
        f'"request_id":"{draw.noise(16).hex()}","duration_ms":{draw.below(9000)},'
        f'"path":"/api/v{draw.between(1, 3)}/{_word(draw)}/{draw.below(100_000)}",'
        f'"status":{draw.pick((200, 204, 404))}}}'
    )


def _layer(draw: Draw) -> str:
    return f"sha256:{draw.noise(32).hex()}: Pull complete"


def _commit(draw: Draw) -> str:
    return f"{draw.noise(20).hex()} {_word(draw)}: make the {_word(draw)} {_word(draw)} faster"


def _blob(draw: Draw) -> str:
    return f"  data: {b64encode(draw.noise(draw.between(48, 180))).decode()}"


def _utf8(draw: Draw) -> str:
    return f"[{_word(draw)}] {draw.pick(_MESSAGES)} ({draw.below(1000)})"


# How often a kind of line occurs is how often it stands here.
_LINES: tuple[Callable[[Draw], str], ...] = (
    *(_gcc, _gcc, _gcc, _pytest, _pytest, _pytest, _npm, _npm, _npm),
    *(_json, _json, _layer, _commit, _blob, _utf8),
)


def _lines(draw: Draw) -> Iterator[bytes]:
    milliseconds = 0
    while True:
        milliseconds += draw.below(400)
        minutes, rest = divmod(milliseconds, 60_000)
        time = f"2026-11-{1 + minutes // 1440 % 28:02}T{minutes // 60 % 24:02}:{minutes % 60:02}"
        yield f"{time}:{rest // 1000:02}.{rest % 1000:03}Z {draw.pick(_LINES)(draw)}\n".encode()


def fill(pieces: Iterator[bytes]) -> tuple[bytes, ...]:
    """Make blocks of whole pieces."""
    blocks = []
    for _ in range(BLOCKS):
        block = bytearray()
        while len(block) < BLOCK:
            block += next(pieces)
        blocks.append(bytes(block))
    return tuple(blocks)


@cache
def log_blocks() -> tuple[bytes, ...]:
    """The blocks of log text that every text is made of."""
    return fill(_lines(Draw("log")))


def lay(blocks: Sequence[bytes], size: int, draw: Draw, between: Sequence[bytes] = (b"",)) -> bytes:
    """Lay blocks in random order, one of `between` after each, and cut the text at `size` bytes."""
    laid: list[bytes] = []
    length = 0
    while length < size:
        laid += draw.pick(blocks), draw.pick(between)
        length += len(laid[-2]) + len(laid[-1])
    return b"".join(laid)[:size]
