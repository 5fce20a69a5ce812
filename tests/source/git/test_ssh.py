"""Over ssh, from a real sshd: a key file or the agent, and host keys that are checked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from tests.source.repository import Origin, git, snapshot
from tests.tools import tool


class Sshd(NamedTuple):
    """The port of an SSH server, and the file of the key that it lets in."""

    port: int
    key: Path

    def url(self, origin: Origin) -> str:
        return f"ssh://root@127.0.0.1:{self.port}{origin.path}"


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server of our own; HOME is empty but for what a test puts there."""
    keygen = tool("ssh-keygen")
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None or os.getuid() != 0:
        tool("sshd")
        pytest.skip("only root can start a server that lets root in")
    place = tmp_path / "ssh"
    place.mkdir(mode=0o700)
    for name in ("host", "key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)], check=True)
    shutil.copy(place / "key.pub", place / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (place / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    )
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    run = subprocess.Popen([server, "-D", "-e", "-f", str(place / "config")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield Sshd(port, place / "key")
    finally:
        run.terminate()
        run.wait()


def command(sshd: Sshd, known: str) -> str:
    """OpenSSH takes the home directory from the system, so a test has to name the file of known hosts."""
    file = sshd.key.parent / "known"
    file.write_text(known)
    options = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return f"ssh {options} -o UserKnownHostsFile={file} -i {sshd.key}"


def known(sshd: Sshd, key: str = "host.pub") -> str:
    kind, body = (sshd.key.parent / key).read_text().split()[:2]
    return f"[127.0.0.1]:{sshd.port} {kind} {body}\n"


def test_a_key_and_a_known_host(sshd: Sshd, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", command(sshd, known(sshd)))
    for ref, word in (("main", "main"), ("v1", "tagged"), (origin.ids["lost"], "lost")):
        made = prepare(SourceSpec("git", sshd.url(origin), ref), tmp_path / "src")
        assert made is not None
        assert made.revision == origin.ids[word]
    assert git(tmp_path / "src", "config", "remote.origin.url") == sshd.url(origin)


def test_options_name_the_key_and_the_hosts(sshd: Sshd, origin: Origin, tmp_path: Path) -> None:
    hosts = tmp_path / "known 'hosts' of ours"
    options = (("ssh-key", str(sshd.key)), ("known-hosts", str(hosts)))
    for text, right in ((known(sshd), True), (known(sshd, "key.pub"), False), ("", False)):
        hosts.write_text(text)
        spec = SourceSpec("git", sshd.url(origin), "main", options)
        if right:
            prepare(spec, tmp_path / "src")
        else:
            with pytest.raises(SourceError, match=r"(?i)host key verification failed|could not read"):
                prepare(spec, tmp_path / "src")


@pytest.mark.parametrize("host", ["unknown", "another"])
def test_a_host_that_is_not_known_is_refused(
    host: str, sshd: Sshd, origin: Origin, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", command(sshd, known(sshd, "key.pub") if host == "another" else ""))
    before = snapshot(full)
    with pytest.raises(SourceError, match=r"(?i)host key verification failed|could not read"):
        prepare(SourceSpec("git", sshd.url(origin)), full)
    assert snapshot(full) == before


def test_the_option_for_a_key_file_is_what_ssh_gets(tmp_path: Path) -> None:
    from runnerlib.source.git.child_env import environment

    key = tmp_path / "it's a key"
    words = environment(str(key), None, {})["GIT_SSH_COMMAND"]
    assert "BatchMode=yes" in words
    assert "StrictHostKeyChecking=yes" in words
    done = subprocess.run(
        ["sh", "-c", words.replace("ssh ", "printf '%s\\n' ", 1)], capture_output=True, text=True, check=True
    )
    assert str(key) in done.stdout.split("\n")


def test_libgit2_checks_hosts_and_takes_a_key(
    sshd: Sshd, origin: Origin, tmp_path: Path, no_git: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (("ssh-key", str(sshd.key)),)
    spec = SourceSpec("git", sshd.url(origin), "dev", options)
    with pytest.raises(SourceError):
        prepare(spec, tmp_path / "src")
    (tmp_path / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / ".ssh/known_hosts").write_text(known(sshd))
    code = (
        "import sys; from pathlib import Path; from runnerlib.source import SourceSpec, prepare; "
        "print(prepare(SourceSpec('git', sys.argv[1], 'dev', (('ssh-key', sys.argv[2]),)), Path(sys.argv[3])).revision)"
    )

    words = [sys.executable, "-c", code, sshd.url(origin), str(sshd.key), str(tmp_path / "src")]
    root = Path(__file__).parents[3]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=dict(os.environ), cwd=root)
    assert done.stdout.strip() == origin.ids["dev"], done.stderr
