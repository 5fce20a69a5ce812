"""Expressions of GitHub Actions as conditions of ours, and as variables of a step's text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.terms import (
    FALSE,
    TRUE,
    Term,
    boolean,
    both,
    either,
    holds,
    negated,
    outer,
    quoted,
    text_term,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Path = tuple[str, ...]
    Find = Callable[[Path], Term | None]

MARKS = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[()\[\].,!<>*])|(?P<end>$))"
)
_STATES = ("always", "cancelled", "failure", "success")
_TEXTS = {"contains": "contains", "startswith": "startswith", "endswith": "endswith"}
_PULL_REQUEST = ("pull_request", "pull_request_target")


def condition(written: str, find: Find) -> str | bool:
    """Return our condition for the `if` of a job or a step; True or False where it is always that.

    Raises Untranslatable.
    """
    inner = MARKS.fullmatch(written.strip())
    parser = _Parser(inner[1] if inner else written, find)
    found = boolean(parser.whole())
    return found.value if isinstance(found.value, bool) else outer(found.code)


def path_in(written: str) -> Path | None:
    """Return the name that an expression consists of, in parts; None for any other expression."""
    try:
        found = _Parser(written, lambda path: Term("text", ".", None, path)).whole()
    except Untranslatable:
        return None
    return found.path or None


def constant_in(written: str) -> str | None:
    """Return the text that an expression consists of; None for any other expression."""
    try:
        found = _Parser(written, lambda _path: None).whole()
    except Untranslatable:
        return None
    return found.value if isinstance(found.value, str) else None


class _Parser:
    def __init__(self, text: str, find: Find) -> None:
        self.text = text
        self.find = find
        self.at = 0
        self.kind = self.word = ""
        self._next()

    def whole(self) -> Term:
        found = self._either()
        if self.kind != "end":
            raise Untranslatable(f"'{self.text.strip()}'")
        return found

    def _next(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise Untranslatable(f"'{self.text.strip()}'")
        self.at, self.kind = found.end(), found.lastgroup or ""
        self.word = found[self.kind]

    def _take(self, sign: str) -> bool:
        if self.kind == "sign" and self.word == sign:
            self._next()
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise Untranslatable(f"'{self.text.strip()}'")

    def _either(self) -> Term:
        return self._joined("||", self._both, either)

    def _both(self) -> Term:
        return self._joined("&&", self._comparison, both)

    def _joined(self, sign: str, inner: Callable[[], Term], join: Callable[[Sequence[Term]], Term]) -> Term:
        first = inner()
        if not (self.kind == "sign" and self.word == sign):
            return first
        terms = [boolean(first)]
        while self._take(sign):
            terms.append(boolean(inner()))
        return join(terms)

    def _comparison(self) -> Term:
        left = self._operand()
        for sign in ("==", "!=", "<=", ">=", "<", ">"):
            if self._take(sign):
                return compared(left, sign, self._operand())
        return left

    def _operand(self) -> Term:
        if self._take("!"):
            return negated(boolean(self._operand()))
        if self._take("("):
            found = self._either()
            self._need(")")
            return (
                found
                if found.value is not None or found.code.startswith("(")
                else found._replace(code=f"({found.code})")
            )
        kind, word = self.kind, self.word
        if kind not in {"text", "number", "name"}:
            raise Untranslatable(f"'{self.text.strip()}'")
        self._next()
        if kind == "text":
            return text_term(word[1:-1].replace("''", "'"))
        if kind == "number":
            return Term("number", word, float(word))
        return self._call(word.lower()) if self._take("(") else self._named(word)

    def _named(self, word: str) -> Term:
        if word in {"true", "false"}:
            return TRUE if word == "true" else FALSE
        path = [word]
        while True:
            if self._take("."):
                if self.kind not in {"name", "sign"} or (self.kind == "sign" and self.word != "*"):
                    raise Untranslatable(f"'{self.text.strip()}'")
                path.append(self.word)
                self._next()
            elif self._take("["):
                if self.kind != "text":
                    raise Untranslatable(f"'{self.text.strip()}'")
                path.append(self.word[1:-1])
                self._next()
                self._need("]")
            else:
                break
        found = self.find(tuple(path))
        if found is None:
            raise Untranslatable(f"'{'.'.join(path)}'")
        return found._replace(path=tuple(path))

    def _call(self, name: str) -> Term:
        given: list[Term] = []
        while not self._take(")"):
            given.append(self._either())
            self._take(",")
        if name in _STATES and not given:
            return TRUE._replace(value=None, code="always()") if name == "always" else holds(f"{name}()")
        if name in _TEXTS and len(given) == 2:
            return _tested(name, *given)
        raise Untranslatable(f"the function '{name}'")


def _tested(name: str, text: Term, part: Term) -> Term:
    if "*" in text.path and isinstance(part.value, str) and name == "contains":
        return holds(text.code.replace("?", part.code))
    if isinstance(text.value, str) and isinstance(part.value, str):
        one, other = text.value.lower(), part.value.lower()
        known = {"contains": other in one, "startswith": one.startswith(other), "endswith": one.endswith(other)}
        return TRUE if known[name] else FALSE
    if text.path == ("github", "ref") and isinstance(part.value, str):
        return _of_ref(name, part.value)
    if text.path == ("github", "event_name") or "*" in text.path or {text.kind, part.kind} != {"text"}:
        raise Untranslatable(f"the function '{name}' of '{'.'.join(text.path)}'")
    return holds(f"{name}({text.code}, {part.code})")


def _of_ref(name: str, part: str) -> Term:
    """`refs/tags/…` and `refs/heads/…` as a tag and a branch; of a pull request it is neither."""
    for prefix, ours, only in (("refs/tags/", "tag", ""), ("refs/heads/", "branch", " and pr_number == ''")):
        if name == "startswith" and part.rstrip("/") == prefix.rstrip("/"):
            return holds(f"({ours} != ''{only})" if only else f"{ours} != ''")
        if part.startswith(prefix):
            code = f"{name}({ours}, {quoted(part.removeprefix(prefix))})"
            return holds(f"({code}{only})" if only else code)
    if name == "contains" and part in {"refs/tags", "tags/", "tags"}:
        return holds("tag != ''")
    raise Untranslatable(f"'{name}(github.ref, …)' of what is neither a branch nor a tag")


def compared(left: Term, sign: str, right: Term) -> Term:
    """Return the comparison of two terms. Raises Untranslatable."""
    if right.path and not left.path:
        left, right = right, left
        sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
    if sign in {"==", "!="}:
        found = _special(left, right) or _same(left, right)
        return found if sign == "==" else negated(found)
    if left.kind == "text" and right.kind == "number":
        return holds(f"number({left.code}) {sign} {right.code}")
    raise Untranslatable(f"the comparison with '{sign}'")


def _same(left: Term, right: Term) -> Term:
    if isinstance(left.value, str) and isinstance(right.value, str):
        return TRUE if left.value.lower() == right.value.lower() else FALSE
    if left.kind == "text" and right.kind in {"number", "boolean"} and right.value is not None:
        right = text_term(right.code)
    if left.kind == right.kind == "text":
        return holds(f"{left.code} == {right.code}")
    if left.kind == "boolean" and isinstance(right.value, bool):
        return left if right.value else negated(left)
    raise Untranslatable("a comparison of different kinds")


def _special(left: Term, right: Term) -> Term | None:
    """Return the comparison of a name whose values are others here; None for any other."""
    if left.path == ("github", "ref"):
        return _is_ref(right)
    repositories = {left.path, right.path}
    if _HEAD_REPOSITORY in repositories and ("github", "repository") in repositories:
        return holds("fork != 'true'")
    make = _COMPARED.get(left.path)
    return make(right.value) if make and isinstance(right.value, str) else None


def _is_ref(right: Term) -> Term:
    if isinstance(right.value, str):
        kind, _, rest = right.value.removeprefix("refs/").partition("/")
        if kind == "tags":
            return holds(f"tag == {quoted(rest)}")
        if kind == "heads":
            return holds(f"(branch == {quoted(rest)} and pr_number == '')")
    raise Untranslatable("'github.ref' beside what is neither a branch nor a tag")


def _event(name: str) -> Term:
    if name == "push":
        return holds("event in ['push', 'tag_created']")
    return holds("pr_number != ''") if name in _PULL_REQUEST else FALSE


def _kind_of_ref(name: str) -> Term:
    return holds(f"tag {'!=' if name == 'tag' else '=='} ''")


def _status(name: str) -> Term | None:
    return holds(f"{name}()") if name in {"failure", "success", "cancelled"} else None


_HEAD_REPOSITORY = ("github", "event", "pull_request", "head", "repo", "full_name")
_COMPARED: Mapping[Path, Callable[[str], Term | None]] = {
    ("github", "event_name"): _event,
    ("github", "repository_owner"): lambda name: holds(f"startswith(repo, {quoted(name + '/')})"),
    ("github", "ref_type"): _kind_of_ref,
    ("job", "status"): _status,
}
COMPARED_ONLY = {*_COMPARED, _HEAD_REPOSITORY, ("github", "ref")}
"""Names that only comparisons know: their values are others here."""


def any_of(names: Sequence[str], subject: str) -> str:
    """Return the code for `contains(needs.*.result, ?)`: whether one of the jobs ended like that."""
    return f"({' or '.join(f'{subject}[{quoted(name)}].outcome == ?' for name in names)})" if names else "false"
