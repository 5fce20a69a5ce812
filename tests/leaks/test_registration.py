"""Moments of registration: before the first byte of the secret, in the middle of it, while others write."""

from __future__ import annotations

import gc
import threading
from base64 import b64encode

import pytest

from runnerlib.masking import SecretMasker
from tests.leaks.situation import MARK, RSA_KEY, TOKEN, body, cuts, fed, knowing, readable

FLOOD = b"secret-in-flood"
FLIGHT = b"secret-in-flight"


@pytest.mark.parametrize("at", range(len(FLIGHT) + 1), ids=lambda at: f"buildkite-agent registered after {at} bytes")
def test_what_is_held_is_searched_again(at: int) -> None:
    """`secret-in-fl` was held for another secret, `secret-in-flight` registered, `ight` written: it was shown."""
    held = len(b"secret-in-fl")
    masker = knowing(FLOOD)
    stream = masker.stream()
    shown = stream.feed(FLIGHT[:at])
    masker.register_secret(FLIGHT)
    shown += stream.feed(FLIGHT[at:]) + stream.flush()
    assert shown == (MARK if at <= held else FLIGHT), "more was held than another secret needs"


def test_a_whole_secret_among_what_is_held() -> None:
    """buildkite-agent, the harder case: the new secret is in the middle of the held bytes, and ends there."""
    masker = knowing(b"a-longer-secret-than-that")
    stream = masker.stream()
    assert stream.feed(b"a-longer-secret-") == b""
    masker.register_secret(b"longer")
    assert stream.feed(b"!") + stream.flush() == b"a-" + MARK + b"-secret-!"


def test_every_stream_searches_again() -> None:
    """buildkite-agent: stdout, stderr and the streams of 14 more steps hold the beginning of the secret."""
    masker = knowing(FLOOD)
    streams = [masker.stream() for _ in range(16)]
    assert [stream.feed(FLIGHT[:12]) for stream in streams] == [b""] * 16
    masker.register_secret(FLIGHT)
    assert [stream.feed(FLIGHT[12:]) + stream.flush() for stream in streams] == [MARK] * 16


def test_a_token_minted_during_the_job() -> None:
    """gitlab-runner 38464: tokens made by the job itself were shown, again and again, in every form."""
    masker = knowing()
    stream = masker.stream()
    assert stream.feed(b"login: ok\n") == b"login: ok\n"
    masker.register_secret(TOKEN)
    printed = [b"> Authorization: Basic ", b64encode(b"ci:" + TOKEN), b"\n", TOKEN, b"\n", TOKEN.hex().encode()]
    shown = b"".join([*map(stream.feed, printed), stream.flush()])
    assert shown == b"> Authorization: Basic " + b64encode(b"ci:Hq")[:4] + MARK + b"\n" + MARK + b"\n" + MARK


@pytest.mark.parametrize("first", [b"", TOKEN, RSA_KEY], ids=["alone", "after a token", "after a key"])
def test_before_the_first_byte(first: bytes) -> None:
    """actions/runner #475: a value was only safe when it was registered before anything else knew it."""
    for pieces in cuts(b"a " + FLIGHT + b" b"):
        masker = knowing(first) if first else knowing()
        masker.register_secret(FLIGHT)
        assert fed(masker, pieces) == b"a " + MARK + b" b"
        if len(pieces) == 3:
            break  # registering is what costs here; test_chunks has every cut


@pytest.mark.parametrize("value", [TOKEN, TOKEN.decode(), RSA_KEY], ids=["bytes", "text", "key"])
def test_registering_echoes_nothing(value: str | bytes) -> None:
    """actions/runner #159: with debugging on, the command that registered a secret was itself logged."""
    masker = SecretMasker()
    assert masker.register_secret(value) is True
    assert masker.register_secrets([value, value]) == 2
    stream = masker.stream()
    stream.feed(TOKEN[:-1])
    for thing in (masker, stream):
        assert not readable(TOKEN, f"{thing!r} {thing!s}".encode())
        assert not hasattr(thing, "__dict__")


def test_a_key_registered_line_by_line() -> None:
    """ftp-deployment-action #314: `::add-mask::` once for each line, `{` and blank ones included."""
    masker = SecretMasker()
    accepted = [line for line in RSA_KEY.split(b"\n") if masker.register_secret(line)]
    assert [line for line in accepted if not line.startswith(b"-----")] == body(RSA_KEY)
    assert masker.mask(b"".join(body(RSA_KEY)) + b" { a b }\n") == MARK + b" { a b }\n"


@pytest.mark.parametrize("value", [b"", "", b"a", b"ab", "é"], ids=["empty", "no text", "a", "ab", "two bytes"])
def test_what_is_too_short_is_refused_and_said(value: str | bytes) -> None:
    """gitlab-runner CHANGELOG: a secret of no length was a panic; at others one letter masked everything."""
    masker = knowing(TOKEN)
    assert masker.register_secret(value) is False
    assert masker.register_secrets([value, FLIGHT]) == 1
    assert masker.mask("a ab abc é\n".encode()) == "a ab abc é\n".encode()


def write_until(masker: SecretMasker, registered: threading.Event, shown: list[bytes]) -> None:
    """Write the secret again and again; collect what comes out of writes that began after the registration."""
    stream = masker.stream()
    left = 20
    while left:
        after = registered.is_set()
        emitted = stream.feed(FLIGHT[:7]) + stream.feed(FLIGHT[7:] + b"\n")
        if after:
            shown.append(emitted)
            left -= 1


def test_a_registration_is_a_barrier_for_running_streams() -> None:
    """No write that begins after a registration has returned shows the secret, on 16 running streams."""
    masker = knowing(FLOOD)
    registered = threading.Event()
    shown: list[list[bytes]] = [[] for _ in range(16)]
    threads = [threading.Thread(target=write_until, args=(masker, registered, into)) for into in shown]
    for thread in threads:
        thread.start()
    masker.register_secret(FLIGHT)
    registered.set()
    for thread in threads:
        thread.join()
    gc.collect()
    assert {emitted for into in shown for emitted in into} == {MARK + b"\n"}
