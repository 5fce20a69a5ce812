"""Runs in a project: the file that they run, the files that they run on, and the place of their logs."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from runnerlib._util.paths import OWN, WORKSPACE_VARIABLE, Workspace, in_container, own_directory
from runnerlib.cli._commands import refuse
from runnerlib.cli._project import Described, Project, choose, describe, find
from runnerlib.cli._request import is_unnamed
from runnerlib.config import read
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.runner.journal import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib.runner.request import RunRequest

_OPTION = {"job": "job_file", "workflow": "workflow_file"}
_NOTHING = (
    "nothing to run: there is no runnerlib.yaml here or in a directory above (`runnerlib init` writes one); "
    "give --job-command, --job-file, --workflow-file, or words after --"
)
_IGNORE = """\
# Logs and state of runs on this machine, written by runnerlib.
*
!/*.yaml
!/*.yml
"""


def in_place(
    request: RunRequest,
    config_file: str | None,
    options: Mapping[str, object],
    names: tuple[str, ...],
    *,
    here: bool,
    alone: str | None,
) -> tuple[RunRequest, str | None]:
    """Return the request of a run in a project, and the only job of its workflow that runs, by default `alone`.

    `names` are arguments: steps or jobs, or files of the project. `here` is True if a run on the files that are there
    is asked for; it is usual for a file that is found. Raises ConfigError, and UsageError for names that mean nothing.
    """
    if not is_unnamed(request):
        return _named(request, names, here=here, alone=alone)
    if not here and is_contained(request.environ, request.cwd):
        refuse(names, click.get_current_context())
        return request, alone
    project = find(request.cwd)
    if project is None:
        refuse(names, click.get_current_context())
        if alone is None and not request.may_have_plugins():  # a plugin may give a command
            from runnerlib.cli._foreign_files import hint

            raise ConfigError(f"{_NOTHING}{hint(request.cwd)}")
        return request._replace(workspace=Workspace.in_place(request.cwd) if here else None), alone
    file, inner = choose(project, names)
    request = _with_file(request, config_file, options, file, project.root)
    return _selected(request, file, inner, Workspace.in_place(project.root), here=here, alone=alone)


def is_contained(environ: Mapping[str, str], cwd: Path) -> bool:
    """Return whether this is the container of a job, or a step of one, where nothing is looked for."""
    return in_container(environ, cwd) or bool(environ.get(WORKSPACE_VARIABLE))


def make_ignored(workspace: Workspace) -> None:
    """Make the directory of a run in place, which git ignores. Raises RunnerError."""
    if workspace.base.name != OWN:
        return
    directory = own_directory(workspace.base.parent, OWN, mode=0o755)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with suppress(FileExistsError), os.fdopen(os.open(directory / ".gitignore", flags, 0o644), "w") as file:
            file.write(_IGNORE)
    except OSError as error:
        raise RunnerError(f"cannot write '{directory}/.gitignore': {error.strerror}") from None


def _named(
    request: RunRequest, names: tuple[str, ...], *, here: bool, alone: str | None
) -> tuple[RunRequest, str | None]:
    """Return the request of a run whose command or file the caller has named."""
    workspace = Workspace.in_place(request.cwd) if here else request.workspace
    config = request.resolved.config
    given = config.job_file or config.workflow_file
    if request.words or request.awaited is not None or given is None or not names:
        refuse(names, click.get_current_context())
        return _checked(request._replace(workspace=workspace), here=here), alone
    file = describe(given, "job" if config.job_file is not None else "workflow")
    _file, inner = choose(Project(request.cwd, ((given,),)), names, (file,))
    return _selected(request, file, inner, workspace, here=here, alone=alone)


def _with_file(
    request: RunRequest, config_file: str | None, options: Mapping[str, object], file: Described, root: Path
) -> RunRequest:
    """Return the request with the file of the project."""
    if file.kind != "configuration":
        resolved = read({**options, _OPTION[file.kind]: file.path}, request.environ, config_file)
        return request._replace(resolved=resolved)
    if config_file is not None:
        raise ConfigError(f"--config has no command or file to run, and '{file.path}' is a configuration, too")
    resolved = read(options, request.environ, file.path)
    beside = {}
    for name in _OPTION.values():  # a path in the file is one from its directory
        if (given := getattr(resolved.config, name)) is not None:
            beside[name] = os.path.relpath(root / given, request.cwd)
    if beside:
        resolved = read({**options, **beside}, request.environ, file.path)
    return request._replace(resolved=resolved)


def _selected(
    request: RunRequest,
    file: Described,
    names: tuple[str, ...],
    workspace: Workspace | None,
    *,
    here: bool,
    alone: str | None,
) -> tuple[RunRequest, str | None]:
    """Return the request with the selection of entries by `names`."""
    selection = request.selection
    if len(names) == 1 and file.kind == "workflow" and alone is None:
        alone = names[0]
    elif names:
        selection = selection or Selection()
        selection = selection._replace(only=(*selection.only, *names))
    return _checked(request._replace(selection=selection, workspace=workspace), here=here), alone


def _checked(request: RunRequest, *, here: bool) -> RunRequest:
    """Return the request with the job of its file. Raises ConfigError when a source contradicts `here`."""
    if request.workspace is not None and _has_source(request):
        request = request._replace(workspace=request.workspace.prepared())  # the file itself is not in that source
    request = request.with_chosen_job()
    if here and _has_source(request):
        problem = "contradicts --here, which runs on the files that are there"
        raise request.resolved.error("source_type", problem)
    return request


def _has_source(request: RunRequest) -> bool:
    return request.resolved.config.source_type not in {None, "", "none"}
