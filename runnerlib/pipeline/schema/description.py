"""Purpose of each key of job files, as editors show it; the tables of docs/jobs.md say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

PURPOSE = "purpose, as `runnerlib list` shows it"
TOP = {
    "job": "the job",
    "source": "where the source comes from",
    "ci_source": "where the trusted CI source comes from",
}
JOB = {
    "name": "name of the job in events and in the summary",
    "description": PURPOSE,
    "env": "variables for every step",
    "env_file": "files of `NAME=VALUE` lines in the directory of the job, for every step; read when a step starts",
    "timeout": "time for the whole job",
    "max_parallel": "how many steps run at a time, by weight",
    "secrets": "names of the secret variables that steps without such a list of their own get",
    "defaults": "keys that all steps have where they do not say otherwise: a mapping with `steps`",
    "inputs": "parameters, with types and defaults: `--set name=value`",
    "cache": "files that the job finds as an earlier run left them: mapping of `key`, `paths` and `restore_keys`, or "
    "a list of such",
    "concurrency": "name of a group of which one job runs at a time on a machine, or mapping of `group` and `cancel`",
    "services": "programs that run beside the steps: mapping of names to services",
    "steps": "list of steps, 10,000 at most",
}
APPROVE = {
    "message": "text of the question",
    "timeout": "time to wait for an answer (default: a day)",
}
INCLUDE = {
    "path": "path of the file: in the same tree, or in the repository",
    "ci": "path of the file in the CI source",
    "git": "URL of a repository",
    "ref": "branch, tag or commit of the repository",
    "digest": "sha256:…, the digest of the content, without which the file is refused",
}
INPUT = {
    "type": "`string`, `number`, `boolean` or `choice`",
    "default": "value where the run gives none; without it the run has to",
    "options": "values of a choice",
    "description": "purpose, as an error about a missing value shows it",
}
REPORTS = {
    "junit": "globs of JUnit XML: results of tests",
    "tap": "globs of TAP, the Test Anything Protocol: results of tests",
    "sarif": "globs of SARIF: findings of linters and scanners",
    "cobertura": "globs of Cobertura XML: the coverage of tests",
}
STEP = {
    "name": "unique name of the step: up to 100 characters, without `/` and `\\`",
    "description": PURPOSE,
    "run": "command for a shell, or a list of words that runs without a shell",
    "shell": "`sh`, `bash`, `python3`, …, or the words of a command that takes the text as its last argument",
    "env": "variables of this step; they win over those of the job",
    "env_file": "files of `NAME=VALUE` lines in the directory of the job; read when the step starts",
    "working_dir": "directory the step runs in",
    "depends_on": "name or list of names of steps to wait for",
    "parallel": "`true`: together with the `parallel` steps beside it",
    "when": "`on_success`, `on_failure`, `always`",
    "condition": "condition under which it runs",
    "required": "`false`: the job can succeed although this step fails",
    "allow_failure": "`true` is `required: false`",
    "timeout": "time for one attempt",
    "no_output_timeout": "longest time without any output",
    "retry": "number of further attempts after a failure, or a mapping",
    "outputs": "name or list of names of outputs that the step must write to the file `RUNNERLIB_OUTPUT`",
    "weight": "share of `max_parallel` that the step takes",
    "stdin": "text for the standard input of the step",
    "tty": "`true`: the step runs in a terminal, as large as the runner's own, or 24 by 80",
    "secrets": "names of the secret variables of the job that the step gets; `[]` for none",
    "untrusted": "`true`: the step gets no secrets, is in the sandbox `strict`, and hands on no variables",
    "sandbox": "`off`, `source`, `strict` or `auto`: what bounds the step, in place of the setting",
    "network": "TCP for a step in a sandbox: `true`, `false`, a port or a list of ports, in place of the setting",
    "image": "image of its container, where the steps run in containers",
    "cache": "files that the step finds as an earlier run left them: mapping of `key`, `paths` and `restore_keys`, or "
    "a list of such",
    "sources": "globs of the files that the step reads: it is skipped while they stay as they were when it succeeded",
    "generates": "globs of the files that the step makes of its `sources`, restored when it is skipped",
    "problem_matchers": "names of what finds messages about lines in its output: `gcc`, `go`, `rustc`, `eslint`, "
    "`mypy`, `pytest`, `ruff`, `tsc`, or paths of JSON files in GitHub's form",
    "reports": "globs of the reports that the step writes, by kind: `junit`, `tap`, `sarif`, `cobertura`",
    "resources": "`cpu` and `memory` that it may use, a `limit` each: `{cpu: 2, memory: 1Gi}`",
}
RETRY = {
    "max": "further attempts, up to 100",
    "backoff": "pause before the first further attempt; it doubles each time",
    "limit": "longest pause between two attempts",
    "jitter": "random variation of the pauses, 0 to 1 (0.1: 10 % more or less)",
    "on": "failures that are tried again: mapping of `exit_codes`, `pattern` (a regular expression, searched in the "
    "lines of the masked output) and `timeout`, or list of exit codes and `timeout`",
}
CACHE = {
    "key": "name of the entry, with facts as `${branch}`, `${os}`, `${env.NAME}` and `${checksum('*.lock')}`",
    "paths": "directories, files and globs below the directory of the job",
    "restore_keys": "beginnings of keys: without an entry `key`, the newest one that begins so is restored",
}
CONCURRENCY = {
    "group": "name of the group, with facts as `deploy-${branch}`",
    "cancel": "`true`: stop the runs of the group that are ahead, instead of waiting for them",
}
SERVICE = {
    "run": "command that stays in the foreground: a text for `sh -c`, or a list of words",
    "ready": "command that succeeds once the service can be used",
    "env": "variables of the service",
    "ports": "port or list of ports that the service has usually; it gets a free one for each",
    "ready_timeout": "longest time until it is ready",
    "image": "image of its container, where the job runs in one",
}
CAUSES = {
    "exit_codes": "an exit code or a list of them",
    "pattern": "a regular expression, searched in the lines of the masked output",
    "timeout": "`true`: after a `timeout` or `no_output_timeout` of the step",
}
SOURCE = {
    "type": f"type of source: {', '.join(f'`{name}`' for name in BUILT_IN)}, or one that a plugin adds",
    "url": "URL or path",
    "ref": "branch, tag, commit or revision",
    "options": "options of this type of source",
    "path": "directory to copy",
}
FLAT = {
    "name": "name of the job",
    "image": "image of the container that `--container` runs the command in",
    "command": "command for `sh -c`, or a list of words",
    "environment": "variables of the command",
    "source": "where the source comes from",
    "working_dir": "directory the command runs in",
    "code_dir": "directory the source is put into",
    "job_dir": "directory the job runs in",
    "timeout_seconds": "time for the whole job",
}
LAYOUT = {
    f"{prefix}_{part}": f"{part} of the {text}"
    for prefix, text in (("source", "source"), ("ci_source", "trusted CI source"))
    for part in ("type", "url", "ref")
}
COORDINATOR = "for Reactorcide's coordinator; has no effect here"
ARTIFACTS = {
    "upload": "globs of files that the job keeps for other jobs",
    "if_no_files": "reaction to a glob without any file: fail the job, warn, or ignore it",
    "retention": "time after which a later run removes what the job has kept, as `7d` (default: never)",
    "download": "artifacts of other jobs that the job gets",
}
DOWNLOAD = {
    "job": "job that uploaded the files",
    "files": "globs of the files (default: all)",
    "to": "directory to put them into",
}
EVENTS = {
    "events": "event or list of events",
    "branches": "globs of branches",
}
PATHS = {
    "include": "globs of changed files that start the workflow",
    "exclude": "globs of changed files that do not start it",
}

OF_PAGES: Mapping[str, Mapping[str, str]] = {
    "Keys of a job": JOB,
    "Keys of a step": STEP,
    "Keys of a retry": RETRY,
    "Keys of a cache": CACHE,
    "Keys of a concurrency group": CONCURRENCY,
    "Keys of a service": SERVICE,
}
"""By the heading of the table that says the same."""
