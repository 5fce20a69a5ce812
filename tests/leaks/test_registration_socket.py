"""Secrets that a job registers while it runs, through the socket of its runner, by the real command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib
from tests.leaks import socket_client
from tests.leaks.situation import MARK, RSA_KEY, TOKEN, body, readable

# The secret must not be in the command, or a mark there would prove nothing: the job reads it from a file.
READ = "secret = open('minted').read(); "


def job(tmp_path: Path, script: str, *args: str, minted: bytes = TOKEN, **env: str) -> Done:
    """Run a job of Python statements, which have the functions of `socket_client` and a new secret."""
    code = tmp_path / "job" / "src"
    code.mkdir(parents=True)
    (code / "minted").write_bytes(minted)
    words = [sys.executable, socket_client.__file__, READ + script]
    return runnerlib("run", *args, "--", *words, cwd=tmp_path, **env)


PRINTED = [
    # Tokens minted during the job, exposed to a customer again and again.
    pytest.param("registered(secret); write(secret)", b"", id="gitlab-runner-38464 a token minted in the job"),
    pytest.param("write('a '); registered(secret); write(secret + ' b')", b"a  b",
                 id="actions-runner-475 registered first"),
    # `secret-in-fl` held, registered, `ight` written: what was held was not searched again.
    pytest.param("write('x' + secret[:4]); registered(secret, secret[4:]); write(secret[4:])", b"x" + TOKEN[:4],
                 id="buildkite-agent written in part before"),
    pytest.param("registered(secret)\nfor c in secret: write(c)", b"", id="dagger-4864 registered, then byte by byte"),
    pytest.param("registered(secret); import base64; write(base64.b32encode(secret.encode()).decode())", b"",
                 id="actions-runner-1800 registered, then base32"),
    pytest.param("registered('pa%ss%25wd-x'); write('pa%ss%25wd-x pa%25ss%2525wd-x')", b" ",
                 id="actions-runner-2960 percent in a registered value"),
    # Registering must not be a line of the log.
    pytest.param("registered(secret)", b"", id="actions-runner-159 nothing is echoed"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "left"), PRINTED)
def test_a_registered_secret_is_hidden(tmp_path: Path, script: str, left: bytes) -> None:
    done = job(tmp_path, script)
    assert done.code == 0, done.err
    assert done.out.replace(MARK, b"").rstrip(b"=") == left
    assert not readable(TOKEN, done.out + done.err.encode(), 5)


def test_every_line_of_a_registered_key(tmp_path: Path) -> None:
    """ftp-deployment-action #314: `::add-mask::` ended at the first newline."""
    script = "registered(secret)\nfor line in secret.splitlines(): write('| ' + line + '\\n')"
    done = job(tmp_path, script, minted=RSA_KEY)
    assert done.code == 0, done.err
    for line in body(RSA_KEY):
        assert not readable(line, done.out)


def test_forty_registrations(tmp_path: Path) -> None:
    """gitlab-runner 38464: whatever is registered before a write is hidden in it, every time."""
    script = "\nfor n in range(40): registered(f'tok-{n:04}-{secret}'); write(f'tok-{n:04}-{secret}\\n')"
    done = job(tmp_path, script)
    assert done.code == 0, done.err
    assert done.out == (MARK + b"\n") * 40


HEADERS = [
    # A short read of the four bytes of the length dropped the client.
    pytest.param(
        "m = framed(secret); reply = sent(*(m[i:i + 1] for i in range(len(m))))", id="upstream-U7 byte by byte"
    ),
    pytest.param("m = framed(secret); reply = sent(m[:2], m[2:])", id="upstream-U7 half a length"),
    pytest.param("m = framed(secret); reply = sent(m[:4], m[4:])", id="upstream-U7 the length by itself"),
]


@pytest.mark.parametrize("script", HEADERS)
def test_a_request_in_pieces(tmp_path: Path, script: str) -> None:
    done = job(tmp_path, script + "\nassert b'ok' in reply, reply\nwrite(secret)")
    assert (done.code, done.out) == (0, MARK), done.err


BROKEN = [
    # `AttributeError: MAX_MESSAGE_SIZE` in the server, no reply.
    pytest.param("sent(struct.pack('>I', 1 << 30), b'x' * 100)", id="upstream-U7 a gigabyte announced"),
    pytest.param("sent(struct.pack('>I', 1 << 21), b'x' * (1 << 21))", id="upstream-U7 two megabytes"),
    pytest.param("sent(struct.pack('>I', 3), b'{x}')", id="upstream-U7 no JSON"),
    pytest.param("sent(struct.pack('>I', 2), b'[]')", id="upstream-U7 a list"),
    pytest.param("sent(struct.pack('>I', 0))", id="upstream-U7 nothing"),
    pytest.param("sent(framed(secret).replace(b'register', b'recister'))", id="upstream-U7 another action"),
]


@pytest.mark.parametrize("script", BROKEN)
def test_a_request_that_is_refused_is_answered(tmp_path: Path, script: str) -> None:
    """Every client gets an answer that repeats nothing, and the next one is served."""
    checks = (
        "\nassert reply.endswith(b'\\n') and secret.encode() not in reply, reply\nregistered(secret); write(secret)"
    )
    done = job(tmp_path, f"reply = {script}{checks}")
    assert (done.code, done.out) == (0, MARK), done.err


def test_a_client_that_hangs_up(tmp_path: Path) -> None:
    """upstream-U7: half a request and away; those that come after are served all the same."""
    script = "s = socket.socket(socket.AF_UNIX); s.connect(place()); s.sendall(framed(secret)[:9]); s.close()"
    done = job(tmp_path, script + "; registered(secret); write(secret)")
    assert (done.code, done.out) == (0, MARK), done.err


def test_the_reply_does_not_return_the_secret(tmp_path: Path) -> None:
    """buildkite-agent jobapi/redactions.go answers with the list of what it redacts."""
    done = job(tmp_path, "assert secret.encode() not in sent(framed(secret)); write('ok')")
    assert (done.code, done.out) == (0, b"ok"), done.err


def test_the_socket_is_private(tmp_path: Path) -> None:
    """upstream-U7: /tmp/reactorcide-secrets-PID.sock, mode 0666: any user could connect, or be there first."""
    script = (
        "import stat; here = os.stat(place()); above = os.stat(os.path.dirname(place()))\n"
        "assert stat.S_ISSOCK(here.st_mode) and here.st_uid == above.st_uid == os.geteuid()\n"
        "assert not above.st_mode & 0o077, oct(above.st_mode)\n"
        "assert place() != f'/tmp/reactorcide-secrets-{os.getppid()}.sock'\n"
        "assert len(os.fsencode(place())) < 108\nwrite(place())"
    )
    done = job(tmp_path, script)
    assert done.code == 0, done.err
    assert not Path(done.out.decode()).parent.exists(), "the socket is still there"


def test_two_runs_have_two_sockets(tmp_path: Path) -> None:
    """upstream-U7: a name made of the pid can be foreseen."""
    places = {job(tmp_path / name, "write(place())").out for name in ("a", "b") if not (tmp_path / name).mkdir()}
    assert len(places) == 2


CLIENTS = [
    pytest.param("runnerlib register-secret", id="upstream-U7 standard input"),
    pytest.param("runnerlib register-secret -", id="upstream-U7 standard input, lines too"),
    pytest.param("python -m runnerlib.register_secret", id="upstream-U7 the module"),
]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_needs_no_secret_in_an_argv(tmp_path: Path, client: str) -> None:
    """upstream-U7: `register_secret VALUE` shows the secret in ps while it is registered."""
    (tmp_path / "minted").write_bytes(TOKEN)
    command = f"{client} <'{tmp_path}/minted' && cat '{tmp_path}/minted'; echo 'status' $?"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = runnerlib("run", "--job-command", command, cwd=tmp_path, PATH=path)
    assert done.out == MARK + b"status 0\n", done.err


@pytest.mark.parametrize("value", ["ab", "", "x"], ids=["two characters", "nothing", "one character"])
def test_a_value_that_is_not_going_to_be_masked_is_said(tmp_path: Path, value: str) -> None:
    """azure-pipelines-agent #1207: registering `1` masked every 1; refused here, and the job is told."""
    script = f"reply = json.loads(sent(framed({value!r}))); assert not reply.get('masked'), reply; write('ab x 1')"
    done = job(tmp_path, script)
    assert (done.code, done.out) == (0, b"ab x 1"), done.err
