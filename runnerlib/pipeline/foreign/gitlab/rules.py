"""Rules of GitLab, and `only` and `except`, as a condition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import text_of
from runnerlib.pipeline.foreign.terms import FALSE, TRUE, Term, boolean, both, either, holds, negated, quoted, text_term

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.gitlab.tree import Tree
    from runnerlib.pipeline.foreign.source import Entries

_TOKEN = re.compile(
    r"\s*(?:\$\{?(?P<name>\w+)\}?|(?P<text>\"[^\"]*\"|'[^']*')|(?P<null>null\b)"
    r"|(?P<pattern>/(?:[^/\\]|\\.)+/i?)|(?P<sign>&&|\|\||==|!=|=~|!~|[()])|(?P<end>$))"
)
_FACTS: Mapping[str, str] = {
    "CI_COMMIT_TAG": "tag",
    "CI_COMMIT_SHA": "sha",
    "CI_MERGE_REQUEST_IID": "pr_number",
    "CI_MERGE_REQUEST_ID": "pr_number",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "base_branch",
    "CI_PROJECT_PATH": "repo",
    "GITLAB_USER_LOGIN": "actor",
}
_REFS: Mapping[str, Term] = {
    "branches": holds("(branch != '' and pr_number == '')"),
    "tags": holds("tag != ''"),
    "merge_requests": holds("pr_number != ''"),
    "external_pull_requests": holds("pr_number != ''"),
    "pushes": holds("event in ['push', 'tag_created']"),
    **dict.fromkeys(("schedules", "web", "api", "triggers", "pipelines", "chat", "external"), FALSE),
}
_SOURCES: Mapping[str, Term] = {
    "push": holds("event in ['push', 'tag_created']"),
    "merge_request_event": holds("pr_number != ''"),
    "external_pull_request_event": holds("pr_number != ''"),
}


class Decision(NamedTuple):
    """A decision on when a job runs: the condition (True and False are always and never), and what goes with it."""

    condition: Term
    manual: bool = False
    allow_failure: bool = False


def decision(tree: Tree, entries: Entries) -> Decision:
    """Return when a job runs. Raises Untranslatable."""
    if "rules" in entries:
        return _rules(tree, entries)
    found = TRUE
    if "only" in entries:
        found = _refs(tree, entries, "only")
    if "except" in entries:
        found = both([found, negated(_refs(tree, entries, "except"))])
    when = text_of(entries, "when")
    if when == "manual":
        return Decision(FALSE, manual=True)
    if when == "never":
        return Decision(FALSE)
    return Decision(both([found, _way(when)]))


def _way(when: str) -> Term:
    if when in {"", "on_success"}:
        return TRUE
    if when == "always":
        return holds("always()")
    if when == "on_failure":
        return holds("failure()")
    raise Untranslatable(f"'when: {when[:100]}'")


def _rules(tree: Tree, entries: Entries) -> Decision:
    """The first rule that fits decides: each that lets the job run counts where none that does not fits before it."""
    runs: list[Term] = []
    refused: list[Term] = []
    manual = allowed = False
    for node in tree.nodes(entries["rules"].value):
        rule = tree.source.entries(node, "a rule")
        fits = _fits(tree, rule)
        when = text_of(rule, "when") or text_of(entries, "when")
        for key in rule:
            if key not in {"if", "changes", "when", "allow_failure"}:
                raise Untranslatable(f"'{key}' in a rule")
        if when in {"never", "manual", "delayed"}:
            manual = manual or (when == "manual" and fits.value is not False)
            refused.append(fits)
        else:
            allowed = allowed or text_of(rule, "allow_failure") == "true"
            runs.append(both([fits, *map(negated, refused), _way(when)]))
    return Decision(either(runs), manual and not any(run.value is not False for run in runs), allowed)


def _fits(tree: Tree, rule: Entries) -> Term:
    found = [TRUE]
    if "if" in rule:
        found.append(boolean(_Parser(text_of(rule, "if")).whole()))
    if "changes" in rule:
        node = rule["changes"].value
        inner = tree.source.entries(node, "changes") if node.id == "mapping" else {}
        if set(inner) - {"paths"}:
            raise Untranslatable("'compare_to' in a rule")
        found.append(_changed(tree, inner["paths"].value if inner else node))
    return both(found)


def _changed(tree: Tree, node: Node) -> Term:
    globs = tree.texts(node)
    if any("$" in glob for glob in globs):
        raise Untranslatable("a variable in 'changes'")
    return holds(f"changed({', '.join(map(quoted, globs))})") if globs else FALSE


def _refs(tree: Tree, entries: Entries, key: str) -> Term:
    node = entries[key].value
    if node.id != "mapping":
        return either([_ref(one) for one in tree.texts(node)])
    inner = tree.source.entries(node, key)
    found: list[Term] = []
    for name, entry in inner.items():
        if name == "refs":
            found.append(either([_ref(one) for one in tree.texts(entry.value)]))
        elif name == "changes":
            found.append(_changed(tree, entry.value))
        elif name == "variables":
            found.append(either([boolean(_Parser(one).whole()) for one in tree.texts(entry.value)]))
        else:
            raise Untranslatable(f"'{key}: {name[:100]}'")
    return both(found) if key == "only" else either(found)


def _ref(written: str) -> Term:
    if written in _REFS:
        return _REFS[written]
    if written.startswith("/"):
        return either([_matched("branch", written), _matched("tag", written)])
    if "@" in written:
        raise Untranslatable(f"'{written[:100]}', which names a project,")
    return either([holds(f"branch == {quoted(written)}"), holds(f"tag == {quoted(written)}")])


def _matched(name: str, pattern: str) -> Term:
    """Return the test of a text by a regular expression that stands for a few plain texts. Raises Untranslatable."""
    if pattern.endswith("/i"):
        raise Untranslatable(f"the pattern '{pattern[:100]}', without regard to case,")
    body = pattern.strip("/")
    start, end = body.startswith("^"), body.endswith("$") and not body.endswith("\\$")
    body = body[1:] if start else body
    body = body[:-1] if end else body
    if body.endswith(".*") and not end:
        body = body[:-2]
    if body.endswith(".*") and end:
        body, end = body[:-2], False
    group = re.fullmatch(r"\(([^()]*)\)", body)
    texts = [_plain(part, pattern) for part in (group[1] if group else body).split("|")]
    if not group and len(texts) > 1:
        raise Untranslatable(f"the pattern '{pattern[:100]}'")
    tests = {(True, True): "{0} == {1}", (True, False): "startswith({0}, {1})", (False, True): "endswith({0}, {1})"}
    form = tests.get((start, end), "contains({0}, {1})")
    return either([holds(form.format(name, quoted(text))) for text in texts])


def _plain(part: str, pattern: str) -> str:
    text = re.sub(r"\\([^\w])", lambda found: f"\0{ord(found[1])}\0", part)
    if re.search(r"[.*+?\[\](){}^$\\]", text):
        raise Untranslatable(f"the pattern '{pattern[:100]}'")
    return re.sub("\0([0-9]+)\0", lambda found: chr(int(found[1])), text)


class _Parser:
    """expression = both { "||" both }; both = test { "&&" test }; test = "(" expression ")" | value [ sign value ]."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind = self.word = ""
        self._next()

    def whole(self) -> Term:
        found = self._either()
        if self.kind != "end":
            raise self._strange()
        return found

    def _strange(self) -> Untranslatable:
        return Untranslatable(f"'{self.text.strip()[:200]}'")

    def _next(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise self._strange()
        self.at, self.kind = found.end(), found.lastgroup or ""
        self.word = found[self.kind]

    def _took(self, sign: str) -> bool:
        if self.kind == "sign" and self.word == sign:
            self._next()
            return True
        return False

    def _either(self) -> Term:
        return self._joined("||", self._both, either)

    def _both(self) -> Term:
        return self._joined("&&", self._test, both)

    def _joined(self, sign: str, inner: Callable[[], Term], join: Callable[[Sequence[Term]], Term]) -> Term:
        terms = [boolean(inner())]
        while self._took(sign):
            terms.append(boolean(inner()))
        return join(terms)

    def _test(self) -> Term:
        if self._took("("):
            found = self._either()
            if not self._took(")"):
                raise self._strange()
            return found
        name = self.word if self.kind == "name" else ""
        left = self._value()
        for sign in ("==", "!=", "=~", "!~"):
            if self._took(sign):
                found = self._compared(name, left, sign[1] == "~")
                return negated(found) if sign[0] == "!" else found
        return _of_branch(left) if name == "CI_COMMIT_BRANCH" else boolean(left)

    def _compared(self, name: str, left: Term, by_pattern: bool) -> Term:
        if by_pattern:
            if self.kind != "pattern" or left.kind != "text" or isinstance(left.value, str):
                raise self._strange()
            pattern = self.word
            self._next()
            found = _matched(left.code, pattern)
            return both([found, holds("pr_number == ''")]) if name == "CI_COMMIT_BRANCH" else found
        right = self._value()
        if name == "CI_PIPELINE_SOURCE" and isinstance(right.value, str):
            return _SOURCES.get(right.value, FALSE)
        if name == "CI_COMMIT_REF_NAME":
            return either([holds(f"branch == {right.code}"), holds(f"tag == {right.code}")])
        if isinstance(left.value, str) and isinstance(right.value, str):
            return TRUE if left.value == right.value else FALSE
        if isinstance(left.value, str):
            left, right = right, left
        found = holds(f"{left.code} == {right.code}")
        return both([found, holds("pr_number == ''")]) if name == "CI_COMMIT_BRANCH" and right.value != "" else found

    def _value(self) -> Term:
        kind, word = self.kind, self.word
        self._next()
        if kind == "text":
            return text_term(word[1:-1])
        if kind == "null":
            return text_term("")
        if kind != "name":
            raise self._strange()
        return _named(word)


def _named(name: str) -> Term:
    if name in _FACTS:
        return Term("text", _FACTS[name])
    if name in {"CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"}:
        return Term("text", "branch")
    if name == "CI_PIPELINE_SOURCE":
        return Term("text", "event")
    if name.startswith(("CI_", "GITLAB_")) and name != "CI_DEFAULT_BRANCH":
        raise Untranslatable(f"the variable '{name}' of GitLab")
    return Term("text", f"env.{name}")


def _of_branch(left: Term) -> Term:
    return both([boolean(left), holds("pr_number == ''")])
