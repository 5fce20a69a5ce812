"""Figures for Prometheus: what promtool, a Pushgateway and a broken one make of them, whatever the job is like."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runnerlib.events import Measured, StepFinished, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.result import Usage, WorkflowResult
from runnerlib.output.telemetry.families import FAMILIES
from runnerlib.output.telemetry.figures import MOST_SERIES, Figures
from runnerlib.output.telemetry.run_figures import RunFigures
from tests.integration.cli import runnerlib
from tests.looped import assert_each
from tests.output.report import hostile
from tests.output.show import EPOCH, result
from tests.tools import tool
from tests.waiting import until

JOB = """
job:
  name: ci
  cache: [{key: k, paths: [made]}]
  steps:
    - {name: build, run: 'echo building; echo $DEPLOY_TOKEN; mkdir -p made; echo x >made/x'}
    - {name: flaky, run: 'test -e ok || { touch ok; exit 3; }', retry: {max: 2, backoff: 0}}
    - {name: lint, run: exit 2, required: false}
"""
PLUGIN = """
from runnerlib.plugins import Plugin
class Hello(Plugin):
    def __init__(self): super().__init__("hello")
    def pre_execution(self, context): pass
    def post_step(self, context): pass
"""


def checked(text: str) -> str:
    """The text, if promtool has nothing to say about it."""
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return text


def value(text: str, name: str, **labels: str) -> float:
    pairs = ",".join(f'{key}="{one}"' for key, one in labels.items())
    (found,) = re.findall(rf"^{re.escape(f'runnerlib_{name}{{{pairs}}}')} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_a_run_and_its_file(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_hello.py").write_text(PLUGIN)
    words = ("run", "--job-file", "job.yaml", "--metrics-file", "out/x.prom", "--plugin-dir", "plugins")
    for _ in range(2):
        done = runnerlib(*words, "--cache-dir", str(tmp_path / "c"), cwd=tmp_path, DEPLOY_TOKEN="correct-horse")
        assert done.code == 0, done
    text = checked((tmp_path / "out/x.prom").read_text())
    assert value(text, "runs_total", pipeline="ci", outcome="success") == 1
    assert value(text, "steps_total", pipeline="ci", outcome="failure") == 1
    assert value(text, "steps_total", pipeline="ci", outcome="success") == 2
    assert value(text, "step_duration_seconds_count", pipeline="ci") == 3
    assert value(text, "masked_secrets_total", pipeline="ci") == 1
    assert value(text, "cache_requests_total", pipeline="ci", result="hit") == 1
    assert value(text, "cache_bytes_total", pipeline="ci", result="hit") > 0
    assert value(text, "output_bytes_total", pipeline="ci") == len("building\n[REDACTED]\n")
    assert value(text, "plugin_hook_duration_seconds_count", plugin="hello", hook="post_step") == 3
    assert value(text, "plugin_hook_duration_seconds_count", plugin="hello", hook="pre_execution") == 1
    assert value(text, "last_run_success", pipeline="ci") == 1
    assert 0 < value(text, "last_run_step_duration_seconds", pipeline="ci", step="build") < 100
    assert (tmp_path / "out/x.prom").stat().st_mode & 0o777 == 0o644  # its reader is another user
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.prom"]


def test_a_workflow_and_one_that_fails_early(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "workflow: {name: w, jobs: [{name: a, command: 'true', matrix: {x: [1, 2]}}, {name: b, command: 'false'}]}"
    )
    done = runnerlib("run", "--workflow-file", "w.yaml", "--metrics-file", "x.prom", cwd=tmp_path)
    text = checked((tmp_path / "x.prom").read_text())
    assert done.code == 1
    assert value(text, "jobs_total", pipeline="w", outcome="success") == 2
    assert value(text, "jobs_total", pipeline="w", outcome="failure") == 1
    assert value(text, "runs_total", pipeline="w", outcome="failure") == 1
    source = ("--source-type", "copy", "--source-url", "nowhere")
    done = runnerlib("run", *source, "--metrics-file", "y.prom", "--job-command", "true", cwd=tmp_path)
    assert done.code == 125
    text = checked((tmp_path / "y.prom").read_text())
    assert 'source_duration_seconds_count{pipeline=""} 1' in text


def test_whatever_a_job_is_called_and_writes(tmp_path: Path) -> None:
    figures = RunFigures()
    for event in hostile.events():
        figures.observe(event)
    for name in hostile.NAMES:
        figures.observe(Measured("hook", name, EPOCH, EPOCH - 5, name, name))
        figures.observe(Measured("cache", name, EPOCH, EPOCH, name))
    figures.flush()
    text = checked(figures.figures.text())
    assert len(text) < 100_000
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]", text)


def test_there_are_only_so_many_series() -> None:
    figures = RunFigures()
    for number in range(3 * MOST_SERIES):
        figures.observe(StepFinished(result(f"step {number}", usage=Usage(1.0, 1.0, number))))
    text = checked(figures.figures.text())
    assert text.count("last_run_step_duration_seconds{") == MOST_SERIES + 1
    assert 'step="other"' in text
    assert value(text, "step_memory_max_bytes", pipeline="") == 3 * MOST_SERIES - 1


def test_figures_add_up() -> None:
    one, both = RunFigures("w", workflow=True), Figures()
    one.observe(WorkflowJobFinished(result("a", took=7)))
    one.observe(WorkflowFinished(WorkflowResult("w", 0, "", (), EPOCH, EPOCH + 9)))
    for _ in range(2):
        both.merge(one.figures.plain())
    text = checked(both.text())
    assert value(text, "job_duration_seconds_sum", pipeline="w") == 14
    assert value(text, "job_duration_seconds_bucket", pipeline="w", le="5") == 0
    assert value(text, "job_duration_seconds_bucket", pipeline="w", le="10") == 2
    assert value(text, "last_run_duration_seconds", pipeline="w") == 9
    for wrong in (
        {"x": []},
        {"runs_total": [[["w"], [1]]]},
        {"runs_total": [[["w", "x"], ["y"]]]},
        {"jobs_total": [1]},
    ):
        with pytest.raises((ValueError, TypeError)):
            both.merge(wrong)


def test_every_family_has_a_name_that_says_its_unit() -> None:
    assert all(name.endswith("_total") == (family.kind == "counter") for name, family in FAMILIES.items())


@contextmanager
def gateway(tmp_path: Path) -> Iterator[str]:
    """A Pushgateway; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        words = [tool("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}"]
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        until(lambda: "Listening on" in (tmp_path / "log").read_text() or "listening" in (tmp_path / "log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_real_gateway_has_the_figures(tmp_path: Path) -> None:
    with gateway(tmp_path) as url:
        for name in ("one / two", "", "ü" * 300):
            (tmp_path / "job.yaml").write_text(
                f"job: {{name: '{name}', steps: [{{name: a, run: ':'}}]}}" if name else "x"
            )
            what = ("--job-file", "job.yaml") if name else ("--job-command", "true")
            done = runnerlib("run", *what, "--metrics-push", url, cwd=tmp_path)
            assert (done.code, "figures" in done.err, b"figures" in done.out) == (0, False, False), done
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            text = answer.read().decode()
    assert re.search(
        r'runnerlib_runs_total\{instance="",job="runnerlib",outcome="success",pipeline="one / two"\} 1', text
    )
    assert text.count("\nrunnerlib_last_run_success{") == 3
    assert text.count("\nrunnerlib_last_run_start_timestamp_seconds{") == 3


class _Broken(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(503)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def broken(answer: Callable[[socket.socket], object] | None = None) -> Iterator[int]:
    """A port at which something answers in another way, or not at all."""
    if answer is None:
        with ThreadingHTTPServer(("127.0.0.1", 0), _Broken) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield server.server_address[1]
            server.shutdown()
            thread.join()
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                    answer(taken[-1])
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


def test_a_gateway_that_is_none_harms_no_run(tmp_path: Path) -> None:
    def check(said: str, port: int) -> None:
        done = runnerlib(
            "run", "--metrics-push", f"http://u:p4ssw0rd@127.0.0.1:{port}", "--job-command", "echo hi", cwd=tmp_path
        )
        assert (done.code, done.out) == (0, b"hi\n")
        assert f"warning: the figures are not sent: {said}" in done.err
        assert "p4ssw0rd" not in done.err

    with broken() as wrong, broken(lambda one: None) as slow, broken(lambda one: one.send(b"hello\n")) as other:
        cases = {
            "the gateway answers 503": wrong,
            "no answer from the gateway in time": slow,
            "no answer from the gateway: it does not speak HTTP": other,
            "no answer from the gateway: connection refused": 1,
        }
        assert_each(check, cases.items())
    done = runnerlib("run", "--metrics-push", "gateway:9091", "--job-command", "true", cwd=tmp_path)
    assert (done.code, done.err) == (
        78,
        "error: metrics_push is no url of http or https; http://HOST:9091 is expected\n",
    )


def test_a_file_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "x.prom").mkdir()
    done = runnerlib("run", "--metrics-file", "x.prom", "--job-command", "touch ran", cwd=tmp_path)
    assert (done.code, done.err) == (125, "error: cannot write the metrics to 'x.prom': it is a directory\n")
    assert list(tmp_path.rglob("ran")) == []
