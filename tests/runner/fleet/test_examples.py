"""The examples of workers under systemd, in a container and in Kubernetes: valid, and their commands do work."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.runner.fleet.machines import Broker
from tests.tools import tool
from tests.waiting import until

EXAMPLES = Path(__file__).parents[3] / "examples/fleet"
RELEASES = ("1.30", "1.34", "1.37")


def readiness(words: Sequence[str], environ: Mapping[str, str], log: Path) -> dict[str, object]:
    """Return the answer of a worker that is started by these words, at a free port."""
    given = [*words]
    given[0:1] = [sys.executable, "-m", "runnerlib"]
    given[given.index("--health") + 1] = "0"
    given[given.index("--dir") + 1] = str(log.parent)
    with log.open("wb") as said:
        worker = subprocess.Popen(given, env=environ, stdout=said, stderr=said)
    try:
        until(lambda: "takes jobs" in log.read_text() or worker.poll() is not None)
        assert worker.poll() is None, log.read_text()
        port = int(log.read_text().partition("answers at port ")[2].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        state: dict[str, object] = json.loads(response.read())
        connection.close()
        assert response.status == 200
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    return state


def with_fleet(broker: Broker, key: Path, names: Mapping[str, str]) -> dict[str, str]:
    """An environment of these names, with the fleet's own address and key."""
    assert {"REACTORCIDE_FLEET", "REACTORCIDE_FLEET_KEY_FILE"} == names.keys()
    return {"PATH": "/usr/bin:/bin", "REACTORCIDE_FLEET": broker.url, "REACTORCIDE_FLEET_KEY_FILE": str(key)}


def test_the_unit_of_systemd(broker: Broker, key: Path, tmp_path: Path) -> None:
    text = (EXAMPLES / "runnerlib-worker.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    words = shlex.split(command)
    unit = tmp_path / "runnerlib-worker.service"
    unit.write_text(text.replace(words[0], "/bin/true"))
    verify = [tool("systemd-analyze"), "verify", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == [], done.stderr
    unit.write_text(text.replace("KillMode=mixed", "KillMode=mixd"))
    assert "kill mode" in subprocess.run(verify, capture_output=True, text=True, check=False).stderr, "it does look"
    assert "\nKillMode=mixed\n" in text
    names = dict.fromkeys(re.findall(r"(REACTORCIDE_FLEET(?:_KEY_FILE)?)=", text), "")
    state = readiness(words, with_fleet(broker, key, names), tmp_path / "log")
    assert state["slots"] == 4


def test_the_image(broker: Broker, key: Path, tmp_path: Path) -> None:
    text = (EXAMPLES / "Dockerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    names = dict(re.findall(r"^ENV (\w+)=(\S+)$", text, re.MULTILINE)) | {"REACTORCIDE_FLEET": ""}
    assert readiness(json.loads(command), with_fleet(broker, key, names), tmp_path / "log")["slots"] == 1
    base = (EXAMPLES.parents[1] / "Dockerfile").read_text()
    (place,) = re.findall(r"RUN (/\S+)/bin/pip install .*'runnerlib\[nats\]'", text)
    assert f"{place} {place}" in base.replace("COPY --from=build ", "")
    assert "docker build -t reactorcide/runner" in base
    assert "ARG BASE=reactorcide/runner\n" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == re.findall(r"^USER (.*)$", base, re.MULTILINE)[-1]


def test_the_deployment(broker: Broker, key: Path, tmp_path: Path) -> None:
    (made,) = yaml.safe_load_all((EXAMPLES / "worker.yaml").read_text())
    for release in RELEASES:
        kubernetes_validate.validate(made, release, strict=True)
        odd = json.loads(json.dumps(made))
        odd["spec"]["template"]["spec"]["terminationGracePeriod"] = 1
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(odd, release, strict=True)
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    state = readiness(
        container["args"],
        with_fleet(broker, key, {one["name"]: one.get("value", "") for one in container["env"]}),
        tmp_path / "log",
    )
    assert state["slots"] == 2
    (port,) = container["ports"]
    assert container["args"][-1] == f"0.0.0.0:{port['containerPort']}"
    assert {probe["httpGet"]["port"] for probe in (container["readinessProbe"], container["livenessProbe"])} == {
        port["name"]
    }
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts.keys() == {one["name"] for one in pod["volumes"]}
    assert dict(container["env"][1])["value"] == f"{mounts['key']}/fleet.key"
    assert mounts["job"] == container["args"][container["args"].index("--dir") + 1]
