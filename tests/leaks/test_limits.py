"""Leaks that are not prevented: those of the stories that exact spellings cannot hide.

Each is expected to fail, strictly: when one is hidden some day, its row must move to its theme.
"""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.leaks.situation import MARK, TOKEN, masked, readable

DUMP = b'"AWS_KEY":{"value":"' + TOKEN + b'","isSecret":true}\n'
JWT = b"eyJhbGciOiJIUzI1NiJ9." + b"eyJzdWIiOiJydW5uZXItMSIsInNjb3BlIjoiZGVwbG95Iiwib3JnIjoiYWNtZSJ9." + b"Zx9q" * 11

LEAKS = [
    # PowerShell cut the command line in its error short, in the middle of the password.
    pytest.param(TOKEN, b"... -password " + TOKEN[:-3] + b" ...", TOKEN[:-3],
                 id="azure-pipelines-agent-2793 the end cut off"),
    # terraform wraps the text of an error and draws a line at its left, which is text like any other.
    pytest.param(JWT, "".join(f"│ {JWT[at : at + 58].decode()}\n" for at in range(0, len(JWT), 58)).encode(), JWT[60:100],  # noqa: E501
                 id="actions-runner-2265 the box of terraform"),
]  # fmt: skip


@pytest.mark.xfail(strict=True, reason="not promised: no spelling that is searched occurs in what was printed")
@pytest.mark.parametrize(("secret", "printed", "piece"), LEAKS)
def test_a_known_leak(secret: bytes, printed: bytes, piece: bytes) -> None:
    assert not readable(piece, masked([secret], printed))


def test_what_a_single_base64_of_the_dump_shows() -> None:
    """tj-actions #2463 with one layer less."""
    assert MARK in masked([TOKEN], b64encode(DUMP))
