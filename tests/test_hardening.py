"""Facts that a step may find out about the runner of its job: nothing that is withheld from it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until

PASSWORD, KEY, PROVIDED, ITEMS = "hunter-1-password", "hunter-2-triggers-key", "hunter-3-provided", "hunter-4-item"
PRIVATE = {
    "REACTORCIDE_SECRETS_PASSWORD": PASSWORD,
    "REACTORCIDE_TRIGGERS_KEY": KEY,
    "REACTORCIDE_SECRET_VALUES_LIST": ITEMS,
    "REACTORCIDE_JOB_ENV": "TOKEN=${secret:db:p}",
    "SECRET_DB__P": PROVIDED,
}
# Root may look into every process; without its capabilities it is a user like any other.
PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []

PROBE = """
import os, re
runner = os.getppid()
def attempt(name, look):
    try:
        print(name, look())
    except OSError as error:
        print(name, error.strerror)
def read(name):
    with open(f"/proc/{runner}/{name}", "rb", 0) as file:
        return len(file.read(4096))
for name in ("environ", "maps", "mem", "auxv", "io"):
    attempt(name, lambda: read(name))
attempt("descriptor", lambda: os.readlink(f"/proc/{runner}/fd/0"))
attempt("own", lambda: "readable" if open(f"/proc/{os.getpid()}/environ").read() else "empty")
print("core", *re.search("Max core file size +(\\\\S+)", open(f"/proc/{runner}/limits").read()).groups())
"""
CLOSED = [f"{name} Permission denied" for name in ("environ", "maps", "mem", "auxv", "io", "descriptor")]

ENTRIES = {"module": ["-m", "runnerlib", "run"], "of the worker": ["-m", "runnerlib.cli", "run"]}
JOB = "job: {steps: [{name: one, run: 'python3 probe.py'}, {name: two, run: 'python3 probe.py', depends_on: [one]}]}\n"
KINDS = {
    "command": ["--job-command", "exec python3 probe.py"],
    "steps": ["--job-file", "job.yaml"],
    "workflow": ["--workflow-file", "flow.yaml"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE)
    (tmp_path / "job.yaml").write_text(JOB.replace("probe.py", str(probe)).replace("python3", "exec python3"))
    (tmp_path / "flow.yaml").write_text(f"jobs: {{a: {{command: exec python3 {probe}}}}}\n")
    return tmp_path


def run(place: Path, *words: str, entry: str = "module", plain: bool = True) -> list[str]:
    """The lines that a job has printed."""
    argv = [*(PLAIN if plain else []), sys.executable, *ENTRIES[entry], "--output", "raw", *words]
    done = subprocess.run(
        [word.replace("probe.py", str(place / "probe.py")) for word in argv],
        cwd=place,
        env={**os.environ, **PRIVATE, "MARK_OF_THE_SERVICE": "x", "REACTORCIDE_SECRET_PROVIDERS": "env"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_runner_is_closed_to_its_steps(place: Path, kind: str, entry: str) -> None:
    said = run(place, *KINDS[kind], entry=entry)
    times = 2 if kind == "steps" else 1
    assert [line for line in said if line in CLOSED] == CLOSED * times
    assert said.count("own readable") == said.count("core 0") == times


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the runner")
@pytest.mark.parametrize("entry", ENTRIES)
def test_root_finds_nothing_private_in_the_environment(place: Path, entry: str) -> None:
    code = "import os; print(sorted(open(f'/proc/{os.getppid()}/environ').read().split(chr(0))))"
    (place / "probe.py").write_text(code)
    (found,) = run(place, *KINDS["command"], entry=entry, plain=False)
    assert "'MARK_OF_THE_SERVICE=x'" in found  # which a service may look for, to end what a job left
    assert all(f"'{name}='" in found for name in PRIVATE)
    assert "hunter" not in found
    assert "${secret:" not in found


def test_a_step_has_the_core_limit_that_the_runner_had(place: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    (place / "probe.py").write_text("import resource; print(*resource.getrlimit(resource.RLIMIT_CORE))")
    for limit in {soft, 0, hard if hard != resource.RLIM_INFINITY else 1 << 20, hard}:
        resource.setrlimit(resource.RLIMIT_CORE, (limit, hard))
        try:
            assert run(place, *KINDS["command"]) == [f"{limit} {hard}"]
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_a_program_that_uses_the_library_stays_as_it_is(place: Path) -> None:
    code = """
import ctypes, os, resource, sys
before = resource.getrlimit(resource.RLIMIT_CORE)
import runnerlib
result = runnerlib.execute("true")
assert result.success and resource.getrlimit(resource.RLIMIT_CORE) == before
assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1  # PR_GET_DUMPABLE
assert b"hunter-1" in open("/proc/self/environ", "rb").read()
"""
    env = {**os.environ, **PRIVATE, "REACTORCIDE_SECRET_PROVIDERS": "env"}
    subprocess.run([sys.executable, "-c", code], cwd=place, env=env, check=True, capture_output=True)


@pytest.mark.parametrize("words", [["-m", "runnerlib.register_secret"], ["-m", "runnerlib", "mask"]])
def test_a_helper_that_is_given_a_secret_is_closed(words: list[str], place: Path) -> None:
    looker = "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb')"
    helper = subprocess.Popen([*PLAIN, sys.executable, *words], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:

        def closed() -> bool:
            looking = [*PLAIN, sys.executable, "-S", "-c", looker, str(helper.pid)]
            return b"PermissionError" in subprocess.run(looking, capture_output=True, check=False).stderr

        until(closed)
        assert helper.poll() is None
    finally:
        helper.communicate()
