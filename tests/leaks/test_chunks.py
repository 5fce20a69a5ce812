"""Cuts of output into writes: a secret in two, three or many pieces, slowly, at the border of a buffer."""

from __future__ import annotations

import pytest

from tests.leaks.situation import MARK, RSA_KEY, TOKEN, body, cuts, fed, knowing, masked
from tests.oracle import mask

REPEATING = [
    # Fed as `tok-tok-` and `tok-secret`: after the mismatch the search began behind the second `tok-`.
    pytest.param(b"tok-secret", b"tok-tok-secret", b"tok-" + MARK, id="gitlab-runner tok-tok-secret"),
    pytest.param(b"tok-tok-secret", b"tok-tok-tok-secret", b"tok-" + MARK, id="gitlab-runner tok-tok-tok-secret"),
    pytest.param(b"aab", b"aaaab", b"aa" + MARK, id="gitlab-runner aab"),
    pytest.param(b"ababac12", b"abababac12", b"ab" + MARK, id="gitlab-runner ababac12"),
    pytest.param(b"aabaaabaa", b"aabaabaaabaabaaabaa.", b"aab" + MARK + b".", id="gitlab-runner aabaaabaa"),
    # "It shouldn't be a usual behaviour, but it could happen": two writes.
    pytest.param(b"this is secret", b"that is cool and this is secret, so", b"that is cool and " + MARK + b", so",
                 id="dagger-4864 two writes"),
    pytest.param(b"this is secret", b"that is cool and this is creative", b"that is cool and this is creative",
                 id="dagger-4864 two writes of something else"),
    # The Drone runner replaced in each Write, the maintainers of buildbot in each chunk they received.
    pytest.param(TOKEN, b"a " + TOKEN + b" b " + TOKEN, b"a " + MARK + b" b " + MARK, id="drone-runner per write"),
    pytest.param(b"asdf\nfoo\nbar", b"<asdf\nfoo\nbar>", b"<" + MARK + b">", id="buildbot-4793 cut at a newline"),
    # A reader that insists on text dies of a byte, and with it all output that follows.
    pytest.param(TOKEN, b"\xff\xfe\x00 " + TOKEN + b" \xc3(\x80\x00", b"\xff\xfe\x00 " + MARK + b" \xc3(\x80\x00",
                 id="upstream-U1 invalid UTF-8 around"),
    pytest.param(b"\xff\xfekey\x00\x80", b"\xff\xff\xfekey\x00\x80\x80", b"\xff" + MARK + b"\x80",
                 id="upstream-U1 invalid UTF-8 inside"),
    pytest.param("schlüßel€".encode(), "das schlüßel€ ü".encode(), b"das " + MARK + " ü".encode(),
                 id="concourse cut inside a character"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "printed", "left"), REPEATING)
def test_every_cut_hides_the_same(secret: bytes, printed: bytes, left: bytes) -> None:
    assert masked([secret], printed) == left


def test_every_cut_against_the_definition() -> None:
    """gitlab-runner, over all texts of two letters: what repeats itself is where searching goes wrong."""
    for secret in (b"aab", b"abab", b"aabaa"):
        masker = knowing(secret)
        for number in range(1 << 9):
            text = f"{number:09b}".translate({48: "a", 49: "b"}).encode()
            left = mask([secret], text, MARK)
            for at in range(len(text) + 1):
                assert fed(masker, [text[:at], text[at:]]) == left, (secret, text, at)


def test_a_slow_secret_is_not_given_up() -> None:
    """concourse log_event_writer.go: after a second of silence a half line was sent, half a secret with it.

    There is no clock in a stream: what is held stays held until a byte decides.
    """
    stream = knowing(TOKEN).stream()
    for at in range(len(TOKEN) - 1):
        assert stream.feed(TOKEN[at : at + 1]) == b""
        assert stream.feed(b"") == b""
        assert stream.held == at + 1
    assert stream.feed(TOKEN[-1:]) + stream.flush() == MARK


@pytest.mark.parametrize("border", [4096, 65536, 1 << 20], ids=lambda size: f"woodpecker border at {size}")
def test_the_border_of_a_buffer(border: int) -> None:
    """woodpecker copy_line_by_line.go masks pieces of 1 MiB each by itself; pipes deliver 4 and 64 KiB."""
    masker = knowing(TOKEN)
    for inside in range(len(TOKEN) + 1):
        text = b"." * (border - inside) + TOKEN + b"."
        assert fed(masker, [text[:border], text[border:]]) == b"." * (border - inside) + MARK + b"."


def test_a_key_in_pieces_of_every_size() -> None:
    """buildkite/agent #2062 and hashicorp-vault-plugin #315: a key arrives in as many reads as it likes."""
    masker = knowing(RSA_KEY)
    text = b"key: " + RSA_KEY + b"| " + body(RSA_KEY)[2] + b" |\n"
    for size in range(1, len(text) + 1):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert fed(masker, pieces) == b"key: " + MARK + b"\n| " + MARK + b" |\n"


def test_a_prompt_is_not_held() -> None:
    """buildkite/agent #929: progress dots without a newline appeared only at the end of the job."""
    stream = knowing(TOKEN, RSA_KEY).stream()
    for printed in (b"Password: ", b".", b".", b" 50%\r", b"name? "):
        assert stream.feed(printed) == printed
        assert stream.held == 0


def test_only_what_may_become_a_secret_is_held() -> None:
    """buildkite/agent #929, the other side: a live prefix and nothing in front of it."""
    stream = knowing(TOKEN).stream()
    assert stream.feed(b"the name is " + TOKEN[:5]) == b"the name is "
    assert stream.held == 5
    assert stream.flush() == TOKEN[:5]


def test_empty_writes_change_nothing() -> None:
    """gitlab-runner CHANGELOG: writes of no bytes and of one."""
    masker = knowing(TOKEN)
    for pieces in cuts(b"a" + TOKEN + b"b"):
        assert fed(masker, [b"", *(part for piece in pieces for part in (piece, b""))]) == b"a" + MARK + b"b"
