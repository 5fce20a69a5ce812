"""Rights that a process gives up: by a ruleset, by no new privileges, by dropping capabilities."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from runnerlib.errors import RunnerError
from runnerlib.executor.local import ProcessSupervisor, landlock
from runnerlib.executor.local.landlock import CHANGE, Handled, Ruleset, missing
from runnerlib.executor.process_spec import Confinement, ProcessSpec
from tests.executor.local.steps import finish

needs = pytest.mark.skipif(landlock.abi() < 6, reason="the kernel has no Landlock of version 6")


def run(script: str, confinement: Confinement, cwd: Path) -> tuple[int, str]:
    with ProcessSupervisor() as supervisor:
        words = ("/bin/sh", "-c", script)
        ended, output = finish(supervisor.start(ProcessSpec(words, cwd, dict(os.environ), confinement=confinement)))
        return ended.returncode, output.decode()


@needs
def test_what_is_not_granted_is_refused_and_what_is_works(tmp_path: Path) -> None:
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("as it was")
    ruleset = Ruleset(Handled(CHANGE))
    ruleset.grant(str(tmp_path / "open"), CHANGE)
    ruleset.grant("/dev/null", CHANGE)
    ruleset.grant(str(tmp_path / "nothing there"), CHANGE)
    attempts = {
        "write": "echo x >closed/file",
        "append": "echo x >>closed/file",
        "create": ": >closed/new",
        "truncate": "truncate -s 0 closed/file",
        "remove": "rm -f closed/file",
        "rename": "mv closed/file closed/other",
        "move out": "mv closed/file open/stolen",
        "link": "ln closed/file open/linked && echo x >open/linked",
        "symlink": "ln -s /etc/passwd closed/link",
        "mkdir": "mkdir closed/directory",
        "replace": "mv closed elsewhere",
    }
    script = "".join(f"({command}) 2>/dev/null && echo {name}\n" for name, command in attempts.items())
    code, said = run(
        f"{script}cat closed/file && echo x >open/file && mv open/file open/renamed", Confinement(ruleset), tmp_path
    )
    assert (code, said) == (0, "as it was")
    assert (tmp_path / "open/renamed").read_text() == "x\n"
    assert sorted(path.name for path in (tmp_path / "closed").iterdir()) == ["file"]


@needs
def test_processes_of_two_domains_cannot_signal_one_another_or_the_runner(tmp_path: Path) -> None:
    confined = Confinement(Ruleset(Handled(0)))
    with ProcessSupervisor() as supervisor:
        first = supervisor.start(ProcessSpec(("sleep", "100000"), tmp_path, dict(os.environ), confinement=confined))
        try:
            others = f"kill -0 {first.pid} || kill -0 {os.getpid()}"
            script = f"exec 2>/dev/null; {others} || {{ sleep 100000 & kill $!; wait $!; echo $?; }}"
            code, said = run(script, confined, tmp_path)
            assert (code, said) == (0, "143\n")  # only what it started itself
            assert os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        finally:
            first.close()


@needs
def test_tcp_is_open_at_the_ports_that_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [server.getsockname()[1] for server in (one, other)]
        script = f"""{sys.executable} -Sc 'import socket
for port in {ports}:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        print("open")
    except PermissionError:
        print("refused")'"""
        cases = {((), True): "refused refused", ((ports[1],), True): "refused open", ((), False): "open open"}
        for (allowed, bounded), expected in cases.items():
            ruleset = Ruleset(Handled(0, network=bounded), allowed)
            assert run(script, Confinement(ruleset), tmp_path)[1].split() == expected.split()


def test_capabilities_and_new_privileges_are_given_up(tmp_path: Path) -> None:
    script = "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status"
    before, after = (run(script, how, tmp_path)[1] for how in (Confinement(), Confinement(None, True, True)))
    assert "NoNewPrivs:\t0" in before
    assert "NoNewPrivs:\t1" in after
    nothing = "0" * 16
    names = ["Inh", "Prm", "Eff", "Amb", *(["Bnd"] if os.geteuid() == 0 else [])]
    assert all(f"Cap{name}:\t{nothing}" in after for name in names), after


def test_a_ruleset_that_cannot_be_entered_stops_the_start(tmp_path: Path) -> None:
    class NoRuleset(Ruleset):
        def __init__(self) -> None:
            self.descriptor = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    with ProcessSupervisor() as supervisor, pytest.raises(RunnerError, match="cannot confine a process"):
        supervisor.start(ProcessSpec(("true",), tmp_path, {}, confinement=Confinement(NoRuleset(), True)))


def test_what_older_kernels_lack_is_named() -> None:
    assert missing(7) == []
    assert missing(3, devices=False) == ["TCP (6.7)", "signals and abstract sockets (6.12)"]
    assert missing(3, ports=False, devices=False) == ["signals and abstract sockets (6.12)"]
    assert len(missing(0)) == 6
