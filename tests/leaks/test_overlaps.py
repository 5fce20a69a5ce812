"""Secrets inside, across and beside one another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.leaks.situation import MARK, fed, knowing, masked
from tests.oracle import mask

SITUATIONS = [
    # The order of a set decided which was replaced first; the rest of the longer one stayed.
    pytest.param([b"abc123", b"abc123-longer-secret"], b"x abc123-longer-secret y", b"x " + MARK + b" y",
                 id="upstream-U3 a secret is the beginning of another"),
    # `pass` replaced first made `((redacted))word` of `password1`.
    pytest.param([b"pass", b"password1"], b"password1 pass", MARK + b" " + MARK, id="concourse-9379 map order"),
    # The marker of the first replacement was searched for the second secret.
    pytest.param([b"mysecret", b"REDACT", b"ACTED]"], b"the mysecret value", b"the " + MARK + b" value",
                 id="concourse-9379 a secret that is part of the marker"),
    # The tail of an overlap was shown: `[MASKED]234`.
    pytest.param([b"secret01", b"01234"], b"secret01234!", MARK + b"!", id="gitlab-runner the tail of an overlap"),
    pytest.param([b"abcdef", b"cdefgh", b"efghij"], b"-abcdefghij-", b"-" + MARK + b"-", id="gitlab-runner a chain"),
    pytest.param([b"middle", b"a-middle-z"], b"a-middle-z a-middle-y", MARK + b" a-" + MARK + b"-y",
                 id="drone-runner a secret inside another"),
    # strings.NewReplacer takes the first argument that matches, not the longest.
    pytest.param([b"tok", b"token-of-bob"], b"token-of-bob token", MARK + b" " + MARK + b"en",
                 id="drone-runner argument order"),
    pytest.param([b"first-one", b"other-two"], b"first-oneother-two", MARK, id="jenkins side by side"),
    # Two values of one credential and the pair of both.
    pytest.param([b"robot-user", b"pa55-word"], b"robot-user:pa55-word@h", MARK + b":" + MARK + b"@h",
                 id="jenkins user and password"),
    # Needles that overlap themselves.
    pytest.param([b"aaaa"], b"baaaaaab", b"b" + MARK + b"b", id="buildkite-agent a secret over itself"),
    pytest.param([b"aaaa"], b"aaabaaa", b"aaabaaa", id="buildkite-agent not quite a secret"),
    # A secret that begins where a longer one failed, with the failed bytes already held.
    pytest.param([b"secret-in-flight-long", b"in-flight"], b"secret-in-flight-lost", b"secret-" + MARK + b"-lost",
                 id="buildkite-agent inside a failed longer one"),
]  # fmt: skip


@pytest.mark.parametrize(("secrets", "printed", "left"), SITUATIONS)
def test_what_secrets_cover_together_is_hidden(secrets: list[bytes], printed: bytes, left: bytes) -> None:
    assert masked(secrets, printed) == left
    assert masked(secrets[::-1], printed) == left
    assert mask(secrets, printed, MARK) == left, "the definition says otherwise"


SEEDED = """
from runnerlib.masking import SecretMasker
masker = SecretMasker()
masker.register_secrets({"abc123", "abc123-longer-secret", "secret", "longer"})
print(masker.mask_string("x abc123-longer-secret y"))
"""


@pytest.mark.parametrize("seed", range(6))
def test_the_seed_of_hashes_does_not_matter(seed: int) -> None:
    """upstream-U3: with 3 of 6 seeds of PYTHONHASHSEED `[REDACTED]-longer-secret` was printed."""
    environ = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "-c", SEEDED], env=environ, capture_output=True, check=True)
    assert done.stdout == b"x [REDACTED] y\n"


def test_two_hundred_secrets_of_one_letter() -> None:
    """buildkite-agent: 200 needles `aaaa…` went through at 13 KB/s; here: one mark, whatever the cut."""
    secrets = [b"a" * size for size in range(3, 203)]
    masker = knowing(*secrets)
    for run in (1, 2, 3, 199, 202, 203, 1000):
        left = b"x" + (b"a" * run if run < 3 else MARK) + b"y"
        for size in (1, 7, 64, 2000):
            text = b"x" + b"a" * run + b"y"
            assert fed(masker, [text[at : at + size] for at in range(0, len(text), size)]) == left
