"""One job of a GitHub workflow: one of ours, or one for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.pipeline.foreign.github import actions, matrix, step
from runnerlib.pipeline.foreign.github.expression import MARKS, condition, path_in
from runnerlib.pipeline.foreign.github.names import Names
from runnerlib.pipeline.foreign.naming import image as image_name
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import is_null, text_of
from runnerlib.pipeline.foreign.target import Note
from runnerlib.pipeline.foreign.terms import NEVER
from runnerlib.pipeline.job.concurrency import Concurrency, wrong_group
from runnerlib.pipeline.workflow.expansion import MOST_INSTANCES, PLACEHOLDER

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.naming import NameSet
    from runnerlib.pipeline.foreign.source import Entries, Source

_KNOWN = {"name", "runs-on", "needs", "if", "strategy", "env", "defaults", "container", "steps", "outputs"}
_KNOWN |= {"permissions", "timeout-minutes", "continue-on-error", "concurrency"}
_WHY = {
    "environment": "an environment of the forge; nobody is asked before the job runs",
    "services": "not translated; here: 'services: {NAME: {image: …, ready: …, ports: …}}' of a job with an 'image'",
    "uses": "a workflow elsewhere cannot be read",
    "secrets": "it belongs to 'uses'",
    "with": "it belongs to 'uses'",
}


class Around(NamedTuple):
    """The surroundings of the jobs of a workflow: its name and variables, names of jobs, and what jobs upload."""

    source: Source
    workflow: str
    env: Entries
    defaults: Entries
    taken: NameSet
    names: dict[str, list[str]]
    artifacts: dict[str, list[tuple[str, str]]]
    inputs: dict[str, Any]


def translated(around: Around, id_: str, node: Node) -> dict[str, Any]:
    """Return our jobs by name for the job `id_`; none where nothing of it can be run here."""
    source = around.source
    entries = source.entries(node, "a job")
    for key, entry in entries.items():
        if key not in _KNOWN:
            source.lose(entry.key, f"{key}: {_WHY.get(key, 'there is no such key of a job here')}")
    if "uses" in entries or "steps" not in entries:
        return {}
    try:
        return dict(_Maker(around, id_, node, entries).jobs())
    except Untranslatable as problem:
        source.lose(node, f"the job '{id_[:100]}': {problem} cannot be translated")
        return {}


class _Maker:
    def __init__(self, around: Around, id_: str, node: Node, entries: Entries) -> None:
        self.around, self.id, self.node, self.entries = around, id_, node, entries
        self.source = around.source
        self.needed = self.source.texts(entries, "needs")
        self.matrix = self._matrix()

    def _matrix(self) -> matrix.Matrix:
        strategy = self.source.mapping(self.entries, "strategy")
        for key in strategy:
            if key not in {"matrix", "fail-fast", "max-parallel"}:
                self.source.lose(strategy[key].key, f"strategy: {key[:100]}: there is no such key here")
        found = matrix.read(self.source, strategy["matrix"].value) if "matrix" in strategy else {}
        labels = self.source.texts(self.entries, "runs-on")
        keys = {key for label in labels for key in matrix.named_in(label)}
        if any(matrix.is_elsewhere(label) for label in labels):
            raise Untranslatable(f"'runs-on: {labels[0][:100]}', which is no Linux,")
        if not found or not keys:
            return found
        return matrix.on_linux(self.source, strategy["matrix"].value, found, labels)

    def jobs(self) -> list[tuple[str, dict[str, Any]]]:
        whole = self._job(self.matrix, self.id)
        pictures = self._images(whole)
        if not any("${{" in image for image in pictures):
            return [self._named(self.id, whole, pictures)]
        if template := self._template(pictures[0]):
            whole["image"] = template
            return [self._named(self.id, whole, ())]
        found = []
        all_of_them = matrix.several(self.matrix)
        strategy = self.source.mapping(self.entries, "strategy")
        if "fail-fast" in strategy and whole["fail_fast"]:
            self.source.lose(strategy["fail-fast"].key, "fail-fast: jobs of different images go on")
        if len(all_of_them) > MOST_INSTANCES:
            raise Untranslatable("a matrix of so many images")
        for label, one in all_of_them:
            values = {key: value[0] for key, value in one.items()}
            alone = {**self._job(one, self.id), "fail_fast": None, "max_runs": None}
            found.append(self._named(f"{self.id} {label}", alone, pictures, values))
        return found

    def _named(
        self, name: str, job: dict[str, Any], pictures: Sequence[str], values: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        named = self.around.taken.job(name)
        self.around.names.setdefault(self.id, []).append(named)
        job.pop("setups", None)
        if pictures:
            action = next(iter(self._setups), None)
            try:
                image = matrix.filled(pictures[0], values or {})
                job["image"] = actions.image(action, image) if action else image_name(image)
                job = {Note(f"the image in place of {action.name}"): None, **job} if action else job
            except Untranslatable as problem:
                if action is None:
                    raise
                self.source.lose(self.node, f"the job '{self.id[:100]}': {action.name}: {problem}")
        return named, job

    def _template(self, written: str) -> str:
        """Return the name of the image with values of the matrix in it; '' where a table says which image it is."""
        action = next(iter(self._setups), None)
        named = MARKS.sub(_value_of_matrix, written)
        template = actions.template(action, named) if action else named
        try:
            for _, one in matrix.several(self.matrix):
                values = {key: value[0] for key, value in one.items()}
                image = matrix.filled(written, values)
                image = actions.image(action, image) if action else image_name(image)
                if image != filled_template(template, values):
                    return ""
        except Untranslatable:
            return ""
        return template

    def _images(self, job: dict[str, Any]) -> list[str]:
        """Return the image that the job asks for, or the version of what it sets up, expressions as they are."""
        self._setups: list[actions.Action] = []
        container = self.entries.get("container")
        wanted = [(node, action) for node, action in job.pop("setups")]
        if container is not None and not is_null(container.value):
            given = container.value.value if container.value.id == "scalar" else self._container(container.value)
            for node, action in wanted:
                self.source.lose(node, f"uses: {action.name}: the job has an image already")
            return [given]
        found: list[str] = []
        for node, action in wanted:
            version = action.text(actions.sets_up(action.name))
            if found or "\n" in version.strip() or not version:
                why = "a job has one image" if found else "which version, nothing here knows"
                self.source.lose(node, f"uses: {action.name}: {why}")
                continue
            found.append(version)
            self._setups.append(action)
        return found

    def _container(self, node: Node) -> str:
        inner = self.source.entries(node, "container")
        for key in inner:
            if key not in {"image", "env"}:
                self.source.lose(inner[key].key, f"container: {key}: not translated")
        return text_of(inner, "image")

    def _job(self, combinations: matrix.Matrix, name: str) -> dict[str, Any]:
        around, entries = self.around, self.entries
        needs = {one: around.names[one] for one in self.needed if one in around.names}
        names = Names(self.source, name, around.workflow, needs)
        names.inputs = set(around.inputs)
        names.programs = matrix.programs(combinations)
        known, exports = step.environment(self.source, names, {**around.env, **self._env()})
        made: dict[str, Any] = {"description": self._description(), "image": None}
        made["depends_on"] = [one for others in needs.values() for one in others]
        made.update(self._condition(names))
        made["matrix"] = combinations
        made.update(self._limits())
        made["concurrency"] = concurrency(self.source, names, entries)
        made["env"] = known
        made["timeout"] = step.minutes(self.source, entries)
        if "continue-on-error" in entries and text_of(entries, "continue-on-error") != "false":
            self._allowed(made)
        done = step.steps(
            self.source, self.source.items(entries["steps"].value), names, self._defaults(exports), self._artifacts()
        )
        if not any(isinstance(one, dict) for one in done.steps):
            raise Untranslatable("all of its steps")
        made["outputs"] = self._outputs(names)
        made["cache"] = done.caches[0] if len(done.caches) == 1 else done.caches
        made["artifacts"] = _handed(done)
        made["steps"] = done.steps
        made["setups"] = done.images
        return made

    def _limits(self) -> dict[str, Any]:
        """Return what GitHub does for the runs of a matrix unless it says otherwise, and how many go at a time."""
        strategy = self.source.mapping(self.entries, "strategy")
        if "matrix" not in strategy:
            return {}
        most = text_of(strategy, "max-parallel")
        given = text_of(strategy, "fail-fast")
        if (most and not most.isdigit()) or given not in {"", "true", "false"}:
            self.source.lose(self.entries["strategy"].key, "strategy: an expression")
        return {"fail_fast": given in {"", "true"} or None, "max_runs": int(most) if most.isdigit() else None}

    def _allowed(self, made: dict[str, Any]) -> None:
        if "${{" in text_of(self.entries, "continue-on-error"):
            text = "continue-on-error: an expression; the job has to succeed"
            self.source.lose(self.entries["continue-on-error"].key, text)
        else:
            made["allow_failure"] = True

    def _description(self) -> str | None:
        written = text_of(self.entries, "name")
        return None if "${{" in written or written == self.id else written or None

    def _env(self) -> Entries:
        container = self.entries.get("container")
        inner = (
            self.source.entries(container.value, "container") if container and container.value.id == "mapping" else {}
        )
        return {**self.source.mapping(inner, "env"), **self.source.mapping(self.entries, "env")}

    def _condition(self, names: Names) -> dict[Any, Any]:
        lost = [one for one in self.needed if one not in self.around.names]
        if lost:
            text = f"needs: '{lost[0][:100]}' is left out, so the job does not run"
            self.source.lose(self.entries["needs"].key, text)
            return {Note(f"it needs '{lost[0]}', which is left out"): None, "condition": NEVER}
        written = text_of(self.entries, "if")
        if not written:
            return {}
        try:
            found = condition(written, names.in_job)
        except Untranslatable as problem:
            self.source.lose(self.entries["if"].key, f"if: {problem} cannot be translated, so the job does not run")
            found = False
        if found is False:
            return {Note(f"it never runs as it is; its condition was: {written}"): None, "condition": NEVER}
        return {} if found is True else {"condition": found}

    def _defaults(self, exports: list[str]) -> step.Defaults:
        own = self.source.mapping(self.source.mapping(self.entries, "defaults"), "run")
        run = {**self.source.mapping(self.around.defaults, "run"), **own}
        shell = text_of(run, "shell") or ("sh" if "container" in self.entries else "")
        return step.Defaults(shell, text_of(run, "working-directory"), tuple(exports))

    def _artifacts(self) -> Mapping[str, str]:
        found = {}
        for other, uploads in self.around.artifacts.items():
            if other in self.needed and len(self.around.names.get(other, ())) == 1:
                found.update({name: self.around.names[other][0] for name, _ in uploads})
        return found

    def _outputs(self, names: Names) -> dict[str, str]:
        found = {}
        given = self.source.mapping(self.entries, "outputs")
        for name, entry in given.items():
            inner = MARKS.fullmatch(text_of(given, name).strip())
            path = path_in(inner[1]) if inner else None
            if path and path[0] == "steps" and len(path) == 4 and path[1] in names.steps:
                found[name] = f"{names.steps[path[1]]}.{path[3]}"
            else:
                self.source.lose(entry.key, f"outputs: {name}: only an output of one of its steps can be one of a job")
        return found


def concurrency(source: Source, names: Names, entries: Entries) -> dict[str, Any] | None:
    """Return our concurrency group for that of a workflow or a job; None for one that cannot be said."""
    if "concurrency" not in entries:
        return None
    node = entries["concurrency"].value
    given = source.entries(node, "concurrency") if node.id == "mapping" else {}
    group = text_of(given, "group") if given else text_of(entries, "concurrency")
    cancel = text_of(given, "cancel-in-progress")
    try:
        made = {"group": MARKS.sub(lambda found: names.fact(found[1]), group)}
    except Untranslatable as problem:
        source.lose(entries["concurrency"].key, f"concurrency: {problem} cannot be translated")
        return None
    wrong = next(wrong_group(Concurrency(made["group"])), None)
    if wrong is not None:
        source.lose(entries["concurrency"].key, f"concurrency: {wrong}")
        return None
    if cancel not in {"", "true", "false"}:
        source.lose(given["cancel-in-progress"].key, "cancel-in-progress: an expression; a run waits instead")
    return {**made, "cancel": cancel == "true" or None}


def _value_of_matrix(found: re.Match[str]) -> str:
    path = path_in(found[1])
    name = matrix.name_of(path) if path else ""
    return f"${{matrix.{name}}}" if name else found[0]


def filled_template(template: str, values: Mapping[str, Any]) -> str:
    """Return the name of an image with the values of a combination."""
    return PLACEHOLDER.sub(lambda found: str(values.get(found[2], "")), template)


def _handed(done: step.Translation) -> dict[str, Any]:
    reactions = set(done.if_no_files)
    order = [one for one in ("ignore", "warn", "fail") if one in reactions]
    return {
        "upload": done.upload,
        "if_no_files": order[0] if order and order[0] != "fail" else None,
        "retention": f"{max(done.kept)}d" if len(done.kept) == len(done.if_no_files) > 0 else None,
        "download": done.download,
    }
