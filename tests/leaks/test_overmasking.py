"""Logs that masking made unreadable: what is no secret must pass byte for byte."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from tests.integration.cli import runnerlib
from tests.leaks.situation import MARK, RSA_KEY, SSH_KEY, TOKEN, knowing, masked

ERLANG = b'[{description,"Run PropEr test suites"},{vsn,"0.12.1"},{registered,[]}]\n'
TERRAFORM = b'  ~ resource "vault_jwt_auth_backend" "keycloak" {\n      ~ tune = [\n        ],\n      }\n    }\n'
VERSIONS = b"Step 1/51 : FROM microsoft/dotnet:2.1-sdk-bionic AS build\n ---> effdd1283c01\nVersion : 1.142.2\n"
NOTE = b"\x1b[8mha:////4Ym90AAAAoh+LCAAAAAAAAP9tjTEOwjAQBM8BCloKHnFxYm90kQ==\x1b[0mFinished: SUCCESS\n"

UNTOUCHED = [
    # {, "foo": [, ] were lines of the secret: `[********description,"Run PropEr…`.
    pytest.param(b'{\n"foo": [\n"bar"\n]\n}', ERLANG, id="woodpecker-7103 JSON secret and an Erlang log"),
    pytest.param(b"two\n\nnewlines\n}\n", b"one two three }\n\n{\n", id="woodpecker-694 short lines"),
    # An empty line is everywhere: `((redacted))w((redacted))a((redacted))i…`.
    pytest.param(RSA_KEY + b"\n\n", b"waiting for docker\n\n\n", id="concourse-4656 empty line in a secret"),
    pytest.param(b'{\n  "a": [\n    "x"\n  ],\n  "b": {\n  }\n}\n', TERRAFORM, id="concourse-4749 terraform plan"),
    # base64 of { is ew==, of } fQ==: without the end, e and f.
    pytest.param(b"{\n}", b"feed the coffee: ew== fQ== e f { }\n", id="actions-runner-326 every e and f"),
    # The user name "bot" in base64, Ym90, was cut out of the notes that Jenkins puts into its log.
    pytest.param(b"bot", NOTE, id="jenkins-config-file-provider-296 console note"),
    pytest.param(b"1", VERSIONS, id="azure-pipelines-agent-1207 every 1"),
    pytest.param(b"1\n5", VERSIONS, id="azure-pipelines-tasks-9376 1 and 5"),
    pytest.param(b" ", b"a b  c\n", id="azure-pipelines-agent-2809 a single space"),
    pytest.param(b"    ", b"if x:\n    return  1\n        y\n", id="azure-pipelines-agent-2809 an indent"),
    pytest.param(b"\n\n\n\n", b"a\n\n\n\n\nb\n", id="concourse-4656 nothing but empty lines"),
    # The frame of a key is the same in all keys, and tells the reader what is there.
    pytest.param(SSH_KEY, b"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
                 id="woodpecker-388 the frame of a key"),
    pytest.param(b'{"type": "service_account", "project_id": "main", "n": 1, "x": null, "y": true}',
                 b'"type": "service_account" main type 1 null true n x y\n', id="concourse-4749 everyday members"),
    pytest.param(b"PORT=8080\nDEBUG=true\nENV=production\n", b"8080 true production PORT DEBUG ENV=\n",
                 id="concourse-4749 everyday values of a .env file"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "printed"), UNTOUCHED)
def test_what_is_no_secret_passes(secret: bytes, printed: bytes) -> None:
    assert masked([secret], printed) == printed


def test_the_rest_of_a_line_is_kept() -> None:
    """actions/runner #2109, AL-Go #2102: an output that held a secret was dropped, not masked."""
    line = b"url=https://host/x?key=" + TOKEN + b"&region=eu\n"
    assert masked([TOKEN], line * 2) == line.replace(TOKEN, MARK) * 2


@pytest.mark.parametrize(
    "secret", [b"bot", b"dev", b"abc", b"1234", b"test"], ids=lambda s: f"jenkins-296 {s.decode()}"
)
def test_base64_of_a_short_secret_is_not_cut_out(secret: bytes) -> None:
    """jenkins config-file-provider #296: four characters in base64 occur by chance."""
    texts = [b64encode(bytes([a, b]) + b"xyz" + bytes([b, a]) * 20) for a in range(0, 256, 5) for b in range(0, 256, 7)]
    text = b"\n".join(text for text in texts if secret not in text)
    assert knowing(secret).mask(text) == text


def test_bytes_pass_as_they_are() -> None:
    """concourse #9424: users switch redaction off to get their bytes back one to one."""
    text = bytes(range(256)) * 40 + b"\r\n\r\r\n\x1b[31m\x00"
    masker = knowing(TOKEN, RSA_KEY)
    assert masker.mask(text) is text
    assert masker.stream().feed(text) is text


ENVIRONMENT = [
    # Counts stored as secrets: every 1 and 2 of the log was starred.
    pytest.param("TF_VAR_COUNT_KEY", "1", "1 of 21", id="harness-2878 a count"),
    pytest.param("TF_VAR_LB_SECRET", "20190", "port 20190", id="harness-2878 a port"),
    pytest.param("RUN_NUMBER_KEY", "20240131", "20240131.1", id="azure-pipelines-agent-1207 a date"),
    # `test` as the value of a secret, in a project full of tests.
    pytest.param("DJANGO_SECRET_KEY", "test", "run tests: test_x test_y", id="SEED-3929 test"),
    pytest.param("APP_KEY", "production", "deploy to production", id="upstream-U9 an everyday word"),
    pytest.param("BRANCH_KEY", "main", "main.c remains", id="upstream-U9 main"),
    pytest.param("STAGE_TOKEN", "dev", "/dev/null device", id="upstream-U9 dev"),
    pytest.param("BLANK_TOKEN", "        ", "a        b", id="azure-pipelines-agent-2809 blanks"),
    pytest.param("LINES_SECRET", "\n\n\n\n\n\n", "a\n\n\n\n\n\n\n\nb", id="concourse-4656 empty lines"),
    pytest.param("RULER_TOKEN", "------", "----------------", id="woodpecker-694 a ruler"),
]  # fmt: skip


@pytest.fixture(scope="module")
def environment_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str]:
    """Return what a run with all the variables of ENVIRONMENT shows of each text, and what the runner says."""
    rows = [case.values for case in ENVIRONMENT]
    words = [f"{printed}\f" for _, _, printed in rows]
    env = {name: value for name, value, _ in rows}
    done = runnerlib("run", "--", "printf", "%s", *words, cwd=tmp_path_factory.mktemp("weak"), **env)
    return dict(zip(env, done.out.split(b"\f"), strict=False)), done.err


@pytest.mark.parametrize(("name", "value", "printed"), ENVIRONMENT)
def test_a_variable_with_a_weak_value(
    environment_run: tuple[dict[str, bytes], str], name: str, value: str, printed: str
) -> None:
    """harness #2878: guessed to be a secret by its name; the log stays, and the runner says which it did not mask."""
    shown, said = environment_run
    assert shown[name] == printed.encode()
    assert f"secret {name} is not masked" in said


def test_variables_that_are_no_secrets(tmp_path: Path) -> None:
    """upstream-U9: by default every value of the environment was masked, `dev` and `main` included."""
    done = runnerlib("run", "--", "echo", "main dev /usr/bin eu-west-1 correct-horse", cwd=tmp_path,
                     BRANCH="main", STAGE="dev", REGION="eu-west-1", TITLE="correct-horse")  # fmt: skip
    assert done.out == b"main dev /usr/bin eu-west-1 correct-horse\n"
