"""The objects that a job has in a cluster: a Job, and the Secret with its sealed envelope. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from runnerlib.runner.fleet.only_job import GIVEN_BACK, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.runner.fleet.contract import Ticket
    from runnerlib.runner.fleet.kubernetes.address import Cluster

RUN, NUMBER = "runnerlib/run", "runnerlib/number"
CONTAINER = "worker"
_PLACES = {"job": "/run/runnerlib/job", "fleet": "/run/runnerlib/fleet", "work": "/job"}
_NODES = {
    "linux": ("kubernetes.io/os", "linux"),
    "x86_64": ("kubernetes.io/arch", "amd64"),
    "aarch64": ("kubernetes.io/arch", "arm64"),
}
_TRIES = 6
_KEPT = 600
_GRACE = 60


def name_in_cluster(ticket: Ticket) -> str:
    """Return the name of a job's objects: that of the job where it can be one, else a digest of it."""
    plain = re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", ticket.run) is not None
    run = ticket.run if plain else hashlib.sha256(ticket.run.encode()).hexdigest()[:20]
    return f"runnerlib-{run}-{ticket.number}"


def selector(run: str) -> str:
    """Return what selects the objects of a run."""
    return f"{RUN}={_run(run)}"


def _run(run: str) -> str:
    return hashlib.sha256(run.encode()).hexdigest()[:32]


def _metadata(ticket: Ticket) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "runnerlib", RUN: _run(ticket.run), NUMBER: str(ticket.number)}
    return {"name": name_in_cluster(ticket), "labels": labels, "annotations": {"runnerlib/job": ticket.id}}


def secret(ticket: Ticket, sealed: bytes, owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Secret of a job; it goes with the Job that is its `owner`."""
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {**_metadata(ticket), "ownerReferences": [reference]},
        "data": {name: base64.b64encode(data).decode() for name, data in written(ticket, sealed).items()},
    }


def job(ticket: Ticket, cluster: Cluster, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return the Job that runs a worker for one job, on a node with its labels.

    A pod that the cluster takes away, or that gives its job back, is followed by another one. Any other end of a worker
    is one that a further attempt would have as well.
    """
    metadata = _metadata(ticket)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": _TRIES,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": cluster.deadline,
            "ttlSecondsAfterFinished": _KEPT,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    _on_exit("Count", "In", GIVEN_BACK),
                    _on_exit("FailJob", "NotIn", GIVEN_BACK),
                ]
            },
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
                "spec": _pod(ticket, cluster, labels),
            },
        },
    }


def _on_exit(action: str, operator: str, code: int) -> dict[str, Any]:
    return {"action": action, "onExitCodes": {"containerName": CONTAINER, "operator": operator, "values": [code]}}


def _pod(ticket: Ticket, cluster: Cluster, labels: tuple[str, ...]) -> dict[str, Any]:
    nodes = dict(_NODES.get(label, (f"runnerlib/{label}", "true")) for label in labels)
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "runAsGroup": 1001,
            "fsGroup": 1001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(cluster, labels)],
        "volumes": [
            {"name": "job", "secret": {"secretName": name_in_cluster(ticket), "defaultMode": 0o400}},
            {
                "name": "fleet",
                "secret": {
                    "secretName": cluster.secret,
                    "items": [{"key": "fleet.key", "path": "fleet.key"}],
                    "defaultMode": 0o400,
                },
            },
            {"name": "work", "emptyDir": {}},
        ],
    }
    if nodes:
        pod["nodeSelector"] = nodes
    if cluster.account:
        pod["serviceAccountName"] = cluster.account
    return pod


def _container(cluster: Cluster, labels: tuple[str, ...]) -> dict[str, Any]:
    words = ["runnerlib", "worker", "--one-job", _PLACES["job"], "--dir", _PLACES["work"]]
    if labels:
        words += ["--labels", ",".join(labels)]
    amounts = {"cpu": cluster.cpu, "memory": cluster.memory, "nvidia.com/gpu": cluster.gpu}
    asked = {name: amount for name, amount in amounts.items() if amount}
    return {
        "name": CONTAINER,
        "image": cluster.image,
        "command": words,
        "env": [
            {
                "name": "REACTORCIDE_FLEET",
                "valueFrom": {"secretKeyRef": {"name": cluster.secret, "key": "address"}},
            },
            {"name": "REACTORCIDE_FLEET_KEY_FILE", "value": f"{_PLACES['fleet']}/fleet.key"},
            {
                "name": "REACTORCIDE_FLEET_STORE",
                "valueFrom": {"secretKeyRef": {"name": cluster.secret, "key": "store", "optional": True}},
            },
        ],
        # A processor more than was asked for harms nobody; memory does.
        "resources": {"requests": asked, "limits": {name: asked[name] for name in asked if name != "cpu"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": name, "mountPath": path, **({} if name == "work" else {"readOnly": True})}
            for name, path in _PLACES.items()
        ],
    }
