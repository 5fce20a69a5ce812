"""Values that are secret, and those that are strong enough to be searched."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import RunnerConfig
from runnerlib.masking.candidates import Secret, guess, weakness

PATTERNS = RunnerConfig().secret_env_patterns


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "github_token", "TOKEN", "PGPASSWORD", "DB_PASSWORD", "MY_SECRETS", "AWS_SECRET_ACCESS_KEY"),
        *("AWS_ACCESS_KEY", "API_KEY", "SENTRY_DSN", "NPM_AUTH", "GPG_PASSPHRASE", "GITHUB_PAT", "APIKEY"),
    ],
)
def test_names_that_look_secret(name: str) -> None:
    assert [secret.name for secret in guess({name: "value-of-it"}, PATTERNS)] == [name]


@pytest.mark.parametrize("name", ["PATH", "HOME", "TOKENIZER", "KEYBOARD", "MONKEY", "PWD", "SHLVL", "LANG"])
def test_names_that_do_not(name: str) -> None:
    assert not list(guess({name: "value-of-it"}, PATTERNS))


def test_patterns_are_the_callers() -> None:
    assert [s.name for s in guess({"A_X": "v", "B_TOKEN": "v", "C_X": ""}, ["*_x"])] == ["A_X"]


@given(name=st.text("AB_"), pattern=st.text("AB_*"))
def test_patterns_match_as_those_of_a_shell(name: str, pattern: str) -> None:
    assert bool(list(guess({name: "v"}, [pattern]))) == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (Secret("A", "abc"), ""),
        (Secret("A", "ab"), "it has 2 bytes, secret_min_length is 3"),
        (Secret("A", "é"), "it has 2 bytes, secret_min_length is 3"),
        (Secret("A", ""), "it is empty or not set"),
        (Secret("A", "true"), ""),
        (Secret("A", "abcde", guessed=True), "it has 5 bytes, secret_env_min_length is 6"),
        (Secret("A", "abcdef", guessed=True), ""),
        (Secret("A", "production", guessed=True), "it is an everyday word"),
        (Secret("A", " Production\n", guessed=True), "it is an everyday word"),
        (Secret("A", "12345678", guessed=True), "it is a plain number"),
        (Secret("A", "12345678x", guessed=True), ""),
    ],
)
def test_strength(secret: Secret, why: str) -> None:
    assert weakness(secret, 3, 6) == why
