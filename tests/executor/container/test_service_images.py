"""Services whose image says what runs: entrypoint and user are heeded, names and ports are there, nothing is left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.dockerd import APPLETS, containers
from tests.integration.cli import runnerlib, started
from tests.tools import tool
from tests.waiting import until

# As those of official images: it begins as root, gives the files to the user of the server, and becomes that user.
ENTRYPOINT = """#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec change-user --reuid 70 --regid 70 --clear-groups "$0" "$@"
fi
echo "entrypoint as $(id -u) in $(pwd), password $POSTGRES_PASSWORD, second line $(echo "$TWO" | grep -c two)"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb -D "$PGDATA" -U postgres --auth-host=scram-sha-256 --auth-local=trust --pwfile=/tmp/password >/dev/null
fi
exec "$@"
"""
SETTINGS = (
    'ENTRYPOINT ["docker-entrypoint.sh"]',
    'CMD ["postgres", "-c", "listen_addresses=*"]',
    "ENV PGDATA=/var/lib/postgresql/data PATH=/usr/local/bin:/pg/bin:/bin LD_LIBRARY_PATH=/libs",
    "WORKDIR /srv",
)
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def postgres(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The engine, with the image `rl-postgres:1` that is made of the programs of this machine."""
    tool("psql")
    (home,) = Path("/usr/lib/postgresql").glob("*")
    path = tmp_path_factory.mktemp("image") / "image.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(os.path.realpath(tool("busybox")), "bin/busybox")
        for name in (*APPLETS, "chown"):
            _add(tar, f"bin/{name}", link="busybox")
        _add(tar, "usr/local/bin/docker-entrypoint.sh", ENTRYPOINT, 0o755)
        _add(tar, "etc/passwd", "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n")
        _add(tar, "etc/group", "root:x:0:\npostgres:x:70:\n")
        programs = [home / "bin" / name for name in ("initdb", "postgres", "psql", "pg_isready")]
        for program in programs:
            tar.add(program, f"{str(home)[1:]}/bin/{program.name}")
        _add(tar, "pg", link=str(home))
        tar.add(tool("setpriv"), "usr/local/bin/change-user")
        tar.add(home / "lib", f"{str(home)[1:]}/lib")
        tar.add(f"/usr/share/postgresql/{home.name}", f"usr/share/postgresql/{home.name}")
        for library in _libraries([*programs, Path(tool("setpriv")), *(home / "lib").glob("dict_snowball.so")]):
            at = library[1:] if "ld-linux" in library else f"libs/{Path(library).name}"
            tar.add(os.path.realpath(library), at)
        _add(tar, "tmp", mode=0o1777)
        _add(tar, "srv")
    changes = [word for setting in SETTINGS for word in ("--change", setting)]
    subprocess.run(["docker", "import", *changes, path, "rl-postgres:1"], env=docker, check=True, capture_output=True)
    return docker


def _add(tar: tarfile.TarFile, name: str, text: str | None = None, mode: int = 0o755, link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.type, member.linkname = mode, tarfile.SYMTYPE if link else tarfile.DIRTYPE, link
    data = (text or "").encode()
    if text is not None:
        member.type, member.size = tarfile.REGTYPE, len(data)
    tar.addfile(member, BytesIO(data))


def _libraries(programs: list[Path]) -> set[str]:
    """Return the libraries of programs, and the program that loads them."""
    said = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"(/\S+\.so\S*)(?= \()", said))


def write(tmp_path: Path, **job: object) -> None:
    """Write a workflow file with a job beside a database."""
    service = {
        "image": "rl-postgres:1",
        "env": {"POSTGRES_PASSWORD": PASSWORD, "TWO": "one\ntwo"},
        "ready": "pg_isready",
        "ports": 5432,
    }
    given = {"image": "rl-postgres:1", "services": {"db": service}, **job}
    (tmp_path / "w.json").write_text(json.dumps({"jobs": {"a": given}}))


def test_a_database_as_its_image_says(postgres: dict[str, str], tmp_path: Path) -> None:
    """It is gone with a killed runner; tests of services of a command have the other ends."""
    ask = 'PGPASSWORD="$KEY" psql -h db -p "$DB_PORT" -U postgres -tAc "select 40 + 2"; id -u; ls /srv; sleep 1000'
    write(tmp_path, command=ask, env={"KEY": PASSWORD})
    running = started("run", "--workflow-file", "w.json", "--output", "raw", cwd=tmp_path, **postgres)
    assert running.stdout is not None
    assert [running.stdout.readline(), running.stdout.readline()] == [b"42\n", b"1001\n"]
    assert len(containers(postgres)) == 2
    running.kill()
    running.communicate()
    log = (tmp_path / "job/jobs/a/artifacts/logs/services/db.log").read_text()
    assert "entrypoint as 70 in /srv, password [REDACTED], second line 1\n" in log
    assert "database system is ready to accept connections" in log
    assert PASSWORD not in Path(postgres["CALLS"]).read_text()
    until(lambda: containers(postgres) == [])


@pytest.fixture(params=["docker", "podman"], scope="session")
def engine(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    return request.param, request.getfixturevalue(request.param)


def test_small_images_with_ports(engine: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """Without `ready` a service is ready once its port is open, whatever says what runs; steps know it by name."""
    program, env = engine
    serve = 'echo "begins as $(id -u)"; sleep 0.3; while true; do echo answer | nc -l -p 7000; done'
    changes = [f"ENTRYPOINT {json.dumps(['sh', '-c', serve])}", "USER 4000:4000"]
    make = [program, "import", *(word for one in changes for word in ("--change", one))]
    home = Path(env["CALLS"]).parent
    subprocess.run([*make, home / "image.tar", "localhost/rl-serving:1"], env=env, check=True, capture_output=True)
    services = {
        "one": {"image": "localhost/rl-serving:1", "ports": 7000},
        "two": {"image": "rl-other:1", "run": serve.replace("7000", "7001"), "ports": 7001},
    }
    write(tmp_path, image="rl-test:1", services=services, command="nc one 7000 </dev/null; nc two 7001 </dev/null")
    words = ("run", "--workflow-file", "w.json", "--output", "raw", "--container-engine", program)
    done = runnerlib(*words, cwd=tmp_path, **env)
    assert done.out == b"answer\nanswer\n", done.err
    logs = tmp_path / "job/jobs/a/artifacts/logs/services"
    assert [(logs / f"{name}.log").read_text()[:15] for name in services] == ["begins as 4000\n", "begins as 1001\n"]
    assert containers(env, program) == []


SAME = {"a": {"image": "rl-test:1", "ports": 1}, "b": {"image": "rl-test:1", "ports": [2, 1]}}
BARE = {"db": {"image": "rl-test:1"}}


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({"services": BARE}, "service 'db': an image without 'run' needs a job in a container: "),
        ({"image": "rl-test:1", "services": BARE}, "the image 'rl-test:1' does not say what runs in it; 'run' is exp"),
        ({"image": "rl-test:1", "services": SAME}, "services 'a' and 'b' have the same port 1; in containers they sh"),
    ],
    ids=["on this machine", "an image without a program", "two at a port"],
)
def test_services_that_cannot_be(docker: dict[str, str], tmp_path: Path, job: dict[str, object], told: str) -> None:
    (tmp_path / "w.json").write_text(json.dumps({"jobs": {"a": {**job, "command": "true"}}}))
    done = runnerlib("run", "--workflow-file", "w.json", cwd=tmp_path, **docker)
    assert told in done.err
    assert done.code in {78, 125}
