"""One job of a GitLab file: one of ours, or one for each image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.pipeline.foreign import caches, naming
from runnerlib.pipeline.foreign.github.matrix import is_elsewhere
from runnerlib.pipeline.foreign.gitlab.rules import decision
from runnerlib.pipeline.foreign.gitlab.variables import Variables
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import is_null, is_true, text_of
from runnerlib.pipeline.foreign.target import Note
from runnerlib.pipeline.foreign.terms import NEVER, both, holds, outer
from runnerlib.pipeline.job import variable_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.gitlab.tree import Tree
    from runnerlib.pipeline.foreign.naming import NameSet
    from runnerlib.pipeline.foreign.source import Entries

_KNOWN = {"stage", "image", "variables", "before_script", "script", "after_script", "needs", "dependencies"}
_KNOWN |= {"artifacts"}
_KNOWN |= {"rules", "only", "except", "when", "allow_failure", "timeout", "retry", "parallel", "tags"}
_KNOWN |= {"cache", "resource_group"}
_WHY = {
    "environment": "deployments are not recorded here",
    "coverage": "a coverage is not read from the output",
    "trigger": "no other pipeline can be started",
    "services": "not translated; here: 'services: {NAME: {image: …, ready: …, ports: …}}' of a job with an 'image'",
    "pages": "nothing is published",
    "release": "no release is made",
}
_BASH = re.compile(r"\[\[|pipefail|^\s*source |\+=|<<<|\$\{\w+(?:,,|\^\^)|^\s*function ", re.MULTILINE)
_KEPT = re.compile(r"\s*(\d+)\s*((?:sec|min|mo|[hdwy])[a-z]*)", re.IGNORECASE)
_SECONDS = {"se": 1, "mi": 60, "h": 3600, "hr": 3600, "ho": 3600, "d": 86400, "da": 86400, "w": 604800, "we": 604800}
_SECONDS |= {"mo": 2592000, "y": 31536000, "ye": 31536000}
_TIME = re.compile(r"\s*(\d+)\s*(d|h|m|s)[a-z]*", re.IGNORECASE)
_WHOLE_DEFAULTS = ("image", "before_script", "after_script", "services", "cache", "timeout", "retry", "tags")


class Around(NamedTuple):
    """The surroundings of the jobs: the file, its variables and stages, and what is known of the jobs so far."""

    tree: Tree
    variables: Entries
    stages: list[str]
    taken: NameSet
    names: dict[str, list[str]]
    uploads: dict[str, bool]
    conditional: dict[str, bool]
    stage_of: dict[str, str]


def translated(around: Around, id_: str, entries: Entries) -> dict[str, Any]:
    """Return our jobs by name for the job `id_`; none where nothing of it can be run here."""
    source = around.tree.source
    at = around.tree.top[id_].key
    for key, entry in entries.items():
        if key not in _KNOWN:
            source.lose(entry.key, f"{id_[:100]}: {key}: {_WHY.get(key, 'not translated')}")
    if id_ == "pages":
        source.lose(at, f"pages: {_WHY['pages']}")
    if "script" not in entries:
        if "trigger" not in entries:
            source.lose(at, f"the job '{id_[:100]}' has no script")
        return {}
    try:
        return dict(_Maker(around, id_, at, entries).jobs())
    except Untranslatable as problem:
        source.lose(at, f"the job '{id_[:100]}': {problem} cannot be translated")
        return {}


class _Maker:
    def __init__(self, around: Around, id_: str, at: Node, entries: Entries) -> None:
        self.around, self.id, self.at, self.entries = around, id_, at, entries
        self.tree, self.source = around.tree, around.tree.source
        self.combinations = self._parallel()

    def _parallel(self) -> list[dict[str, str]]:
        """Return the values of the variables for each run of the job; none for a job that runs once."""
        if "parallel" not in self.entries:
            return []
        node = self.entries["parallel"].value
        if node.id == "scalar":
            total = int(node.value) if node.value.isdigit() else 0
            return [{"CI_NODE_INDEX": str(n), "CI_NODE_TOTAL": str(total)} for n in range(1, min(total, 200) + 1)]
        given = self.source.entries(node, "parallel")
        found: list[dict[str, str]] = []
        for item in self.tree.nodes(given["matrix"].value) if "matrix" in given else ():
            one: list[dict[str, str]] = [{}]
            for name, entry in self.source.entries(item, "a matrix").items():
                values = self.tree.texts(entry.value)
                one = [{**before, name: value} for before in one for value in values]
            found += one
        return found

    def jobs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        runs = self.combinations or [{}]
        image = self._image()
        varied = [name for name in runs[0] if re.search(rf"\${{?{re.escape(name)}\b", image)]
        if len(runs) == 1 or any(set(run) != set(runs[0]) for run in runs):
            made = [(f"{self.id} {' '.join(run.values())}".strip(), self._job(run, {}, image)) for run in runs]
        else:
            made = [(self.id, self._job({}, _repeated(runs, as_matrix=bool(varied)), image))]
        for name, job in made:
            named = self.around.taken.job(name)
            self.around.names.setdefault(self.id, []).append(named)
            self.around.conditional[self.id] = "condition" in job
            self.around.uploads[self.id] = bool(job["artifacts"]["upload"])
            yield named, job

    def _image(self) -> str:
        if "image" not in self.entries:
            return ""
        node = self.entries["image"].value
        if node.id == "scalar":
            return "" if is_null(node) else str(node.value)
        given = self.source.entries(node, "image")
        for key in given:
            if key not in {"name", "entrypoint"}:
                self.source.lose(given[key].key, f"image: {key}: not translated")
        return text_of(given, "name")

    def _job(self, run: dict[str, str], repeated: dict[str, Any], image: str) -> dict[str, Any]:
        variables = Variables(self.source, {**self.around.variables, **self.source.mapping(self.entries, "variables")})
        variables.raw.update(run)
        names = [*self.combinations[0]] if repeated else []
        variables.repeated, variables.of_matrix = set(names), "matrix" in repeated
        for name in names:
            variables.raw.pop(name, None)
        if repeated.get("item_var") == "CI_NODE_INDEX":
            variables.raw["CI_NODE_TOTAL"] = self.combinations[0]["CI_NODE_TOTAL"]
        known, exports = variables.environment()
        if "matrix" in repeated:
            exports = [*(f'export {name}="${{MATRIX_{variable_part(name)}}}"' for name in names), *exports]
        needs = self._needs()
        made: dict[Any, Any] = {"image": self._named_image(variables, image, names) if image else None}
        made["depends_on"] = [name for other in needs for name in self.around.names.get(other, ())]
        made.update(self._condition())
        made.update(repeated)
        tags = [variables.constant(tag, "tags") for tag in self.tree.lines(self.entries, "tags")]
        if strange := next(filter(is_elsewhere, tags), ""):
            raise Untranslatable(f"'tags: {strange[:100]}', which is no Linux,")
        made["runs_on"] = tags
        made["env"] = known
        made["timeout"] = self._timeout()
        made["allow_failure"] = self._allowed() or None
        made.update(self._retry())
        made["concurrency"] = variables.fact(text_of(self.entries, "resource_group")) or None
        made["cache"] = self._caches(variables)
        made["artifacts"] = self._artifacts(variables, needs)
        made["steps"] = list(self._steps(variables, exports, made))
        return made

    def _named_image(self, variables: Variables, image: str, names: list[str]) -> str:
        """Return the name of the image, with values of the matrix where it depends on them. Raises Untranslatable."""
        if not any(re.search(rf"\${{?{re.escape(name)}\b", image) for name in names):
            return naming.image(variables.constant(image, "image"))
        template = image
        for name in names:
            template = re.sub(rf"\$(?:\{{{name}\}}|{name}\b)", f"\0{name}\0", template)
        for run in self.combinations:
            naming.image(variables.constant(re.sub("\0(\\w+)\0", lambda found: run[found[1]], template), "image"))  # noqa: B023
        return re.sub("\0(\\w+)\0", r"${matrix.\1}", variables.constant(template, "image"))

    def _needs(self) -> list[str]:
        """Return the jobs that this one waits for: those of `needs`, else all of the stages before its own."""
        around = self.around
        if "needs" not in self.entries:
            before = around.stages[: around.stages.index(around.stage_of[self.id])]
            return [name for name, stage in around.stage_of.items() if stage in before]
        found: list[str] = []
        for node in self.tree.nodes(self.entries["needs"].value):
            given = self.source.entries(node, "needs") if node.id == "mapping" else {}
            name = text_of(given, "job") if given else node.value
            if {"pipeline", "project"} & given.keys():
                self.source.lose(node, f"needs: a job of another {'pipeline' if 'pipeline' in given else 'project'}")
            elif name in around.stage_of or "optional" not in given or not is_true(given["optional"].value):
                found.append(name)
        return list(dict.fromkeys(found))

    def _condition(self) -> dict[Any, Any]:
        lost = [one for one in self._needs() if one not in self.around.names and "needs" in self.entries]
        if lost:
            text = f"needs: '{lost[0][:100]}' is left out, so the job does not run"
            self.source.lose(self.entries["needs"].key, text)
            return {Note(f"it needs '{lost[0]}', which is left out"): None, "condition": NEVER}
        try:
            found = decision(self.tree, self.entries)
        except Untranslatable as problem:
            text = f"the job '{self.id[:100]}': {problem} cannot be translated, so it does not run"
            keys = [key for key in ("rules", "only", "except", "when") if key in self.entries]
            self.source.lose(self.entries[keys[0]].key, text)
            return {Note("it never runs as it is: its rules cannot be said here"): None, "condition": NEVER}
        if found.manual and "rules" in self.entries:
            return {"approve": True}
        if found.condition.value is False:
            why = "it is started by hand, if at all" if found.manual else "no run here fits its rules"
            self.source.lose(self.at, f"the job '{self.id[:100]}': {why}, so it does not run")
            return {Note(f"it never runs as it is: {why}"): None, "condition": NEVER}
        own = found.condition
        if not any(word in own.code for word in ("always()", "failure()")) and self._after_conditions():
            own = both([holds("!failure()"), holds("!cancelled()"), own])
        return {} if own.value is True else {"condition": outer(own.code)}

    def _after_conditions(self) -> bool:
        """Return whether a job before this one may be skipped, which here would skip this one, too."""
        return any(self.around.conditional.get(other) for other in self._needs())

    def _timeout(self) -> str | None:
        written = text_of(self.entries, "timeout")
        parts = _TIME.findall(written)
        if written and (not parts or re.sub(_TIME, "", written).strip(" ,and")):
            self.source.lose(self.entries["timeout"].key, "timeout: no time that is known here; there is no limit")
            return None
        return "".join(f"{n}{unit.lower()}" for n, unit in parts) or None

    def _caches(self, variables: Variables) -> list[dict[str, Any]]:
        if "cache" not in self.entries:
            return []
        found: list[dict[str, Any]] = []
        for node in self.tree.nodes(self.entries["cache"].value):
            if node.id == "mapping" and not node.value:
                continue
            try:
                found.append(self._cache(self.source.entries(node, "cache"), variables))
            except Untranslatable as problem:
                self.source.lose(node, f"{self.id[:100]}: cache: {problem} cannot be translated; it saves time only")
        return found

    def _cache(self, given: Entries, variables: Variables) -> dict[str, Any]:
        for key in given:
            if key not in {"key", "paths", "when", "unprotect"} and (key, text_of(given, key)) != (
                "policy",
                "pull-push",
            ):
                self.source.lose(given[key].key, f"{self.id[:100]}: cache: {key}: not translated")
        paths = [variables.constant(path, "cache") for path in self.tree.lines(given, "paths")]
        if "key" in given and given["key"].value.id == "mapping":
            inner = self.source.entries(given["key"].value, "key")
            prefix = text_of(inner, "prefix")
            files = caches.checksum([variables.constant(file, "cache") for file in self.tree.lines(inner, "files")])
            return caches.made(f"{variables.fact(prefix)}-{files}" if prefix else files, paths)
        return caches.renewed(variables.fact(text_of(given, "key") or "default"), paths)

    def _artifacts(self, variables: Variables, needs: list[str]) -> dict[str, Any]:
        given = self.source.mapping(self.entries, "artifacts")
        paths = [variables.constant(path, "artifacts") for path in self.tree.lines(given, "paths")]
        for key in given:
            if key not in {"paths", "name", "when", "expire_in"}:
                self.source.lose(given[key].key, f"artifacts: {key}: not translated")
        if text_of(given, "when") in {"always", "on_failure"}:
            self.source.lose(given["when"].key, "artifacts: when: those of a job that failed go to no other job")
        wanted = (
            self.tree.lines(self.entries, "dependencies") if "dependencies" in self.entries else self._wanted(needs)
        )
        download = [
            {"job": name, "to": "."}
            for other in wanted
            if self.around.uploads.get(other)
            for name in self.around.names.get(other, ())
        ]
        upload = [naming.upload(path) for path in paths]
        kept = self._retention(given) if upload else None
        return {"upload": upload, "if_no_files": "warn" if upload else None, "retention": kept, "download": download}

    def _retention(self, given: Entries) -> str | None:
        written = text_of(given, "expire_in")
        parts = _KEPT.findall(written)
        if written in {"", "never"}:
            return None
        if not parts or _KEPT.sub("", written).strip(" ,and"):
            self.source.lose(given["expire_in"].key, "artifacts: expire_in: no time that is known here; they stay")
            return None
        seconds = sum(int(number) * _SECONDS[unit.lower()[:2]] for number, unit in parts)
        return f"{seconds // 86400}d" if seconds % 86400 == 0 else f"{seconds}s"

    def _wanted(self, needs: list[str]) -> list[str]:
        if "needs" not in self.entries:
            return needs
        without = set()
        for node in self.tree.nodes(self.entries["needs"].value):
            given = self.source.entries(node, "needs") if node.id == "mapping" else {}
            if "artifacts" in given and not is_true(given["artifacts"].value):
                without.add(text_of(given, "job"))
        return [name for name in needs if name not in without]

    def _steps(self, variables: Variables, exports: list[str], made: dict[str, Any]) -> Iterator[dict[str, Any]]:
        lines = [*self.tree.lines(self.entries, "before_script"), *self.tree.lines(self.entries, "script")]
        text = _joined([*exports, *(variables.script(line) for line in lines)])
        shell = "bash" if _BASH.search(text) or not made["image"] else None
        yield {"name": "script", "shell": shell, "run": text}
        after = self.tree.lines(self.entries, "after_script")
        if after:
            text = _joined([*exports, *(variables.script(line) for line in after)])
            yield {"name": "after_script", "when": "always", "allow_failure": True, "shell": shell, "run": text}

    def _allowed(self) -> bool:
        if "allow_failure" not in self.entries:
            return text_of(self.entries, "when") == "manual" and "rules" not in self.entries
        node = self.entries["allow_failure"].value
        if node.id != "scalar":
            self.source.lose(node, "allow_failure: exit_codes: a failure with any code counts")
            return False
        return is_true(node)

    def _retry(self) -> dict[str, Any]:
        if "retry" not in self.entries:
            return {}
        node = self.entries["retry"].value
        if node.id == "scalar":
            return {"retry": int(node.value)} if node.value.isdigit() and node.value != "0" else {}
        given = self.source.entries(node, "retry")
        for key in given:
            if key == "exit_codes":
                continue
            if key != "max" and set(self.tree.lines(given, key)) != {"script_failure"}:
                self.source.lose(given[key].key, f"retry: {key}: any failure is tried again")
        most = text_of(given, "max")
        codes = [int(code) for code in self.tree.lines(given, "exit_codes") if code.isdigit()]
        if not most.isdigit() or most == "0":
            return {}
        return {"retry": {"max": int(most), "on": codes} if codes else int(most)}


def _repeated(runs: list[dict[str, str]], *, as_matrix: bool) -> dict[str, Any]:
    """Return our keys for a job that runs once for each of `runs`, which have the same variables."""
    names = list(runs[0])
    if names == ["CI_NODE_INDEX", "CI_NODE_TOTAL"] or (len(names) == 1 and not as_matrix):
        return {"for_each": [run[names[0]] for run in runs], "item_var": names[0]}
    if len(names) == 1:
        return {"matrix": {names[0]: [run[names[0]] for run in runs]}}
    return {"matrix": {"include": [dict(run) for run in runs]}}


def _joined(lines: list[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


def with_defaults(tree: Tree, entries: Entries) -> Entries:
    """Return the entries of a job over those that the file has for all jobs."""
    default = tree.source.mapping(tree.top, "default")
    inherited = {key: tree.top[key] for key in _WHOLE_DEFAULTS if key in tree.top} | {
        key: entry for key, entry in default.items() if key in {*_WHOLE_DEFAULTS, "artifacts", "interruptible"}
    }
    if "inherit" in entries:
        tree.source.lose(entries["inherit"].key, "inherit: the job has all that is for every job")
    return {**inherited, **{key: entry for key, entry in entries.items() if key != "inherit"}}
