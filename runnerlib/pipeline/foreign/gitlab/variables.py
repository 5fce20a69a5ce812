"""Variables of GitLab: those of the file, which hold others, and those that GitLab sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.pipeline.foreign import shell_text
from runnerlib.pipeline.foreign.shell_text import Untranslatable, Value
from runnerlib.pipeline.foreign.source import text_of
from runnerlib.pipeline.job import variable_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.pipeline.foreign.source import Entries, Source

_MARK = re.compile(r"\$\$|\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
# In a text of a shell `${NAME:-…}` stays as it is.
_SHELL_MARK = re.compile(r"\$(?:\{((?:CI|GITLAB)_\w+)(?=\})\}|((?:CI|GITLAB)_\w+))")
_OURS: Mapping[str, str] = {
    "CI_COMMIT_SHA": "REACTORCIDE_SHA",
    "CI_COMMIT_BRANCH": "REACTORCIDE_BRANCH",
    "CI_COMMIT_REF_NAME": "REACTORCIDE_BRANCH",
    "CI_PROJECT_DIR": "REACTORCIDE_CODE_DIR",
    "CI_PROJECT_PATH": "REACTORCIDE_REPO",
    "CI_MERGE_REQUEST_IID": "REACTORCIDE_PR_NUMBER",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "REACTORCIDE_PR_BASE_REF",
    "GITLAB_USER_LOGIN": "REACTORCIDE_HEAD_ACTOR",
}
_SLUG = re.compile(r"\$\{?CI_COMMIT_REF_SLUG\}?")
_ALWAYS_THERE = {"REACTORCIDE_CODE_DIR"}
_DEEPEST = 20


class Variables:
    """The variables of a job: `known` are texts, `repeated` those that each run of the job has another value for."""

    def __init__(self, source: Source, entries: Entries) -> None:
        self.source = source
        self.raw = _texts(source, entries)
        self.repeated: set[str] = set()
        self.of_matrix = False

    def environment(self) -> tuple[dict[str, str], list[str]]:
        """Return variables with texts that are known, and lines of a shell that set the others."""
        known: dict[str, str] = {}
        exports: list[str] = []
        for name, text in self.raw.items():
            parts = list(self._parts(text, (name,)))
            if not any(part.variable for part in parts):
                known[name] = "".join(part.text for part in parts)
            else:
                exports.append(shell_text.export(name, iter(parts)))
        return known, exports

    def constant(self, text: str, subject: str) -> str:
        """Return a text whose variables are all known. Raises Untranslatable for any other."""
        parts = list(self._parts(text, ()))
        unknown = next((part.variable for part in parts if part.variable), "")
        if unknown:
            raise Untranslatable(f"the variable '{unknown}' in '{subject}'")
        return "".join(part.text for part in parts)

    def fact(self, text: str) -> str:
        """Return a text as the key of a cache has it, with a fact for each variable. Raises Untranslatable."""
        facts = {"REACTORCIDE_SHA": "sha", "REACTORCIDE_BRANCH": "branch", "REACTORCIDE_PR_NUMBER": "pr_number"}
        made: list[str] = []
        needed = dict(self.source.needed)
        for part in self._parts(_SLUG.sub("${CI_COMMIT_REF_NAME}", text), ()):
            name = part.variable
            if name.startswith(("CI_", "GITLAB_")) and name not in self.repeated:
                raise Untranslatable(f"the variable '{name}' of GitLab")
            own = f"MATRIX_{variable_part(name)}" if self.of_matrix and name in self.repeated else name
            made.append(f"${{{facts.get(name, f'env.{own}')}}}" if name else part.text)
        self.source.needed = needed  # a fact is found without a variable, too
        return "".join(made)

    def script(self, text: str) -> str:
        """Return the text of a script with the names that GitLab's own variables have here."""
        return shell_text.translated(text, _SHELL_MARK, self._own)

    def _own(self, found: re.Match[str]) -> Value | None:
        name = found[1] or found[2]
        if name in self.raw or name in self.repeated:
            return None
        if name not in _OURS:
            self.source.needed.setdefault(name, "GitLab sets it")
            return None
        ours = self._ours(name)
        return Value(f"${{{ours}}}" if found[1] else f"${ours}")

    def _ours(self, name: str) -> str:
        ours = _OURS[name]
        if ours not in _ALWAYS_THERE:
            self.source.needed.setdefault(ours, "a coordinator sets it")
        return ours

    def _parts(self, text: str, seen: tuple[str, ...]) -> Iterator[Value]:
        if len(seen) > _DEEPEST:
            raise Untranslatable(f"the variable '{seen[0]}', which is within itself,")
        at = 0
        for found in _MARK.finditer(text):
            if found.start() > at:
                yield Value(text[at : found.start()])
            at = found.end()
            name = found[1] or found[2]
            if not name:
                yield Value("$")
            elif name in self.raw and name not in seen:
                yield from self._parts(self.raw[name], (*seen, name))
            elif name in _OURS:
                yield Value("", self._ours(name))
            else:
                if name.startswith(("CI_", "GITLAB_")) and name not in self.repeated:
                    self.source.needed.setdefault(name, "GitLab sets it")
                yield Value("", name)
        if text[at:]:
            yield Value(text[at:])


def _texts(source: Source, entries: Entries) -> dict[str, str]:
    found = {}
    for name, entry in entries.items():
        if entry.value.id == "mapping":
            inner = source.entries(entry.value, name)
            found[name] = text_of(inner, "value")
        elif entry.value.id == "scalar":
            found[name] = text_of(entries, name)
        else:
            source.lose(entry.key, f"variables: {name}: a text is expected")
    return found
