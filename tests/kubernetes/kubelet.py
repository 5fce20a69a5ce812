"""The played kubelet of one node, as a process: pods bound to the node are processes, with their Secrets as files."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kubernetes.control_plane import Api

NODE = "played"


class Kubelet:
    """The played kubelet of one node: pods bound to it are processes, with their Secrets as files."""

    def __init__(self, plane: Api, directory: Path) -> None:
        self._plane = plane
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving = threading.Event()
        sizes = {"cpu": "64", "memory": "64Gi", "pods": "100", "ephemeral-storage": "100Gi"}
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "runnerlib/fast": "true"}
        made = plane.ask("POST", "/api/v1/nodes", {"metadata": {"name": NODE, "labels": labels}})
        assert made[0] == 201, made
        ready = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "played"}]
        self._patch(
            f"/api/v1/nodes/{NODE}/status", {"status": {"capacity": sizes, "allocatable": sizes, "conditions": ready}}
        )
        taints = plane.ask("GET", f"/api/v1/nodes/{NODE}")[1]["spec"].get("taints")
        if taints:
            self._patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})

    def _patch(self, path: str, content: object) -> int:
        return self._plane.ask("PATCH", path, content, "application/strategic-merge-patch+json")[0]

    def live(self) -> None:
        while not self._leaving.wait(0.1):
            self._reap()
            try:
                pods = self._plane.objects("pods")
            except (OSError, ValueError, KeyError, TypeError):
                continue
            for pod in pods:
                if pod["spec"].get("nodeName") == NODE:
                    self._care(pod)

    def _care(self, pod: Mapping[str, Any]) -> None:
        uid, path = pod["metadata"]["uid"], f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}"
        ended = pod["status"].get("phase") in {"Succeeded", "Failed"}
        process = self._running.get(uid)
        if pod["metadata"].get("deletionTimestamp") and process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
        elif pod["metadata"].get("deletionTimestamp") and (process is None or ended):
            self._plane.ask("DELETE", path, {"gracePeriodSeconds": 0})
        elif process is not None and process.poll() is not None and not ended:
            self._tell(path, pod, "Failed" if process.returncode else "Succeeded", process.returncode)
        elif process is None and not ended:
            self._begin(uid, path, pod)

    def _begin(self, uid: str, path: str, pod: Mapping[str, Any]) -> None:
        (container,) = pod["spec"]["containers"]
        if container["image"] == self._told("missing"):
            state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling "{container["image"]}"'}}
            self._status(path, container, "Pending", state)
            return
        place = self._directory / uid
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        places = {}
        for volume in pod["spec"]["volumes"]:
            target = places[mounts[volume["name"]]] = place / volume["name"]
            target.mkdir(parents=True, exist_ok=True)
            if "secret" in volume and not self._mount(volume["secret"]["secretName"], target):
                return
        environ = {"PATH": os.environ["PATH"], "HOME": str(place)}
        for one in container["env"]:
            value = one.get("value")
            if value is None:
                found = self._secret(one["valueFrom"]["secretKeyRef"]["name"]).get(
                    one["valueFrom"]["secretKeyRef"]["key"]
                )
                if found is None:
                    continue
                value = found.decode()
            environ[one["name"]] = self._here(value, places)
        words = [self._here(word, places) for word in container["command"]]
        assert words[0] == "runnerlib"
        with (place / "log").open("wb") as log:
            self._running[uid] = subprocess.Popen(
                [sys.executable, "-m", *words, "--name", pod["metadata"]["name"]],
                env=environ,
                stdout=log,
                stderr=log,
                cwd=place,
            )
        (place / "pid").write_text(str(self._running[uid].pid))
        self._status(path, container, "Running", {"running": {}})

    def _here(self, text: str, places: Mapping[str, Path]) -> str:
        for mount, place in sorted(places.items(), key=lambda one: -len(one[0])):
            if text == mount or text.startswith(f"{mount}/"):
                return str(place) + text[len(mount) :]
        return text

    def _secret(self, name: str) -> dict[str, bytes]:
        status, found = self._plane.ask("GET", f"/api/v1/namespaces/default/secrets/{name}")
        data = found["data"] if status == 200 else {}
        return {key: base64.b64decode(value) for key, value in data.items()}

    def _mount(self, name: str, target: Path) -> bool:
        found = self._secret(name)
        for key, content in found.items():
            (target / key).write_bytes(content)
        return bool(found)

    def _tell(self, path: str, pod: Mapping[str, Any], phase: str, code: int) -> None:
        (container,) = pod["spec"]["containers"]
        ended: dict[str, object] = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Error" if code else "Completed",
        }
        if pod["metadata"]["name"] == self._told("oom"):
            ended["reason"] = "OOMKilled"
        self._status(path, container, phase, {"terminated": ended})

    def _status(self, path: str, container: Mapping[str, Any], phase: str, state: object) -> None:
        one = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0}
        self._patch(f"{path}/status", {"status": {"phase": phase, "containerStatuses": [{**one, "state": state}]}})

    def _told(self, name: str) -> str:
        """The wish of a test, by its name."""
        place = self._directory / name
        return place.read_text() if place.exists() else ""

    def _reap(self) -> None:
        """Take what processes of pods have left."""
        own = {process.pid for process in self._running.values()}
        for pid in map(int, Path("/proc/thread-self/children").read_text().split()):
            if pid not in own:
                os.waitpid(pid, os.WNOHANG)

    def leave(self, *_: object) -> None:
        self._leaving.set()

    def close(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        while Path("/proc/thread-self/children").read_text():
            self._reap()


def main(known: Path, directory: Path) -> None:
    """Be the kubelet of a node until SIGTERM."""
    api, given = Api(), json.loads(known.read_text())
    api.port, api.token, api.authority = given["port"], given["token"], Path(given["authority"])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    kubelet = Kubelet(api, directory)
    signal.signal(signal.SIGTERM, kubelet.leave)
    print("ready", flush=True)
    try:
        kubelet.live()
    finally:
        kubelet.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
