"""Every attack of the catalogue as a real step of a real run: at each level, as root and as an ordinary user."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from runnerlib._util.proc import mounts
from runnerlib.executor.local import landlock
from tests.attacks.catalogue import ATTACKS, PAGE, USERS, page, wrong

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NOBODY = 65534
# What Landlock's three system calls are called on every architecture.
LANDLOCK = "444,445,446"
WITHOUT = (str(ROOT / "tests/refusing.py"), str(errno.ENOSYS), LANDLOCK)
ON_LOOP = {
    "uvloop": "from runnerlib.cli import main; main()",
    "asyncio": "import asyncio, runnerlib.runner.run as run; run.uvloop_factory = lambda: asyncio.new_event_loop; "
    "from runnerlib.cli import main; main()",
}


def _usable() -> str | None:
    """Return an interpreter of this version that an ordinary user may execute; that of the tests may be root's."""
    check = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            # By a shell: the program that changes the user executes with the rights it had.
            if (
                subprocess.run(
                    [*AS_USER, "sh", "-c", f'{python} -Sc "{check}"'], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return python
    return None


AS_USER = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
PYTHON = {"root": sys.executable, "user": _usable() if os.geteuid() == 0 else None}
# Without the package `site`, which may lead to another installation of what is tested.
MODULES = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("-packages"))])

needs_landlock = pytest.mark.skipif(landlock.abi() < 6, reason="the kernel has no Landlock of version 6")

ATTACKER = """
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
from tools import *
for name, code in {attacks!r}.items():
    child = os.fork()
    if not child:
        run(name, lambda: eval(code))
        os._exit(0)
    os.waitpid(child, 0)
open("stop", "w").close()
"""
# A job that is refused: nothing is delivered, and nothing has to be.
TRIGGER = '{"env":1}'
JOB = """
job:
  max_parallel: 2
  steps:
    - {{name: before, run: 'echo {trigger} >>$RUNNERLIB_TRIGGERS || true', depends_on: []}}
    - {{name: victim, run: [{python}, -S, {directory}/victim.py], depends_on: [before]}}
    - {{name: attacker, run: [{python}, -S, {directory}/attacker.py], depends_on: [before]}}
"""


class Arena:
    """A project with a CI source, for one user; `outside` makes words that run a program elsewhere."""

    outside: Callable[[Mapping[str, str]], Sequence[str]] | None = None

    def __init__(self, place: Path, user: str) -> None:
        self.place = place
        self.user = user
        self.python = str(PYTHON[user])
        self.modules = MODULES
        self.options: tuple[str, ...] = ("-S",)  # of the interpreter
        for name in ("ci", "home/.ssh", "attack"):
            (place / name).mkdir(parents=True)
        (place / "home/.ssh/id").write_text("a key")
        (place / "ci/run.sh").write_text("echo trusted\n")
        code = {name: attack.code for name, attack in ATTACKS.items()}
        for name in ("tools.py", "victim.py"):
            (place / "attack" / name).write_text((HERE / name).read_text())
        (place / "attack/attacker.py").write_text(ATTACKER.format(attacks=code))
        self.rewrite()

    def rewrite(self) -> None:
        """Write the job of all attacks, for the interpreter that is set."""
        self.write(JOB.format(python=self.python, directory=self.place / "attack", trigger=TRIGGER))

    def write(self, job: str) -> None:
        (self.place / "job.yaml").write_text(job)
        if self.user == "user":
            for path in (self.place, *self.place.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def run(
        self,
        *words: str,
        loop: str = "uvloop",
        before: tuple[str, ...] = (),
        file: tuple[str, str] = ("--job-file", "job.yaml"),
        **env: str,
    ) -> tuple[int, str]:
        """The exit code and everything that was said."""
        python = self.python
        home = str(self.place / "home")
        own = {"PATH": os.environ["PATH"], "HOME": home, "ATTACK_HOME": home, "PYTHONPATH": self.modules, **env}
        outside = self.outside(own) if self.outside else AS_USER if self.user == "user" else ()
        argv = [*outside, *([python, "-S", *before] if before else ())]
        argv += [python, *self.options, "-c", ON_LOOP[loop], "run", "--ci-source-type", "copy"]
        argv += ["--ci-source-url", "./ci", *file, "--output", "prefixed", *words]
        done = subprocess.run(
            argv,
            check=False,
            cwd=self.place,
            env=own if self.outside is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout


@pytest.fixture(params=USERS)
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    if os.geteuid() != 0:
        pytest.skip("only root can be both users")
    if PYTHON[request.param] is None:
        pytest.skip("no interpreter of this version is for ordinary users")
    with tempfile.TemporaryDirectory(prefix="arena-") as place:  # that of pytest is root's alone
        os.chmod(place, 0o755)
        yield Arena(Path(os.path.realpath(place)) / "project", request.param)


def results(said: str) -> dict[str, str]:
    return dict(re.findall(r"RESULT ([a-z ]+): (held|through|broken.*)", said))


@contextmanager
def listening(name: str) -> Iterator[None]:
    with closing(socket.socket(socket.AF_UNIX)) as made:
        made.bind(name)
        made.listen()
        yield


@contextmanager
def terminal(user: str) -> Iterator[str]:
    """The path of a terminal that belongs to a user."""
    ends = os.openpty()
    try:
        name = os.ttyname(ends[1])
        os.chown(name, NOBODY if user == "user" else 0, -1)
        yield name
    finally:
        for end in ends:
            os.close(end)


def attacked(arena: Arena, level: str, code: int = 0, **how: object) -> dict[str, str]:
    """Return the result of each attack, of a job that ends with `code`."""
    name = f"attacked-{os.getpid()}-{os.urandom(4).hex()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, listening("\0" + name), terminal(arena.user) as tty:
        goals = {"ATTACK_NAME": name, "ATTACK_PORT": str(tcp.getsockname()[1]), "ATTACK_TTY": tty}
        place = f"{arena.place}/home/{name}"
        with listening(place):
            os.chmod(place, 0o777)
            ended, said = arena.run("--sandbox", level, ATTACK_SOCKET=place, **goals, **how)  # type: ignore[arg-type]
    assert ended == code, said
    found = results(said)
    assert found.keys() == ATTACKS.keys(), said
    return found


@needs_landlock
@pytest.mark.parametrize(
    ("level", "loop"), [("off", "uvloop"), *((x, y) for x in ("source", "strict") for y in ON_LOOP)]
)
def test_the_table_of_attacks(arena: Arena, level: str, loop: str) -> None:
    assert wrong(attacked(arena, level, loop=loop), level, arena.user) == {}


@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_table_without_landlock(arena: Arena, level: str) -> None:
    """Attacks put back what they have changed in the CI source; the manifest tells of the new times at the end."""
    found = attacked(arena, level, code=125, before=WITHOUT)
    assert wrong(found, level, arena.user, "without") == {}


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group that belongs to an ordinary user, as a service manager delegates one."""
    tops = [one.point for one in mounts() if one.filesystem == "cgroup2"]
    if not tops or os.geteuid():
        pytest.skip("there are no control groups of version 2, or they are not ours")
    made = Path(tops[0], f"attacked-{os.getpid()}-{os.urandom(4).hex()}")
    made.mkdir()
    for path in (made, *(made / name for name in ("cgroup.procs", "cgroup.subtree_control"))):
        os.chown(path, NOBODY, NOBODY)
    try:
        yield made
    finally:
        for directory, _, _ in os.walk(made, topdown=False):
            os.rmdir(directory)


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_a_delegated_control_group_gives_steps_no_way_to_the_runner(arena: Arena, level: str, group: Path) -> None:
    """Steps have groups of their own, which the runner makes; neither theirs nor its group can be changed by them."""
    if arena.user == "root":
        pytest.skip("the table is tried with groups as root")
    arena.outside = lambda env: [
        *("env", "-i", *(f"{name}={value}" for name, value in env.items())),
        *("sh", "-c", f'echo 0 >{group}/cgroup.procs && exec "$@"', "sh", *AS_USER),
    ]
    assert wrong(attacked(arena, level), level, "user") == {}
    arena.write("job: {steps: [{name: a, run: cat /proc/self/cgroup}]}")
    _, said = arena.run("--sandbox", level)
    assert re.search(rf"0::.*/{group.name}/runnerlib-\w+/steps-\d+\n", said), said


@pytest.mark.parametrize("level", ["source", "strict"])
def test_without_landlock_everything_works_and_the_notice_names_what_is_missing(arena: Arena, level: str) -> None:
    arena.write(
        "job: {steps: [{name: a, run: 'echo x=1 >>$RUNNERLIB_OUTPUT'}, {name: b, run: 'echo $RUNNERLIB_OUTPUT_A_X'}]}"
    )
    code, said = arena.run("--sandbox", level, before=WITHOUT)
    assert (code, "b │ 1" in said) == (0, True), said
    assert said.count("warning:") == 1
    assert f"lacks parts of the sandbox '{level}': rights to files (Linux 5.13)" in said
    code, said = arena.run("--sandbox", level, "--sandbox-required", before=WITHOUT)
    assert (code, "sandbox_required is set" in said) == (125, True)


CHANGES = {
    "echo evil >>../ci/run.sh": "'run.sh' has another content",
    "chmod 600 ../ci/run.sh": "'run.sh' has the mode 0600, not 0644",
    "rm ../ci/run.sh": "'run.sh' is gone",
    "touch ../ci/new": "'new' is new",
    "mv ../ci ../old; mkdir ../ci": "'run.sh' is gone",
    "mv ../ci ../old; ln -s old ../ci": "'.' is gone, 'run.sh' is gone",
    "rm ../ci/run.sh; ln -s ../src/evil ../ci/run.sh": "'run.sh' is of another type",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_nothing_prevents_ends_the_job(arena: Arena, change: str) -> None:
    steps = [
        {"name": "attack", "run": change},
        {"name": "after", "run": "echo AFTER"},
        {"name": "cleanup", "run": "echo AFTER", "when": "always"},
    ]
    arena.write(json.dumps({"job": {"steps": steps}}))
    code, said = arena.run(before=WITHOUT)
    assert code == 125, said
    assert said.count(f"warning: the CI source was changed while steps ran: {CHANGES[change]}") == 1, said
    assert "AFTER" not in said.replace("echo AFTER", "")


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ("chmod 600 ../ci/run.sh", "'run.sh' has the mode 0600, not 0644"),
        ("touch ../ci/run.sh", "'run.sh' has another time"),
        ("import os; os.setxattr('../ci/run.sh', 'user.a', b'1')", "'run.sh' has other attributes"),
    ],
)
def test_the_last_step_is_looked_at_too(arena: Arena, change: str, how: str) -> None:
    """Landlock has no right for such changes, so they are made, and told."""
    run = [arena.python, "-Sc", change] if change.startswith("import") else change
    arena.write(json.dumps({"job": {"steps": [{"name": "attack", "run": run}]}}))
    code, said = arena.run()
    assert (code, f"{how}; no further step starts" in said) == (125, True), said


def test_the_page_shows_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("level", ["source", "strict"])
def test_what_steps_are_meant_to_do_works_in_a_sandbox(arena: Arena, level: str) -> None:
    """Register a secret, hand on outputs, write temporary files, and run what the CI source brings."""
    work = """
import os, socket, subprocess, tempfile
from runnerlib.secrets.register.client import register_secret
register_secret("sesame-open-1234")
print("registered sesame-open-1234")
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
with open(os.environ["RUNNERLIB_OUTPUT"], "a") as file:
    file.write("x=7\\n")
subprocess.run(["sh", "../ci/run.sh"], check=True)
open("made", "w").close(); os.mkdir("d"); os.rename("made", "d/moved")
open(os.path.expanduser("~/.config-of-a-tool"), "w").close()
open(os.environ["REACTORCIDE_ARTIFACTS_DIR"] + "/report", "w").close()
"""
    steps = [
        {"name": "work", "run": [arena.python, "-Sc", work]},
        {"name": "next", "run": "echo got $RUNNERLIB_OUTPUT_WORK_X; ls d"},
    ]
    arena.write(json.dumps({"job": {"steps": steps}}))
    code, said = arena.run("--sandbox", level)
    assert code == 0, said
    for line in ("registered [REDACTED]", "trusted", "got 7", "moved"):
        assert f"│ {line}\n" in said, said
    assert (arena.place / "job/artifacts/report").exists()
    assert [path.name for path in (arena.place / "job/.runnerlib").glob("rl-*")] == []


def test_a_file_of_the_untrusted_source_cannot_leave_the_sandbox(arena: Arena) -> None:
    (arena.place / "fork").mkdir()
    job = {"job": {"steps": [{"name": "a", "sandbox": "off", "run": "touch ../ci/new || echo HELD"}]}}
    (arena.place / "fork/job.json").write_text(json.dumps(job))
    arena.write("")
    words = ("--source-type", "copy", "--source-url", "./fork")
    code, said = arena.run(*words, file=("--job-file", "source:job.json"))
    assert (code, "│ HELD" in said) == (0, True), said
    assert "the file of the job is in the untrusted source, which cannot ask for sandbox 'off'" in said


@needs_landlock
def test_a_path_is_opened_by_its_name_and_none_that_would_open_the_ci_source(arena: Arena) -> None:
    (arena.place / "shared").mkdir()
    arena.write("job: {steps: [{name: a, run: 'touch ../../shared/new'}]}")
    code, said = arena.run("--sandbox", "strict", "--sandbox-paths", str(arena.place / "shared"))
    assert (code, (arena.place / "shared/new").exists()) == (0, True), said
    code, said = arena.run("--sandbox", "strict", "--sandbox-paths", "/job")
    assert "sandbox_paths: '/job' would open" in said, said
    assert (code, "exit code" in said) == (78, False), said


@needs_landlock
def test_a_failure_of_sudo_is_explained(arena: Arena) -> None:
    arena.write("job: {steps: [{name: a, run: 'exit 1 # sudo apt-get install'}]}")
    code, said = arena.run("--sandbox", "strict")
    assert (code, "sets no_new_privs, under which sudo and the like give no rights" in said) == (1, True), said


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_outputs_that_are_planted_for_another_step_are_not_found(arena: Arena, level: str) -> None:
    plant = 'for way in . .. ../0 ../1; do echo X=evil >"$(dirname $RUNNERLIB_OUTPUT)/$way/1.1.output"; done; true'
    steps = [
        {"name": "plant", "run": plant},
        {"name": "victim", "run": "true"},
        {"name": "after", "run": "echo got ${RUNNERLIB_OUTPUT_VICTIM_X-nothing}"},
    ]
    arena.write(json.dumps({"job": {"steps": steps}}))
    code, said = arena.run("--sandbox", level)
    assert (code, "│ got nothing" in said) == (0, True), said
