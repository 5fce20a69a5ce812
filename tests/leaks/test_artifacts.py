"""Files that a job leaves: they do not pass the mask, so they are checked for secrets afterwards."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib
from tests.leaks.situation import MARK, TOKEN, readable

SECRET = TOKEN.decode()

FILES = [
    # `xcodebuild | tee build.log`: the console was redacted, the artifact was not.
    pytest.param("build.log", b"curl -u me:" + TOKEN + b"\n", id="titus-executor-781 tee'd build.log"),
    pytest.param("out.bin", b"\x00\xff" + TOKEN + b"\x00" * 99, id="titus-executor-757 a binary artifact"),
    pytest.param("report.xml", b'<failure message="' + TOKEN + b'"/>', id="buildkite-agent-2623 JUnit report"),
    pytest.param("config.yml", b"auth: " + base64.b64encode(b"me:" + TOKEN), id="titus-executor-757 base64 in a file"),
    pytest.param("core", b"." * 65_530 + TOKEN + b"." * 65_530, id="tj-actions-2463 a dump, across a read"),
]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done, Done]:
    """The directory after a check that reports and one that masks, and what they said."""
    place = tmp_path_factory.mktemp("artifacts")
    (place / "dist").mkdir()
    for name, content in (case.values for case in FILES):
        (place / "dist" / name).write_bytes(content)
    found = runnerlib("mask", "--check", "dist", cwd=place, A_TOKEN=SECRET)
    return place / "dist", found, runnerlib("mask", "--check", "--policy", "mask", "dist", cwd=place, A_TOKEN=SECRET)


@pytest.mark.parametrize(("name", "content"), FILES)
def test_an_artifact_with_a_secret(checked: tuple[Path, Done, Done], name: str, content: bytes) -> None:
    """Netflix/titus-executor #757, #781: found, reported without the secret, and masked when asked to."""
    dist, found, masking = checked
    assert (found.code, masking.code) == (1, 0), found.err
    assert name in found.out.decode()
    left = (dist / name).read_bytes()
    assert MARK in left
    for shown in (left, found.out + found.err.encode(), masking.out + masking.err.encode()):
        assert not readable(TOKEN, shown)
        assert not readable(base64.b64encode(b"me:" + TOKEN), shown, 8)
