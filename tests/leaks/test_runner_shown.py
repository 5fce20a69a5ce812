"""The command that is echoed, the plan that is shown, the URLs that are cloned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli import runnerlib
from tests.leaks.knowledge import MARKER, SECRET, SPECIAL, known_at, shown
from tests.leaks.situation import PGP_KEY, RSA_KEY, body, readable

ECHOED = [
    # argv: b"echo '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nl…": one line of the log, before any output.
    pytest.param(PGP_KEY.decode(), ["--job-command", "echo '%s' >/dev/null"], id="buildbot-4793 PGP key in a command"),
    pytest.param(PGP_KEY.decode(), ["--", "true", "%s"], id="buildbot-4793 PGP key in the words of a command"),
    pytest.param(
        SECRET, ["--job-command", ": -u me:%s"], id="upstream-U5 the command was shown before there was a mask"
    ),
    pytest.param(SPECIAL, ["--", "true", "-p", "%s", "it's"], id="concourse-3972 quoted by the runner"),
    pytest.param(SPECIAL, ["--", "no-such-%s"], id="upstream-U5 command not found"),
    pytest.param(RSA_KEY.decode(), ["--dry-run", "--", "echo", "x%sy"], id="buildkite-agent-2062 dry run of a key"),
]


@pytest.mark.parametrize(("secret", "args"), ECHOED)
def test_a_command_is_shown_masked(tmp_path: Path, secret: str, args: list[str]) -> None:
    said = shown("run", *(arg.replace("%s", secret) for arg in args), cwd=tmp_path, DEPLOY_TOKEN=secret)
    assert MARKER in said
    for piece in body(secret.encode()) if "\n" in secret else [secret.encode()]:
        assert not readable(piece, said.encode(), 5), said


@pytest.mark.parametrize("dump", ["run --dry-run", "config"])
def test_what_is_going_to_be_done_is_shown_masked(tmp_path: Path, dump: str) -> None:
    """concourse-9496: `set-pipeline` showed by another path what builds masked."""
    args = known_at(
        tmp_path, {"job_command": f"deploy '{SPECIAL}'", "job_env": {"A": f"x{SECRET}", "K": RSA_KEY.decode()}}
    )
    url = f"https://me:{SECRET}@127.0.0.1:1/r"
    said = shown(*dump.split(), *args, "--git-url", url, "--secret-env-names", "K", cwd=tmp_path, DEPLOY_TOKEN=SPECIAL)
    assert MARKER in said
    for secret in (SECRET.encode(), SPECIAL.encode(), *body(RSA_KEY)):
        assert not readable(secret, said.encode(), 5), said


URLS = [
    pytest.param(f"https://me:{SECRET}@127.0.0.1:1/r.git", SECRET, id="upstream-U5 password in a clone URL"),
    pytest.param(f"https://{SECRET}@127.0.0.1:1/r.git", SECRET, id="upstream-U5 token as the user"),
    pytest.param(
        "https://me:p%40ss%2Fw%3Ard%21x@127.0.0.1:1/r.git", "p@ss/w:rd!x", id="azure-pipelines-agent-2659 percent"
    ),
    pytest.param(f"https://me:{SECRET}@127.0.0.1:1/{SECRET}", SECRET, id="upstream-U5 in the path as well"),
    pytest.param(f"ssh://me:{SECRET}@127.0.0.1:1/r.git", SECRET, id="upstream-U5 ssh"),
]


@pytest.mark.parametrize(("url", "secret"), URLS)
def test_a_clone_that_fails(tmp_path: Path, url: str, secret: str) -> None:
    """upstream-U5: `Cloning git repository: {source_url}`, and the error of git with the URL in it."""
    done = runnerlib("--debug", "run", "--git-url", url, "--", "echo", url, cwd=tmp_path)
    assert done.code == 125
    assert not readable(secret.encode(), done.out + done.err.encode()), done.err
    assert "p%40ss" not in done.err


def test_credentials_of_a_url_are_masked_in_the_output(tmp_path: Path) -> None:
    """upstream-U5: a job that prints the URL it was cloned from, decoded or not."""
    source = tmp_path / "source"
    source.mkdir()
    url = "https://me:p%40ss%2Fw%3Ard%21x@127.0.0.1:1/r"
    done = runnerlib("run", "--source-type", "copy", "--source-url", str(source), "--secret-env-names", "U",
                     "--", "echo", url, "p@ss/w:rd!x", cwd=tmp_path, U=url)  # fmt: skip
    assert not readable(b"p@ss/w:rd!x", done.out + done.err.encode())
    assert b"p%40ss" not in done.out
