"""Keys, seals, and values as bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runnerlib.errors import ConfigError
from runnerlib.events import StepFinished, StepOutput, StepStarted
from runnerlib.events.result import StepResult, Usage
from runnerlib.pipeline.workflow import instances, parse
from runnerlib.runner.fleet.codec import DamagedError, decode, encode
from runnerlib.runner.fleet.keys import new_key, read_key, written
from runnerlib.runner.fleet.seal import JobCipher, SealError, opened, seal


def test_a_key_file_and_its_public_half(tmp_path: Path) -> None:
    key = new_key()
    whole, half = tmp_path / "whole", tmp_path / "half"
    whole.write_text(written(key))
    half.write_text("".join(line for line in written(key).splitlines(True) if "public-key" in line))
    assert read_key(str(whole)) == key
    assert read_key(str(half)) == key._replace(private=b"")
    assert key.fingerprint == read_key(str(half)).fingerprint != new_key().fingerprint


def test_keygen_prints_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(
        subprocess.run([sys.executable, "-m", "runnerlib", "worker", "keygen"], check=True, capture_output=True).stdout
    )
    assert len(read_key(str(path)).private) == 32


def test_a_wrong_key_file_is_told(tmp_path: Path) -> None:
    public, other = written(new_key()).splitlines()[1], written(new_key()).splitlines()[2]
    for text, told in (
        ("", "is no key of a fleet"),
        ("hello world", "is no key of a fleet"),
        (public + "\nmore x", "is no key of a fleet"),
        (public[:-4], "is damaged: runnerlib-fleet-public-key has not 32 bytes"),
        (f"{public}\n{other}", "are of different keys"),
    ):
        path = tmp_path / "key"
        path.write_text(text)
        with pytest.raises(ConfigError, match=told):
            read_key(str(path))
    with pytest.raises(ConfigError, match="cannot read the fleet's key"):
        read_key(str(tmp_path / "none"))


def test_a_seal_is_for_one_key_and_about_one_thing() -> None:
    key = new_key()
    sealed = seal(b"hello", key.public, "run.1")
    assert opened(sealed, key.private, "run.1") == b"hello"
    assert b"hello" not in sealed
    for wrong, private, about in (
        (sealed, new_key().private, "run.1"),
        (sealed, key.private, "run.2"),
        (sealed[:-1], key.private, "run.1"),
        (bytes([sealed[0] ^ 1]) + sealed[1:], key.private, "run.1"),
        (b"", key.private, "run.1"),
    ):
        with pytest.raises(SealError):
            opened(wrong, private, about)


def test_frames_are_sealed_with_the_key_of_their_job() -> None:
    cipher = JobCipher(os.urandom(32))
    sealed = cipher.seal(b"hello", "run.1 events 1 1")
    assert cipher.opened(sealed, "run.1 events 1 1") == b"hello"
    assert cipher.seal(b"hello", "run.1 events 1 1") != sealed, "each has a nonce of its own"
    for other, about in ((cipher, "run.1 events 1 2"), (JobCipher(os.urandom(32)), "run.1 events 1 1")):
        with pytest.raises(SealError):
            other.opened(sealed, about)
    with pytest.raises(SealError):
        cipher.opened(b"short", "run.1 events 1 1")


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**60), 2**60) | some.text() | some.binary(),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.lists(inner, max_size=4).map(tuple)
        | some.dictionaries(some.text(), inner, max_size=4)
    ),
)


@given(PLAIN)
def test_values_come_back_as_they_were(value: object) -> None:
    found = decode(encode(value))
    assert found == value
    assert repr(found) == repr(value), "tuples stay tuples"


def test_events_and_jobs_come_back_as_they_were() -> None:
    result = StepResult("a", "failure", 3, usage=Usage(0.1, 0.2, None, 3), outputs={"x": "\udc80ü"})
    events = [StepStarted("a", "echo", 2), StepOutput("a", b"\x00\xff\n"), StepFinished(result)]
    assert decode(encode(events)) == events
    text = "jobs: [{name: a, matrix: {x: [1, 2]}, steps: [{name: s, run: [echo, x], retry: {max: 2}, env: {A: b}}]}]"
    for instance in instances(parse(text, "w.yaml")).values():
        found = decode(encode(instance))
        assert found.job._replace(body=None) == instance.job._replace(body=None)
        assert vars(found.job.body) == vars(instance.job.body)
        assert (found.name, found.env, found.label) == (instance.name, instance.env, instance.label)


def test_only_values_can_be_made_of_what_comes() -> None:
    for text in ('["Popen",{"args":"x"}]', '["StepOutput",{"what":1}]', '["b",5]', '["t"]', "{", '["l",3]', '["b",-1]'):
        data = text.encode()
        with pytest.raises(DamagedError):
            decode(len(data).to_bytes(4) + data)
    with pytest.raises(TypeError, match="does not travel"):
        encode({"x": object()})
