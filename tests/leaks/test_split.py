"""Secrets interrupted by what a reader does not see: colours, carriage returns, zero-width characters, wraps.

This is the *folded view* of `masking.md`. Where a secret is hidden, the text around it stays, and the
colours after it are those that were printed.
"""

from __future__ import annotations

import base64
import re

import pytest

from tests.leaks.situation import MARK, RSA_KEY, TOKEN, masked, readable, said

SGR = re.compile(rb"\x1b\[[0-9;]*m")
UNSEEN = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|[\r\n\t\x08\x00 ]"
    rb"|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad"
)
HEAD, TAIL = TOKEN[:7], TOKEN[7:]
LONG = b"eyJhbGciOi" + base64.urlsafe_b64encode(bytes(range(1, 181))).rstrip(b"=") + b"Kq7v"
WIDE = bytes(range(33, 123)) * 2  # its encodings have several lines

INSIDE = [
    # The marks around a match that `grep --color` and test runners make.
    pytest.param(b"\x1b[0m", id="buildkite-agent reset inside (peers 0.3)"),
    pytest.param(b"\x1b[01;31m\x1b[K", id="buildkite-agent grep --color"),
    pytest.param(b"\x1b[38;2;255;100;0m", id="peers-0.3 true colour"),
    pytest.param(b"\x1b[m\x1b[1m\x1b[4m", id="peers-0.3 three in a row"),
    # PowerShell colours the ampersand in the command line that it quotes in an error.
    pytest.param(b"\x1b[36;1m", id="actions-runner-1258 PowerShell colours"),
    pytest.param(b"\x1b]8;;https://x/\x07", id="peers-0.3 hyperlink ended by BEL"),
    pytest.param(b"\x1b]8;;https://x/\x1b\\", id="peers-0.3 hyperlink ended by ST"),
    pytest.param(b"\x1b]133;A\x07", id="peers-0.3 shell integration mark"),
    pytest.param(b"\x1b(B\x1b[m", id="peers-0.3 tput sgr0"),
    pytest.param(b"\x1b[K", id="peers-0.3 erase to the end of the line"),
    pytest.param(b"\x1b[2C", id="peers-0.3 cursor movement"),
    pytest.param(b"\r", id="peers-0.3 carriage return"),
    pytest.param("\u200b".encode(), id="peers-0.3 zero-width space"),
    pytest.param("\u200d".encode(), id="peers-0.3 zero-width joiner"),
    pytest.param("\u2060".encode(), id="peers-0.3 word joiner"),
    pytest.param("\ufeff".encode(), id="peers-0.3 byte order mark"),
    pytest.param("\u00ad".encode(), id="peers-0.3 soft hyphen"),
]


def unseen_removed(text: bytes) -> bytes:
    return UNSEEN.sub(b"", text)


def colour(text: bytes) -> bytes:
    """The last colour that was set."""
    return [b"", *SGR.findall(text)][-1]


def check(secret: bytes, printed: bytes, frame: tuple[bytes, bytes]) -> None:
    """`printed` is `frame` with the secret, interrupted, between its parts."""
    shown = masked([secret], printed)
    assert not readable(secret, unseen_removed(shown)), shown
    assert shown.startswith(frame[0])
    assert shown.endswith(frame[1])
    assert colour(shown) == colour(printed)


@pytest.mark.parametrize("inside", INSIDE)
def test_interrupted_once(inside: bytes) -> None:
    """`hunter2\\e[0mhunter2` passes in clear in every system that was tried, upstream-U9 among them."""
    frame = b"\x1b[31mkey \x1b[1m", b"\x1b[0m end\n"
    check(TOKEN, frame[0] + HEAD + inside + TAIL + frame[1], frame)


@pytest.mark.parametrize("inside", INSIDE)
def test_interrupted_after_every_byte(inside: bytes) -> None:
    """A rainbow, a diff by character, a progress bar."""
    frame = b"key: ", b" end\n"
    check(TOKEN, frame[0] + inside.join(TOKEN[at : at + 1] for at in range(len(TOKEN))) + frame[1], frame)


def test_an_unfinished_sequence_is_not_held_for_ever() -> None:
    """buildkite-agent #929 once more: a lone escape in front of a prompt."""
    for printed in (b"\x1b", b"\x1b[", b"\x1b[31", b"\x1b]0;title", b"50%\r", b"\xe2\x80"):
        assert masked([TOKEN], printed) == printed


@pytest.mark.parametrize(
    "printed",
    [
        b"\x1b[31mred\x1b[0m and \x1b]8;;https://x/\x07link\x1b]8;;\x07\n",
        b" 10%\r 20%\r 30%\r\n",
        "zero\u200bwidth \ufefftext\n".encode(),
    ],
    ids=["colours", "progress", "zero width"],
)
def test_what_is_no_secret_keeps_its_sequences(printed: bytes) -> None:
    """jenkins ansicolor: masking must not take colours, progress or line ends away."""
    assert masked([TOKEN], printed) == printed


PAINTERS = [
    pytest.param('grep --color=always -E "Kq7v|$" <<< "key=$S end"', id="buildkite-agent real grep --color"),
    pytest.param('printf "key=\\033[1;32m%s\\033[0m%s end\\n" "${S:0:5}" "${S:5}"', id="upstream-U9 real printf"),
    pytest.param('printf "%s\\r%s\\n" "${S:0:8}" "${S:8}"', id="peers-0.3 real carriage return"),
    pytest.param('jq -nC --arg s "$S" "{s: \\$s}"', id="peers-0.3 jq in colour"),
]


@pytest.mark.parametrize("script", PAINTERS)
def test_painted(script: str) -> None:
    printed = said("bash", "-c", script, S=TOKEN)
    shown = masked([TOKEN], printed)
    assert not readable(TOKEN, unseen_removed(shown)), shown
    assert colour(shown) == colour(printed)


WRAPPERS = [
    # `base64` wraps at 76 columns, `openssl` at 64, `xxd -p` at 60.
    pytest.param('printf %s "$S" | base64', id="upstream-U9 base64 wraps at 76"),
    pytest.param('printf "user:%s\\n" "$S" | base64', id="actions-runner-92 basic authorization, wrapped"),
    pytest.param('printf "%s" "$S" | openssl base64', id="actions-runner-284 openssl wraps at 64"),
    pytest.param('printf %s "$S" | base64 -w 20', id="peers-0.3 base64 at 20 columns"),
    pytest.param('printf %s "$S" | base64 | sed "s/$/\\r/"', id="peers-0.3 base64 wrapped with CRLF"),
    pytest.param('printf %s "$S" | base64 | sed "s/^/    /"', id="peers-0.3 base64 wrapped and indented"),
    pytest.param('printf %s "$S" | base32', id="actions-runner-1800 base32 wraps at 76"),
    pytest.param('printf %s "$S" | xxd -p', id="peers-0.3 xxd -p wraps at 60"),
    pytest.param('printf %s "$S" | fold -w 80', id="peers-0.3 a terminal of 80 columns"),
]


@pytest.mark.parametrize("secret", [WIDE, LONG, RSA_KEY[:-1]], ids=["wide", "JWT", "RSA key"])
@pytest.mark.parametrize("script", WRAPPERS)
def test_wrapped(script: str, secret: bytes) -> None:
    """upstream-U9: `echo $TOK | base64`, where the token is longer than a line of base64."""
    printed = said("bash", "-c", script, S=secret)
    shown = unseen_removed(masked([secret], printed))
    joined = unseen_removed(printed)[12:-8]  # without `user:`, and the ends that share bits with their neighbours
    frame = (b"-----BEGINRSAPRIVATEKEY-----", b"-----ENDRSAPRIVATEKEY-----")
    assert not [piece for piece in readable(joined, shown, 8) if not any(piece in part for part in frame)], shown


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param(b"?k=a%2fb%2Bc%3dd%26e&x=1", id="peers-0.3 %2f and %2B in one URL"),
        pytest.param(b"?k=a%2Fb%2bc%3Dd%26e&x=1", id="peers-0.3 the other way round"),
        pytest.param(
            b"?k=a%2Fb+c%3dd&e&x=1".replace(b"+", b"%2b").replace(b"&e", b"%26e"), id="peers-0.3 mixed by hand"
        ),
    ],
)
def test_percent_escapes_of_mixed_case(printed: bytes) -> None:
    """Two programs encoded one after the other: a proxy in lower case, the client in upper case."""
    assert masked([b"a/b+c=d&e"], printed) == b"?k=" + MARK + b"&x=1"
