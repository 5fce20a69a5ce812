"""A fleet in Kubernetes: a real API server with its controllers and scheduler; pods run as processes of this machine.

One control plane for all tests: its start takes seconds.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from runnerlib._util.cancellation import Stop
from runnerlib.errors import ConfigError
from runnerlib.runner.fleet.contract import Failure, Queue, Ticket, Why
from runnerlib.runner.fleet.kubernetes import manifest
from runnerlib.runner.fleet.kubernetes.address import Cluster, cluster_of
from runnerlib.runner.fleet.kubernetes.judging import failure, why_waiting
from tests.kubernetes.control_plane import ControlPlane, Node, program
from tests.runner.fleet.machines import Broker, lines, public_half
from tests.runner.workflow.house import Ran, Recorder, ran
from tests.waiting import until

RELEASES = ("1.30", "1.34", "1.37")
TICKET = Ticket("0123abcd", 7, Queue("1.0", "key", ("linux", "gpu"), 90.0))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, broker: Broker, key: Path) -> Iterator[ControlPlane]:
    program()
    made = ControlPlane(tmp_path_factory.mktemp("plane"))
    data = {"fleet.key": key.read_bytes(), "address": broker.url.encode()}
    coded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    content = {"metadata": {"name": "runnerlib-fleet"}, "data": coded}
    assert made.ask("POST", "/api/v1/namespaces/default/secrets", content)[0] == 201
    yield made
    made.close()


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(plane, tmp_path_factory.mktemp("pods"))
    yield made
    made.close()


class Place:
    """A cluster to hand workflows to."""

    def __init__(self, plane: ControlPlane, kubelet: Node, broker: Broker, key: Path, directory: Path) -> None:
        self.plane, self.kubelet = plane, kubelet
        self._broker, self._key, self._directory = broker, key, directory
        self.image = "worker:1"

    def run(self, workflow: str, recorder: Recorder | None = None, stop: Stop | None = None, **env: str) -> Ran:
        """Run a workflow in the cluster to its end; then nothing of it is left there."""
        address = f"kubernetes+{self._broker.url}?image={self.image}&kubeconfig={self.plane.kubeconfig}&memory=1Gi"
        names = {"REACTORCIDE_FLEET": address, "REACTORCIDE_FLEET_KEY_FILE": str(public_half(self._key))}
        done = ran(workflow, self._directory, None, recorder, stop, **names, **env)
        until(lambda: not self.left())
        return done

    def left(self) -> list[str]:
        """The objects of runs in the cluster."""
        found = [
            *self.plane.objects("jobs", "apis/batch/v1"),
            *self.plane.objects("pods"),
            *self.plane.objects("secrets"),
        ]
        return [one["metadata"]["name"] for one in found if one["metadata"]["name"] != "runnerlib-fleet"]

    def pods(self) -> list[dict[str, Any]]:
        return list(self.plane.objects("pods"))

    def beside(self, do: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=do)
        thread.start()
        return thread


@pytest.fixture
def place(plane: ControlPlane, kubelet: Node, broker: Broker, key: Path, tmp_path: Path) -> Place:
    return Place(plane, kubelet, broker, key, tmp_path)


def test_a_workflow_runs_in_pods_and_leaves_nothing_in_clear_nor_behind(place: Place) -> None:
    workflow = """
jobs:
  - name: make
    runs_on: [linux, fast]
    steps:
      - name: out
        run: 'echo "word=Geheim-$((40 + 2))" >> "$RUNNERLIB_OUTPUT"; [ "$TOKEN_VALUE" = s3cr3t-value-in-the-job ]'
        outputs: [word]
    outputs: {word: out.word}
  - name: use
    depends_on: [make]
    command: '[ "$RUNNERLIB_OUTPUT_MAKE_WORD" = Geheim-42 ]'
"""
    done = place.run(workflow, REACTORCIDE_JOB_ENV="TOKEN_VALUE=s3cr3t-value-in-the-job")
    assert done.result.success, done.result
    text = b"".join(path.read_bytes() for path in place.plane.etcd.rglob("*") if path.is_file())
    assert b"runnerlib-fleet" in text
    for clear in (b"s3cr3t-value-in-the-job", b"echo", b"TOKEN_VALUE"):
        assert clear not in text
        assert base64.b64encode(clear).rstrip(b"=")[:-1] not in text


@pytest.mark.parametrize("evicted", [False, True])
def test_a_pod_that_is_taken_away_is_followed_by_another_one(place: Place, tmp_path: Path, evicted: bool) -> None:
    effects, gate = tmp_path / "effects", tmp_path / "gate"

    def delete() -> None:
        until(lambda: bool(lines(effects)))
        (pod,) = place.pods()
        path = f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["metadata"]["name"]}}
        asked = ("POST", f"{path}/eviction", eviction) if evicted else ("DELETE", path)
        assert place.plane.ask(*asked)[0] in {200, 201}
        gate.touch()

    deleting = place.beside(delete)
    wait = f"while ! [ -e {gate} ]; do sleep 0.05; done"
    command = f"echo begun >> {effects}; {wait}; [ $(wc -l < {effects}) = 2 ] || sleep 600"
    done = place.run(f"jobs: [{{name: a, command: {json.dumps(command)}}}]")
    deleting.join()
    assert done.result.success, done.result
    assert lines(effects) == ["begun", "begun"]
    (result,) = done.result.jobs
    assert result.attempts == 2


def test_an_unschedulable_job_says_why(place: Place) -> None:
    done = place.run("jobs: [{name: a, command: 'true', runs_on: [gpu], queue_timeout: 4}]")
    (result,) = done.result.jobs
    assert result.exit_code == 124
    assert "no node takes its pod: 0/1 nodes are available" in result.reason


def test_an_image_that_cannot_be_had_ends_the_job(place: Place) -> None:
    place.image = "nowhere.invalid/worker:2"
    place.kubelet.misses(place.image)
    done = place.run("jobs: [{name: a, command: 'true'}]")
    (result,) = done.result.jobs
    assert (result.outcome, result.cause) == ("failure", "runner")
    assert result.reason == 'its image cannot be had: Back-off pulling "nowhere.invalid/worker:2"'


def test_a_worker_without_memory_is_told(place: Place, tmp_path: Path) -> None:
    effects = tmp_path / "effects"

    def kill() -> None:
        until(lambda: bool(lines(effects)))
        (pod,) = place.pods()
        place.kubelet.kills(pod)

    killing = place.beside(kill)
    done = place.run(f"jobs: [{{name: a, command: 'echo begun >> {effects}; sleep 600'}}]")
    killing.join()
    (result,) = done.result.jobs
    assert (result.outcome, result.cause) == ("failure", "oom")
    assert result.reason == "its pod was killed, because its memory of 1Gi ran out"


def test_a_run_that_is_cancelled_leaves_no_pod(place: Place, tmp_path: Path) -> None:
    effects, stop = tmp_path / "effects", Stop()

    def cancel() -> None:
        until(lambda: bool(lines(effects)))
        stop.request()

    cancelling = place.beside(cancel)
    command = f'trap "echo cleaned >> {effects}; exit 1" TERM; echo begun >> {effects}; while :; do sleep 0.05; done'
    done = place.run(f"jobs: [{{name: a, command: {json.dumps(command)}}}]", stop=stop)
    cancelling.join()
    assert done.result.jobs[0].outcome == "cancelled"
    assert lines(effects) == ["begun", "cleaned"]


@pytest.mark.parametrize("release", RELEASES)
def test_the_manifests_are_valid(release: str) -> None:
    cluster = Cluster("nats://n", "image", cpu="1", memory="1Gi", gpu="1", account="ci")
    job = manifest.job(TICKET, cluster, TICKET.queue.labels)
    kubernetes_validate.validate(job, release, strict=True)
    secret = manifest.secret(TICKET, b"sealed", {"metadata": {"name": job["metadata"]["name"], "uid": "1-2"}})
    kubernetes_validate.validate(secret, release, strict=True)
    assert secret["immutable"] is True
    odd = json.loads(json.dumps(job))
    odd["spec"]["ttlSeconds"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(odd, release, strict=True)


def test_the_address() -> None:
    found = cluster_of("kubernetes+tls://u:p@h:1?image=i&ca=/c&namespace=ci&deadline=60")
    assert found == Cluster("tls://u:p@h:1?ca=%2Fc", "i", namespace="ci", deadline=60)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("kubernetes", "needs a NATS server"),
        ("kubernetes://h", "needs a NATS server"),
        ("kubernetes+nats://h", "needs the image"),
        ("kubernetes+nats://h?image=", "'image' is empty"),
        ("kubernetes+nats://h?image=i&namespce=x", "namespace"),
        ("kubernetes+nats://h?image=i&deadline=soon", "a number of seconds"),
    ],
)
def test_an_address_that_cannot_be(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        cluster_of(address)


def test_judging() -> None:
    evicted = {"status": {"reason": "Evicted", "message": "The node was low on resource: memory."}}
    gone = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}
    late = {
        "spec": {"activeDeadlineSeconds": 5},
        "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]},
    }
    assert failure(1, gone, [evicted]) == Failure(1, "its pod was evicted: The node was low on resource: memory")
    assert failure(1, late, []) == Failure(1, "the cluster has ended it after 5 s, its deadline", "timeout")
    assert failure(1, None, []) == Failure(1, "its Job was removed from the cluster")
    assert failure(1, {}, []) is None
    assert why_waiting([]) == Why("the cluster has made no pod for it yet")
    assert why_waiting([{"status": {"phase": "Pending"}}]) == Why("its pod is being started")
