"""`runnerlib secrets`, in this process with keys that cost nothing, and once as users run it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.cli import invoke
from runnerlib.secrets import local_store as secrets_local
from tests.integration.cli import RUNNERLIB, environment, runnerlib

VALUE = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("REACTORCIDE_SECRETS_PASSWORD", "pass word")
    monkeypatch.setattr(secrets_local, "SCRYPT_N", 2**4)
    return tmp_path / "config/reactorcide/secrets"


class Said:
    """The result of a command line."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch):
    """Runs `runnerlib secrets …` with some standard input."""

    def run(*args: str, stdin: bytes = b"") -> Said:
        with monkeypatch.context() as patch, io.BytesIO() as out, io.BytesIO() as err:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, write_through=True))
            patch.setattr("runnerlib.cli._prompt.is_possible", lambda: False)
            code = invoke(["secrets", *args])
            return Said(code, out.getvalue(), err.getvalue().decode())

    return run


def test_the_life_of_a_secret(say) -> None:
    assert say("init").code == 0
    assert say("set", "ci/deploy", "token", stdin=f"{VALUE}\n".encode()).err == "set 'ci/deploy:token'\n"
    assert say("set", "ci/deploy:key", stdin=b"-----BEGIN\nx\n-----END\n").code == 0
    assert say("get", "ci/deploy", "token").out == VALUE.encode()
    assert say("get", "ci/deploy:key").out == b"-----BEGIN\nx\n-----END"
    assert say("list").out == b"ci/deploy:key\nci/deploy:token\n"
    assert say("list", "ci/deploy").out == b"key\ntoken\n"
    assert say("list", "other").out == b""
    assert say("delete", "ci/deploy", "token").err == "deleted 'ci/deploy:token'\n"
    assert say("list").out == b"ci/deploy:key\n"


def test_a_value_in_a_file_or_in_the_arguments(say, tmp_path: Path) -> None:
    say("init")
    (tmp_path / "value").write_bytes(b"\xff-binary\r\n")
    assert say("set", "p", "k", "--file", str(tmp_path / "value")).code == 0
    assert say("get", "p", "k").out == b"\xff-binary"
    done = say("set", "p", "k", VALUE)
    assert (done.code, say("get", "p", "k").out) == (0, VALUE.encode())
    assert done.err.startswith("warning: a value in the arguments is visible to other users")
    assert say("set", "p", "k", "-x-y").code == 0
    assert say("get", "p:k").out == b"-x-y"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["get", "p", "none"], 1, "error: there is no secret 'p:none'\n"),
        (["delete", "p", "none"], 1, "error: there is no secret 'p:none'\n"),
        (["get", "p"], 2, "give PATH and KEY, as in: ci/deploy token, or ci/deploy:token"),
        (["get"], 2, "give PATH and KEY"),
        (["get", "p", "k", VALUE], 2, "there are more words than PATH and KEY\n"),
        (["set", "p", "k", "a", VALUE], 2, "there are more words than PATH and KEY and a value\n"),
        (["set", "p", "k", VALUE, "--stdin"], 2, "give one value"),
        (["set", "p", "k", f"--{VALUE}", "x"], 2, "there are more words"),
        (["set", "p x", "k"], 78, "'p x' is no path of a secret (letters, digits, '/', '_' and '-')\n"),
        (["set", "p:k.k"], 78, "'k.k' is no key of a secret (letters, digits, '_' and '-')\n"),
        (["set", "p", "k", "--file", "/nowhere/x"], 78, "cannot read '/nowhere/x': No such file or directory\n"),
        (["set", "p", "k"], 78, "the value of 'p:k' is empty\n"),
        (["list", "a", "b"], 2, "give one PATH, or none\n"),
        (["init"], 78, "already; --force makes a new one\n"),
    ],
)
def test_mistakes(say, args: list[str], code: int, message: str) -> None:
    say("init")
    done = say(*args)
    assert done.code == code
    assert message in done.err
    assert VALUE not in done.err


@pytest.mark.parametrize("args", [["get", "p", "k"], ["set", "p", "k"], ["list"], ["delete", "p:k"]])
def test_without_a_store_nobody_is_asked_for_a_password(
    say, args: list[str], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REACTORCIDE_SECRETS_PASSWORD")
    done = say(*args, stdin=b"x")
    assert (done.code, done.err) == (
        78,
        f"error: there is no secret store in '{store}'; make one with 'runnerlib secrets init'\n",
    )
    assert not store.exists()


def test_a_wrong_password_and_none(say, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say("init")
    monkeypatch.setenv("REACTORCIDE_SECRETS_PASSWORD", "pass ward")
    done = say("set", "p", "k", stdin=b"x")
    assert (done.code, done.err) == (78, f"error: the password is wrong, or the secret store '{store}' is damaged\n")
    monkeypatch.delenv("REACTORCIDE_SECRETS_PASSWORD")
    done = say("list")
    assert done.err == "error: the local secret store needs its password: set REACTORCIDE_SECRETS_PASSWORD\n"


def test_a_new_store_keeps_the_old_one_beside_it(say, store: Path) -> None:
    say("init")
    say("set", "p", "k", stdin=b"x")
    assert say("init", "--force").code == 0
    assert say("list").out == b""
    assert (store / "secrets.enc.old").exists()


def test_the_help_teaches(say) -> None:
    text = say("--help").out.decode()
    assert "runnerlib secrets set ci/deploy token" in text
    assert "REACTORCIDE_SECRETS_PASSWORD" in text
    assert "--file" in say("set", "--help").out.decode()


def test_on_a_terminal_password_and_value_are_asked_for_and_not_shown(tmp_path: Path, store: Path) -> None:
    """A real terminal and the real costs; then a job that refers to what was set, and a job that prints it."""
    here, there = pty.openpty()
    env = environment(XDG_CONFIG_HOME=str(tmp_path / "config"), TERM="dumb")
    code = "import runnerlib.secrets.local_store as s; s.SCRYPT_N = 2**4; from runnerlib.cli import main; main()"
    for args, answers in ((["init"], ["open sesame"] * 2), (["set", "p", "k"], [VALUE, "open sesame"])):
        process = subprocess.Popen(
            [sys.executable, "-c", code, "secrets", *args],
            stdin=there, stdout=there, stderr=there, env=env, start_new_session=True,
        )  # fmt: skip
        shown = b""
        for answer in answers:
            while not shown.endswith(b": "):
                shown += os.read(here, 1)
            shown = b""
            os.write(here, answer.encode() + b"\n")
        assert process.wait() == 0
        while not shown.endswith(b"'\r\n"):
            shown += os.read(here, 1)
            assert b"sesame" not in shown
            assert VALUE.encode() not in shown
    os.close(here)
    os.close(there)
    secrets = secrets_local.load_all("open sesame", store)
    assert secrets == {"p": {"k": VALUE}}


def test_a_job_prints_a_secret_and_its_log_hides_it(tmp_path: Path) -> None:
    """With the real costs: what this process writes is what the program reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets_local, "SCRYPT_N", 2**18)
        secrets_local.secret_set("p", "k", VALUE, "pass word")
    password = {"REACTORCIDE_SECRETS_PASSWORD": "pass word", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = runnerlib(
        "run", "--job-env", "A=${secret:p:k}\nREACTORCIDE_SECRETS_PASSWORD=pass word", "--job-command",
        f'test "$A" = {VALUE[:8]}""{VALUE[8:]} && echo $A && {RUNNERLIB} secrets get p k', cwd=tmp_path, **password,
    )  # fmt: skip
    assert (done.code, done.out) == (0, b"[REDACTED]\n[REDACTED]")


def test_a_job_whose_secret_is_missing_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "config/reactorcide/secrets").mkdir(parents=True)
    for args in (["run"], ["run", "--dry-run"], ["validate"]):
        done = runnerlib(
            *args, "--job-env", "A=${secret:p:k}", "--secret-providers", "env", "--", "touch", "started", cwd=tmp_path
        )
        assert (done.code, done.out, done.err) == (
            78,
            b"",
            "error: job_env: A: there is no secret 'p:k' (providers: env)\n",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["config"]
