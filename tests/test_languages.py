"""The examples of steps in other languages: each is run as a step of a job, by files and the socket alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import yaml

import runnerlib as package
from runnerlib.secrets.socket.limits import Limits
from runnerlib.secrets.socket.protocol import parse, reply
from tests.integration.cli import environment, runnerlib
from tests.tools import tool

EXAMPLES = Path(__file__).parents[1] / "examples/languages"
PAGE = Path(__file__).parents[1] / "docs/protocol.md"
CLIENTS = ("deploy.mjs", "deploy.go", "deploy.rs")


def built(words: list[str], program: Path, source: str) -> str:
    """Return the command of a program that is compiled first."""
    subprocess.run([*words, str(program), str(EXAMPLES / source)], check=True)
    return str(program)


COMMANDS: dict[str, Callable[[Path], str]] = {
    "node": lambda _: f"{tool('node')} {EXAMPLES / 'deploy.mjs'}",
    "go": lambda place: built([tool("go"), "build", "-o"], place / "deploy-go", "deploy.go"),
    "rust": lambda place: built([tool("rustc"), "-o"], place / "deploy-rust", "deploy.rs"),
    "java": lambda _: f"{tool('java')} {EXAMPLES / 'Deploy.java'}",
    "shell": lambda _: f"sh {EXAMPLES / 'deploy.sh'}",
}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    place = tmp_path_factory.mktemp("languages")
    return cache(lambda language: COMMANDS[language](place))


def test_every_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.iterdir()} == {*CLIENTS, "Deploy.java", "deploy.sh"}


def test_the_page_has_the_clients_that_are_run() -> None:
    shown = re.findall(r"```(?:js|go|rust)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(shown) == len(CLIENTS)
    for client, text in zip(CLIENTS, shown, strict=True):
        assert text in (EXAMPLES / client).read_text()
        assert text.count("\n") <= 32


def test_the_page_names_every_limit_and_every_error() -> None:
    text = " ".join(PAGE.read_text().split())
    limits = Limits()
    for said in ("10,000", "4 MiB", "1 MiB", "within 5 s", "32 at a time; 100 a second, and 100 at once"):
        assert said in text
    assert (limits.secrets, limits.volume, limits.message, limits.deadline) == (10_000, 4 << 20, 1 << 20, 5)
    assert (limits.connections, limits.rate, limits.burst) == (32, 100, 100)
    code = "".join(path.read_text() for path in (Path(package.__file__).parent / "secrets/socket").glob("*.py"))
    errors = re.findall(r"RequestError\(f?\"([^\"({]+)", code)
    assert len(errors) == 11
    assert all(error.strip() in text for error in errors)


def test_the_page_shows_a_request_and_its_reply() -> None:
    asked, answered = re.findall(r"```json request\n(.*?)```", PAGE.read_text(), re.DOTALL)
    request = parse(asked.encode())
    assert request.values == ["first value", "second value"]
    assert reply(request, 2).decode() == answered


@pytest.mark.parametrize("language", COMMANDS)
def test_a_step_of_the_language(language: str, command: Callable[[str], str], tmp_path: Path) -> None:
    steps = [
        {"name": "deploy", "run": command(language), "outputs": ["version"], "problem_matchers": ["gcc"]},
        {"name": "next", "run": 'echo "deployed $RUNNERLIB_OUTPUT_DEPLOY_VERSION"'},
    ]
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"job": {"steps": steps}}))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = runnerlib("run", "--job-file", "job.yaml", "--here", "--events", "events", cwd=tmp_path, PATH=path)
    assert done.code == 0, done
    assert b"deploying with [REDACTED]" in done.out
    assert b"deployed 1.2" in done.out
    assert b"Kq7vZx9wPf3mBn" not in done.out + done.err.encode() + (tmp_path / "events").read_bytes()
    (message,) = [json.loads(path.read_text()) for path in tmp_path.rglob("triggers.json")]
    (job,) = message["jobs"]
    assert (job["job_name"], job["env"]) == ("smoke", {"TARGET": language})
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    (found,) = [event for event in events if event["type"] == "annotation"]
    assert (found["path"], found["line"], found["column"]) == ("deploy.yaml", 3, 7)


@contextmanager
def answering(path: Path, reply: bytes) -> Iterator[list[bytes]]:
    """A socket that reads one request, answers it so, and closes; yields the list that gets the request."""
    requests: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # nobody came
            return
        with connection, connection.makefile("rb") as stream:
            length = stream.read(4)
            requests.append(length + stream.read(int.from_bytes(length, "big")))
            connection.sendall(reply)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        yield requests
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("language", ["node", "go", "rust", "java"])
@pytest.mark.parametrize(
    "answer", [b"ERROR: Too many secrets (limit 10000)\n", b'{"status": "ok", "registered": 1, "masked": 0}\n', b""]
)
def test_a_value_that_is_not_masked_is_not_printed(
    language: str, answer: bytes, command: Callable[[str], str], tmp_path: Path
) -> None:
    """Each client fails closed: with a runner that refuses, masks nothing, or goes away."""
    words = shlex.split(command(language))
    with answering(tmp_path / "socket", answer) as requests:
        env = environment(REACTORCIDE_SECRETS_SOCKET=str(tmp_path / "socket"))
        done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"Kq7vZx9wPf3mBn" not in done.stdout + done.stderr
    (request,) = requests
    assert json.loads(request[4:]) == {"action": "register", "secrets": [f"{language}-Kq7vZx9wPf3mBn"]}
    assert int.from_bytes(request[:4], "big") == len(request) - 4
