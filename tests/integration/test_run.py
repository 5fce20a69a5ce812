"""`runnerlib run` as a real process: exact output, exact exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.harness import background, gone
from tests.integration.cli import RUNNERLIB, environment, runnerlib, started


def test_output_on_stdout_everything_else_on_stderr(tmp_path: Path) -> None:
    done = runnerlib("run", "--job-command", "echo out; echo err >&2", cwd=tmp_path)
    assert done == (0, b"out\nerr\n", "runnerlib: $ echo out; echo err >&2\n")


@pytest.mark.parametrize("module", ["runnerlib", "runnerlib.cli"])
def test_as_a_module(tmp_path: Path, module: str) -> None:
    command = [sys.executable, "-W", "error", "-m", module, "run", "--job-command", "echo hi"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\n", b"runnerlib: $ echo hi\n")


@pytest.mark.parametrize(
    ("args", "code", "err"),
    [
        (["--job-command", "exit 42"], 42, "runnerlib: $ exit 42\nrunnerlib: failed: exit code 42\n"),
        (["--job-command", "kill -9 $$"], 137, "runnerlib: $ kill -9 $$\nrunnerlib: failed: killed by SIGKILL\n"),
        (["--", "no-such"], 127, "runnerlib: $ no-such\nrunnerlib: failed: command not found: 'no-such'\n"),
        (["--", "/"], 126, "runnerlib: $ /\nrunnerlib: failed: cannot execute '/': Permission denied\n"),
        (["--", "true"], 0, "runnerlib: $ true\n"),
        (
            [],
            78,
            (
                "error: nothing to run: there is no runnerlib.yaml here or in a directory above (`runnerlib init` "
                "writes one); give --job-command, --job-file, --workflow-file, or words after --\n"
            ),
        ),
        (
            ["--job-command", " "],
            78,
            (
                "error: no command: give --job-command, REACTORCIDE_JOB_COMMAND, job_command in a "
                "configuration file, --job-file, or words after --\n"
            ),
        ),
        (
            ["--job-command", "a", "--", "b"],
            78,
            "error: job_command (command line, --job-command): contradicts the words 'b'; give one of them\n",
        ),
        (
            ["--source-type", "gti", "--", "true"],
            78,
            ("error: source_type (command line, --source-type): unknown source type 'gti'; did you mean 'git'?\n"),
        ),
        (
            ["--source-url", "x", "--", "true"],
            78,
            "error: source_url (command line, --source-url): needs source_type to say what kind of source it is\n",
        ),
        (
            ["--work-dir", "/nonexistent", "--", "true"],
            78,
            "error: work_dir (command line, --work-dir): cannot change to '/nonexistent': No such file or directory\n",
        ),
        (
            ["--job-env", "A=1\nB", "--", "true"],
            78,
            "error: job_env (command line, --job-env): line 2 is not NAME=VALUE\n",
        ),
        (
            ["--secrets-file", "/nonexistent", "--", "true"],
            78,
            "error: secrets_file (command line, --secrets-file): cannot read '/nonexistent': No such file or directory\n",  # noqa: E501
        ),
        (
            ["--config", "/nonexistent", "--", "true"],
            78,
            "error: cannot read the configuration file '/nonexistent': No such file or directory\n",
        ),
        (
            ["--job-dir", "/job/none", "--", "true"],
            125,
            "runnerlib: $ true\nrunnerlib: failed: the directory of the job '{job}/none' does not exist\n",
        ),
    ],
)
def test_exit_codes(tmp_path: Path, args: list[str], code: int, err: str) -> None:
    done = runnerlib("run", *args, cwd=tmp_path)
    assert done == (code, b"", err.replace("{job}", str(tmp_path / "job")))


def test_a_usage_error_teaches(tmp_path: Path) -> None:
    done = runnerlib("run", "--job-comand", "true", cwd=tmp_path)
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith(
        "Usage: runnerlib run [OPTIONS] [NAME]... [-- WORDS...]\n"
        "Try 'runnerlib run --help' for help.\nerror: No such option"
    )
    assert done.err.count("\n") == 3
    assert "--job-command" in done.err  # how click words it depends on its version


def test_words_reach_the_command_as_they_are(tmp_path: Path) -> None:
    done = runnerlib("run", "--", "printf", "%s|", "a  b", "$HOME", "--help", "-x", cwd=tmp_path)
    assert done == (0, b"a  b|$HOME|--help|-x|", "runnerlib: $ printf '%s|' 'a  b' '$HOME' --help -x\n")


def test_the_job_runs_in_the_workspace(tmp_path: Path) -> None:
    done = runnerlib(
        "run", "--job-command", "pwd; ls ..; echo $REACTORCIDE_CODE_DIR $REACTORCIDE_JOB_DIR", cwd=tmp_path
    )
    src = tmp_path / "job" / "src"
    assert done.out.decode() == f"{src}\nartifacts\nsrc\n{src} {src}\n"


def test_work_dir_and_job_dir(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/job/src/sub").mkdir(parents=True)
    done = runnerlib(
        "run", "--work-dir", "elsewhere", "--job-dir", "/job/src/sub", "--job-command", "pwd", cwd=tmp_path
    )
    assert done.out.decode() == f"{tmp_path}/elsewhere/job/src/sub\n"


def test_configuration_from_every_layer(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("job_command: echo $A $B $C\njob_env: {A: file, B: file, C: file}\n")
    args = ["run", "--config", "job.yaml"]
    assert runnerlib(*args, cwd=tmp_path).out == b"file file file\n"
    assert runnerlib(*args, cwd=tmp_path, REACTORCIDE_JOB_ENV="A=env\n# no\n\nB=e=v").out == b"env e=v\n"
    assert runnerlib(*args, "--job-env", "C=option", cwd=tmp_path, REACTORCIDE_JOB_ENV="A=env").out == b"option\n"


def test_job_env_and_secrets_from_files_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job/env").write_text("A=from-file\n")
    (tmp_path / "job/values").write_text("first-secret\nsecond,secret\n")
    done = runnerlib(
        "run", "--job-env", "./job/env", "--secret-values-list", "./job/values",
        "--job-command", "echo $A first-secret second,secret", cwd=tmp_path,
    )  # fmt: skip
    assert done.out == b"from-file [REDACTED] [REDACTED]\n"


@pytest.mark.parametrize("where", ["./job/../outside", "./job/link"])
def test_files_outside_the_workspace_are_not_read(tmp_path: Path, where: str) -> None:
    (tmp_path / "outside").write_text("A=1\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job/link").symlink_to(tmp_path / "outside")
    done = runnerlib("run", "--job-env", where, "--job-command", "true", cwd=tmp_path)
    assert done.code == 78
    assert "outside the workspace" in done.err


def test_a_prompt_without_newline_appears_at_once(tmp_path: Path) -> None:
    """The job goes on only after the prompt was read here."""
    os.mkfifo(tmp_path / "answer")
    with started("run", "--job-command", f"printf 'name? '; read x < {tmp_path}/answer; echo $x", cwd=tmp_path) as run:
        assert run.stdout
        assert os.read(run.stdout.fileno(), 100) == b"name? "
        (tmp_path / "answer").write_text("me\n")
        assert run.stdout.read() == b"me\n"
        assert run.wait() == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_stop_the_job(tmp_path: Path, signum: signal.Signals) -> None:
    with started("run", "--job-command", "sleep 1000 & echo $!; wait", cwd=tmp_path) as run:
        assert run.stdout
        assert run.stderr
        pid = int(run.stdout.readline())
        run.send_signal(signum)
        assert run.wait() == 128 + signum
        assert run.stderr.read().decode().endswith(f"runnerlib: cancelled: stopped by {signum.name}\n")
    assert gone(pid)


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    command = "trap 'echo no' TERM; echo ready; while :; do sleep 1000 & wait; done"
    with started("run", "--grace-period", "1000", "--job-command", command, cwd=tmp_path) as run:
        assert run.stdout
        assert run.stdout.readline() == b"ready\n"
        run.terminate()
        assert run.stdout.readline() == b"no\n"
        run.terminate()
        assert run.wait() == 143


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    command = [
        "sh",
        "-c",
        f'trap "" HUP; exec {RUNNERLIB} run --job-command "echo ready; read x; sleep 0.01; echo end"',
    ]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as run:  # fmt: skip
        assert run.stdout
        assert run.stdout.readline() == b"ready\n"
        run.send_signal(signal.SIGHUP)
        assert run.stdout.read() == b"end\n"
        assert run.wait() == 0


def test_a_reader_that_leaves_ends_the_job(tmp_path: Path) -> None:
    with started("run", "--job-command", "echo $$; exec yes", cwd=tmp_path) as run:
        assert run.stdout
        assert run.stderr
        pid = int(run.stdout.readline())
        run.stdout.close()
        assert run.wait() == 125
        assert run.stderr.read().decode().endswith("error: cannot write the job's output: its reader has closed it\n")
    assert gone(pid)


def test_a_full_disk_ends_the_job_with_a_reason(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([RUNNERLIB, "run", "--job-command", "yes"], cwd=tmp_path, env=environment(), stdout=full,
                              stderr=subprocess.PIPE, check=False)  # fmt: skip
    assert done.returncode == 125
    assert done.stderr.decode().endswith("error: cannot write the job's output: No space left on device\n")


@pytest.mark.parametrize(
    ("closed", "code", "out", "err"),
    [
        ("<&-", 0, b"hi\n", b"runnerlib: $ cat; echo hi\n"),
        ("2>&-", 0, b"hi\n", b""),
        (">&-", 125, b"", b"runnerlib: $ cat; echo hi\nerror: cannot write the job's output: Bad file descriptor\n"),
        ("<&- >&- 2>&-", 125, b"", b""),
    ],
)
def test_closed_standard_descriptors(tmp_path: Path, closed: str, code: int, out: bytes, err: bytes) -> None:
    done = subprocess.run(["sh", "-c", f"{RUNNERLIB} run --job-command 'cat; echo hi' {closed}"], cwd=tmp_path,
                          env=environment(), capture_output=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_one_target_for_both_streams_keeps_the_order(tmp_path: Path) -> None:
    done = subprocess.run([RUNNERLIB, "run", "--job-command", "echo out; exit 3"], cwd=tmp_path, env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # fmt: skip
    assert done.stdout == b"runnerlib: $ echo out; exit 3\nout\nrunnerlib: failed: exit code 3\n"


def test_a_background_process_does_not_hold_the_job(tmp_path: Path) -> None:
    command, name = background(tmp_path)
    done = runnerlib("run", "--drain-timeout", "0.05", "--job-command", command, cwd=tmp_path)
    pid = int(done.out)
    assert done.code == 0
    assert f"runnerlib: warning: process {pid} ({name}) holds the output open" in done.err
    assert gone(pid)


def test_a_long_line_without_newline_in_bounded_memory(tmp_path: Path) -> None:
    """200 MB on one line; what the runner used at most is told by the kernel when it has ended."""
    job = "head -c 200000000 /dev/zero | tr '\\0' x"
    code = (
        "import os, resource, subprocess, sys\n"
        "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
        "n = 0\n"
        "while piece := os.read(p.stdout.fileno(), 1 << 20): n += len(piece); assert not piece.strip(b'x')\n"
        "_, status, used = os.wait4(p.pid, 0)\n"
        "print(n, status, used.ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(RUNNERLIB), "run", "--secrets-list", "xxxy", "--job-command", job]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True)
    size, status, kilobytes = map(int, done.stdout.split())
    assert (size, status) == (200_000_000, 0)
    assert kilobytes < 100_000


def test_dry_run_touches_nothing(tmp_path: Path) -> None:
    done = runnerlib("run", "--dry-run", "--git-url", "https://me:pw-pw-pw@example.org/r.git", "--git-ref", "v1",
                     "--ci-source-type", "copy", "--ci-source-url", "/somewhere", "--secrets-list", "abc",
                     "--job-command", "echo abc", cwd=tmp_path)  # fmt: skip
    job = tmp_path / "job"
    assert done == (
        0,
        f"workspace  {job}\n"
        f"ci source  copy /somewhere -> {job}/ci\n"
        f"source     git https://***@example.org/r.git at v1 -> {job}/src\n"
        f"directory  {job}/src\n"
        "command    echo [REDACTED]\n"
        "sandbox    source\n"
        "secrets    2 masked\n"
        "nothing    was done: this was a dry run\n".encode(),
        "",
    )
    assert not job.exists()


@pytest.mark.parametrize(
    "code_dir", ["/jobevil", "/job/../x", "/job", "", "src", "../x", "/job/link/x", "/etc", "/job/src/../../.."]
)
def test_a_code_dir_outside_the_workspace_is_refused_before_anything_is_touched(tmp_path: Path, code_dir: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    (tmp_path / "job").mkdir()
    (tmp_path / "job/link").symlink_to(victim)
    before = sorted(map(str, tmp_path.rglob("*")))
    done = runnerlib("run", "--source-type", "copy", "--source-url", "/etc", "--code-dir", code_dir, "--", "true",
                     cwd=tmp_path)  # fmt: skip
    assert (done.code, done.out) == (78, b"")
    assert re.match(r"error: code_dir \(command line, --code-dir\) ", done.err)
    assert sorted(map(str, tmp_path.rglob("*"))) == before


def test_a_source_cannot_move_the_job_out_of_the_workspace(tmp_path: Path) -> None:
    """The job's directory is checked again once the source is there: it may have brought a symlink."""
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", repository], check=True)
    (repository / "sub").symlink_to("/etc")
    commit = ["git", "-C", repository, "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*commit, "add", "."], check=True)
    subprocess.run([*commit, "commit", "-qm", "one"], check=True)
    done = runnerlib("run", "--git-url", str(repository), "--job-dir", "/job/src/sub", "--", "pwd", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"")
    assert "leads to '/etc', outside the workspace" in done.err


def test_a_runner_in_a_job_shares_its_workspace(tmp_path: Path) -> None:
    inner = f"cd / && {RUNNERLIB} run --job-command 'pwd; ls $REACTORCIDE_ARTIFACTS_DIR' 2>&-"
    done = runnerlib("run", "--job-command", f"touch $REACTORCIDE_ARTIFACTS_DIR/made; {inner}", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{tmp_path}/job/src\nmade\n".encode()), done
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == ["artifacts", "src"]


class TestExitCodeFrom:
    """`--exit-code-from`: the code of one step or job becomes that of the run."""

    STEPS = (
        {"name": "make", "run": "exit 2", "required": False},
        {"name": "lint", "run": "exit 3", "depends_on": []},
        {"name": "ok", "run": "true", "depends_on": []},
        {"name": "after", "run": "true", "depends_on": "lint"},
        {"name": "killed", "run": "kill -KILL $$", "depends_on": []},
    )

    def test_of_a_step(self, tmp_path: Path) -> None:
        (tmp_path / "job.yaml").write_text(json.dumps({"job": {"steps": self.STEPS}}))
        run = ("run", "--job-file", "job.yaml", "--exit-code-from")
        # The step that did not run has no code: the run keeps its own.
        expected = {"make": 2, "lint": 3, "ok": 0, "after": 3, "killed": 137}
        assert {name: runnerlib(*run, name, cwd=tmp_path).code for name in expected} == expected
        unknown = runnerlib(*run, "mak", cwd=tmp_path)
        assert (unknown.code, unknown.err) == (
            78,
            "error: --exit-code-from: unknown step 'mak'; did you mean 'make'?\n",
        )

    def test_of_a_job_of_a_workflow(self, tmp_path: Path) -> None:
        jobs = [
            {"name": "a", "command": "exit 3"},
            {"name": "b", "command": "exit $MATRIX_V", "matrix": {"V": ["0", "4"]}, "condition": "always"},
        ]
        (tmp_path / "w.yaml").write_text(json.dumps({"jobs": jobs}))
        run = ("run", "--workflow-file", "w.yaml", "--exit-code-from")
        expected = {"a": 3, "b": 4, "b[0]": 0, "b (4)": 4}
        assert {name: runnerlib(*run, name, cwd=tmp_path).code for name in expected} == expected

    def test_not_where_the_job_ran_out_of_time(self, tmp_path: Path) -> None:
        steps = [{"name": "a", "run": "true"}, {"name": "b", "run": "sleep 60"}]
        (tmp_path / "job.yaml").write_text(json.dumps({"job": {"timeout": 1, "steps": steps}}))
        assert runnerlib("run", "--job-file", "job.yaml", "--exit-code-from", "a", cwd=tmp_path).code == 124


def test_the_code_of_a_configuration_error_is_a_setting(tmp_path: Path) -> None:
    wrong = ("run", "--job-command", "true", "--max-parallel", "0")
    assert runnerlib(*wrong, cwd=tmp_path).code == 78
    assert runnerlib(*wrong, cwd=tmp_path, REACTORCIDE_CONFIG_EXIT_CODE="2").code == 2
    (tmp_path / "c.yaml").write_text("config_exit_code: 9\n")
    late = ("run", "--config", "c.yaml", "--job-command", "true", "--output", "nope")
    assert runnerlib(*late, cwd=tmp_path).code == 9
    assert runnerlib("run", "--nope", cwd=tmp_path, REACTORCIDE_CONFIG_EXIT_CODE="9").code == 2
