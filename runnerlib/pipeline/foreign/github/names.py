"""Names in expressions of GitHub Actions: what they are in a condition, and the variable that has them in a step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.pipeline.foreign.caches import checksum
from runnerlib.pipeline.foreign.github.expression import COMPARED_ONLY, any_of, constant_in, path_in
from runnerlib.pipeline.foreign.github.matrix import name_of
from runnerlib.pipeline.foreign.shell_text import Untranslatable, Value
from runnerlib.pipeline.foreign.terms import Term, quoted, text_term
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.job.inputs import variable as input_variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.pipeline.foreign.source import Source

_OF_THE_EVENT: Mapping[tuple[str, ...], tuple[str, str]] = {
    ("github", "sha"): ("sha", "REACTORCIDE_SHA"),
    ("github", "ref_name"): ("branch", "REACTORCIDE_BRANCH"),
    ("github", "repository"): ("repo", "REACTORCIDE_REPO"),
    ("github", "actor"): ("actor", "REACTORCIDE_HEAD_ACTOR"),
    ("github", "triggering_actor"): ("actor", "REACTORCIDE_HEAD_ACTOR"),
    ("github", "base_ref"): ("base_branch", "REACTORCIDE_PR_BASE_REF"),
    ("github", "event", "number"): ("pr_number", "REACTORCIDE_PR_NUMBER"),
    ("github", "event", "pull_request", "number"): ("pr_number", "REACTORCIDE_PR_NUMBER"),
    ("github", "event", "pull_request", "base", "ref"): ("base_branch", "REACTORCIDE_PR_BASE_REF"),
    ("github", "event", "pull_request", "head", "repo", "fork"): ("fork", "REACTORCIDE_IS_FORK_PR"),
    ("github", "event", "repository", "fork"): ("fork", "REACTORCIDE_IS_FORK_PR"),
}
_CONSTANTS: Mapping[tuple[str, ...], str] = {
    ("runner", "os"): "Linux",
    ("runner", "temp"): "/tmp",  # noqa: S108 - GitHub's name for it
    ("github", "server_url"): "https://github.com",
}
_WORD = re.compile(r"[A-Za-z_]\w*")
_FILES = re.compile(r"\s*hashFiles\(((?:\s*'(?:[^']|'')*'\s*,?)+)\)\s*")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")


class Names:
    """Meanings of the names in the expressions of a job: those of its matrix, its steps so far, and what it needs."""

    def __init__(self, source: Source, job: str, workflow: str, needs: Mapping[str, Sequence[str]]) -> None:
        self.source = source
        self.needs = needs
        self.steps: dict[str, str] = {}
        self.unset: set[str] = set()
        self.inputs: set[str] = set()
        self.programs: frozenset[str] = frozenset()
        self.known = {**_CONSTANTS, ("github", "job"): job, ("github", "workflow"): workflow}

    def fact(self, written: str) -> str:
        """Return what an expression in the key of a cache stands for. Raises Untranslatable."""
        if found := _FILES.fullmatch(written):
            return checksum([one.replace("''", "'") for one in _QUOTED.findall(found[1])])
        path = path_in(written)
        if path == ("github", "ref"):
            return "${branch}${tag}${pr_number}"
        if path is not None and path in _OF_THE_EVENT:
            return f"${{{_OF_THE_EVENT[path][0]}}}"
        value = self.variable(written)
        return f"${{env.{value.variable}}}" if value.variable else value.text

    def variable(self, written: str) -> Value:
        """Return what an expression in a text stands for. Raises Untranslatable."""
        constant = constant_in(written)
        if constant is not None:
            return Value(constant)
        path = path_in(written)
        if path is None:
            raise Untranslatable(f"the expression '{written.strip()}'")
        if path in self.known:
            return Value(self.known[path])
        if name := self._variable(path):
            return Value("", name, program=name in self.programs)
        raise Untranslatable(f"'{'.'.join(path)}'")

    def _variable(self, path: tuple[str, ...]) -> str:
        if path in _OF_THE_EVENT:
            return self._need(_OF_THE_EVENT[path][1], "a coordinator sets it")
        if path[0] == "matrix" and name_of(path):
            return f"MATRIX_{variable_part(name_of(path))}"
        if path == ("github", "workspace"):
            return "REACTORCIDE_CODE_DIR"
        path = ("secrets", "GITHUB_TOKEN") if path == ("github", "token") else path
        if path[0] == "inputs" or path[:3] == ("github", "event", "inputs"):
            return input_variable(path[-1])
        if len(path) == 2 and _WORD.fullmatch(path[1].replace("-", "_")):
            return self._of_two(*path)
        return self._output(path) if len(path) == 4 and path[2] == "outputs" else ""

    def _of_two(self, context: str, name: str) -> str:
        if context == "env":
            return "" if name in self.unset else name
        if context in {"secrets", "vars"}:
            return self._need(name, "a secret" if context == "secrets" else "a variable")
        return ""

    def _output(self, path: tuple[str, ...]) -> str:
        context, owner, _, name = path
        if context == "steps" and owner in self.steps:
            return f"RUNNERLIB_OUTPUT_{variable_part(self.steps[owner])}_{variable_part(name)}"
        if context == "needs" and len(self.needs.get(owner, ())) == 1:
            return f"RUNNERLIB_OUTPUT_{variable_part(self.needs[owner][0])}_{variable_part(name)}"
        return ""

    def _need(self, name: str, why: str) -> str:
        self.source.needed.setdefault(name, why)
        return name

    def in_step(self, path: tuple[str, ...]) -> Term | None:
        """Return a name in the condition of a step; None for one that is unknown there."""
        if path[0] == "steps" and len(path) >= 3 and path[1] in self.steps:
            return _ended(f"steps[{quoted(self.steps[path[1]])}]", path[2:])
        return self._term(path)

    def in_job(self, path: tuple[str, ...]) -> Term | None:
        """Return a name in the condition of a job; None for one that is unknown there."""
        if path == ("needs", "*", "result"):
            return Term("list", any_of([name for names in self.needs.values() for name in names], "jobs"))
        if path[0] == "needs" and len(path) >= 3 and path[1] in self.needs:
            names = self.needs[path[1]]
            return _ended(f"jobs[{quoted(names[0])}]", path[2:]) if len(names) == 1 else None
        return self._term(path)

    def _term(self, path: tuple[str, ...]) -> Term | None:
        if path in self.known:
            return text_term(self.known[path])
        if path in _OF_THE_EVENT:
            name = _OF_THE_EVENT[path][0]
            return Term("boolean", "fork == 'true'") if name == "fork" else Term("text", name)
        if path in COMPARED_ONLY:
            return Term("special", ".".join(path))
        if path[0] == "inputs" or path[:3] == ("github", "event", "inputs"):
            return Term("text", f"inputs.{path[-1]}", None, path) if path[-1] in self.inputs else None
        name = self._variable(path)
        return Term("text", f"env.{name}") if name and _WORD.fullmatch(name) else None


def _ended(subject: str, rest: tuple[str, ...]) -> Term | None:
    if rest in {("outcome",), ("conclusion",), ("result",)}:
        return Term("text", f"{subject}.outcome")
    if len(rest) == 2 and rest[0] == "outputs":
        return Term(
            "text", f"{subject}.outputs[{quoted(rest[1])}]" if "-" in rest[1] else f"{subject}.outputs.{rest[1]}"
        )
    return None
