"""Files of jobs and workflows that are in a source of the run: read once it is there, and fetched once for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib
from tests.source.repository import git
from tests.source.smart_http import QUOTED, serving

JOB = """
job:
  name: tests
  env: {GREETING: hello}
  steps:
    - {name: first, run: 'echo "$GREETING from $(ls)"'}
    - {name: second, run: exit 3}
"""
WORKFLOW = "name: flow\njobs: {one: {steps: [{name: a, run: echo ran one}]}, two: {command: echo ran two}}\n"
FILES = {
    "ci/job.yaml": JOB,
    "flat.yaml": "name: flat\ncommand: echo flat\n",
    "plain.txt": "one\n",
    "fetches.yaml": "job: {steps: [{name: a, run: 'true'}]}\nci_source: {type: git, url: /elsewhere}\n",
    "moves.yaml": "name: m\ncommand: 'true'\ncode_dir: /job/other\n",
    ".reactorcide/workflows/flow.yaml": WORKFLOW,
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("origin") / "repo"
    for name, text in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    (top / "out.yaml").symlink_to("/etc/hostname")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    return top


def run(repository: Path, file: str, *more: str, cwd: Path, **env: str) -> Done:
    return runnerlib("run", "--git-url", str(repository), "--job-file", file, *more, cwd=cwd, **env)


@pytest.mark.parametrize("file", ["ci/job.yaml", "source:ci/job.yaml", "./ci/job.yaml", "/job/src/ci/job.yaml"])
def test_a_job_file_in_the_source(file: str, repository: Path, tmp_path: Path) -> None:
    done = run(repository, file, cwd=tmp_path)
    assert done.code == 3, done.err
    assert b"hello from ci" in done.out
    assert "job 'tests' failed" in done.out.decode() + done.err


def test_the_flat_form(repository: Path, tmp_path: Path) -> None:
    done = run(repository, "flat.yaml", cwd=tmp_path)
    assert (done.code, b"flat\n" in done.out) == (0, True), done.err


def test_where_a_worker_starts_it(repository: Path, tmp_path: Path) -> None:
    """The current directory is the one that the source goes to: what an earlier run left in it does not count."""
    source = tmp_path / "job" / "src"
    (source / "ci").mkdir(parents=True)
    (source / "ci" / "job.yaml").write_text("name: stale\ncommand: echo stale\n")
    env = {"RUNNERLIB_WORKSPACE": str(tmp_path / "job"), "REACTORCIDE_SOURCE_TYPE": "git"}
    env["REACTORCIDE_SOURCE_URL"] = str(repository)
    done = runnerlib("run", "--job-file", "ci/job.yaml", cwd=source, **env)
    assert (done.code, b"stale" in done.out) == (3, False), done.err


def test_a_file_that_is_here_comes_first(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "flat.yaml").write_text("name: here\ncommand: echo here\n")
    assert b"here\n" in run(repository, "flat.yaml", cwd=tmp_path).out
    assert b"flat\n" in run(repository, "source:flat.yaml", cwd=tmp_path).out


def test_a_source_that_was_prepared_before(repository: Path, tmp_path: Path) -> None:
    assert runnerlib("checkout", str(repository), cwd=tmp_path).code == 0
    for file in ("ci/job.yaml", "source:ci/job.yaml"):
        assert runnerlib("run", "--job-file", file, cwd=tmp_path).code == 3


def test_it_is_fetched_once(repository: Path, tmp_path: Path) -> None:
    with serving(repository.parent) as server:
        url = server.url("git/repo/.git")
        args = ("run", "--git-url", url, "--cache-dir", "none")
        assert runnerlib(*args, "--job-command", "true", cwd=tmp_path).code == 0
        plain = len(server.seen)
        assert runnerlib(*args, "--job-file", "ci/job.yaml", cwd=tmp_path).code == 3
        assert len(server.seen) == 2 * plain


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("none.yaml", "cannot read the file 'none.yaml': neither here nor in '{}/job/src' is one of that name"),
        ("out.yaml", "the file 'out.yaml' leads out of '{}/job/src'"),
        ("ci", "the file 'ci' is no regular file in '{}/job/src'"),
        ("source:../x.yaml", "'source:../x.yaml': a path below the source is expected, without '..'"),
        ("source:", "'source:': a path below the source is expected, without '..'"),
        ("source:/etc/hostname", "'source:/etc/hostname': a path below the source is expected, without '..'"),
        ("fetches.yaml", "the job file 'fetches.yaml' is in a source, so it cannot say where sources come from or go"),
        ("moves.yaml", "the job file 'moves.yaml' is in a source, so it cannot say where sources come from or go"),
    ],
)
def test_wrong_files(file: str, told: str, repository: Path, tmp_path: Path) -> None:
    done = run(repository, file, cwd=tmp_path)
    assert done.code == 78, done.err
    assert done.err.splitlines()[-1] == f"error: {told.format(tmp_path)}"


def test_steps_are_chosen_and_resumed(repository: Path, tmp_path: Path) -> None:
    args = ("--only", "first")
    assert run(repository, "ci/job.yaml", *args, cwd=tmp_path).code == 0
    assert run(repository, "ci/job.yaml", "--only", "third", cwd=tmp_path).code == 78
    assert run(repository, "ci/job.yaml", cwd=tmp_path).code == 3
    done = run(repository, "ci/job.yaml", "--resume", cwd=tmp_path)
    assert done.code == 3
    assert "going on in the workspace as it is" in done.err + done.out.decode()


def test_what_a_run_without_effect_says(repository: Path, tmp_path: Path) -> None:
    done = run(repository, "ci/job.yaml", "--dry-run", cwd=tmp_path)
    assert (done.code, b"the one that 'ci/job.yaml' describes, in the source" in done.out) == (0, True), done.err
    done = run(repository, "ci/job.yaml", "--plan", cwd=tmp_path)
    assert (done.code, "is in the source, which is not there yet" in done.err) == (78, True)
    assert not (tmp_path / "job").exists()


def test_phases_of_plugins_come_once_and_in_order(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "plugin_told.py").write_text(
        "from runnerlib.plugins import Plugin, PluginPhase\n"
        "class Told(Plugin):\n"
        "    def __init__(self): super().__init__('told')\n"
        "    def supported_phases(self): return list(PluginPhase)\n"
        "    def execute(self, context): print('phase', context.phase.value)\n"
    )
    done = run(repository, "ci/job.yaml", "--plugin-dir", str(tmp_path / "plugins"), cwd=tmp_path)
    told = [line.split("phase ")[1] for line in (done.out.decode() + done.err).splitlines() if "phase " in line]
    before = [phase for phase in told if phase.endswith(("validation", "prep"))]
    assert before == ["pre_validation", "post_validation", "pre_source_prep", "post_source_prep"]
    assert done.code == 3


def test_a_plugin_moves_the_source(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "plugin_moving.py").write_text(
        "from runnerlib.plugins import Plugin, PluginPhase\n"
        "class Moving(Plugin):\n"
        "    def __init__(self): super().__init__('moving')\n"
        "    def supported_phases(self): return [PluginPhase.PRE_SOURCE_PREP]\n"
        "    def execute(self, context): context.config.code_dir = '/job/elsewhere'\n"
    )
    done = run(repository, "source:ci/job.yaml", "--plugin-dir", str(tmp_path / "plugins"), cwd=tmp_path)
    assert done.code == 3, done.err
    assert (tmp_path / "job" / "elsewhere" / "ci" / "job.yaml").exists()
    assert not (tmp_path / "job" / "src").exists()


class TestWorkflowFiles:
    def ci(self, repository: Path) -> dict[str, str]:
        return {"REACTORCIDE_CI_SOURCE_TYPE": "git", "REACTORCIDE_CI_SOURCE_URL": str(repository)}

    def test_as_an_evaluation_names_it(self, repository: Path, tmp_path: Path) -> None:
        file = "/job/ci/.reactorcide/workflows/flow.yaml"
        args = ("run", "--workflow-file", file, "--job", "one")
        done = runnerlib(*args, cwd=tmp_path, **self.ci(repository))
        assert (done.code, b"ran one" in done.out) == (0, True), done.err
        assert b"ran two" not in done.out

    @pytest.mark.parametrize("cleanup", ["true", "false"])
    def test_all_jobs_are_fetched_with_the_credentials_of_the_worker(
        self, cleanup: str, repository: Path, tmp_path: Path
    ) -> None:
        """The credentials can be read by no step, not even of a job without a source that comes first."""
        auth = tmp_path / "auth"
        auth.mkdir()
        look = f"cat {auth}/credentials || echo there is none"
        jobs = "free: {source: {type: none}, command: *look}, one: {command: *look, needs: free}"
        jobs += ", two: {command: ls, needs: one}"
        (tmp_path / "flow.yaml").write_text(f"x-look: &look {look}\nname: flow\njobs: {{{jobs}}}\n")
        with serving(repository.parent) as server:
            (auth / "credentials").write_text(f"http://x:{QUOTED}@127.0.0.1:{server.port}\n")
            env = {"REACTORCIDE_VCS_AUTH_DIR": str(auth), "REACTORCIDE_VCS_AUTH_CLEANUP": cleanup}
            args = ("run", "--workflow-file", "flow.yaml", "--git-url", server.url("auth/repo/.git"))
            done = runnerlib(*args, "--cache-dir", "none", cwd=tmp_path, **env)
        assert (done.code, b"plain.txt" in done.out) == (0, True), done.out.decode()
        assert done.out.count("│ there is none\n".encode()) == (2 if cleanup == "true" else 0)
        assert (auth / "credentials").exists() == (cleanup == "false")
        assert QUOTED.encode() not in done.out

    def test_in_the_source(self, repository: Path, tmp_path: Path) -> None:
        args = ("run", "--git-url", str(repository), "--workflow-file", "source:.reactorcide/workflows/flow.yaml")
        done = runnerlib(*args, cwd=tmp_path)
        assert (done.code, b"ran one" in done.out, b"ran two" in done.out) == (0, True, True), done.err

    def test_a_plan_fetches_nothing(self, repository: Path, tmp_path: Path) -> None:
        args = ("run", "--git-url", str(repository), "--workflow-file", "source:flow.yaml", "--plan")
        done = runnerlib(*args, cwd=tmp_path)
        assert done.code == 78
        assert "the workflow file 'source:flow.yaml' is in a source that is not there yet" in done.err
        assert not (tmp_path / "job").exists()

    def test_it_stays_in_the_source(self, repository: Path, tmp_path: Path) -> None:
        args = ("run", "--git-url", str(repository), "--workflow-file", "source:out.yaml")
        for _ in range(2):
            assert "leads out of" in runnerlib(*args, cwd=tmp_path).err


class TestCheckoutOfTheTrustedSource:
    def test_by_url(self, repository: Path, tmp_path: Path) -> None:
        done = runnerlib("checkout", "--ci", str(repository), cwd=tmp_path)
        assert done[:2] == (0, f"{tmp_path}/job/ci\n".encode()), done.err
        assert (tmp_path / "job" / "ci" / "plain.txt").exists()
        assert not (tmp_path / "job" / "src").exists()

    def test_in_the_environment_of_a_worker(self, repository: Path, tmp_path: Path) -> None:
        """The other source may be anything; it comes next, with the same credentials."""
        auth = tmp_path / "auth"
        auth.mkdir()
        (auth / "credentials").write_text("https://u:longpassword@example.org\n")
        env = {
            "REACTORCIDE_CI_SOURCE_TYPE": "git",
            "REACTORCIDE_CI_SOURCE_URL": str(repository),
            "REACTORCIDE_CI_SOURCE_REF": "main",
            "REACTORCIDE_CI_SOURCE_DIR": str(tmp_path / "job" / "ci"),
            "REACTORCIDE_SOURCE_TYPE": "git",
            "REACTORCIDE_SOURCE_URL": "https://example.invalid/none.git",
            "REACTORCIDE_SOURCE_REF": "0" * 40,
            "REACTORCIDE_JOB_COMMAND": "false",
            "REACTORCIDE_VCS_AUTH_DIR": str(auth),
            "RUNNERLIB_WORKSPACE": str(tmp_path / "job"),
        }
        done = runnerlib("checkout", "--ci", cwd=tmp_path, **env)
        assert done[:2] == (0, f"{tmp_path}/job/ci\n".encode()), done.err
        assert (auth / "credentials").exists()
        done = runnerlib("checkout", "--ci", cwd=tmp_path, **{**env, "REACTORCIDE_SOURCE_TYPE": "none"})
        assert (done.code, (auth / "credentials").exists()) == (0, False)

    def test_nobody_has_named_one(self, tmp_path: Path) -> None:
        done = runnerlib("checkout", "--ci", cwd=tmp_path)
        assert (done.code, "no CI source is known: give its URL" in done.err) == (78, True)
        done = runnerlib("checkout", cwd=tmp_path)
        assert (done.code, "Missing argument 'URL'" in done.err) == (2, True)


def test_how_the_coordinator_is_reached_reaches_the_processes_of_the_job(tmp_path: Path) -> None:
    show = 'echo "$REACTORCIDE_ALLOW_INSECURE_TRANSPORT $REACTORCIDE_COORDINATOR_URL $REACTORCIDE_JOB_ID"'
    args = ("--allow-insecure-transport", "--coordinator-url", "http://127.0.0.1:1", "--job-id", "j1")
    assert runnerlib("run", *args, "--job-command", show, cwd=tmp_path).out == b"true http://127.0.0.1:1 j1\n"
    assert runnerlib("run", "--job-command", show, cwd=tmp_path).out == b"  \n"
    env = {"REACTORCIDE_ALLOW_INSECURE_TRANSPORT": "yes"}
    assert runnerlib("run", "--job-command", show, cwd=tmp_path, **env).out == b"yes  \n"
