"""The floors of docs/architecture.md: a module imports only from the floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "runnerlib"

FLOORS = [
    {
        "safe_path",
        "errors",
        "pipe",
        "graph",
        "result",
        "path_glob",
        "document",
        "schedule",
        "secrets_resolver",
        "log",
        "hardening",
    },
    {"paths", "config", "conditions", "masking", "process", "secrets_local", "arguments"},
    {
        "events",
        "job",
        "output",
        "container",
        "source",
        "secret_socket",
        "register_secret",
        "coordinator",
        "secret_provider",
    },
    {
        "artifact",
        "checkout",
        "cleanup",
        "stopping",
        "guarding",
        "system",
        "observers",
        "pump",
        "environment",
        "journal",
        "job_file",
        "job_choice",
        "drawing",
        "repository",
        "trigger",
        "secrets",
    },
    {"engine", "job_record", "plan", "plugins", "workflow", "context"},
    {
        "surroundings",
        "remembering",
        "placement",
        "audience",
        "evaluation",
        "delivery",
        "schema",
        "git_ops",
        "source_prep",
        "older_config",
    },
    {"runner", "older_workflow"},
    {"lifecycle"},
    {"dispatch"},
    {"api"},
    {"runnerlib"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# What may be imported inside a function: what is too heavy for a start that does not need it.
LAZY = {
    "uvloop",
    "pygit2",
    "yaml",
    "ahocorasick",
    "re2",
    "json",
    "importlib",
    "difflib",
    "hashlib",
    "rich",
    "cryptography",
    "shlex",
    # What checks files loads all their readers; most starts check none.
    "runnerlib.cli._check_files",
    # So does what fetches sources; an evaluation often has them.
    "runnerlib.cli._source",
    # What it takes to fetch, for comparisons that lack something.
    "runnerlib.source.git_query.unshallow",
    # It imports pygit2, with the settings of the process.
    "runnerlib.source.git.libgit2_settings",
    # Reading a job file takes YAML.
    "runnerlib.pipeline.job_file.location",
    # Few steps have a pattern for their retries.
    "runnerlib.engine.retry_watch",
    # What makes room for what is too large for a variable.
    "runnerlib.engine.exec_limits",
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "runnerlib"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            found.add(node.module or "")
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_every_room_has_a_floor() -> None:
    assert {room_of(name_of(path)) for path in MODULES} == set(FLOOR_OF)


def upward(path: Path) -> Iterator[str]:
    """The imports of a module that do not lead to a lower floor."""
    own = room_of(name_of(path))
    for imported in imports(parse(path)):
        if imported.partition(".")[0] != "runnerlib":
            continue
        other = room_of(imported)
        if other == own or (own, other) == ("cli", "__main__"):  # `python -m runnerlib.cli` is the same entry
            continue
        if FLOOR_OF[other] >= FLOOR_OF[own]:
            yield f"{name_of(path)} imports {imported}"


def light(path: Path) -> Iterator[str]:
    """The imports inside functions that might as well stand at the top."""
    for function in ast.walk(parse(path)):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found = {name for name in imports(function) if not {name, name.partition(".")[0]} & LAZY}
            yield from (f"{name_of(path)}: {function.name} imports {name}" for name in found)


def test_modules_import_only_lower_floors() -> None:
    assert [fault for path in MODULES for fault in upward(path)] == []


def test_imports_inside_functions_are_heavy_libraries() -> None:
    assert [fault for path in MODULES for fault in light(path)] == []


def test_files_stay_small() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_architecture_page_shows_these_floors() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for number, rooms in enumerate(FLOORS):
        line = next(line for line in page.splitlines() if line.startswith(f"| {number} |"))
        assert {f"`{room}`" for room in rooms} == {word.strip(" ,") for word in line.split("|")[2].split(",")}
