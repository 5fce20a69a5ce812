"""The plan of a run, checked before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib._util.paths import Workspace
from runnerlib.config import resolve
from runnerlib.errors import ConfigError, PathError, SourceError
from runnerlib.masking import SecretMasker
from runnerlib.runner.description import described
from runnerlib.runner.plan import JobPlan
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import early_services
from runnerlib.source import SourceSpec
from tests.runner.planning import planner

HOST = {"REACTORCIDE_IN_CONTAINER": "false"}


def planned(tmp_path: Path, *words: str, **options: object) -> JobPlan:
    return planned_and_masked(tmp_path, *words, **options)[0]


def planned_and_masked(tmp_path: Path, *words: str, **options: object) -> tuple[JobPlan, SecretMasker]:
    if not words:
        options.setdefault("job_command", "true")
    made = planner(resolve(options, HOST), words, HOST, tmp_path)
    return made.plan(), made.services.masker


def test_defaults(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert plan.workspace.base == tmp_path / "job"
    assert plan.code_dir == plan.job_dir == tmp_path / "job" / "src"
    assert plan.checkouts == ()
    assert plan.job.steps[0].argv == ("/bin/sh", "-c", "true")
    assert (plan.config.grace_period, plan.config.drain_timeout) == (5.0, 2.0)
    assert not (tmp_path / "job").exists()


def test_in_a_container_the_worker_sets_everything_by_variables(tmp_path: Path) -> None:
    environ = {
        "REACTORCIDE_IN_CONTAINER": "true",
        "REACTORCIDE_CODE_DIR": "/job/src",
        "REACTORCIDE_JOB_DIR": "/job/src",
        "REACTORCIDE_JOB_COMMAND": "make test",
        "REACTORCIDE_SOURCE_TYPE": "git",
        "REACTORCIDE_SOURCE_URL": "https://example.org/r.git",
        "REACTORCIDE_SOURCE_REF": "",
        "REACTORCIDE_CI_SOURCE_TYPE": "",
        "REACTORCIDE_JOB_ID": "42",
    }
    plan = planner(resolve({}, environ), (), environ, tmp_path).plan()
    assert plan.job_dir == Path("/job/src")
    (checkout,) = plan.checkouts
    assert checkout.spec == SourceSpec("git", "https://example.org/r.git", None)
    assert checkout.target == Path("/job/src")


def test_the_trusted_source_comes_first(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        source_type="copy", source_url="/a", ci_source_type="git", ci_source_url="/b", ci_source_ref="main",
    )  # fmt: skip
    assert [(c.label, c.spec, c.target.name) for c in plan.checkouts] == [
        ("ci source", SourceSpec("git", "/b", "main", for_change=False), "ci"),
        ("source", SourceSpec("copy", "/a", None), "src"),
    ]


@pytest.mark.parametrize("code_dir", ["/job/ci", "/job/ci/src"])
def test_the_untrusted_source_must_not_reach_the_trusted_one(tmp_path: Path, code_dir: str) -> None:
    with pytest.raises(PathError, match="must not lie in one another"):
        planned(
            tmp_path, code_dir=code_dir, source_type="copy", source_url="/a", ci_source_type="copy", ci_source_url="/b"
        )


def test_none_is_no_checkout(tmp_path: Path) -> None:
    assert planned(tmp_path, source_type="none", ci_source_type="").checkouts == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_type": "gti"}, r"source_type \(command line, --source-type\): unknown source type 'gti'"),
        ({"ci_source_type": "gti"}, r"ci_source_type \(command line, --ci-source-type\): unknown source type 'gti'"),
        ({"source_type": "git"}, r"source_type \(.*\): a source of type 'git' needs source_url"),
        ({"source_ref": "main"}, r"source_ref \(command line, --source-ref\): needs source_type"),
        (
            {"ci_source_options": "a=b"},
            r"ci_source_options \(command line, --ci-source-options\): needs ci_source_type",
        ),
    ],
)
def test_sources_are_checked_early(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned(tmp_path, **options)


def test_a_source_that_can_never_work_is_refused_early(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="source ref '-q' starts with '-'"):
        planned(tmp_path, source_type="git", source_url="x", source_ref="-q")


def test_the_masker_knows_the_secrets_and_the_marker(tmp_path: Path) -> None:
    plan, masker = planned_and_masked(tmp_path, secret_values_list="abc-def,xy", mask_marker="<hidden>")
    assert masker.mask_string("an abc-def") == "an <hidden>"
    assert plan.secret_count == 1
    assert plan.warnings == (
        "secret value 2 of secret_values_list is not masked: it has 2 bytes, secret_min_length is 3",
    )


def test_reports_call_secrets_by_where_they_came_from(tmp_path: Path) -> None:
    settings = {"secret_values_list": "abc-def,abc-ghi", "secret_shapes": "jwt, aws-key-id"}
    stream = planned_and_masked(tmp_path, "true", **settings)[1].stream()
    stream.feed(b"abc-ghi AKIAABCDEFGHIJKLMNOP ")
    assert stream.report().summary() == "masked 2 times: shape aws-key-id 1, value 2 of secret_values_list 1"


@pytest.mark.parametrize(
    ("shapes", "shown"), [("", "x"), ("all", "[REDACTED:url-password]"), ("jwt,all", "[REDACTED:url-password]")]
)
def test_shapes_are_a_setting(shapes: str, shown: str, tmp_path: Path) -> None:
    _, masker = planned_and_masked(tmp_path, "true", secret_shapes=shapes)
    assert masker.mask_string("https://u:x@h") == f"https://u:{shown}@h"


def test_limits_of_strength_are_settings(tmp_path: Path) -> None:
    _, masker = planned_and_masked(tmp_path, secret_values_list="xy", secret_min_length=2)
    assert masker.mask_string("-xy-") == "-[REDACTED]-"


def test_the_masker_of_a_configuration_that_cannot_run(tmp_path: Path) -> None:
    resolved = resolve({"secret_values_list": "abc-def", "code_dir": "nonsense"}, HOST)
    masker = early_services(RunRequest(resolved, (), HOST, tmp_path)).masker
    assert masker.mask_string("abc-def") == "[REDACTED]"


def test_the_description_shows_no_credentials(tmp_path: Path) -> None:
    plan = planned(tmp_path, "echo", "a b", source_type="git", source_url="https://u:pw@h/r", source_ref="v1")
    rows = dict(described(plan))
    assert rows["source"] == f"git https://***@h/r at v1 -> {tmp_path}/job/src"
    assert rows["command"] == "echo 'a b'"


@pytest.mark.parametrize("prefix", ["", "ci_"])
def test_options_of_a_source(prefix: str, tmp_path: Path) -> None:
    given = {"type": "fossil", "url": "/a", "options": {"exclude": ["*.o", "a,b"]}}
    settings = {f"{prefix}source_{key}": value for key, value in given.items()}
    plan = planner(resolve({"job_command": "true", **settings}, HOST), (), HOST, tmp_path, may_grow=True).plan()
    assert plan.checkouts[0].spec.options == (("exclude", "*.o"), ("exclude", "a,b"))
    rows = dict(described(plan))
    assert rows[f"{prefix[:2]} source".strip()].startswith("fossil /a (exclude=*.o exclude=a,b) -> ")


def test_a_type_that_a_plugin_may_still_add_is_left_to_the_preparation(tmp_path: Path) -> None:
    resolved = resolve({"job_command": "true", "source_type": "fossil"}, HOST)
    made = planner(resolved, (), HOST, tmp_path, may_grow=True)
    (checkout,) = made.plan().checkouts
    sources = made.services.sources
    with pytest.raises(SourceError, match=r"unknown source type 'fossil' \(.*git.*\)"):
        sources.prepare(checkout.spec, checkout.target, print)
    sources.register("fossil", lambda spec, directory, report: "r1")
    prepared = sources.prepare(checkout.spec, checkout.target, print)
    assert prepared is not None
    assert prepared.revision == "r1"


class TestArtifacts:
    """The artifacts of a job lie where they are not replaced."""

    def test_another_directory(self, tmp_path: Path) -> None:
        plan = planned(tmp_path, artifacts_dir="/job/out")
        assert plan.workspace.artifacts == tmp_path / "job/out"
        assert plan.env["REACTORCIDE_ARTIFACTS_DIR"] == f"{tmp_path}/job/out"
        assert planned(tmp_path).env["REACTORCIDE_ARTIFACTS_DIR"] == f"{tmp_path}/job/artifacts"

    @pytest.mark.parametrize("where", ["/", "out", "/job", "/job/../x"])
    def test_outside(self, where: str, tmp_path: Path) -> None:
        with pytest.raises(PathError, match=r"^artifacts_dir "):
            planned(tmp_path, artifacts_dir=where)

    @pytest.mark.parametrize(
        ("prefix", "where", "label"), [("source", "src", "source"), ("ci_source", "ci", "ci source")]
    )
    def test_in_what_a_source_replaces(self, prefix: str, where: str, label: str, tmp_path: Path) -> None:
        options = {"artifacts_dir": f"/job/{where}/out", f"{prefix}_type": "copy", f"{prefix}_url": "/etc"}
        with pytest.raises(PathError, match=f"lies in '.*/{where}', which the {label} replaces"):
            planned(tmp_path, **options)
        del options[f"{prefix}_type"], options[f"{prefix}_url"]
        assert planned(tmp_path, **options).workspace.artifacts == tmp_path / "job" / where / "out"


def test_a_source_replaces_nothing_outside_of_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "job", granted=(tmp_path / "project",))
    options = {"job_command": "true", "code_dir": f"{tmp_path}/project"}
    plan = planner(resolve(options, HOST), (), HOST, tmp_path, workspace=workspace).plan()
    assert plan.code_dir == tmp_path / "project"
    options |= {"source_type": "copy", "source_url": "/etc"}
    with pytest.raises(PathError, match=r"the source would replace '.*/project', outside the workspace"):
        planner(resolve(options, HOST), (), HOST, tmp_path, workspace=workspace).plan()
