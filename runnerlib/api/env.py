"""Information about the job that a program runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.paths import Workspace, in_container, locate
from runnerlib.pipeline.conditions.context import variables
from runnerlib.source import without_credentials
from runnerlib.source.git_query import Head, git_info, head_of, is_repository

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobContext:
    """The job that this process runs in: `runnerlib.env`.

    Each attribute is looked up on access; an unknown value is None. Sources: the variables that Reactorcide sets for
    a job, those that runnerlib sets for its steps, and the checkout in `code_dir`. Text attributes have the names of
    conditions, with the same meaning. All raise PathError when REACTORCIDE_IN_CONTAINER or RUNNERLIB_WORKSPACE have
    an invalid value and the answer depends on them.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read variables from `environ`; by default from that of this process, at the time of access."""
        self._environ = os.environ if environ is None else environ

    @property
    def branch(self) -> str | None:
        """The branch; for a pull request, its target branch. None for a tag.

        From REACTORCIDE_BRANCH or REACTORCIDE_GIT_BRANCH, else the one that is checked out in `code_dir`, or that a
        run was asked to check out there. Raises SourceError when that is a repository which cannot be read.
        """
        return None if self._fact("tag") else self._fact("branch") or self._head.branch

    @property
    def tag(self) -> str | None:
        """The new tag of the event, or else the tag that a run was asked to check out.

        From REACTORCIDE_EVENT_TYPE and REACTORCIDE_BRANCH, else from `code_dir`. Raises SourceError as `branch` does.
        """
        return self._fact("tag") or (None if self._fact("branch") else self._head.tag)

    @property
    def commit(self) -> str | None:
        """The id of the commit, in full where Reactorcide gives it in full.

        From REACTORCIDE_SHA or REACTORCIDE_GIT_COMMIT, else the one that is checked out in `code_dir`. Raises
        SourceError when that is a repository which cannot be read.
        """
        stated = self._fact("sha")
        if stated or not (self.code_dir / ".git").exists():
            return stated
        return git_info(self.code_dir)["commit"]

    @property
    def ref(self) -> str | None:
        """The requested ref: branch, tag, commit or refs/… From REACTORCIDE_GIT_REF or REACTORCIDE_SOURCE_REF."""
        return self._first("REACTORCIDE_GIT_REF", "REACTORCIDE_SOURCE_REF")

    @property
    def event(self) -> str | None:
        """The event type: `push`, `pull_request_opened`, `tag_created`, … From REACTORCIDE_EVENT_TYPE."""
        return self._fact("event")

    @property
    def pr_number(self) -> str | None:
        """The number of the pull request. From REACTORCIDE_PR_NUMBER."""
        return self._fact("pr_number")

    @property
    def base_branch(self) -> str | None:
        """The target branch of the pull request. From REACTORCIDE_PR_BASE_REF or REACTORCIDE_BASE_REF."""
        return self._fact("base_branch")

    @property
    def is_fork(self) -> bool:
        """True if the pull request comes from a fork. From REACTORCIDE_IS_FORK_PR."""
        return self._fact("fork") == "true"

    @property
    def repo(self) -> str | None:
        """The repository, as `owner/name`. From REACTORCIDE_REPO."""
        return self._fact("repo")

    @property
    def actor(self) -> str | None:
        """The user who caused the event. From REACTORCIDE_HEAD_ACTOR."""
        return self._fact("actor")

    @property
    def source_url(self) -> str | None:
        """The URL of the source, without credentials. From REACTORCIDE_SOURCE_URL or REACTORCIDE_GIT_URL."""
        url = self._first("REACTORCIDE_SOURCE_URL", "REACTORCIDE_GIT_URL")
        return None if url is None else without_credentials(url)

    @property
    def job_id(self) -> str | None:
        """The Coordinator's id of this job. From REACTORCIDE_JOB_ID."""
        return self._first("REACTORCIDE_JOB_ID")

    @property
    def queue(self) -> str | None:
        """The queue that the job came from. From REACTORCIDE_QUEUE."""
        return self._first("REACTORCIDE_QUEUE")

    @property
    def workflow_id(self) -> str | None:
        """The id of the workflow that this job is a part of. From RC_WF_ID."""
        return self._first("RC_WF_ID")

    @property
    def workflow_node(self) -> str | None:
        """The name of this job in its workflow. From RC_WF_NODE_NAME."""
        return self._first("RC_WF_NODE_NAME")

    @property
    def in_container(self) -> bool:
        """True in a container of a job. From REACTORCIDE_IN_CONTAINER; if unset, True if `/job` is usable."""
        return in_container(self._environ, Path.cwd())

    @property
    def workspace(self) -> Path:
        """The directory that the job lives in: `/job` in a container, else `./job`."""
        return self._workspace.base

    @property
    def code_dir(self) -> Path:
        """The directory of the source. From REACTORCIDE_CODE_DIR, else `/job/src` in the workspace."""
        return self._directory("REACTORCIDE_CODE_DIR", "/job/src")

    @property
    def ci_dir(self) -> Path:
        """The directory of the trusted CI source: `/job/ci` in the workspace."""
        return self._workspace.ci

    @property
    def job_dir(self) -> Path:
        """The directory that the job runs in. From REACTORCIDE_JOB_DIR, else `code_dir`."""
        return self._directory("REACTORCIDE_JOB_DIR", str(self.code_dir))

    @property
    def artifacts_dir(self) -> Path:
        """The directory for the artifacts of the job. From REACTORCIDE_ARTIFACTS_DIR, else `/job/artifacts`."""
        return self._directory("REACTORCIDE_ARTIFACTS_DIR", "/job/artifacts")

    @property
    def _workspace(self) -> Workspace:
        return locate(self._environ, Path.cwd())

    @property
    def _head(self) -> Head:
        return head_of(self.code_dir) if is_repository(self.code_dir) else Head()

    def _directory(self, variable: str, usual: str) -> Path:
        return Path(self._workspace.meant(self._environ.get(variable) or usual))

    def _first(self, *names: str) -> str | None:
        return next((self._environ[name] for name in names if self._environ.get(name)), None)

    def _fact(self, name: str) -> str | None:
        return variables(self._environ)[name] or None


env = JobContext()
"""The job that this process runs in."""
