"""Jobs that extend others, and files that a workflow file includes."""

from __future__ import annotations

import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job_file import file as job_file
from runnerlib.pipeline.job_file.reader import Wrong
from runnerlib.pipeline.workflow import Workflow, load, parse
from tests.integration.cli import runnerlib

PAGE = Path(__file__).parents[3] / "docs" / "workflows.md"


class Outside:
    """Files by what an include says of them."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def shown(self, url: str) -> str:
        return url

    def ci(self, path: str) -> bytes:
        return self._read(path)

    def git(self, url: str, ref: str, path: str) -> bytes:
        return self._read(f"{url}@{ref}:{path}")

    def _read(self, name: str) -> bytes:
        if name not in self.files:
            raise Wrong(f"there is no file '{name}'")
        return self.files[name].encode()


def read(text: str, tmp_path: Path, files: dict[str, str] | None = None, **outside: str) -> Workflow:
    (tmp_path / "w.yaml").write_text(text)
    for name, content in (files or {}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    return load(tmp_path / "w.yaml", Outside(outside))


EXTENDS = """
jobs:
  .base: {image: "a:1", timeout: 1h, env: {A: "1", B: "1"}, needs: first, steps: [{name: s, run: x}]}
  .other: {timeout: 2h, env: {B: "2"}}
  first: {command: one}
  second: {extends: [.base, .other], env: {C: "3"}, command: two}
  third: {extends: second, for_each: [1]}
"""


def test_own_keys_win_over_later_ones_over_earlier_ones() -> None:
    made = parse(EXTENDS, "w")
    assert [job.name for job in made.jobs] == ["first", "second", "third"]
    second, third = made.jobs[1:]
    assert (second.image, second.timeout, second.command, second.depends_on) == ("a:1", 7200, "two", ("first",))
    assert second.env == {"A": "1", "B": "2", "C": "3"}
    assert (third.command, third.env, third.for_each) == ("two", second.env, (1,))
    assert second.origins == {"image": "w:3", "depends_on": "w:3", "timeout": "w:4"}
    assert third.origins == {**second.origins, "env": "w:6", "command": "w:6"}
    # What extends a job changes nothing of it.
    assert third.body.steps[0].name == "third"
    assert second.body.steps[0].name == "second"


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ("{a: {extends: .bsae, command: x}, .base: {image: y}}", "extends: unknown job '.bsae'; did you mean '.base'?"),
        ("{a: {extends: a, command: x}, b: {command: x}}", "extends: the jobs extend each other: a -> a"),
        (
            "{.a: {extends: .b}, .b: {extends: .a}, c: {command: x}}",
            "extends: the jobs extend each other: .a -> .b -> .a",
        ),
        ("{.a: {tiemout: 5}, c: {command: x}}", "unknown key 'tiemout'; did you mean 'timeout'?"),
        ("{.a: {image: i}, c: {extends: .a}}", "the job 'c' needs 'steps' or a 'command'"),
        ("{.a: {timeout: 0, command: x}, c: {extends: .a}}", "timeout: more than 0 seconds are expected, got 0"),
    ],
)
def test_mistakes_in_what_is_extended(jobs: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"jobs: {jobs}", "w")
    (line,) = str(caught.value).splitlines()
    assert line.partition(": ")[2] == told


def test_files_of_the_same_tree_of_the_ci_source_and_of_git(tmp_path: Path) -> None:
    remote = "include: more.yaml\njobs: {.far: {timeout: 1m}}"
    digest = f"sha256:{sha256(remote.encode()).hexdigest()}"
    commit = "a" * 40
    text = f"""
include:
  - ci/near.yaml
  - {{ci: base.yaml}}
  - {{git: u, ref: v1, path: far.yaml, digest: "{digest}"}}
  - {{git: u, ref: {commit}, path: far.yaml}}
jobs:
  mine: {{extends: [.near, .ci, .far, .more], command: x, needs: theirs}}
"""
    files = {
        "ci/near.yaml": "inputs: {i: x}\ndefaults: {jobs: {retry: 2}}\njobs: {.near: {image: i}, theirs: {command: y}}"
    }
    outside = {
        "base.yaml": "x-a: 1\njobs: {.ci: {env: {CI: yes}}}",
        "u@v1:far.yaml": remote,
        "u@v1:more.yaml": "jobs: {.more: {secrets: [S]}}",
        f"u@{commit}:far.yaml": "jobs: {}",
    }
    made = read(text, tmp_path, files, **outside)
    assert [job.name for job in made.jobs] == ["theirs", "mine"]
    mine = made.jobs[1]
    assert (mine.image, mine.env, mine.timeout, mine.body.secrets, mine.retry.max) == (
        "i",
        {"CI": "yes"},
        60,
        ("S",),
        2,
    )
    assert made.inputs.keys() == {"i"}
    near = tmp_path / "ci/near.yaml"
    assert {key: place for key, place in mine.origins.items() if key != "retry"} == {
        "image": f"{near}:3",
        "env": "ci:base.yaml:2",
        "timeout": "u@v1:far.yaml:2",
        "secrets": "u@v1:more.yaml:1",
    }
    assert made.job_files == (str(near),)
    pinned = {name.removeprefix("include "): place.endswith("(not pinned)") for name, place in made.origins.items()}
    assert pinned == {
        str(near): False,
        "ci:base.yaml": False,
        "u@v1:more.yaml": True,
        "u@v1:far.yaml": False,
        f"u@{commit}:far.yaml": False,
    }


def test_a_file_of_another_tree_names_no_file_of_this_one(tmp_path: Path) -> None:
    near = {"job.yaml": "command: x", "near.yaml": "jobs: {a: {job_file: job.yaml}}"}
    assert read("include: near.yaml\njobs: {}", tmp_path, near).jobs[0].name == "a"
    with pytest.raises(ConfigError, match=r"ci:f.yaml:1:22: job_file: a file of another tree names no 'job_file'"):
        read("include: {ci: f.yaml}\njobs: {}", tmp_path, near, **{"f.yaml": "jobs: {a: {job_file: job.yaml}}"})


def test_what_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    for key, told in (("job_file", "there is no such file"), ("extends", "unknown job 'b'")):
        with pytest.raises(ConfigError) as caught:
            read(f"jobs: {{a: {{{key}: b}}}}", tmp_path, {})
        assert told in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    (tmp_path / "job.yaml").write_text("{include: x, job: {steps: [{name: a, run: x}]}}")
    with pytest.raises(ConfigError, match=r"1:2: 'include' is of a workflow: give this file as --workflow-file"):
        job_file.load(str(tmp_path / "job.yaml"))


@pytest.mark.parametrize(
    ("include", "told"),
    [
        ("nothing.yaml", "include: there is no such file in the directory of the source, nor in '.reactorcide/jobs'"),
        (
            "/etc/passwd",
            "include: a path below the directory of the source is expected, without '..', got '/etc/passwd'",
        ),
        ("../w.yaml", "include: a path below the directory of the source is expected, without '..', got '../w.yaml'"),
        ("out.yaml", "include: it leads out of the directory of the source"),
        ("{ci: x}", "include: there is no file 'x'"),
        ("{git: u, path: x}", "include: an include of a git source has 'git', 'ref' and 'path'"),
        (
            "{path: a.yaml, ref: x}",
            "include: an include is a path of the same tree, {ci: PATH}, or {git: URL, ref: REF, path: PATH}",
        ),
        ("{path: a.yaml, digest: x}", "include: a digest is sha256: and 64 digits from 0 to f"),
        ("{paht: a.yaml}", "unknown key 'paht'; did you mean 'path'?"),
    ],
)
def test_what_cannot_be_included(include: str, told: str, tmp_path: Path) -> None:
    base = tmp_path / "tree"
    base.mkdir()
    (tmp_path / "out.yaml").write_text("jobs: {a: {command: x}}")
    (base / "out.yaml").symlink_to("../out.yaml")
    with pytest.raises(ConfigError) as caught:
        read(f"include: {include}\njobs: {{b: {{command: x}}}}", base, {"a.yaml": "jobs: {}"})
    assert told in {line.partition(": ")[2] for line in str(caught.value).splitlines()}


def test_files_that_include_each_other_and_another_content_are_refused(tmp_path: Path) -> None:
    text = 'include: [a.yaml, {path: c.yaml, digest: "sha256:' + "0" * 64 + '"}]\njobs: {j: {command: x}}'
    files = {"a.yaml": "include: b.yaml\njobs: {}", "b.yaml": "include: a.yaml\njobs: {}", "c.yaml": "jobs: {}"}
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path, files)
    a, b, c = (tmp_path / name for name in files)
    digest = sha256(b"jobs: {}").hexdigest()
    assert set(str(caught.value).splitlines()) == {
        f"{tmp_path}/w.yaml:1:19: include: '{c}' has the digest sha256:{digest}, which is not the one given",
        f"{b}:1:10: include: the files include each other: {a} -> {b} -> {a}",
    }


def test_mistakes_of_an_included_file_are_told_at_their_place(tmp_path: Path) -> None:
    files = {
        "a.yaml": "name: x\njobs:\n  a: {command: x, timeout: soon}\n  b: {command: x, needs: nobody}",
        "b.yaml": "jobs: [",
    }
    with pytest.raises(ConfigError) as caught:
        read("include: [a.yaml, b.yaml]\njobs: {c: {command: x}}", tmp_path, files)
    told = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert told[0].startswith("b.yaml:2:1: not valid YAML or JSON")
    assert any(line.startswith("a.yaml:1:1: unknown key 'name'") for line in told)
    assert any(line.startswith("a.yaml:3:28: timeout: a time as") for line in told)


def git(directory: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=directory, check=True, capture_output=True)


def test_a_file_that_others_may_have_written_gets_nothing_by_the_credentials_of_the_runner(tmp_path: Path) -> None:
    private, flow = tmp_path / "private", tmp_path / "job/src"
    for directory in (private, flow, tmp_path / "job/ci"):
        directory.mkdir(parents=True)
    (private / "t.yaml").write_text("jobs: {.t: {env: {A: private}}}")
    (tmp_path / "job/ci/t.yaml").write_text("jobs: {.t: {env: {A: trusted}}}")
    git(private, "init", "-q", "-b", "main")
    git(private, "add", ".")
    git(private, "commit", "-qm", "x")

    def both(include: str, *words: str, **env: str) -> list[tuple[int, bytes, str]]:
        """The same workflow as a file of one's own, and as one of a fork."""
        for place in (tmp_path, flow):
            (place / "w.yaml").write_text(f"include: {include}\njobs: {{a: {{extends: .t, command: echo $A}}}}")
        run = ("run", "--output", "raw", *words, "--workflow-file")
        mine = runnerlib(*run, "w.yaml", cwd=tmp_path, **env)
        theirs = runnerlib(*run, "job/src/w.yaml", cwd=tmp_path, REACTORCIDE_IS_FORK_PR="true", **env)
        return [(done.code, done.out, done.err) for done in (mine, theirs)]

    mine, theirs = both(f"{{git: {private}, ref: main, path: t.yaml}}")
    assert mine[:2] == (0, b"private\n"), mine
    assert theirs[0] == 78
    assert "'w.yaml' is not trusted, so it includes files of its own tree and of the CI source only" in theirs[2]
    ci = str(tmp_path / "job/ci")
    mine, theirs = both("{ci: t.yaml}", "--plan", REACTORCIDE_CI_SOURCE_DIR=ci)
    assert (mine[0], theirs[0]) == (0, 0)
    assert b"a: env: from ci:t.yaml:1" in theirs[1]


def test_the_example_of_the_page(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml include\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    url = "https://git.example.com/ci/templates.git"
    outside = {"pipelines/release.yaml": "jobs: {}", f"{url}@v3:deploy.yaml": "jobs: {}\n"}
    made = read(text, tmp_path, {"ci/python.yaml": "jobs: {.python: {image: python}}"}, **outside)
    assert [(job.name, job.image) for job in made.jobs] == [("test", "python")]
