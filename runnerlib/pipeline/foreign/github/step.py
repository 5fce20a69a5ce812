"""One step of a GitHub workflow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.pipeline.foreign import caches, shell_text
from runnerlib.pipeline.foreign.github import actions
from runnerlib.pipeline.foreign.github.expression import MARKS, condition
from runnerlib.pipeline.foreign.naming import NameSet, from_command, upload
from runnerlib.pipeline.foreign.shell_text import Untranslatable, Value
from runnerlib.pipeline.foreign.source import is_true, text_of
from runnerlib.pipeline.foreign.target import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.github.names import Names
    from runnerlib.pipeline.foreign.source import Entries, Source

_SHELLS: Mapping[str, str | None] = {"bash": "bash", "sh": "sh", "python": "python3", "": "bash -e -c"}
_SHELL_FILES = {"bash -l {0}": "bash -l -e -c", "bash -el {0}": "bash -e -l -c"}
_LANGUAGES = ("python3",)
_END = "END_OF_THE_SCRIPT"
# GitHub's files and variables that have another name here.
_RENAMED: Mapping[str, str] = {
    "GITHUB_OUTPUT": "RUNNERLIB_OUTPUT",
    "GITHUB_ENV": "RUNNERLIB_ENV",
    "GITHUB_PATH": "RUNNERLIB_PATH",
    "GITHUB_WORKSPACE": "REACTORCIDE_CODE_DIR",
    "GITHUB_SHA": "REACTORCIDE_SHA",
    "GITHUB_REF_NAME": "REACTORCIDE_BRANCH",
    "GITHUB_REPOSITORY": "REACTORCIDE_REPO",
    "GITHUB_ACTOR": "REACTORCIDE_HEAD_ACTOR",
    "GITHUB_BASE_REF": "REACTORCIDE_PR_BASE_REF",
}
_OWN_VARIABLE = re.compile(r"\$(?:\{((?:GITHUB|RUNNER)_[A-Z_]+)\}|((?:GITHUB|RUNNER)_[A-Z_]+)\b)")
_PASSED = {"GITHUB_TOKEN"}
_STEP_KEYS = {"name", "id", "if", "uses", "run", "with", "env", "shell", "working-directory", "continue-on-error"}
_STEP_KEYS |= {"timeout-minutes"}


class Defaults(NamedTuple):
    """The shell, the directory and the variables of the steps of a job that have none of their own."""

    shell: str
    working_dir: str
    exports: tuple[str, ...]


class Translation(NamedTuple):
    """The steps of a job, and what else they say of it."""

    steps: list[Any]
    upload: list[str]
    if_no_files: list[str]
    download: list[dict[str, str]]
    images: list[tuple[Node, actions.Action]]
    caches: list[dict[str, Any]]
    kept: list[int]


def steps(
    source: Source, nodes: Iterator[Node], names: Names, defaults: Defaults, artifacts: Mapping[str, str]
) -> Translation:
    """Translate the steps of a job; `artifacts` has the job that each name of an artifact comes from."""
    found = Translation([], [], [], [], [], [], [])
    maker = _Maker(source, names, defaults, artifacts, found, NameSet())
    for node in nodes:
        if node.id != "mapping":
            source.lose(node, "a step is a mapping")
            continue
        entries = source.entries(node, "a step")
        try:
            maker.add(node, entries)
        except Untranslatable as problem:
            name = text_of(entries, "name") or text_of(entries, "uses") or from_command(text_of(entries, "run"))
            source.lose(node, f"the step '{name[:100]}': {problem} cannot be translated")
            found.steps.append(Note(f"left out, line {node.start_mark.line + 1}: {name}"))
    return found


class _Maker(NamedTuple):
    source: Source
    names: Names
    defaults: Defaults
    artifacts: Mapping[str, str]
    found: Translation
    taken: NameSet

    def add(self, node: Node, entries: Entries) -> None:
        for key in entries:
            if key not in _STEP_KEYS:
                self.source.lose(entries[key].key, f"{key}: there is no such key of a step here")
        uses = text_of(entries, "uses")
        if not uses:
            self._run(entries, text_of(entries, "run"))
            return
        name, _, version = uses.partition("@")
        action = actions.Action(name, version, self.source.mapping(entries, "with"))
        if self._known(node, entries, action):
            return
        text = actions.command(action)
        if text is None:
            self.found.steps.append(Note(f"left out, line {node.start_mark.line + 1}: uses {uses}"))
            self.source.lose(entries["uses"].key, f"uses: {uses[:100]}: {actions.why_not(name)}")
            return
        self.found.steps.append(Note(f"in place of {name}"))
        self._run(entries, text, text_of(entries, "name") or name)

    def _known(self, node: Node, entries: Entries, action: actions.Action) -> bool:
        """Take over an action that is no step here; return whether it is one."""
        if action.name == "actions/checkout" or actions.sets_up(action.name):
            if "if" in entries:
                raise Untranslatable(f"'{action.name}' under a condition")
            for key in actions.unknown_inputs(action):
                self.source.lose(action.given[key].key, f"{action.name}: {key}: not translated")
            if action.name != "actions/checkout":
                self.found.images.append((node, action))
        elif action.name == "actions/upload-artifact":
            self._upload(entries, action)
        elif action.name == "actions/cache":
            self._cache(entries, action)
        elif action.name == "actions/download-artifact":
            self._download(entries, action)
        else:
            return False
        return True

    def _upload(self, entries: Entries, action: actions.Action) -> None:
        if "if" in entries and text_of(entries, "if").strip("${} ") not in {"always()", "success()"}:
            raise Untranslatable("an artifact under a condition")
        for key in action.given:
            if key not in {"name", "path", "if-no-files-found", "retention-days", "compression-level", "overwrite"}:
                self.source.lose(action.given[key].key, f"{action.name}: {key[:100]}: not translated")
        if action.text("retention-days").isdigit():
            self.found.kept.append(int(action.text("retention-days")))
        for path in action.text("path").split("\n"):
            if path.strip():
                self.found.upload.append(upload(path))
        self.found.if_no_files.append(
            {"error": "fail", "ignore": "ignore"}.get(action.text("if-no-files-found"), "warn")
        )

    def _cache(self, entries: Entries, action: actions.Action) -> None:
        if "if" in entries or set(action.given) - {"path", "key", "restore-keys"}:
            raise Untranslatable("a cache under a condition, or with other keys,")
        key = MARKS.sub(self._fact, action.text("key"))
        others = [MARKS.sub(self._fact, line) for line in action.text("restore-keys").split("\n") if line.strip()]
        self.found.caches.append(caches.made(key, action.text("path").split("\n"), others))

    def _fact(self, found: re.Match[str]) -> str:
        return self.names.fact(found[1])

    def _download(self, entries: Entries, action: actions.Action) -> None:
        name, path = action.text("name"), action.text("path")
        if (
            set(action.given) - {"name", "path"}
            or "if" in entries
            or "${{" in name + path
            or path.startswith(("/", "~"))
        ):
            raise Untranslatable("a download of artifacts by other things than their name")
        wanted = [job for one, job in self.artifacts.items() if name in {"", one}]
        if not wanted:
            raise Untranslatable(f"the artifact '{name[:100]}', which no job uploads that this one needs")
        for job in dict.fromkeys(wanted):
            self.found.download.append({"job": job, "to": path or "."})

    def _run(self, entries: Entries, text: str, name: str = "") -> None:
        if not text.strip():
            raise Untranslatable("a step without 'run' or 'uses'")
        wanted = MARKS.sub("", name or text_of(entries, "name")) or text_of(entries, "id") or from_command(text)
        made: dict[str, Any] = {"name": self.taken.step(wanted)}
        guard = self._condition(entries)
        if guard is False:
            self.source.lose(entries["if"].key, f"the step '{made['name']}': its condition is never true here")
            return
        made["condition"] = guard if isinstance(guard, str) else None
        made["shell"] = self._shell(text_of(entries, "shell"))
        made["working_dir"] = self._directory(text_of(entries, "working-directory") or self.defaults.working_dir)
        made["env"], exports = environment(self.source, self.names, self.source.mapping(entries, "env"))
        lines = [*self.defaults.exports, *exports]
        if made["shell"] in _LANGUAGES and MARKS.search(text):
            raise Untranslatable("an expression in a script of Python")
        if made["shell"] in _LANGUAGES and lines:  # only a shell sets variables
            made["shell"], text = "bash", f"exec python3 -c \"$(cat <<'{_END}'\n{text.rstrip()}\n{_END}\n)\"\n"
        made["run"] = "".join(f"{line}\n" for line in lines) + self._text(text)
        made["timeout"] = minutes(self.source, entries)
        if "continue-on-error" in entries:
            made["allow_failure"] = self._allowed(entries)
        if id_ := text_of(entries, "id"):
            self.names.steps[id_] = made["name"]
        self.found.steps.append(made)

    def _allowed(self, entries: Entries) -> bool | None:
        if "${{" in text_of(entries, "continue-on-error"):
            self.source.lose(
                entries["continue-on-error"].key, "continue-on-error: an expression; the step has to succeed"
            )
            return None
        return is_true(entries["continue-on-error"].value) or None

    def _condition(self, entries: Entries) -> str | bool:
        if "if" not in entries:
            return True
        return condition(text_of(entries, "if"), self.names.in_step)

    def _shell(self, given: str) -> str | None:
        given = given or self.defaults.shell
        if given in _SHELL_FILES:
            return _SHELL_FILES[given]
        if given not in _SHELLS:
            raise Untranslatable(f"the shell '{given[:100]}'")
        return _SHELLS[given]

    def _directory(self, given: str) -> str | None:
        if "${{" in given:
            raise Untranslatable("an expression as a directory")
        return given.removeprefix("./").rstrip("/") or None

    def _text(self, text: str) -> str:
        replaced = shell_text.translated(text, MARKS, lambda found: self.names.variable(found[1]))
        return shell_text.translated(replaced, _OWN_VARIABLE, self._own)

    def _own(self, found: re.Match[str]) -> Value | None:
        name = found[1] or found[2]
        if name == "GITHUB_STEP_SUMMARY":
            return Value("${REACTORCIDE_ARTIFACTS_DIR}/summary.md")
        if name == "RUNNER_TEMP":
            return Value("/tmp")  # noqa: S108 - its name there
        if name in _PASSED:
            self.source.needed.setdefault(name, "a secret")
            return None
        if name not in _RENAMED:
            self.source.needed.setdefault(name, "GitHub sets it")
            return None
        ours = _RENAMED[name]
        if ours.startswith("REACTORCIDE_") and ours != "REACTORCIDE_CODE_DIR":
            self.source.needed.setdefault(ours, "a coordinator sets it")
        return Value(f"${{{ours}}}" if found[1] else f"${ours}")


def environment(source: Source, names: Names, entries: Entries) -> tuple[dict[str, str], list[str]]:
    """Return variables with texts that are known, and lines of a shell that set the others."""
    known: dict[str, str] = {}
    exports: list[str] = []
    for name, entry in entries.items():
        written = text_of(entries, name)
        try:
            parts = list(_parts(written, names))
        except Untranslatable as problem:
            source.lose(entry.key, f"env: {name}: {problem} cannot be translated")
            names.unset.add(name)
            continue
        names.unset.discard(name)
        if not any(part.variable for part in parts):
            known[name] = "".join(part.text for part in parts)
        elif parts != [Value("", name)]:
            exports.append(shell_text.export(name, iter(parts)))
    return known, exports


def _parts(written: str, names: Names) -> Iterator[Value]:
    at = 0
    for found in MARKS.finditer(written):
        if found.start() > at:
            yield Value(written[at : found.start()])
        yield names.variable(found[1])
        at = found.end()
    if written[at:]:
        yield Value(written[at:])


def minutes(source: Source, entries: Entries) -> str | None:
    """Return our time for `timeout-minutes`."""
    written = text_of(entries, "timeout-minutes")
    if written and not re.fullmatch(r"[1-9][0-9]*", written):
        source.lose(entries["timeout-minutes"].key, "timeout-minutes: an expression; there is no limit")
        return None
    return f"{written}m" if written else None
