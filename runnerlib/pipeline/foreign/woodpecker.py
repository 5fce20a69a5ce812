"""Workflows of Woodpecker: one job whose steps have an image each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.foreign import shell_text
from runnerlib.pipeline.foreign.github.matrix import several
from runnerlib.pipeline.foreign.naming import NameSet, from_command
from runnerlib.pipeline.foreign.naming import image as image_name
from runnerlib.pipeline.foreign.shell_text import Untranslatable, Value
from runnerlib.pipeline.foreign.source import is_null, text_of
from runnerlib.pipeline.foreign.target import Note
from runnerlib.pipeline.foreign.terms import FALSE, NEVER, TRUE, Term, both, either, holds, negated, outer, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.source import Entries, Source

_STEP_KEYS = {"name", "image", "commands", "environment", "when", "depends_on", "failure", "directory", "pull", "group"}
_TOP_KEYS = {"steps", "pipeline", "when", "variables", "labels", "matrix", "skip_clone"}
_WHY = {
    "settings": "a plugin cannot be run here; write what it does as a step",
    "services": "not translated; here: 'services: {NAME: {image: …, ready: …, ports: …}}' of a job with an 'image'",
    "clone": "the source is that of the run",
    "depends_on": "another workflow is another run",
    "runs_on": "another workflow is another run",
    "detach": "a step that goes on beside the others",
    "privileged": "no container gets that here",
    "volumes": "nothing of the machine is put into a container",
    "workspace": "the source is where the run puts it",
}
_OURS: Mapping[str, str] = {
    "CI_COMMIT_SHA": "REACTORCIDE_SHA",
    "CI_COMMIT_BRANCH": "REACTORCIDE_BRANCH",
    "CI_REPO": "REACTORCIDE_REPO",
    "CI_COMMIT_PULL_REQUEST": "REACTORCIDE_PR_NUMBER",
    "CI_COMMIT_TARGET_BRANCH": "REACTORCIDE_PR_BASE_REF",
    "CI_COMMIT_AUTHOR": "REACTORCIDE_HEAD_ACTOR",
    "CI_WORKSPACE": "REACTORCIDE_CODE_DIR",
}
# Woodpecker replaces `${NAME}` before a shell sees it; `$${NAME}` is the shell's own.
_MARK = re.compile(r"\$\$|\$\{(\w+)\}|\$(CI_\w+)")
_EVENTS: Mapping[str, Term] = {
    "push": holds("event == 'push'"),
    "pull_request": holds("pr_number != ''"),
    "pull_request_closed": holds("event == 'pull_request_closed'"),
    "tag": holds("tag != ''"),
    **dict.fromkeys(("cron", "manual", "deployment", "release", "pull_request_metadata"), FALSE),
}
_STATUS: Mapping[str, Term] = {"success": holds("success()"), "failure": holds("failure()")}


def workflow(source: Source, root: Node) -> dict[Any, Any]:
    """Return a workflow of ours, with one job, for one of Woodpecker."""
    entries = source.entries(root, "a workflow")
    for key, entry in entries.items():
        if key not in _TOP_KEYS:
            source.lose(entry.key, f"{key}: {_WHY.get(key, 'not translated')}")
    made = _Maker(source, entries)
    name = source.name.rpartition("/")[2].removeprefix(".").rpartition(".")[0] or "pipeline"
    return {"name": name, "jobs": made.jobs(name)}


class _Maker:
    def __init__(self, source: Source, entries: Entries) -> None:
        self.source, self.entries = source, entries
        self.matrix = self._matrix()
        self.taken = NameSet()
        self.names: dict[str, str] = {}
        self.values: dict[str, str] = {}
        self.conditional: set[str] = set()

    def _matrix(self) -> dict[str, Any]:
        given = self.source.mapping(self.entries, "matrix")
        found: dict[str, Any] = {key: self.source.texts(given, key) for key in given if key != "include"}
        if "include" in given:
            found["include"] = [
                {key: entry.value.value for key, entry in self.source.entries(node, "include").items()}
                for node in self.source.items(given["include"].value)
            ]
        return found

    def jobs(self, name: str) -> dict[str, Any]:
        """Return the only job, or one for each combination of the matrix where that chooses an image."""
        names = NameSet()
        if not any(_MARK.search(text_of(step, "image")) for step in self._all_steps()) or not self.matrix:
            return self._job(names.job(name), {})
        found: dict[str, Any] = {}
        for label, one in several(self.matrix):
            found.update(self._job(names.job(f"{name} {label}"), one))
        return found

    def _job(self, name: str, alone: dict[str, Any]) -> dict[str, Any]:
        """Return a job by its name, for one combination of the matrix if that is given; none where no step is left."""
        self.taken, self.names, self.conditional = NameSet(), {}, set()
        self.values = {key: str(values[0]) for key, values in alone.items()}
        steps = [made for at, node in self._steps() if (made := self._step(at, node)) is not None]
        if not any(isinstance(one, dict) for one in steps):
            return {}
        found: dict[Any, Any] = self._condition(self.entries, "the workflow")
        found["matrix"] = alone or self.matrix
        labels = self.source.mapping(self.entries, "labels")
        for label in labels:
            if label != "platform" or text_of(labels, label) != "linux/amd64":
                self.source.lose(labels[label].key, f"labels: {label[:100]}: not translated")
        found["steps"] = steps
        return {name: found}

    def _all_steps(self) -> list[Entries]:
        return [self.source.entries(node, "a step") for _, node in self._steps()]

    def _steps(self) -> Iterator[tuple[str, Node]]:
        key = "steps" if "steps" in self.entries else "pipeline"
        if key not in self.entries:
            return
        node = self.entries[key].value
        if node.id == "sequence":
            yield from (("", item) for item in self.source.items(node))
        else:
            yield from ((name, entry.value) for name, entry in self.source.entries(node, key).items())

    def _step(self, name: str, node: Node) -> dict[Any, Any] | Note | None:
        entries = self.source.entries(node, "a step")
        name = name or text_of(entries, "name")
        try:
            return self._made(name, entries)
        except Untranslatable as problem:
            self.source.lose(node, f"the step '{name[:100]}': {problem} cannot be translated")
            return Note(f"left out, line {node.start_mark.line + 1}: {name}")

    def _made(self, name: str, entries: Entries) -> dict[Any, Any]:
        if "commands" not in entries:
            raise Untranslatable("a plugin")
        for key, entry in entries.items():
            if key not in _STEP_KEYS:
                self.source.lose(entry.key, f"{key}: {_WHY.get(key, 'not translated')}")
        lines = self.source.texts(entries, "commands")
        made: dict[Any, Any] = {"name": self.taken.step(name or from_command(lines[0] if lines else "step"))}
        image = _MARK.sub(lambda found: self.values.get(found[1] or found[2], found[0]), text_of(entries, "image"))
        if "$" in image:
            raise Untranslatable("a variable in its image")
        made["image"] = image_name(image) if image else None
        if "depends_on" in entries:
            wanted = self.source.texts(entries, "depends_on")
            missing = next((one for one in wanted if one not in self.names), None)
            if missing is not None:
                raise Untranslatable(f"'depends_on: {missing[:100]}', which is left out or comes later,")
            made["depends_on"] = [self.names[one] for one in wanted]
        made.update(self._condition(entries, f"the step '{name[:100]}'"))
        if any(one in self.conditional for one in made.get("depends_on", ())):
            made["condition"] = outer(_after_conditions(made.get("condition", "")))
        if "condition" in made:
            self.conditional.add(made["name"])
        made["working_dir"] = text_of(entries, "directory") or None
        made["allow_failure"] = True if text_of(entries, "failure") == "ignore" else None
        if text_of(entries, "failure") not in {"", "ignore", "fail"}:
            self.source.lose(entries["failure"].key, "failure: not translated")
        known, exports = self._environment(entries)
        made["env"] = known
        text = "".join(f"{line}\n" for line in exports) + "".join(f"{self._text(line).rstrip()}\n" for line in lines)
        made["shell"] = "/bin/sh -e -c"
        made["run"] = text
        self.names[name] = made["name"]
        return made

    def _environment(self, entries: Entries) -> tuple[dict[str, str], list[str]]:
        known: dict[str, str] = {}
        exports = [f'export {key}="${{MATRIX_{key.upper()}}}"' for key in self._keys()]
        for name, entry in self._variables(entries):
            if entry.id == "mapping":
                given = self.source.entries(entry, name)
                secret = text_of(given, "from_secret").upper().replace("-", "_")
                if not re.fullmatch(r"[A-Z_]\w*", secret):
                    raise Untranslatable(f"the variable '{name[:100]}'")
                self.source.needed.setdefault(secret, "a secret")
                if secret != name:
                    exports.append(shell_text.export(name, iter([Value("", secret)])))
            else:
                known[name] = "" if is_null(entry) else str(entry.value)
                if re.search(r"\$\{", known[name]):
                    raise Untranslatable(f"a variable in '{name[:100]}'")
        return known, exports

    def _keys(self) -> list[str]:
        found = {key for key in self.matrix if key != "include"}
        return sorted(found | {key for one in self.matrix.get("include", ()) for key in one})

    def _variables(self, entries: Entries) -> Iterator[tuple[str, Node]]:
        if "environment" not in entries:
            return
        node = entries["environment"].value
        if node.id == "sequence":
            raise Untranslatable("'environment' as a list")
        yield from ((name, entry.value) for name, entry in self.source.entries(node, "environment").items())

    def _text(self, line: str) -> str:
        return shell_text.translated(line, _MARK, self._own)

    def _own(self, found: re.Match[str]) -> Value | None:
        if found[0] == "$$":
            return Value("$")
        name = found[1] or found[2]
        if name in _OURS:
            ours = _OURS[name]
            if ours != "REACTORCIDE_CODE_DIR":
                self.source.needed.setdefault(ours, "a coordinator sets it")
            return Value("", ours)
        if name.startswith("CI_") and name not in self._keys():
            self.source.needed.setdefault(name, "Woodpecker sets it")
        return Value("", name) if found[1] else None

    def _condition(self, entries: Entries, subject: str) -> dict[Any, Any]:
        if "when" not in entries or is_null(entries["when"].value):
            return {}
        node = entries["when"].value
        try:
            items = list(self.source.items(node)) if node.id == "sequence" else [node]
            found = either([self._when(self.source.entries(item, "when")) for item in items])
        except Untranslatable as problem:
            self.source.lose(node, f"{subject}: when: {problem} cannot be translated, so it does not run")
            found = FALSE
        else:
            if found.value is False:
                self.source.lose(node, f"{subject}: when: no run here is like that, so it does not run")
        if found.value is False:
            return {Note("it never runs as it is"): None, "condition": NEVER}
        return {} if found.value is True else {"condition": outer(found.code)}

    def _when(self, given: Entries) -> Term:
        found: list[Term] = []
        for key in given:
            if key in {"status", "event", "branch", "ref", "path", "evaluate", "matrix", "repo"}:
                found.append(self._test(key, given))
            else:
                raise Untranslatable(f"'{key[:100]}'")
        return both(found)

    def _test(self, key: str, given: Entries) -> Term:
        node = given[key].value
        if key == "status":
            words = self.source.texts(given, key)
            return (
                holds("always()")
                if set(words) == set(_STATUS)
                else either([self._known(_STATUS, one) for one in words])
            )
        if key == "event":
            return either([self._known(_EVENTS, one) for one in self.source.texts(given, key)])
        if key == "branch":
            return self._chosen(node, lambda name: _glob("branch", name))
        if key == "repo":
            return self._chosen(node, lambda name: _glob("repo", name))
        if key == "path":
            return self._paths(node)
        if key == "ref":
            return self._chosen(node, _ref)
        raise Untranslatable(f"'{key}'")

    def _known(self, table: Mapping[str, Term], word: str) -> Term:
        if word not in table:
            raise Untranslatable(f"'{word[:100]}'")
        return table[word]

    def _chosen(self, node: Node, one: Callable[[str], Term]) -> Term:
        if node.id != "mapping":
            return either([one(item.value) for item in self.source.scalars(node)])
        given = self.source.entries(node, "when")
        found = [either([one(name) for name in self.source.texts(given, "include")])] if "include" in given else [TRUE]
        found += [negated(one(name)) for name in self.source.texts(given, "exclude")]
        return both(found)

    def _paths(self, node: Node) -> Term:
        given = self.source.entries(node, "path") if node.id == "mapping" else {}
        if set(given) - {"include", "on_empty", "ignore_message"}:
            raise Untranslatable("'exclude' of paths")
        globs = self.source.texts(given, "include") if given else [item.value for item in self.source.scalars(node)]
        return holds(f"changed({', '.join(map(quoted, globs))})") if globs else TRUE


def _after_conditions(own: str) -> str:
    """Return a condition for a step after one that may be skipped, which here would skip this one, too."""
    if "success()" in own or "failure()" in own or "always()" in own:
        return own
    return f"!failure() and !cancelled(){f' and ({own})' if own else ''}"


def _glob(name: str, glob: str) -> Term:
    if "$" in glob:
        raise Untranslatable(f"'{glob[:100]}'")
    plain = not re.search(r"[*?\[{]", glob)
    return holds(f"{name} == {quoted(glob)}" if plain else f"matches({name}, {quoted(glob)})")


def _ref(ref: str) -> Term:
    kind, _, name = ref.removeprefix("refs/").partition("/")
    if kind == "tags":
        return holds("tag != ''") if name in {"*", "**"} else _glob("tag", name)
    if kind == "heads":
        return both([_glob("branch", name), holds("pr_number == ''")])
    raise Untranslatable(f"'{ref[:100]}'")
