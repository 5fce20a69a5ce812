"""The words of other systems for what a job file calls otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_VARIABLES = "its value is given by the options --job-env and --secrets-file, or by 'env'"

# For each spelling the keys that may be meant, in order: the first that may stand there is told.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "needs": ("depends_on",),
    "if": ("condition",),
    "rules": ("condition",),
    "only": ("condition",),
    "except": ("condition",),
    "script": ("run", "command", "steps"),
    "commands": ("run", "command", "steps"),
    "cmd": ("run", "command"),
    "cmds": ("run", "command", "steps"),
    "entrypoint": ("run", "command"),
    "runs-on": ("runs_on",),
    "tags": ("runs_on",),
    "agents": ("runs_on",),
    "strategy": ("matrix",),
    "parallel": ("matrix",),
    "continue-on-error": ("allow_failure",),
    "soft_fail": ("allow_failure",),
    "failure": ("allow_failure",),
    "timeout-minutes": ("timeout",),
    "timeout_in_minutes": ("timeout",),
    "working-directory": ("working_dir",),
    "directory": ("working_dir",),
    "variables": ("env",),
    "vars": ("env",),
    "environment": ("env",),
    "container": ("image",),
    "max-parallel": ("max_parallel",),
    "fail-fast": ("fail_fast",),
    "if-no-files-found": ("if_no_files",),
    "id": ("name",),
    "label": ("name",),
    "before_script": ("steps",),
    "after_script": ("steps",),
    "stage": ("depends_on",),
    "stages": ("jobs",),
    "pipeline": ("jobs", "steps"),
    "dependencies": ("artifacts", "depends_on"),
    "from_secret": ("secrets",),
    "concurrency_group": ("concurrency",),
}
_MORE: Mapping[tuple[str, str], str] = {
    ("before_script", "steps"): ": make it a step in front of the others",
    ("after_script", "steps"): ": make it a step behind the others, with 'when: always'",
    ("stage", "depends_on"): ", with the names of the jobs to wait for",
    ("strategy", "matrix"): ", in the job itself",
    ("timeout-minutes", "timeout"): ", as in 'timeout: 5m'",
    ("timeout_in_minutes", "timeout"): ", as in 'timeout: 5m'",
    ("failure", "allow_failure"): ", as in 'allow_failure: true'",
    ("script", "run"): ", one text for a shell",
    ("commands", "run"): ", one text for a shell",
    ("script", "command"): ", one text for a shell",
    ("commands", "command"): ", one text for a shell",
    ("script", "steps"): ", each with 'name' and 'run'",
    ("commands", "steps"): ", each with 'name' and 'run'",
}
_NOTHING: Mapping[str, str] = {
    "uses": "actions cannot be run here; write what it does as the 'run' of a step",
    "with": f"it belongs to 'uses', and actions cannot be run here; {_VARIABLES}",
    "settings": f"it belongs to a plugin of Woodpecker, which cannot be run here; {_VARIABLES}",
    "permissions": "a job gets no token of the forge here, so there is nothing to restrict",
    "stage": "jobs wait for those that 'depends_on' names",
}


def meaning(key: str, allowed: Collection[str]) -> str:
    """Return the end of an error about an unknown key, which says the right word; '' for a word of no other system."""
    for ours in _KEYS.get(key, ()):
        if ours in allowed:
            return f"; here it is '{ours}'{_MORE.get((key, ours), '')}"
    return f": {_NOTHING[key]}" if key in _NOTHING else ""
