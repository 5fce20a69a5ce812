"""The secrets that each step of a job gets, run as real processes: files, workflows, programs, plugins."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib import Job, Step, run_job
from runnerlib.errors import ConfigError
from tests.engine.harness import Recorder
from tests.integration.cli import Done, program, runnerlib
from tests.runner.plugin_host.harness import Noting, registered

TOKEN, FILED, OWN = "hunter2-hunter2", "from-the-file-1", "swordfish-swordfish"
NAMES = ("DEPLOY_TOKEN", "PIN", "FILED", "URL", "LISTED", "REACTORCIDE_API_TOKEN", "REACTORCIDE_JOB_ENV", "OWN")
SHOW = f'for name in {" ".join(NAMES)}; do eval "test -n \\"\\${{$name-}}\\"" && printf "%s " $name; done; echo'
ENV = {
    "DEPLOY_TOKEN": TOKEN,
    "PIN": "4711-4711",
    "SECRET_CI__OWN": OWN,
    "REACTORCIDE_SECRET_PROVIDERS": "env",
    "REACTORCIDE_API_TOKEN": "api-token-of-the-job",
    "REACTORCIDE_SECRET_VALUES_LIST": "listed-value",
    "REACTORCIDE_JOB_ENV": "LISTED=a listed-value in a text",
}
STEPS = [
    {"name": "none", "run": SHOW},
    {"name": "some", "run": SHOW, "secrets": ["PIN", "FILED"]},
    {
        "name": "untrusted",
        "run": f"{SHOW}; echo {TOKEN[:7]}''{TOKEN[7:]} 4711-''4711 {OWN[:9]}''{OWN[9:]}",
        "untrusted": True,
    },
    {"name": "own", "run": f"{SHOW}; echo $OWN", "env": {"OWN": "${secret:ci:own}"}},
    {"name": "all", "run": SHOW, "secrets": [name for name in NAMES if name != "OWN"]},
]
EXPECTED = {
    "none": [""],
    "some": ["PIN FILED "],
    "untrusted": ["", "[REDACTED] [REDACTED] [REDACTED]"],
    "own": ["OWN ", "[REDACTED]"],
    "all": [" ".join(NAMES).replace("OWN", "")],
}


def run(
    tmp_path: Path, option: str, content: object, *words: str, start: Callable[..., Done] = runnerlib, **env: str
) -> Done:
    (tmp_path / "file.yaml").write_text(json.dumps(content))
    (tmp_path / "secrets.env").write_text(f"FILED={FILED}\n")
    more = ("--secrets-file", "secrets.env", "--output", "json", *words)
    return start("run", option, "file.yaml", *more, cwd=tmp_path, **{**ENV, **env})


def said(done: Done) -> dict[str, list[str]]:
    assert done.code == 0, done
    found: dict[str, list[str]] = {}
    for event in map(json.loads, done.out.splitlines()):
        if event["type"] == "step_output":
            found.setdefault(event["step"], []).append(event["text"])
    return found


def test_steps_of_a_file(tmp_path: Path) -> None:
    job = {"secrets": [], "env": {"URL": "https://u:${secret:ci:own}@host"}, "steps": STEPS}
    assert said(run(tmp_path, "--job-file", {"job": job})) == EXPECTED


def test_steps_of_a_job_of_the_layout(tmp_path: Path) -> None:
    job = {"name": "t", "secrets": "PIN", "environment": {"URL": "${secret:ci:own}"}, "job": {"command": SHOW}}
    assert said(run(tmp_path, "--job-file", job)) == {"job": ["PIN "]}


def test_jobs_of_a_workflow(tmp_path: Path) -> None:
    give = 'echo "token=$DEPLOY_TOKEN" >> $RUNNERLIB_OUTPUT; echo "plain=1" >> $RUNNERLIB_OUTPUT'
    take = 'echo "${#RUNNERLIB_OUTPUT_GIVE_TOKEN} ${#RUNNERLIB_OUTPUT_GIVE_PLAIN} ${#DEPLOY_TOKEN}"'
    jobs = {
        "give": {"command": give, "secrets": ["DEPLOY_TOKEN"]},
        "all": {"needs": "give", "command": take},
        "none": {"needs": "give", "command": take, "secrets": []},
        "listed": {"needs": "give", "command": take, "secrets": ["RUNNERLIB_OUTPUT_GIVE_TOKEN"]},
        "steps": {"needs": "give", "steps": [{"name": "s", "run": take, "untrusted": True}]},
    }
    found = said(run(tmp_path, "--workflow-file", {"jobs": jobs}))
    assert found == {"all": ["15 1 15"], "none": ["0 1 0"], "listed": ["15 1 0"], "steps/s": ["0 1 0"]}


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    steps = [
        {"name": "a", "run": "true", "secrets": ["DEPLY_TOKEN", "NOWHERE"]},
        {"name": "b", "run": "true", "secrets": ["DEPLY_TOKEN", "EXPORTED_BY_A", "RUNNERLIB_OUTPUT_A_X"]},
    ]
    done = run(tmp_path, "--job-file", {"job": {"name": "j", "secrets": ["PINN"], "steps": steps}})
    known = "DEPLOY_TOKEN, FILED, LISTED, REACTORCIDE_API_TOKEN"
    near = "unknown secret 'DEPLY_TOKEN'; did you mean 'DEPLOY_TOKEN'?"
    assert (done.code, done.out) == (78, b"")
    assert done.err.splitlines() == [
        "error: job 'j': secrets: unknown secret 'PINN'; did you mean the variable 'PIN'?",
        f"error: job 'j': step 'a': secrets: {near}",
        f"error: job 'j': step 'a': secrets: unknown secret 'NOWHERE' ({known})",
        f"error: job 'j': step 'b': secrets: {near}",
    ]


def test_a_declared_name_may_be_unset(tmp_path: Path) -> None:
    steps = [{"name": "a", "run": SHOW, "secrets": ["ABSENT"]}]
    done = run(tmp_path, "--job-file", {"job": {"steps": steps}}, "--secret-env-names", "ABSENT")
    assert said(done) == {"a": ["PIN "]}


def test_the_views_of_a_plan(tmp_path: Path) -> None:
    job = {
        "secrets": [],
        "steps": [{"name": "a", "run": "true", "untrusted": True}, {"name": "b", "run": "true", "secrets": "PIN"}],
    }
    done = run(tmp_path, "--job-file", {"job": job}, "--plan")
    assert done.out.decode().splitlines() == [
        "job job: 2 steps; secrets: none",
        "level 1",
        "  a  true",
        "     untrusted",
        "level 2",
        "  b  true",
        "     after a; secrets: PIN",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the runner")
def test_root_finds_no_secret_of_a_name_in_the_environment_of_the_runner(tmp_path: Path) -> None:
    look = "tr '\\0' '\\n' </proc/$PPID/environ | sed -n '/^DEPLOY_TOKEN=/p; s/^PATH=.*/path/p'"
    job = {"steps": [{"name": "a", "run": look, "secrets": []}]}
    done = run(tmp_path, "--job-file", {"job": job}, start=program)
    assert sorted(said(done)["a"]) == ["DEPLOY_TOKEN=", "path"]


def test_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPLOY_TOKEN", TOKEN)
    job = Job("j")
    job.add_step("with", 'echo "${#DEPLOY_TOKEN} $DEPLOY_TOKEN"', secrets=["DEPLOY_TOKEN"])
    job.add_step("without", f'echo "${{#DEPLOY_TOKEN}} {TOKEN}"', untrusted=True)
    recorder = Recorder()
    assert run_job(job, observer=recorder).success
    assert recorder.output == b"15 [REDACTED]\n0 [REDACTED]\n"
    with pytest.raises(ConfigError, match=r"unknown secret 'DEPLOY_TOKN'; did you mean 'DEPLOY_TOKEN'"):
        run_job(Job("j", [Step("a", "true", secrets="DEPLOY_TOKN")]), observer=recorder)


def test_plugins_keep_their_environment_and_may_bring_what_a_step_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPLOY_TOKEN", TOKEN)
    seen: dict[str, object] = {}

    def bring(context) -> None:  # type: ignore[no-untyped-def]
        context.env_vars["VAULT"] = "vaulted-value"
        seen["pre_execution"] = (context.env_vars.get("DEPLOY_TOKEN"), os.environ.get("DEPLOY_TOKEN"))

    def before(context) -> None:  # type: ignore[no-untyped-def]
        seen[context.step.name] = (context.env_vars.get("DEPLOY_TOKEN"), os.environ.get("DEPLOY_TOKEN"))
        context.env_vars["GIVEN"] = "by the plugin"

    show = 'echo "${#DEPLOY_TOKEN} ${#VAULT} $VAULT $GIVEN"'
    job = Job("j", [Step("a", show, secrets=["VAULT"]), Step("b", show, untrusted=True)])
    recorder = Recorder()
    with registered(Noting("p", [], pre_execution=bring, pre_step=before)):
        assert run_job(job, observer=recorder).success
    assert recorder.output == b"0 13 [REDACTED] by the plugin\n0 0  by the plugin\n"
    assert seen == {"pre_execution": (TOKEN, TOKEN), "a": (None, TOKEN), "b": (None, TOKEN)}
    with registered(Noting("p", [])), pytest.raises(ConfigError, match="unknown secret 'VAULT'"):
        run_job(job, observer=recorder)
