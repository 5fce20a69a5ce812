"""Files of an untrusted source, and the secrets that they may refer to.

Beside a CI source, and for a change from a fork, the source holds what others wrote. A job or workflow file of it is
run as they wrote it, but a reference would be an order to fetch a secret for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.config import Layer
from runnerlib.errors import ConfigError, one_line
from runnerlib.plugins.trust import ci_root
from runnerlib.secrets.references import collect_secret_refs, parse_secret_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved
    from runnerlib.pipeline.job import Job

_FORK = "REACTORCIDE_IS_FORK_PR"


def is_untrusted(path: Path, resolved: Resolved, environ: Mapping[str, str], workspace: Workspace) -> bool:
    """Return whether untrusted code may have written the file at `path`, or what it links to, or the link.

    Beside a CI source and for a change from a fork that is all of the source and the workspace, the CI source apart.
    Raises ConfigError for a wrong directory.
    """
    code_dir = workspace.resolve_directory(resolved.config.code_dir, resolved.subject("code_dir"))
    trusted = ci_root(resolved, environ, workspace, code_dir)
    if trusted is None and environ.get(_FORK) != "true":
        return False
    for there in (Path(os.path.realpath(path.parent)) / path.name, Path(os.path.realpath(path))):
        inside = there.is_relative_to(os.path.realpath(workspace.base))
        if there.is_relative_to(os.path.realpath(code_dir)):
            return True
        if inside and not (trusted and there.is_relative_to(os.path.realpath(trusted))):
            return True
    return False


def refuse_references(job: Job, resolved: Resolved, file: str) -> None:
    """Raise ConfigError with a line for each reference in a job, and in the settings that its file brings.

    `file` is the untrusted file. Those that `untrusted_secrets` names are allowed.
    """
    _refuse(resolved, file, _texts(job, resolved))


def refuse_in_file(resolved: Resolved, text: str, given: str, environ: Mapping[str, str], workspace: Workspace) -> None:
    """Raise ConfigError as `refuse_references` does for the text of a file, if that is not trusted."""
    if is_untrusted(Path(workspace.meant(given.removeprefix("."))), resolved, environ, workspace):
        _refuse(resolved, given, (text,))


def _refuse(resolved: Resolved, file: str, texts: Iterable[object]) -> None:
    allowed = resolved.config.untrusted_secrets
    for name in allowed:
        if parse_secret_ref(f"${{secret:{name}}}") is None:
            raise resolved.error("untrusted_secrets", f"'{name}' is not PATH:KEY, as in a reference to a secret")
    refs = dict.fromkeys(str(ref) for text in texts for ref in collect_secret_refs(text))
    lines = [
        f"'{one_line(file)}' is not trusted, so it must not refer to the secret '{name}'; "
        "the setting untrusted_secrets can allow it"
        for name in refs
        if name not in allowed
    ]
    if lines:
        raise ConfigError("\n".join(lines))


def _texts(job: Job, resolved: Resolved) -> Iterator[object]:
    yield dict(job.env)
    yield from (dict(step.env) for step in job.steps)
    yield from (dict(service.env) for service in job.services)
    for name, origin in resolved.origins.items():
        if origin.layer is Layer.JOB_FILE:
            yield getattr(resolved.config, name)
