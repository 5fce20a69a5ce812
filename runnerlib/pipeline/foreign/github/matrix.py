"""The matrix of a GitHub job, without what runs on other systems than Linux."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.foreign.github.expression import MARKS, path_in
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.workflow import file_keys
from runnerlib.pipeline.workflow.matrix import combinations, dimensions, problems

if TYPE_CHECKING:
    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.source import Source

Matrix = dict[str, Any]

_LINUX = re.compile(r"ubuntu|linux|debian|fedora|alpine|self-hosted|blacksmith|depot|namespace", re.IGNORECASE)
_SYNTAX = re.compile(r"""["'`$&|;<>()\\#\n]""")
_OTHER = re.compile(r"windows|win(?:32|64)|macos|osx|freebsd", re.IGNORECASE)


def read(source: Source, node: Node) -> Matrix:
    """Return the values of a matrix. Raises Untranslatable for one that only an expression makes."""
    if node.id != "mapping":
        raise Untranslatable("a matrix from an expression")
    found: Matrix = {key: list(values) for key, values in file_keys.matrix(source, node).items()}
    if any(not isinstance(one, dict) for word in ("include", "exclude") for one in found.get(word, ())):
        raise Untranslatable("a matrix whose 'include' or 'exclude' has what is no mapping")
    for key, values in found.items():
        if any("${{" in str(value) for value in values):
            raise Untranslatable(f"an expression in the matrix, '{key}',")
    tidied = _tidied(found)
    wrong = next(problems(tidied), None)
    if wrong is not None:
        raise Untranslatable(f"the matrix ({wrong})")
    return _flat(tidied)


def _flat(matrix: Matrix) -> Matrix:
    """Return a matrix with mappings as values as one that has their keys: `job: {os: x}` as `job_os: x`."""
    every = combinations(matrix)
    if not any(isinstance(value, dict) for one in every for value in one.values()):
        return matrix
    return {"include": [_flattened(one) for one in every]}


def _flattened(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in one.items():
        found |= {f"{key}_{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return found


def programs(matrix: Matrix) -> frozenset[str]:
    """Return the variables of a matrix some of whose values a shell would read as more than words."""
    found = {key for one in combinations(matrix) for key, value in one.items() if _SYNTAX.search(str(value))}
    return frozenset(f"MATRIX_{variable_part(key)}" for key in found)


def name_of(path: tuple[str, ...]) -> str:
    """Return the key of a value that is found at `path`; '' for a path that is not in a matrix."""
    return "_".join(path[1:]) if path[0] == "matrix" and len(path) in {2, 3} else ""


def on_linux(source: Source, node: Node, matrix: Matrix, labels: list[str]) -> Matrix:
    """Return a matrix without the combinations whose `labels` of workers are of another system.

    Raises Untranslatable where no combination is left.
    """
    every = combinations(matrix)
    elsewhere = [[label for label in _filled(labels, one) if not label or is_elsewhere(label)] for one in every]
    kept = [one for one, strange in zip(every, elsewhere, strict=True) if not strange]
    for label in dict.fromkeys(label for strange in elsewhere for label in strange):
        source.lose(node, f"matrix: '{label[:100]}': jobs run on Linux only")
    if not kept:
        raise Untranslatable("a matrix of other systems than Linux")
    if len(kept) == len(every):
        return matrix
    smaller = _without(matrix, {key for label in labels for key in named_in(label)})
    return smaller if combinations(smaller) == kept else {"include": kept}


def _filled(labels: list[str], one: dict[str, Any]) -> list[str]:
    return [filled(label, one) for label in labels]


def _without(matrix: Matrix, keys: set[str]) -> Matrix:
    """Return a matrix without the values at `keys` that are of another system, and without rules about them."""
    kept: Matrix = {}
    for key, values in matrix.items():
        if key in {"include", "exclude"}:
            kept[key] = [one for one in values if not any(is_elsewhere(str(one.get(k, ""))) for k in keys)]
        else:
            kept[key] = [one for one in values if key not in keys or not is_elsewhere(str(one))]
    return _tidied(kept)


def _tidied(matrix: Matrix) -> Matrix:
    """Return a matrix without exclusions that match nothing, which would be a mistake here."""
    rules = [one for one in matrix.get("exclude", ()) if set(one) <= set(dimensions(matrix))]
    matrix = {key: value for key, value in matrix.items() if key != "exclude" and value}
    alone = {key: value for key, value in matrix.items() if key != "include"}
    every = len(combinations(alone)) if alone else 0
    used = [rule for rule in rules if alone and len(combinations({**alone, "exclude": [rule]})) < every]
    return {**matrix, "exclude": used} if used else matrix


def is_elsewhere(label: str) -> bool:
    """Return whether the label of a worker is certainly that of another system than Linux."""
    return bool(_OTHER.search(label)) and not _LINUX.search(label)


def named_in(written: str) -> set[str]:
    """Return the keys of the matrix that the expressions in a text name."""
    paths = (path_in(found[1]) for found in MARKS.finditer(written))
    return {name_of(path) for path in paths if path is not None} - {""}


def filled(written: str, combination: dict[str, Any]) -> str:
    """Return a text with the values of a combination. Raises Untranslatable for any other expression."""

    def value(found: re.Match[str]) -> str:
        path = path_in(found[1])
        if path is None or not name_of(path):
            raise Untranslatable(f"the expression '{found[1].strip()}'")
        return str(combination.get(name_of(path), ""))

    return MARKS.sub(value, written)


def several(matrix: Matrix) -> list[tuple[str, Matrix]]:
    """Return a matrix of one combination for each of its combinations, and a text that tells it from the others."""
    every = combinations(matrix)
    keys = list(dict.fromkeys(key for one in every for key in one))
    written = {key: [str(one.get(key, "")) for one in every] for key in keys}
    alone = next(([key] for key in keys if len(set(written[key])) == len(every)), None)
    telling = alone or [key for key in keys if len(set(written[key])) > 1]
    labels = [" ".join(written[key][number] for key in telling) for number in range(len(every))]
    return [(label, {key: [value] for key, value in one.items()}) for label, one in zip(labels, every, strict=True)]
