"""The output of a job, what other processes see of it, and its other listeners."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.config import read
from runnerlib.events import StepOutput
from tests.integration.cli import RUNNERLIB, environment, program, runnerlib
from tests.leaks.knowledge import KNOWN, MARKER, SECRET, SPECIAL, known_at
from tests.leaks.situation import MARK, TOKEN, readable
from tests.runner.planning import planner, run

WATCH = "for p in $$ $PPID; do tr '\\0' ' ' </proc/$p/cmdline; echo; done; echo end"


@pytest.mark.parametrize(
    ("args", "settings", "env"), [case for case in KNOWN if not any(SECRET in arg for arg in case.values[0])]
)
def test_no_secret_is_in_an_argv(
    tmp_path: Path, args: list[str], settings: dict[str, object], env: dict[str, str]
) -> None:
    """upstream-U6, hermes-agent #96268, ductor #187, sandy #13: `docker run -e KEY=VALUE`, for all to see in ps.

    A mark in the output would mean that the secret was in an argv.
    """
    done = program("run", *known_at(tmp_path, settings), *args, "--job-command", WATCH, cwd=tmp_path, **env)
    assert done.code == 0, done.err
    assert done.out.endswith(b"end\n")
    assert MARK not in done.out
    assert not readable(TOKEN, done.out)


def test_no_secret_is_in_a_file_for_all_to_read(tmp_path: Path) -> None:
    """upstream-U6: secrets handed on in files; here what the runner makes holds none."""
    before = {tmp_path / "secrets", tmp_path / "config.json"}
    args = known_at(tmp_path, {"job_env": {"MY_TOKEN": SECRET}})
    done = runnerlib("run", *args, "--secrets-file", "secrets", "--", "echo", SECRET, cwd=tmp_path)
    assert done.out == MARK + b"\n"
    for path in set(filter(Path.is_file, tmp_path.rglob("*"))) - before:
        assert not readable(TOKEN, path.read_bytes()), path


def test_lists_of_secrets_are_not_handed_to_the_job(tmp_path: Path) -> None:
    """woodpecker #5195: what a job has no use for ends up in somebody's audit log."""
    lists = {"REACTORCIDE_SECRET_VALUES_LIST": SECRET, "REACTORCIDE_SECRETS_LIST": SECRET}
    for name, value in lists.items():
        done = runnerlib("run", "--", "env", cwd=tmp_path, **{name: value})
        assert name.encode() not in done.out
        assert MARK not in done.out


JOBS = [
    # "Vault creds are visible with set -x": the request that started it.
    pytest.param("set -x; : curl -u me:$T", id="concourse-3972 sh -x"),
    pytest.param("bash -xc 'x=$T; : \"$x\" $T'", id="concourse-3972 bash -x"),
    pytest.param("env; export -p; set", id="jenkins printenv"),
    # Half on stdout, half on stderr: one log for both.
    pytest.param("printf %s \"${T%????????}\"; printf '%s\\n' \"${T#???????}\" >&2",
                 id="dagger-4864 half on each stream"),
    pytest.param('printf %s "$T" | base64; printf %s "$T" | base32 -w0; printf %s "$T" | xxd -p',
                 id="upstream-U9 encoded"),
    pytest.param('printf %s "$T" | while IFS= read -r -n1 c; do printf %s "$c"; done',
                 id="dagger-4864 byte by byte"),
    # Errors of tools that were given the secret.
    pytest.param('"/nowhere/$T"; cat "/nowhere/$T"; ls -- "$T"; cd "$T"', id="actions-runner-2265 errors of tools"),
    pytest.param('git clone -q "https://me:$T@127.0.0.1:1/$T"; curl -sSv "http://me:$T@$T.invalid.:1/"',
                 id="actions-runner-2265 errors of git and curl"),
    pytest.param("exec 2>&1; python3 -c 'import os; raise KeyError(os.environ[\"T\"])'",
                 id="buildkite-agent-2623 traceback"),
]  # fmt: skip


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_prints_its_secret(tmp_path: Path, job: str) -> None:
    command = f"bash -c {shlex.quote(job)}; true"
    done = runnerlib("run", "--secret-env-names", "T", "--job-command", command, cwd=tmp_path, T=SECRET)
    assert done.code == 0, done.err
    assert MARK in done.out
    assert not readable(TOKEN, done.out + done.err.encode()), done.out


NAMES = [
    *("APP_SECRETS", "db_password", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN", "PGPASSWORD", "SSH_PASSPHRASE", "SENTRY_DSN"),
    *("SIGNING_KEYS", "MY_TOKENS", "DB_PASSWORDS", "GIT_CREDENTIALS", "apiKey"),
]


@pytest.fixture(scope="module")
def values_shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the output of a job that prints each variable of NAMES, all of them in one run."""
    secrets = {name: f"{SECRET}-{number:03}" for number, name in enumerate(NAMES)}
    words = [word for name, value in secrets.items() for word in (name, value)]
    done = runnerlib("run", "--", "printf", "%s %s\n", *words, cwd=tmp_path_factory.mktemp("names"), **secrets)
    return dict(zip(NAMES, (line.split(b" ", 1)[1] for line in done.out.splitlines()), strict=True))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"buildkite-agent-3588 {name}")
def test_names_of_secrets(values_shown: dict[str, bytes], name: str) -> None:
    """`*_SECRET` matched, `*_SECRETS` did not, and a whole JSON of them was shown."""
    assert values_shown[name] == MARK


def test_a_value_with_quotes_in_a_file(tmp_path: Path) -> None:
    """azure-pipelines-agent #2525: the value was given in quotes, the shell took them off, and it was shown."""
    (tmp_path / "secrets").write_text(f"A=\"{SECRET}\"\nB='Zx81-{SECRET[::-1]}'\n")
    job = 'eval "echo $A $B"; echo "$A" "$B"'
    done = runnerlib("run", "--secrets-file", "secrets", "--job-command", job, cwd=tmp_path)
    assert done.out.count(MARK) == 4
    assert not readable(TOKEN, done.out)
    assert not readable(TOKEN[::-1], done.out)


def test_bytes_that_are_no_text_lose_nothing(tmp_path: Path) -> None:
    """upstream-U1: one such byte and all output was lost, or the job hung once a pipe was full."""
    job = "head -c 300000 /dev/zero | tr '\\0' '\\377'; printf '\\303(%s\\200\\0' \"$T\"; exit 3"
    done = runnerlib("run", "--secret-env-names", "T", "--job-command", job, cwd=tmp_path, T=SECRET)
    assert done.code == 3
    assert done.out == b"\xff" * 300_000 + b"\xc3(" + MARK + b"\x80\0"


def test_a_secret_that_is_no_text(tmp_path: Path) -> None:
    """upstream-U1: the value itself is no UTF-8."""
    raw = b"\xff\xfekey\x80\xc3-Kq7v"
    env = {os.fsencode(k): os.fsencode(v) for k, v in environment().items()} | {b"A_TOKEN": raw}
    done = subprocess.run([RUNNERLIB, "run", "--job-command", 'echo "<$A_TOKEN>"; echo "/$A_TOKEN" >&2'], cwd=tmp_path,
                          env=env, capture_output=True, check=False)  # fmt: skip
    assert done.stdout == b"<" + MARK + b">\n/" + MARK + b"\n"


def test_processes_left_behind_are_named_masked(tmp_path: Path) -> None:
    """buildbot #4793, once more: the argv of a child in a line of the runner's own."""
    job = f'{sys.executable} -c "import signal; signal.pause()" "$T" &'
    done = runnerlib(
        "run", "--secret-env-names", "T", "--drain-timeout", "0.01", "--job-command", job, cwd=tmp_path, T=SPECIAL
    )
    assert "warning: process" in done.err
    assert MARKER in done.err
    assert not readable(SPECIAL.encode(), done.err.encode()), done.err


class Recorder:
    """A second sink, as syslog and OpenTelemetry would be."""

    congested = False

    def __init__(self) -> None:
        self.events: list[object] = []

    def observe(self, event: object) -> None:
        self.events.append(event)

    async def drain(self) -> None:
        pass


def test_every_sink_is_behind_the_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """concourse #8999, dagger #8475: the console was masked, syslog and OpenTelemetry were not.

    Whatever listens gets events, and no event holds the secret.
    """
    monkeypatch.chdir(tmp_path)
    environ = {"PATH": os.environ["PATH"], "A_TOKEN": SECRET, "REACTORCIDE_IN_CONTAINER": "false"}
    job = f'echo "$A_TOKEN"; echo {SECRET} >&2; exec /nowhere/{SECRET}'
    options = {"job_command": job, "secret_env_names": f"NO_{SECRET}"}
    recorder = Recorder()
    run(planner(read(options, environ, None), (), environ, tmp_path), recorder)
    printed = b"".join(event.data for event in recorder.events if isinstance(event, StepOutput))
    assert printed.count(MARK) >= 2
    assert not readable(TOKEN, printed + repr(recorder.events).encode())
    assert len(re.findall(r"Step(?:Started|Finished)", repr(recorder.events))) == 2
