"""Problem matchers in GitHub's form: regular expressions that make findings of what a program prints, line by line.

The expressions are of RE2, so no line and no expression takes for ever; look-around is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.events.findings import Finding, Level
from runnerlib.pipeline.job.retry_pattern import compiled
from runnerlib.runner.findings.parsed import name, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GROUPS = ("file", "line", "column", "severity", "code", "message")
_IGNORED = {"regexp", "loop", "fromPath", "endLine", "endColumn", "kind", *_GROUPS}
_LEVELS: Mapping[str, Level] = {
    **dict.fromkeys(("error", "fatal", "fatal error"), "error"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("info", "information", "note", "notice", "help", "hint"), "notice"),
}
_MOST_MATCHERS = 100
_MOST_PATTERNS = 10
# Characters of a line that are looked at.
_LONGEST = 4_000


class WrongMatcherError(Exception):
    """Problem matchers cannot be used; the text says why."""


class Pattern(NamedTuple):
    """A pattern for one line: the numbers of its groups by what they hold; a `loop` goes on while lines match."""

    regexp: Any
    groups: Mapping[str, int]
    loop: bool


class Matcher:
    """One matcher, and how far the lines before have matched it."""

    def __init__(self, owner: str, severity: str, patterns: Sequence[Pattern]) -> None:
        self._owner = owner
        self._severity = severity
        self._patterns = patterns
        self._at = 0
        self._values: dict[str, str] = {}

    def feed(self, line: bytes) -> Finding | None:
        """Return the finding that a line completes, if it completes one."""
        found = self._try(line)
        if found is None and self._at:  # it goes on differently, and may be the beginning of another one
            self._at, self._values = 0, {}
            found = self._try(line)
        if found is None:
            return None
        values = {**self._values, **found}
        pattern = self._patterns[self._at]
        if self._at + 1 < len(self._patterns):
            self._at, self._values = self._at + 1, values
            return None
        if not pattern.loop:
            self._at, self._values = 0, {}
        return self._finding(values)

    def _try(self, line: bytes) -> dict[str, str] | None:
        pattern = self._patterns[self._at]
        found = pattern.regexp.search(line)
        if found is None:
            return None
        return {key: (found[group] or b"").decode(errors="replace") for key, group in pattern.groups.items()}

    def _finding(self, values: Mapping[str, str]) -> Finding:
        said = (values.get("severity") or self._severity or "error").lower()
        place = name(values.get("file", "")), number(values.get("line") or 0), number(values.get("column") or 0)
        message = values.get("message") or values.get("code") or "a problem"
        return Finding(_LEVELS.get(said, "error"), text(message), *place, name(values.get("code", "")), self._owner)


class Matchers:
    """Several matchers, which all see every line."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._matchers = matchers

    def feed(self, line: str) -> Iterator[Finding]:
        """Yield the findings that a line completes."""
        data = line[:_LONGEST].encode(errors="replace")
        for matcher in self._matchers:
            found = matcher.feed(data)
            if found is not None:
                yield found


def from_json(data: bytes) -> list[Matcher]:
    """Return the matchers of a file. Raises WrongMatcherError."""
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise WrongMatcherError("it is no JSON") from None
    listed = whole.get("problemMatcher") if isinstance(whole, dict) else None
    if not isinstance(listed, list) or not listed:
        raise WrongMatcherError("'problemMatcher' is missing, a list of matchers")
    if len(listed) > _MOST_MATCHERS:
        raise WrongMatcherError(f"it has {len(listed)} matchers; {_MOST_MATCHERS} are allowed")
    return [matcher_of(one) for one in listed]


def matcher_of(given: Any) -> Matcher:
    """Return a matcher of the mapping that GitHub's form has for one. Raises WrongMatcherError."""
    if not isinstance(given, dict) or not isinstance(given.get("owner"), str):
        raise WrongMatcherError("'owner' is missing, the name of a matcher")
    owner, severity, patterns = given["owner"][:100], given.get("severity", ""), given.get("pattern")
    if not isinstance(patterns, list) or not 1 <= len(patterns) <= _MOST_PATTERNS:
        raise WrongMatcherError(f"{owner}: 'pattern' is a list of 1 to {_MOST_PATTERNS} patterns")
    made = [_pattern(owner, one) for one in patterns]
    if any(one.loop for one in made[:-1]):
        raise WrongMatcherError(f"{owner}: only the last pattern may have 'loop'")
    if not any("message" in one.groups or "code" in one.groups for one in made):
        raise WrongMatcherError(f"{owner}: no pattern has 'message'")
    return Matcher(owner, severity if isinstance(severity, str) else "", made)


def _pattern(owner: str, given: Any) -> Pattern:
    regexp = given.get("regexp") if isinstance(given, dict) else None
    if not isinstance(regexp, str):
        raise WrongMatcherError(f"{owner}: 'regexp' is missing, a regular expression")
    if unknown := set(given) - _IGNORED:
        raise WrongMatcherError(f"{owner}: unknown key '{min(map(str, unknown))[:100]}'")
    try:
        expression = compiled(regexp, captures=True)
    except ValueError as error:
        raise WrongMatcherError(f"{owner}: {error}") from None
    groups = {key: given[key] for key in _GROUPS if key in given}
    for key, group in groups.items():
        if type(group) is not int or not 0 <= group <= expression.groups:
            raise WrongMatcherError(f"{owner}: '{key}' is the number of a group, from 0 to {expression.groups}")
    return Pattern(expression, groups, given.get("loop") is True)
