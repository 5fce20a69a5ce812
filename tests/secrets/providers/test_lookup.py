"""The lookup of a secret: which provider is asked, how often, and what becomes of the answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from runnerlib.config import SETTINGS, resolve
from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Step
from runnerlib.runner.description import described
from runnerlib.runner.plan import JobPlan
from runnerlib.runner.planner import Planner
from runnerlib.secrets.lookup import PROVIDERS, SecretResolver
from tests.runner.planning import planner

HOST = {"REACTORCIDE_IN_CONTAINER": "false", "SECRET_CI__TOKEN": "swordfish-1", "SECRET_DB__URL": "x://y:hunter2@z"}


def planning(
    tmp_path: Path, job: Job | None = None, lookup: SecretResolver | None = None, **options: object
) -> Planner[JobPlan]:
    if job is None:
        options.setdefault("job_command", "true")
    options.setdefault("secret_providers", "env")
    return planner(resolve(options, HOST), (), HOST, tmp_path, job, resolver=lookup)


def planned(tmp_path: Path, job: Job | None = None, lookup: SecretResolver | None = None, **options: object) -> JobPlan:
    return planning(tmp_path, job, lookup, **options).plan()


def complaint(tmp_path: Path, **options: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, **options)
    return str(caught.value).splitlines()


class TestWhere:
    """Places where references may stand."""

    def test_job_env_as_text_mapping_and_file(self, tmp_path: Path) -> None:
        (tmp_path / "job").mkdir()
        (tmp_path / "job/env").write_text("A=${secret:ci:token}!\n")
        for given in ("A=${secret:ci:token}!", {"A": "${secret:ci:token}!"}, "./job/env"):
            made = planning(tmp_path, job_env=given)
            assert made.plan().env["A"] == "swordfish-1!"
            assert made.services.masker.has_secret("swordfish-1")

    def test_a_value_of_several_lines_stays_one(self, tmp_path: Path) -> None:
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: "a\nB=injected")
        env = planned(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:x:y}\nC=1").env
        assert (env["A"], env["C"], "B" in env) == ("a\nB=injected", "1", False)

    def test_the_environments_of_a_job_and_its_steps(self, tmp_path: Path) -> None:
        job = Job(
            "j", [Step("s", "echo ${secret:ci:token}", env={"B": "${secret:db:url}"})], env={"A": "${secret:ci:token}"}
        )
        made = planning(tmp_path, job)
        plan = made.plan()
        assert plan.env["A"] == "swordfish-1"
        assert plan.job.steps[0].env == {"B": "x://y:hunter2@z"}
        assert plan.job.steps[0].run == "echo ${secret:ci:token}", "that is the shell's"
        assert made.services.masker.has_secret("x://y:hunter2@z")

    def test_settings(self, tmp_path: Path) -> None:
        made = planning(
            tmp_path,
            source_type="git",
            source_url="https://u:${secret:ci:token}@h/x",
            secret_values_list="a-b-c,${secret:db:url}",
        )
        plan, masker = made.plan(), made.services.masker
        assert plan.checkouts[0].spec.url == "https://u:swordfish-1@h/x"
        assert masker.has_secret("x://y:hunter2@z")
        assert "swordfish-1" not in masker.mask_string("\n".join(map(str, described(plan))))

    def test_a_command_is_the_shells(self, tmp_path: Path) -> None:
        """`${secret:0:4}` is a part of a variable there, and a secret in an argument is seen by everybody."""
        plan = planned(tmp_path, job_command="secret=abcdef; echo ${secret:0:4}")
        assert plan.job.steps[0].run == "secret=abcdef; echo ${secret:0:4}"

    def test_what_looks_like_one_and_is_none_is_warned_about(self, tmp_path: Path) -> None:
        plan = planned(tmp_path, job_env={"A": "${secret:no.dots:k} ${secret:ci:token}"})
        assert plan.env["A"] == "${secret:no.dots:k} swordfish-1"
        assert plan.warnings[0] == (
            "job_env: A: '${secret:' begins no reference (${secret:path:key}) and stays as it is"
        )

    def test_values_are_not_read_again(self, tmp_path: Path) -> None:
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: "${secret:ci:token}")
        assert (
            planned(tmp_path, lookup=lookup, secret_providers="mine,env", job_env="A=${secret:a:b}").env["A"]
            == "${secret:ci:token}"
        )


class TestMissing:
    """Nothing starts, and everything that is missing is named."""

    def test_all_at_once(self, tmp_path: Path) -> None:
        assert complaint(
            tmp_path,
            job_env="A=${secret:a:b}\nB=${secret:ci:token}${secret:c/d:e}",
            secret_values_list=["${secret:f:g}"],
        ) == [
            "job_env: A: there is no secret 'a:b' (providers: env)",
            "job_env: B: there is no secret 'c/d:e' (providers: env)",
            "secret_values_list: there is no secret 'f:g' (providers: env)",
        ]

    def test_before_a_wrong_url_is_complained_of(self, tmp_path: Path) -> None:
        assert complaint(tmp_path, source_type="git", source_url="${secret:a:b}") == [
            "source_url: there is no secret 'a:b' (providers: env)"
        ]

    def test_an_unknown_provider(self, tmp_path: Path) -> None:
        (line,) = complaint(tmp_path, job_env="A=${secret:a:b}", secret_providers="vault,evn")
        assert line.startswith(
            "secret_providers (command line, --secret-providers): unknown provider of secrets 'vault'"
        )
        assert line.endswith("(env, file, local, command)")

    def test_no_provider(self, tmp_path: Path) -> None:
        assert complaint(tmp_path, job_env="A=${secret:a:b}", secret_providers="") == [
            "job_env: A: there is no secret 'a:b' (providers: none)"
        ]

    def test_nobody_is_asked_when_there_is_no_reference(self, tmp_path: Path) -> None:
        assert planned(tmp_path, secret_providers="nonsense").env


class TestAsking:
    """Providers in order, each secret once."""

    def test_the_first_that_has_it_wins(self, tmp_path: Path) -> None:
        lookup = SecretResolver()
        lookup.register("first", lambda path, key: "mine-mine" if key == "token" else None)
        env = planned(
            tmp_path, lookup=lookup, secret_providers="first,env", job_env="A=${secret:ci:token}\nB=${secret:db:url}"
        ).env
        assert (env["A"], env["B"]) == ("mine-mine", HOST["SECRET_DB__URL"])

    def test_once_whatever_refers_to_it_and_when_a_plan_is_derived_again(self, tmp_path: Path) -> None:
        asked = []
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: asked.append((path, key)) or "value-1")
        made = planning(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:a:b}\nB=${secret:a:b}")
        plan, again = made.plan(), made.plan_again()
        assert asked == [("a", "b")]
        assert again.env["A"] == again.env["B"] == "value-1"
        assert again is not plan

    def test_from_many_threads(self) -> None:
        asked = []
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: asked.append(key) or f"value-{key}")
        resolved = resolve({"secret_providers": "mine"}, {})
        threads = [threading.Thread(target=lookup.find, args=("p", str(n % 5), resolved, {})) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(asked) == list("01234")

    def test_the_masker_has_it_before_anything_else_does(self, tmp_path: Path) -> None:
        """A later mistake is told with the secret in it; the masker that everybody holds knows it already."""
        made = planning(tmp_path, code_dir="/elsewhere/${secret:ci:token}")
        masker = made.services.masker
        with pytest.raises(ConfigError, match="swordfish-1") as caught:
            made.plan()
        assert "swordfish-1" not in masker.mask_string(str(caught.value))
        assert masker.has_secret("swordfish-1")

    def test_a_value_too_short_is_told_by_name(self, tmp_path: Path) -> None:
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: "ab")
        plan = planned(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:a:b}")
        assert "secret a:b is not masked: it has 2 bytes, secret_min_length is 3" in plan.warnings


class TestPlugins:
    """Providers that plugins bring."""

    def test_a_failure_quotes_nothing(self, tmp_path: Path) -> None:
        def fail(path: str, key: str) -> str:
            raise RuntimeError("hunter2")

        lookup = SecretResolver()
        lookup.register("mine", fail)
        with pytest.raises(ConfigError, match=r"^provider 'mine' of secrets failed with RuntimeError for 'a:b'$"):
            planned(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:a:b}")

    @pytest.mark.parametrize("value", [b"hunter2", 5, ["hunter2"]])
    def test_what_is_no_text(self, tmp_path: Path, value: object) -> None:
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: value)
        with pytest.raises(ConfigError, match=r"gave no text for 'a:b' but (bytes|int|list)"):
            planned(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:a:b}")

    def test_a_nul_byte(self, tmp_path: Path) -> None:
        lookup = SecretResolver()
        lookup.register("mine", lambda path, key: "hunter2\0")
        with pytest.raises(ConfigError, match=r"^secret 'a:b' of provider 'mine' holds a NUL byte$"):
            planned(tmp_path, lookup=lookup, secret_providers="mine", job_env="A=${secret:a:b}")

    @pytest.mark.parametrize("name", ["env", "local", "twice", "", "a b", "a,b"])
    def test_a_name_that_cannot_be(self, name: str) -> None:
        lookup = SecretResolver()
        lookup.register("twice", lambda path, key: None)
        with pytest.raises(ConfigError):
            lookup.register(name, lambda path, key: None)


class TestTheJobsEnvironment:
    """A job gets what it refers to, and no more."""

    def test_what_the_provider_env_reads_is_withheld(self, tmp_path: Path) -> None:
        env = planned(tmp_path, job_env="T=${secret:ci:token}").env
        assert env["T"] == "swordfish-1"
        assert not [name for name in env if name.startswith("SECRET_")]
        assert "SECRET_CI__TOKEN" in planned(tmp_path, secret_providers="local").env

    def test_a_runner_within_the_job_need_not_look_again(self, tmp_path: Path) -> None:
        environ = {**HOST, "REACTORCIDE_JOB_ENV": "T=${secret:ci:token}", "REACTORCIDE_SECRET_PROVIDERS": "env"}
        env = planner(resolve({"job_command": "true"}, environ), (), environ, tmp_path).plan().env
        assert (env["T"], "REACTORCIDE_JOB_ENV" in env) == ("swordfish-1", False)
        environ["REACTORCIDE_JOB_ENV"] = "T=1"
        assert (
            "REACTORCIDE_JOB_ENV"
            in planner(resolve({"job_command": "true"}, environ), (), environ, tmp_path).plan().env
        )

    def test_the_password_is_withheld_and_masked(self, tmp_path: Path) -> None:
        environ = {**HOST, "REACTORCIDE_SECRETS_PASSWORD": "pass"}
        made = planner(resolve({"job_command": "true"}, environ), (), environ, tmp_path)
        assert "REACTORCIDE_SECRETS_PASSWORD" not in made.plan().env
        assert made.services.masker.has_secret("pass")


def test_the_help_of_the_setting_lists_every_provider() -> None:
    """Its texts are in a layer below the providers."""
    assert f": {', '.join(PROVIDERS)}, or one that a plugin adds" in SETTINGS["secret_providers"].help
