"""The meaning of the state of a Job and its pods: why the job waits, or how it has ended. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.errors import one_line
from runnerlib.runner.fleet.contract import Failure, Why

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Reasons of a container that waits, which further waiting does not change.
_HOPELESS = {
    "InvalidImageName": "its image cannot be had",
    "ErrImageNeverPull": "its image cannot be had",
    "ImagePullBackOff": "its image cannot be had",
    "CreateContainerConfigError": "its pod cannot be made",
    "CreateContainerError": "its pod cannot be made",
    "RunContainerError": "its pod cannot be started",
}


def why_waiting(pods: Sequence[Mapping[str, Any]]) -> Why:
    """Return why a job has not begun."""
    if not pods:
        return Why("the cluster has made no pod for it yet")
    pod = newest(pods)
    if unscheduled := _condition(pod, "PodScheduled", "False"):
        return Why(f"no node takes its pod: {_said(unscheduled, 'unschedulable')}")
    for waiting in _states(pod, "waiting"):
        if waiting.get("reason") in _HOPELESS:
            return Why(f"{_HOPELESS[str(waiting['reason'])]}: {_said(waiting)}", certain=True)
        if waiting.get("reason") == "ErrImagePull":
            return Why(f"its image has not come yet: {_said(waiting)}")
    if _status(pod).get("phase") == "Pending":
        return Why("its pod is being started")
    return Why()


def failure(number: int, job: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> Failure | None:
    """Return how a job has ended that has no worker to tell it; None while it may go on.

    An answer may come too early for what the worker has said just before its end.
    """
    if pods:
        for waiting in _states(newest(pods), "waiting"):
            if waiting.get("reason") in _HOPELESS:
                return Failure(number, f"{_HOPELESS[str(waiting['reason'])]}: {_said(waiting)}", "runner")
    if job is None:
        return Failure(number, "its Job was removed from the cluster")
    if _condition(job, "Complete", "True"):
        return Failure(number, "its pod has ended, and its worker did not say how the job did")
    failed = _condition(job, "Failed", "True")
    return _given_up(number, job, failed, pods) if failed is not None else None


def _given_up(
    number: int, job: Mapping[str, Any], failed: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]
) -> Failure:
    if failed.get("reason") == "DeadlineExceeded":
        seconds = job.get("spec", {}).get("activeDeadlineSeconds")
        return Failure(number, f"the cluster has ended it after {seconds} s, its deadline", "timeout")
    for pod in sorted(pods, key=_made, reverse=True):
        if (found := _end_of(number, pod)) is not None:
            return found
    return Failure(number, f"the cluster gave it up: {_said(failed)}")


def _end_of(number: int, pod: Mapping[str, Any]) -> Failure | None:
    for ended in _states(pod, "terminated"):
        if ended.get("reason") == "OOMKilled":
            limit = pod.get("spec", {}).get("containers", [{}])[0].get("resources", {}).get("limits", {}).get("memory")
            told = f" of {one_line(str(limit))}" if limit else ""
            return Failure(number, f"its pod was killed, because its memory{told} ran out", "oom")
    if _status(pod).get("reason") == "Evicted":
        return Failure(number, f"its pod was evicted: {_said(_status(pod))}")
    if disrupted := _condition(pod, "DisruptionTarget", "True"):
        return Failure(number, f"the cluster took its pod away: {_said(disrupted)}")
    for ended in _states(pod, "terminated"):
        if ended.get("exitCode") == 78:
            return Failure(number, "its worker could not be set up (78): see the log of its pod", "runner")
        if ended.get("exitCode"):
            return Failure(number, f"its worker ended with {ended['exitCode']}, and said nothing of the job")
    return None


def newest(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the pod that was made last."""
    return max(pods, key=_made)


def _made(pod: Mapping[str, Any]) -> str:
    return str(pod.get("metadata", {}).get("creationTimestamp") or "")


def _status(found: Mapping[str, Any]) -> Mapping[str, Any]:
    status = found.get("status")
    return status if isinstance(status, dict) else {}


def _condition(found: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any] | None:
    for one in _status(found).get("conditions") or []:
        if one.get("type") == kind and one.get("status") == value:
            return dict(one)
    return None


def _states(pod: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the states of this kind of the pod's containers."""
    found = (one.get("state", {}).get(kind) for one in _status(pod).get("containerStatuses") or [])
    return [state for state in found if state]


def _said(found: Mapping[str, Any], otherwise: str = "") -> str:
    text = str(found.get("message") or found.get("reason") or otherwise or "no reason given")
    return one_line(text).strip().rstrip(".")
