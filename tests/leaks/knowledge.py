"""Parts shared by the cases of the runner: ways to learn of a secret, and all that it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli import runnerlib
from tests.leaks.situation import MARK, TOKEN

if TYPE_CHECKING:
    from pathlib import Path

SECRET = TOKEN.decode()
SPECIAL = "p@ss'w\"o$rd`1 \\x<&>!%/=+"
MARKER = MARK.decode()

# Arguments, settings in a file, variables: `place` has the file.
KNOWN = [
    pytest.param([], {}, {"DEPLOY_TOKEN": SECRET}, id="upstream-U5 secret by the pattern of its name"),
    pytest.param(["--secret-values-list", SECRET], {}, {}, id="upstream-U5 secret in a list"),
    pytest.param(["--secret-env-names", "PLAIN"], {}, {"PLAIN": SECRET}, id="upstream-U5 secret by its name"),
    pytest.param(["--secret-env-patterns", "PL*"], {}, {"PLAIN": SECRET}, id="buildkite-agent-3588 the user's pattern"),
    pytest.param(["--secrets-file", "secrets"], {}, {}, id="upstream-U5 secret in a file"),
    pytest.param(["--git-url", f"https://me:{SECRET}@127.0.0.1:1/r"], {}, {}, id="upstream-U5 secret of the URL"),
    pytest.param([], {"secret_values_list": [SECRET]}, {}, id="gitlab-33181 secret in the configuration"),
    pytest.param([], {"job_env": {"MY_TOKEN": SECRET}}, {}, id="gitlab-33181 variable in the configuration"),
    pytest.param(["--job-env", f"MY_TOKEN={SECRET}"], {}, {}, id="gitlab-33181 variable of the job"),
]


def known_at(place: Path, settings: dict[str, object]) -> list[str]:
    """Write the settings and the file of secrets; the arguments that name the former."""
    (place / "secrets").write_text(f"DB_PASS={SECRET}\n")
    (place / "config.json").write_text(json.dumps(settings))
    return ["--config", "config.json"]


def shown(*args: str, cwd: Path, **env: str) -> str:
    """All that a command line says."""
    done = runnerlib(*args, cwd=cwd, **env)
    return done.out.decode() + done.err
