"""The request of a run as its caller states it: settings, job, environment and directory; values only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runnerlib._util.paths import Workspace, locate
from runnerlib._util.values import NamedTuple
from runnerlib.config import FileLayer, Layer
from runnerlib.config.merge import merge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runnerlib.config import Origin, Resolved
    from runnerlib.pipeline.job import Job
    from runnerlib.pipeline.job_file.location import Place
    from runnerlib.runner.journal import Selection


class Changes(NamedTuple):
    """The changes by plugins so far: settings with their origin, and variables; None for a removed variable."""

    settings: Mapping[str, tuple[object, Origin]] = {}
    env: Mapping[str, str | None] = {}


NO_CHANGES = Changes()


class RunRequest(NamedTuple):
    """The request of a run.

    `resolved` has the settings as their layers give them. The job is `job`, or a single command: `job_command`, or
    `words` that run without a shell. `selection` selects the steps that run. `workspace` None means the one of
    `environ` and `cwd`. `notices` are warnings about the job's file. `about` is a directory in the repository that
    conditions are about if the job has no source, by default `cwd`. `awaited` is the position of a job file in a source
    that is not prepared yet: until then `job` is a placeholder. `untrusted` is the file of the job, if that is of a
    source that is not trusted: it may refer to few secrets. `upstream` are variables from other jobs, which refer to
    nothing.
    """

    resolved: Resolved
    words: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    job: Job | None = None
    selection: Selection | None = None
    workspace: Workspace | None = None
    notices: tuple[str, ...] = ()
    about: Path | None = None
    awaited: Place | None = None
    untrusted: str = ""
    upstream: Mapping[str, str] = {}

    def located(self) -> Workspace:
        """Return the workspace of the run. Raises PathError for a variable with an invalid value."""
        return self.workspace or locate(self.environ, self.cwd)

    def changed_settings(self, changes: Changes) -> Resolved:
        """Return the settings with the changes by plugins; references to secrets are still in them."""
        return self.resolved.changed(changes.settings)

    def as_single_job(self) -> RunRequest:
        """Return the request, for a job of no workflow. Raises ConfigError where the caller asks for a fleet."""
        if self._is_asked_for("fleet"):
            raise self.resolved.error("fleet", "a fleet runs the jobs of workflows, and this is a single job")
        return self.as_here()

    def as_here(self) -> RunRequest:
        """Return the request, for a run on this machine. Raises ConfigError for what only a run on a fleet can be."""
        for name in ("detach", "run_id"):
            if self._is_asked_for(name):
                raise self.resolved.error(name, "is for runs on a fleet; give --on, too")
        return self

    def _is_asked_for(self, name: str) -> bool:
        """Return whether the caller gives a setting, not its environment or a file."""
        given = getattr(self.resolved.config, name)
        return given not in {None, False} and self.resolved.origin(name).layer is Layer.COMMAND_LINE

    def may_have_plugins(self) -> bool:
        """Return whether a plugin is registered in this process, or settings or sources may bring one."""
        config = self.resolved.config
        return bool(
            config.plugin_dir
            or config.plugin_packages
            or config.trust_source_plugins
            or config.ci_source_type not in {None, "", "none"}
            or self.environ.get("REACTORCIDE_CI_SOURCE_DIR")
            # No plugin can be registered before the package is loaded.
            or ("runnerlib.plugins" in sys.modules and sys.modules["runnerlib.plugins"].plugin_manager.plugins)
        )

    def with_chosen_job(self, changes: Changes = NO_CHANGES) -> RunRequest:
        """Return a copy with the job that the settings select: that of a file, or a command. Raises ConfigError."""
        settings = self.changed_settings(changes)
        path = chosen_job_file(settings, self.words)
        if path is None:
            return self._replace(job=None, notices=(), about=None, awaited=None)
        from runnerlib.pipeline.job_file.location import UNKNOWN

        place = self.place_of(path, settings)
        if place.awaited:
            return self._replace(words=(), job=UNKNOWN, notices=(), about=None, awaited=place)
        return self._from_file(place)

    def with_awaited_job(self, changes: Changes) -> RunRequest:
        """Return a copy with the job of the awaited file, now that the sources exist. Raises ConfigError."""
        if self.awaited is None:
            return self
        return self._from_file(self.place_of(self.awaited.given, self.changed_settings(changes)))

    def _from_file(self, place: Place) -> RunRequest:
        file = place.load()
        resolved = merge(self.resolved.layers._replace(job_file=FileLayer(file.settings, place.given)))
        known = self._replace(resolved=resolved, words=(), job=file.job, notices=tuple(file.notices), awaited=None)
        return known._replace(about=place.path.parent).of_file(place.given, place.path)

    def of_file(self, given: str, path: Path) -> RunRequest:
        """Return a copy that knows whether untrusted code may have written the file of its job. Raises ConfigError."""
        from runnerlib.runner.untrusted import is_untrusted  # few runs have such a file

        untrusted = is_untrusted(path, self.resolved, self.environ, self.located())
        return self._replace(untrusted=given if untrusted else "")

    def place_of(self, file: str, settings: Resolved | None = None) -> Place:
        """Locate a job or workflow file: on disk, or in a source that the run will prepare. Raises ConfigError."""
        # Most runs have no such file, and reading one takes YAML.
        from runnerlib.pipeline.job_file.location import place_of

        return place_of(file, self.cwd, settings or self.resolved, self.located())


def chosen_job_file(resolved: Resolved, words: Sequence[str]) -> str | None:
    """Return the job file to run; None when `words` or a command of a higher layer win over it.

    Raises ConfigError when the same layer gives a job file and a command.
    """
    file, command = resolved.config.job_file, resolved.config.job_command
    if file is None:
        return None
    layers = list(Layer)
    given = layers.index(resolved.origin("job_file").layer)
    other = layers.index(Layer.COMMAND_LINE) if words else layers.index(resolved.origin("job_command").layer)
    if given == other:
        raise resolved.error("job_file", "contradicts the command; give one of them")
    return file if given > other or not (words or command) else None
