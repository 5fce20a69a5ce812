"""Secrets of steps: a step that lists its secrets gets no other one, whoever hands it on and whatever it is called."""

from __future__ import annotations

import os

from runnerlib.engine.step_secrets import SecretVariables
from runnerlib.pipeline.job import Job, Step
from tests.engine.harness import SECRETS, NewLoop, masker, run_job

DEPLOY, API = SECRETS
ENV = {"PATH": os.environ["PATH"], "DEPLOY_TOKEN": DEPLOY, "API_KEY": API, "WEAK_TOKEN": "x", "PLAIN": "plain"}
NAMES = frozenset({"DEPLOY_TOKEN", "API_KEY", "WEAK_TOKEN"})
SHOW = "env | sed 's/=/ /' | while read name value; do echo \"$name ${#value}\"; done"
COPIES = """
echo "COPY=$DEPLOY_TOKEN" >> $RUNNERLIB_ENV
echo "HOME=/$DEPLOY_TOKEN" >> $RUNNERLIB_ENV
echo "ENCODED=$(printf %s "$DEPLOY_TOKEN" | base64)" >> $RUNNERLIB_ENV
echo "PLAIN=still plain" >> $RUNNERLIB_ENV
echo "token=$DEPLOY_TOKEN" >> $RUNNERLIB_OUTPUT
echo "digest=abc" >> $RUNNERLIB_OUTPUT
echo "/tmp/$DEPLOY_TOKEN" >> $RUNNERLIB_PATH
"""


def seen(new_loop: NewLoop, job: Job, step: str) -> dict[str, int]:
    """The variables of a step that shows them, with the lengths of their values: a masked value has another one."""
    shared = masker(*SECRETS)
    secrets = SecretVariables(NAMES, lambda value: shared.mask_string(value) != value)
    result, recorder = run_job(new_loop, job, shared=shared, env=ENV, secrets=secrets)
    assert result.success
    lines = (line.split() for line in recorder.output_of(step).decode().splitlines())
    names = {
        name: int(length) for name, length in lines if name in {*ENV, "COPY", "ENCODED", "HOME"} or "OUTPUT_" in name
    }
    return {name: length for name, length in names.items() if name != "PATH"}


ALL = {name: len(value) for name, value in ENV.items() if name != "PATH"}


def test_each_step_has_what_it_lists(new_loop: NewLoop) -> None:
    cases = (
        (None, None, ALL),
        (None, (), {"PLAIN": 5}),
        (None, ("API_KEY",), {"PLAIN": 5, "API_KEY": len(API)}),
        ((), None, {"PLAIN": 5}),
        ((), ("WEAK_TOKEN", "PLAIN"), {"PLAIN": 5, "WEAK_TOKEN": 1}),
        (("DEPLOY_TOKEN",), None, {"PLAIN": 5, "DEPLOY_TOKEN": len(DEPLOY)}),
    )
    for of_job, of_step, expected in cases:
        job = Job("job", [Step("a", SHOW, secrets=of_step)], secrets=of_job)
        assert seen(new_loop, job, "a") == expected, (of_job, of_step)


def test_an_untrusted_step_gets_none(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", SHOW, untrusted=True, env={"OWN": "x"})], secrets=["API_KEY"])
    assert seen(new_loop, job, "a") == {"PLAIN": 5}


def test_a_copy_of_a_secret_reaches_only_steps_without_a_list_or_with_its_name(new_loop: NewLoop) -> None:
    plain = {"PLAIN": 11, "RUNNERLIB_OUTPUT_GIVE_DIGEST": 3}
    encoded = 4 * -(-len(DEPLOY) // 3)
    copies = {"COPY": 15, "HOME": 16, "ENCODED": encoded, "RUNNERLIB_OUTPUT_GIVE_TOKEN": 15}
    for listed, expected in (
        (None, {**ALL, **plain, **copies}),
        ((), plain),
        (("COPY", "RUNNERLIB_OUTPUT_GIVE_TOKEN"), {**plain, "COPY": 15, "RUNNERLIB_OUTPUT_GIVE_TOKEN": 15}),
    ):
        job = Job("job", [Step("give", COPIES), Step("between", "true"), Step("a", SHOW, secrets=listed)])
        assert seen(new_loop, job, "a") == expected, listed


def test_directories_for_path_that_hold_a_secret_are_left_out(new_loop: NewLoop) -> None:
    give = f"printf '/tmp/plain\\n/tmp/{DEPLOY}\\n' >> $RUNNERLIB_PATH"
    show = 'case "$PATH" in *hunter*) echo all;; /tmp/plain:*) echo plain;; esac'
    steps = [Step("give", give), Step("all", show), Step("listed", show, secrets=())]
    shared = masker(*SECRETS)
    secrets = SecretVariables(NAMES, lambda value: shared.mask_string(value) != value)
    _, recorder = run_job(new_loop, Job("job", steps), shared=shared, env=ENV, secrets=secrets)
    assert (recorder.output_of("all"), recorder.output_of("listed")) == (b"all\n", b"plain\n")


def test_what_a_short_secret_has_by_chance_stays_where_a_step_needs_it(new_loop: NewLoop) -> None:
    shared = masker("usr")
    secrets = SecretVariables(frozenset(), lambda value: shared.mask_string(value) != value)
    env = {"PATH": "/usr/bin:/bin", "PREFIX": "/usr/local"}
    job = Job("job", [Step("a", 'echo "${#PATH} ${#PREFIX}"', secrets=())])
    _, recorder = run_job(new_loop, job, shared=shared, env=env, secrets=secrets)
    assert recorder.output_of("a") == b"13 0\n"


def test_an_untrusted_step_hands_on_outputs_and_nothing_that_decides_what_others_run(new_loop: NewLoop) -> None:
    give = (
        "echo LD_PRELOAD=/tmp/evil.so > $RUNNERLIB_ENV; echo /tmp/evil > $RUNNERLIB_PATH; echo o=1 > $RUNNERLIB_OUTPUT"
    )
    show = 'echo "$LD_PRELOAD $RUNNERLIB_OUTPUT_GIVE_O"; case "$PATH" in */tmp/evil*) echo evil;; esac'
    job = Job("job", [Step("give", give, untrusted=True), Step("after", show)])
    shared = masker(*SECRETS)
    secrets = SecretVariables(NAMES, lambda _value: False)
    result, recorder = run_job(new_loop, job, shared=shared, env=ENV, secrets=secrets)
    assert result.success
    assert recorder.output_of("after") == b" 1\n"
    assert recorder.warnings == ["it is untrusted, so its variables and directories for PATH are not handed on"]


def test_a_listed_name_that_nothing_has_is_told(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", "echo X=1 > $RUNNERLIB_ENV"), Step("b", "true", secrets=["X", "Y"])])
    secrets = SecretVariables(NAMES, lambda _value: False)
    _, recorder = run_job(new_loop, job, env=ENV, secrets=secrets)
    assert recorder.warnings == ["it lists the secret 'Y', and there is no variable of that name"]


def test_conditions_see_what_their_step_gets(new_loop: NewLoop) -> None:
    steps = [
        Step("without", "true", condition="env.DEPLOY_TOKEN != ''", secrets=()),
        Step("with", "true", condition="env.DEPLOY_TOKEN != ''", secrets=["DEPLOY_TOKEN"]),
    ]
    job = Job("job", steps)
    secrets = SecretVariables(NAMES, lambda _value: False)
    result, _ = run_job(new_loop, job, env=ENV, secrets=secrets, conditions=job.conditions())
    assert [step.outcome for step in result.steps] == ["skipped", "success"]
