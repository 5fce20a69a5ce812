"""The client of the secret socket: what it says of every kind of runner, and never a value."""

from __future__ import annotations

import json
import os
import secrets
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import uvloop

from runnerlib.cli.commands.register_secret import command
from runnerlib.masking import SecretMasker
from runnerlib.register_secret import (
    USAGE,
    Registration,
    main,
    register,
    register_secret,
    register_secret_via_socket,
    register_secrets,
    register_secrets_via_socket,
)
from runnerlib.secrets.register import client
from runnerlib.secrets.socket.limits import Limits
from tests.test_secret_socket import FAST, NewLoop, Served, serving, short

ROOT = Path(__file__).parents[1]

__all__ = ["short"]  # the fixture


class Runner:
    """A masker behind a socket that the environment names."""

    def __init__(self, served: Served, masker: SecretMasker, seen: list[bytes]) -> None:
        self.served, self.masker, self.seen = served, masker, seen


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    masker = SecretMasker(encodings=False)
    seen: list[bytes] = []

    def record(values: list[str]) -> int:
        seen.extend(value.encode("utf-8", "surrogateescape") for value in values)
        return masker.register_secrets(values)

    with serving(uvloop.new_event_loop, record) as served:
        monkeypatch.setenv("REACTORCIDE_SECRETS_SOCKET", str(served.path))
        yield Runner(served, masker, seen)


@contextmanager
def impostor(directory: Path, answer: Callable[[socket.socket], object] | None = None) -> Iterator[str]:
    """Something else that listens: `answer` gets one connection; without it, none is ever taken."""
    path = str(directory / "other")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen(0)

        def serve(answer: Callable[[socket.socket], object]) -> None:
            with listener.accept()[0] as connection:
                answer(connection)

        threads = [threading.Thread(target=serve, args=(answer,))] if answer else []
        for thread in threads:
            thread.start()
        yield path
        for thread in threads:
            thread.join()


def replying(reply: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        (length,) = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))
        connection.recv(length, socket.MSG_WAITALL)
        connection.sendall(reply)

    return answer


# In Python


def test_registered_is_hidden(runner: Runner) -> None:
    assert register_secret("hunter2")
    assert register_secrets(["hunter3", b"hunter4"])
    assert register(iter(["hunter5"])) == Registration(1, "")
    assert runner.masker.mask(b"hunter2 hunter3 hunter4 hunter5") == b" ".join([b"[REDACTED]"] * 4)


def test_the_names_of_reactorcide(runner: Runner) -> None:
    path = str(runner.served.path)
    assert register_secret_via_socket("hunter2", path)
    assert register_secrets_via_socket(["hunter3"], path)
    assert runner.seen == [b"hunter2", b"hunter3"]


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("café \U0001f600", "café \U0001f600".encode()),
        ("\udcff\udc80x", b"\xff\x80x"),
        ("\ud800x\udfff", b"\xed\xa0\x80x\xed\xbf\xbf"),
        (b"\xff\0\n\"\\'x", b"\xff\0\n\"\\'x"),
        (bytes(range(256)), bytes(range(256))),
    ],
)
def test_values_keep_their_bytes(value: str | bytes, raw: bytes, runner: Runner) -> None:
    assert register_secret(value)
    assert runner.seen == [raw]


@pytest.mark.parametrize(
    ("values", "hidden", "problem"),
    [
        ([], 0, ""),
        ([""], 0, "1 of 1 values cannot be masked: 1 empty"),
        (["xy"], 0, "1 of 1 values cannot be masked: 1 too short"),
        (["", "xy", "long", "", "enough"], 2, "3 of 5 values cannot be masked: 2 empty, 1 too short"),
    ],
)
def test_what_is_not_hidden_is_said(values: list[str], hidden: int, problem: str, runner: Runner) -> None:
    assert register(values) == (hidden, problem)
    assert register_secrets(values) == (not problem)


def test_without_a_runner_it_is_false(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "there is no runner to register with: REACTORCIDE_SECRETS_SOCKET is not set"
    assert register(["value"]) == (0, variable)
    monkeypatch.setenv("REACTORCIDE_SECRETS_SOCKET", "")
    assert register(["value"]) == (0, variable)
    monkeypatch.setenv("REACTORCIDE_SECRETS_SOCKET", f"{short}/absent")
    assert register(["value"]) == (0, f"no runner listens at '{short}/absent'")
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(f"{short}/left")
    assert register(["value"], short / "left") == (0, f"no runner listens at '{short}/left'")
    (short / "file").touch()
    assert register(["value"], f"{short}/file") == (0, f"no runner listens at '{short}/file'")
    long = "/" + "x" * 120
    assert register(["value"], long) == (0, f"cannot talk to the runner at '{long}': AF_UNIX path too long")
    assert register(["value"], f"{short}/file/x").problem.endswith("x': Not a directory")
    assert not register_secret("value")


def test_a_runner_that_does_not_answer_is_not_waited_for(short: Path) -> None:
    with impostor(short) as path, ExitStack() as stack:
        waited = (0, f"the runner at '{path}' did not answer within 0.02 s")
        assert register(["value"], path, 0.02) == waited
        while True:  # until its queue is full
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            try:
                waiting.connect(path)
            except BlockingIOError:
                break
        assert register(["value"], path, 0.02) == waited
        assert register(["value"], path, 0).problem.endswith("within 0 s")
        assert register(["value" * 100_000], path, 0.02) == waited


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b'{"status": "ok", "registered": 2}\n', (2, "")),
        (b'{"status":"ok","registered":2,"masked":1}', (1, "1 of 2 values cannot be masked: 1 too short")),
        (b'{"status": "ok", "registered": 1}\n', (2, "the runner did not accept every value")),
        (b'{"status": "odd", "registered": 2}\n', (2, "the runner did not accept every value")),
        (b"", (0, "the runner gave no answer")),
        (b"\n", (0, "the runner gave no answer")),
        (b"null\n", (0, "the runner's answer is not understood")),
        (b"[]\n", (0, "the runner's answer is not understood")),
        (b"{}\n", (0, "the runner's answer is not understood")),
        (b'{"status": "ok", "registered": 2, "masked": "x"}\n', (0, "the runner's answer is not understood")),
        (b"\xff" * 10_000, (0, "the runner's answer is not understood")),
        (b"ERROR: Unknown action\n", (0, "the runner refused: Unknown action")),
        (b"ERROR: no hunter2 here\n", (0, "the runner refused: no reason given")),
        (b"ERROR: \x1b[31mred\n", (0, "the runner refused: no reason given")),
        (b"ERROR: " + b"x" * 4000, (0, "the runner refused: no reason given")),
    ],
)
def test_every_answer_is_judged(reply: bytes, outcome: tuple[int, str], short: Path) -> None:
    with impostor(short, replying(reply)) as path:
        assert register(["hunter2", "hunter3"], path) == outcome


def test_many_values_are_several_requests(runner: Runner) -> None:
    values = [secrets.token_hex(50_000) for _ in range(30)] + [secrets.token_hex(4) for _ in range(1000)]
    assert register(values) == (1030, "")
    assert runner.seen == [value.encode() for value in values]


def test_a_value_that_is_too_large_is_refused_and_the_reason_arrives(runner: Runner) -> None:
    problem = "the runner refused: Request too large (limit 1048576 bytes)"
    assert register(["x" * (3 << 20)]) == (0, problem)
    assert register(["before", "x" * (1 << 20), "after"]) == (1, problem)


def test_the_client_knows_the_limit_of_the_server() -> None:
    assert Limits().message == client.LARGEST


# The command line


@pytest.fixture
def stdin(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Makes bytes the standard input of this process."""
    before = os.dup(0)

    def replace(data: bytes) -> None:
        (tmp_path / "stdin").write_bytes(data)
        with open(tmp_path / "stdin", "rb") as file:
            os.dup2(file.fileno(), 0)

    yield replace
    os.dup2(before, 0)
    os.close(before)


def by_click(args: list[str]) -> int:
    code = command.main(args, prog_name="register-secret", standalone_mode=False)
    assert isinstance(code, int)
    return code


@pytest.fixture(params=[main, by_click], ids=["python -m", "runnerlib"])
def call(request: pytest.FixtureRequest) -> Callable[[list[str]], int]:
    function: Callable[[list[str]], int] = request.param
    return function


TWO = b"first line\r\n\nab\n second line\n"


@pytest.mark.parametrize(
    ("args", "data", "registered"),
    [
        ([], b"hunter2\n", [b"hunter2"]),
        ([], b"hunter2\r\n", [b"hunter2"]),
        ([], b"hunter2\n\n", [b"hunter2\n"]),
        ([], b"hunter2\r", [b"hunter2\r"]),
        ([], b"\xff\0hunter2", [b"\xff\0hunter2"]),
        ([], TWO, [TWO[:-1]]),
        (["-"], b"hunter2\n", [b"hunter2"]),
        (["-"], TWO, [TWO[:-1], b"first line", b" second line"]),
        (["--lines"], b"first\nsecond", [b"first", b"second"]),
        (["--lines", "-"], b"first\r\n \nsecond", [b"first", b"second"]),
        (["--file", "FILE"], b"unread", [b"content\nof file"]),
        (["--file=FILE", "--lines", "--file", "FILE"], b"", [b"content", b"of file"] * 2),
        (["--file", "FILE", "-"], b"hunter2", [b"hunter2", b"content\nof file"]),
    ],
)
def test_standard_input_and_files(
    args: list[str],
    data: bytes,
    registered: list[bytes],
    call: Callable[[list[str]], int],
    runner: Runner,
    stdin: Callable[[bytes], None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_bytes(b"content\nof file\n")
    stdin(data)
    assert call([arg.replace("FILE", str(tmp_path / "file")) for arg in args]) == 0
    assert runner.seen == registered
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("args", "registered"),
    [
        (["hunter2"], [b"hunter2"]),
        (["hunter2", "-", "hunter3"], [b"hunter2", b"from stdin", b"hunter3"]),
        (["--", "--hunter2"], [b"--hunter2"]),
        (["hunter2", "--", "-h"], [b"hunter2", b"-h"]),
    ],
)
def test_values_in_the_arguments_work_with_a_warning(
    args: list[str],
    registered: list[bytes],
    call: Callable[[list[str]], int],
    runner: Runner,
    stdin: Callable[[bytes], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    stdin(b"from stdin\n")
    assert call(args) == (1 if b"-h" in registered else 0)  # too short to be masked
    assert runner.seen == registered
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("warning: a value in the arguments is visible to other users; standard input is not\n")
    assert "hunter" not in err


@pytest.mark.parametrize(
    ("args", "data", "code", "error"),
    [
        ([], b"", 1, "1 of 1 values cannot be masked: 1 empty"),
        (["-"], b"\n", 1, "1 of 1 values cannot be masked: 1 empty"),
        (["--lines"], b" \n\n", 1, "there is nothing to register"),
        (["--lines"], b"hunter2\nab\n", 1, "1 of 2 values cannot be masked: 1 too short"),
        (["--file", "/absent"], b"", 1, "cannot read '/absent': No such file or directory"),
        (["--socket", "/absent"], b"hunter2", 1, "no runner listens at '/absent'"),
        ([], b"hunter2" * 200_000, 1, "the runner refused: Request too large (limit 1048576 bytes)"),
        *(
            (args, b"", 2, "unknown or incomplete option; a value that begins with '-' goes after '--'")
            for args in (["--hunter2"], ["-hunter2"], ["--lines=hunter2"], ["--socket"], ["x", "--hunter2=x"])
        ),
    ],
)
def test_errors_are_one_line_without_a_value(
    args: list[str],
    data: bytes,
    code: int,
    error: str,
    call: Callable[[list[str]], int],
    runner: Runner,
    stdin: Callable[[bytes], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    stdin(data)
    assert call(args) == code
    assert capfd.readouterr() == ("", f"error: {error}\n")


def test_help(call: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == call(["-h"]) == 0
    assert capsys.readouterr() == (2 * USAGE, "")


def test_without_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    before = os.dup(0)
    os.close(0)
    try:
        assert main([]) == 1
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert capsys.readouterr().err == "error: cannot read 'standard input': Bad file descriptor\n"


def test_an_interrupt_shows_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runnerlib.secrets.register.command.register", interrupted)
    assert main(["-", "--", "hunter2"]) == 130
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_standard_error_is_not_needed(closed: str, runner: Runner) -> None:
    script = f'exec "$0" -m runnerlib.register_secret hunter2 {closed}'
    assert subprocess.run(["sh", "-c", script, sys.executable], cwd=ROOT, check=False).returncode == 0
    assert runner.seen == [b"hunter2"]


def test_as_a_program(runner: Runner) -> None:
    program = [sys.executable, "-m", "runnerlib.register_secret"]
    done = subprocess.run([*program, "-"], cwd=ROOT, input=b"hunter2\n", capture_output=True, check=True)
    assert (done.stdout, done.stderr, runner.seen) == (b"", b"", [b"hunter2"])
    environment = {**os.environ, "REACTORCIDE_SECRETS_SOCKET": ""}
    done = subprocess.run(program, cwd=ROOT, input=b"hunter2\n", capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: there is no runner")


def test_the_client_is_light() -> None:
    code = "import sys, json, runnerlib.register_secret; json.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    loaded = json.loads(done.stdout)
    assert not {"asyncio", "click", "argparse", "subprocess", "logging", "ssl", "threading"} & set(loaded)
    own = {name.removeprefix("runnerlib.") for name in loaded if name.startswith("runnerlib.")}
    assert own == {"register_secret", "secrets", *(f"secrets.register{part}" for part in ("", ".client", ".command"))}


def test_rates_of_the_default_limits_suffice_for_a_script(new_loop: NewLoop) -> None:
    with serving(new_loop, limits=None) as served:
        assert all(register_secret(f"value {i}", served.path) for i in range(FAST.connections * 2))
