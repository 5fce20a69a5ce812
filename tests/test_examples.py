"""The examples do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.cli import Done, environment, runnerlib

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_tested() -> None:
    # those of fleet in tests/runner/fleet/test_examples.py, those of languages in tests/test_languages.py
    tested = Path(__file__).read_text(encoding="utf-8")
    assert all(example.name in tested for example in EXAMPLES.iterdir())


def test_job(tmp_path: Path) -> None:
    done = runnerlib("run", "--config", str(EXAMPLES / "job.yaml"), cwd=tmp_path)
    assert (done.code, done.out) == (0, b"building demo with [REDACTED]\n")
    assert (tmp_path / "job/artifacts/name").read_text() == "demo\n"


def test_mask_filter() -> None:
    filtered = [sys.executable, EXAMPLES / "mask_filter.py", "DB_PASSWORD"]
    env = environment(DB_PASSWORD="hunter2-hunter2")
    done = subprocess.run(filtered, input=b"a hunter2-hunter2 hunter2-", env=env, capture_output=True, check=True)
    assert done.stdout == b"a [REDACTED] hunter2-"
    done = subprocess.run(filtered, input=b"", env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"DB_PASSWORD is not set, or too short to be masked\n")


class TestPipelineProgram:
    """A project whose tests pass, and one whose tests do not."""

    def run(self, tmp_path: Path, test: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "project").mkdir()
        (tmp_path / "project/test_it.py").write_text(
            f"import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        {test}\n"
        )
        env = environment(REACTORCIDE_BRANCH="main", PATH=f"{Path(sys.executable).parent}:{environment()['PATH']}")
        program = [sys.executable, EXAMPLES / "pipeline.py"]
        return subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    def test_passes(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "pass")
        assert done.returncode == 0, done
        assert "tested with [REDACTED] on Linux" in done.stdout
        assert done.stdout.endswith("pipeline: passed\n")
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert report == {
            "branch": "main",
            "job": None,
            "exit_code": 0,
            "steps": dict.fromkeys(("style", "test", "build", "where"), "success"),
        }
        assert (tmp_path / "out/project.tar").exists()

    def test_fails(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "self.fail()")
        assert done.returncode == 1, done
        assert done.stdout.endswith("pipeline: step 'test': exit code 1\n")
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert report["steps"] == {"style": "success", "test": "failure", "build": "skipped", "where": "success"}


def test_pipeline(tmp_path: Path) -> None:
    """Its form; a whole Python project takes minutes and a package index."""
    done = runnerlib("run", "--job-file", str(EXAMPLES / "pipeline.yaml"), "--plan", cwd=tmp_path)
    assert done.code == 0, done
    assert done.out.startswith(b"job pipeline: 9 steps\n")


class TestPlugins:
    """Each of the plugins, loaded together with the others."""

    def run(self, tmp_path: Path, *args: str, **env: str) -> Done:
        return runnerlib("run", "--plugin-dir", str(EXAMPLES / "plugins"), *args, cwd=tmp_path, **env)

    def test_all_of_them_are_tested(self) -> None:
        names = {path.name for path in (EXAMPLES / "plugins").glob("*.py")}
        assert names == {
            *("plugin_bucket_source.py", "plugin_webhook_sink.py", "plugin_tap_output.py"),
            "plugin_timing_observer.py",
        }

    def test_a_source_type(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app/file").write_text("from the bucket\n")
        subprocess.run(["tar", "-czf", tmp_path / "app.tar.gz", "-C", tmp_path / "app", "."], check=True)
        with served({"/releases/app.tar.gz": (tmp_path / "app.tar.gz").read_bytes()}) as (url, requests):
            source = ("--source-type", "bucket", "--source-url", "bucket://releases/app.tar.gz")
            done = self.run(tmp_path, *source, "--", "cat", "file", BUCKET_ENDPOINT=url, BUCKET_TOKEN="hunter2-hunter2")
            assert (done.code, done.out) == (0, b"from the bucket\n"), done
            assert [request["Authorization"] for request in requests] == ["Bearer hunter2-hunter2"]
            gone = ("--source-type", "bucket", "--source-url", "bucket://releases/gone")
            done = self.run(tmp_path, *gone, "--", "true", BUCKET_ENDPOINT=url)
        assert done.code == 125
        assert "http error 404" in done.err

    def test_a_trigger_sink(self, tmp_path: Path) -> None:
        trigger = """echo '{"job_name": "deploy"}' >> "$RUNNERLIB_TRIGGERS\""""
        with served({"/hook": b"thanks"}) as (url, requests):
            done = self.run(tmp_path, "--job-command", trigger, TRIGGER_WEBHOOK=f"{url}/hook")
        assert done.code == 0, done
        (request,) = requests
        assert json.loads(request["body"])["jobs"][0]["job_name"] == "deploy"

    def test_an_output_mode(self, tmp_path: Path) -> None:
        steps = [
            {"name": "a", "run": "echo one; printf two"},
            {"name": "b", "run": "exit 1"},
            {"name": "c", "run": "true"},
        ]
        (tmp_path / "job.json").write_text(json.dumps({"job": {"steps": steps}}))
        done = self.run(tmp_path, "--output", "tap", "--job-file", "job.json")
        assert done.code == 1
        assert done.out == b"TAP version 13\n1..3\n# one\n# two\nok 1 a\nnot ok 2 b\nok 3 c # SKIP\n"

    def test_an_observer(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "--job-command", "true")
        assert done.code == 0, done
        assert list(json.loads((tmp_path / "job/artifacts/timings.json").read_text())) == ["job"]


@contextmanager
def served(files: dict[str, bytes]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server of these files that takes posts to them as well: its URL, and the headers and bodies it got."""
    requests: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append({**dict(self.headers), "body": body.decode()})
            found = files.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        do_POST = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


def jobs_of(output: bytes) -> dict[str, str]:
    """The jobs in the table at the end, and how each ended."""
    rows = [line.split() for line in output.decode().partition("\n\n  job ")[2].partition("\n\n")[0].splitlines()[1:]]
    return {row[1]: row[2] for row in rows if row[0] in "✓✗!·"}


def test_ci_pipeline_from_a_file(tmp_path: Path) -> None:
    pipeline = str(EXAMPLES / "ci_pipeline.yaml")
    done = runnerlib("run", "--workflow-file", pipeline, cwd=tmp_path, REACTORCIDE_BRANCH="main")
    assert done.code == 0, done
    assert jobs_of(done.out) == dict.fromkeys(("test", "lint", "build", "deploy"), "success")
    assert b"deploying demo.txt unit.txt with [REDACTED]\n" in done.out
    assert b"only-a-demo-token" not in done.out
    done = runnerlib("run", "--workflow-file", pipeline, cwd=tmp_path, REACTORCIDE_BRANCH="feature")
    assert done.code == 0, done
    assert jobs_of(done.out) == {"test": "success", "lint": "success", "build": "success", "deploy": "skipped"}


def test_ci_pipeline_from_python(tmp_path: Path) -> None:
    for branch, last in (("main", "success"), ("feature", "skipped")):
        env = environment(REACTORCIDE_BRANCH=branch)
        done = subprocess.run(
            [sys.executable, EXAMPLES / "ci_pipeline.py"], cwd=tmp_path, env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done
        assert jobs_of(done.stdout) == {"test": "success", "lint": "success", "build": "success", "deploy": last}
