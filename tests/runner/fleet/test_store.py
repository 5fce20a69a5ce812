"""Things that travel by a store: artifacts, copied sources, outputs and envelopes that the server does not carry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from runnerlib.runner.workflow.artifacts import store_of
from tests.runner.fleet.machines import Broker, Worker, dispatched, dispatching, working
from tests.runner.workflow.house import ran
from tests.s3_server import BUCKET, s3_server
from tests.waiting import until

SECRET = "given-to-the-job-7733"
WORKFLOW = f"""
name: w
jobs:
  - name: build
    matrix: {{os: [a, b]}}
    source: {{type: copy, url: SOURCE, options: {{exclude: "*.tmp"}}}}
    env: {{API_TOKEN: {SECRET}}}
    command: |
      ls; cat sub/in.txt
      mkdir -p out/deep; echo "$MATRIX_OS $API_TOKEN" > out/deep/f; ln -s deep/f out/link; chmod 751 out/deep/f
    artifacts: {{upload: ["out/**"]}}
  - name: fails
    command: "echo left > rest.txt; exit 3"
    artifacts: {{upload: [rest.txt]}}
  - name: use
    needs: [build, fails]
    condition: always
    artifacts: {{download: [{{job: build, to: in}}, {{job: fails, to: rest}}]}}
    command: |
      cd in; find . -printf '%p %m %l\\n' | sort; cat 0/out/deep/f 1/out/link; cat ../rest/rest.txt
  - name: large
    needs: build
    command: "head -c 900000 /dev/zero | tr '\\\\0' x | sed 's/^/big=/' >> $RUNNERLIB_OUTPUT"
  - name: larger
    needs: large
    command: "env | grep -o RUNNERLIB_OUTPUT_LARGE_BIG[^=]* | sort"
"""


class Place(NamedTuple):
    """A store: its address, the directory behind it, and variables that dispatcher and workers have for it."""

    address: str
    files: Path
    environ: dict[str, str]


@pytest.fixture(scope="module", params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    own = tmp_path_factory.mktemp("store")
    if request.param == "directory":
        yield Place(str(own / "all see"), own / "all see", {})
        return
    with s3_server(own) as server:
        yield Place(f"s3://{BUCKET}/fleet", server.files, server.environ)


@pytest.fixture(scope="module")
def two(place: Place, broker: Broker, key: Path) -> Iterator[tuple[Worker, Worker]]:
    """Workers that see the store; a job waits for both to be there."""
    options = ("--fleet-store", place.address, "--labels", f"store-{len(place.environ)}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environ.items():
            patch.setenv(name, value)
        with working(broker, key, "s1", *options, slots=1) as one, working(broker, key, "s2", *options, slots=1) as two:
            yield one, two


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "sub").mkdir(parents=True)
    (made / "sub/in.txt").write_text("in\n")
    (made / "left-out.tmp").write_text("not sent 9191")
    return made


def files_of(directory: Path) -> dict[str, tuple[int, bytes]]:
    """The files below a directory: permissions, and content or target."""
    return {
        str(path.relative_to(directory)): (
            path.lstat().st_mode & 0o777,
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes(),
        )
        for path in directory.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.usefixtures("two")
def test_files_and_large_outputs_travel_as_here(
    place: Place, broker: Broker, key: Path, source: Path, tmp_path: Path
) -> None:
    text = WORKFLOW.replace("SOURCE", str(source))
    there = dispatched(
        text.replace("  - name:", f"  - runs_on: store-{len(place.environ)}\n    name:"),
        tmp_path / "there",
        broker,
        key,
        REACTORCIDE_FLEET_STORE=place.address,
        REACTORCIDE_SECRET_VALUES_LIST=SECRET,
        **place.environ,
    )
    here = ran(text, tmp_path / "here", REACTORCIDE_SECRET_VALUES_LIST=SECRET)
    assert there.warnings == here.warnings
    assert [one for one in there.warnings if "BIG" not in one] == []
    assert there.outcomes == here.outcomes
    assert there.outcomes == {
        "build[0]": "success",
        "build[1]": "success",
        "fails": "failure",
        "use": "success",
        "large": "success",
        "larger": "success",
    }
    for step in ("build[0]", "build[1]", "fails", "use", "larger"):
        assert there.output(step) == here.output(step), step
    assert "left-out.tmp" not in there.output("build[0]")
    big = {job.name: job.outputs for job in there.result.jobs}["large"]
    assert big == {job.name: job.outputs for job in here.result.jobs}["large"]
    assert len(big["big"]) == 900_000
    stores = (run.plan.front.workspace.artifacts for run in (there, here))
    of_there, of_here = (
        {name: files_of(store_of(store, name)) for name in ("build[0]", "build[1]", "fails")} for store in stores
    )
    assert of_there == of_here
    assert of_there["build[0]"]["out/deep/f"][0] == 0o751
    assert not [path for path in place.files.rglob("*") if path.is_file()], "a run that has ended leaves nothing"


SLOW = """
jobs:
  - name: build
    runs_on: LABEL
    source: {type: copy, url: SOURCE}
    env: {API_TOKEN: SECRET}
    command: "echo $API_TOKEN > f; cat left-out.tmp >> f; echo sealed-name > sealed-name"
    artifacts: {upload: [f, sealed-name]}
  - {name: holds, runs_on: LABEL, needs: build, command: "touch GO; while test -e GO; do sleep 0.05; done"}
"""


@pytest.mark.usefixtures("two")
def test_the_store_has_nothing_in_clear(place: Place, broker: Broker, key: Path, source: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    text = SLOW.replace("SOURCE", str(source)).replace("GO", str(go)).replace("SECRET", SECRET)
    text = text.replace("LABEL", f"store-{len(place.environ)}")
    words = ("--fleet-store", place.address, "--secret-values-list", SECRET)
    run = dispatching(tmp_path / "run", text, broker, key, *words, **place.environ)
    until(go.exists)
    stored = [path for path in place.files.rglob("*") if path.is_file()]
    assert len(stored) == 2, "the source and the artifacts"
    clear = (SECRET, "not sent 9191", "sealed-name", *filter(None, [place.environ.get("AWS_SECRET_ACCESS_KEY")]))
    for word in clear:
        assert [path for path in stored if word.encode() in path.read_bytes()] == []
        assert broker.stored(word.encode()) == []
        assert word not in run.said.replace("echo sealed-name > sealed-name", "").replace("[f, sealed-name]", "")
    go.unlink()
    assert run.end() == 0, run.said
    assert (tmp_path / "run/job/artifacts/jobs/build/f").read_text() == f"{SECRET}\nnot sent 9191"


def test_what_lacks_a_store_is_told(broker: Broker, key: Path, source: Path, tmp_path: Path) -> None:
    def of(job: str, store: str = "", *words: str) -> str:
        given = ("--fleet-store", store) if store else ()
        run = dispatching(tmp_path / "run", f"jobs: [{{name: a, runs_on: bare, {job}}}]", broker, key, *given, *words)
        run.end()
        return run.said

    needs = "need a store that the workers see; give --fleet-store"
    assert f"job 'a': artifacts {needs}" in of("command: 'true', artifacts: {upload: [x]}")
    copied = f"source: {{type: copy, url: {source}}}, command: 'true'"
    assert "job 'a': source_type copy needs a store that the workers see" in of(copied)
    (tmp_path / "a-file").touch()
    assert f"store '{tmp_path}/a-file/x' cannot be used: not a directory" in of(copied, f"{tmp_path}/a-file/x")
    with working(broker, key, "bare", "--labels", "bare"):
        assert "worker 'bare' has no store: it needs --fleet-store" in of(copied, str(tmp_path / "store"))
        large = "command: 'head -c 900000 /dev/zero | tr \"\\0\" x | sed s/^/big=/ >> $RUNNERLIB_OUTPUT'"
        assert "more than the fleet carries (" in of(large)


def test_a_store_that_fails_in_between_fails_the_job(broker: Broker, key: Path, tmp_path: Path) -> None:
    """The store of the worker gives back something else, has lost it, or takes no more."""
    store = tmp_path / "store"
    text = f"""
jobs:
  - name: build
    runs_on: odd
    command: "echo x > f"
    artifacts: {{upload: f}}
  - name: spoils
    runs_on: odd
    needs: build
    command: "for f in {store}/*/*/*/*; do echo changed > $f; done"
  - {{name: use, runs_on: odd, needs: spoils, artifacts: {{download: build}}, command: cat f}}
  - name: late
    runs_on: odd
    needs: use
    condition: always
    command: "rm -r {store}; touch {store}; echo x > f"
    artifacts: {{upload: f}}
"""
    with working(broker, key, "odd", "--fleet-store", str(store), "--labels", "odd"):
        run = dispatched(text, tmp_path / "run", broker, key, REACTORCIDE_FLEET_STORE=str(store))
    reasons = {job.name: job.reason for job in run.result.jobs}
    assert run.outcomes == {"build": "success", "spoils": "success", "use": "failure", "late": "failure"}
    assert reasons["use"].startswith(f"store '{store}' gives another '")
    assert reasons["late"] == f"artifacts: store '{store}' cannot be used: not a directory"
