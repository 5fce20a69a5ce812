"""The layers of docs/architecture.md: a package imports only from those below its own, and no modules form a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from runnerlib._util import registry
from runnerlib.cli import COMMANDS
from runnerlib.output import MODES
from runnerlib.secrets.lookup import PROVIDERS
from runnerlib.source.registry import BUILT_IN

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "runnerlib"

LAYERS = [
    {"errors"},
    {"_util"},
    {"masking"},
    {"events"},
    {"executor"},
    {"config"},
    {"source"},
    {"secrets"},
    {"output"},
    {"pipeline"},
    {"engine"},
    {"triggers"},
    {"plugins"},
    {"runner"},
    {"api", "log", "register_secret"},
    {"runnerlib"},
    {"cli"},
    {"__main__"},
]
LAYER_OF = {package: number for number, packages in enumerate(LAYERS) for package in packages}
MOST_ENTRIES = 18

# Libraries that are imported inside functions: too heavy for a start that does not need them.
HEAVY = {"uvloop", "pygit2", "yaml", "ahocorasick", "re2", "json", "importlib", "difflib", "hashlib", "rich"} | {
    "cryptography",
    "nats",
    "shlex",
    "ctypes",
    "email",
    "re",
    "unicodedata",
}

# Our own modules that are imported inside functions, and why.
LAZY = {
    "runnerlib._util.locked_file": "few steps write down follow-up jobs",
    "runnerlib._util.objects": "few runs have a store that other machines use, and fewer one of S3",
    "runnerlib._util.resources": "few steps have limits of their own",
    "runnerlib._util.retry": "few steps are tried again",
    "runnerlib._util.safe_tree": "few runs remove trees of others",
    "runnerlib._util.yaml_nodes": "PyYAML takes 18 ms, and most runs have no file",
    "runnerlib.api": "the package loads nothing until a name of it is used",
    "runnerlib.cli": "a command loads what it needs and nothing of the others",
    "runnerlib.config.ci_file": "few runs have a CI source",
    "runnerlib.config.file": "few runs have a configuration file",
    "runnerlib.config.notify": "few runs tell somebody how they ended",
    "runnerlib.engine.boundary": "few jobs have steps in a sandbox",
    "runnerlib.engine.exec_limits": "few commands are larger than the kernel takes",
    "runnerlib.engine.sampler": "few runs have a profile",
    "runnerlib.executor.local.limits": "few steps have limits of their own",
    "runnerlib.engine.retry_watch": "few steps have a pattern for their retries",
    "runnerlib.executor.container": "few runs start a container",
    "runnerlib.executor.local.oom_kmsg": "the kernel's log is read where no control group counts",
    "runnerlib.masking.known": "only runs on a fleet hand on what they mask",
    "runnerlib.masking.encodings": "58 KiB; compiled sets of patterns come from a cache",
    "runnerlib.masking.members": "few secrets have members",
    "runnerlib.masking.oneshot": "only callers of the library mask in one call",
    "runnerlib.masking.strength": "few runs have variables whose names look secret",
    "runnerlib.output": "summary, logs and files are for runs that have them; a single command has none",
    "runnerlib.pipeline.conditions": "51 KiB; few jobs have conditions",
    "runnerlib.pipeline.foreign": "only mistakes and `import` look for files and words of other systems",
    "runnerlib.pipeline.graph_text": "only --plan draws",
    "runnerlib.pipeline.job.inputs": "few jobs have inputs",
    "runnerlib.pipeline.job.cache": "few jobs keep files from run to run",
    "runnerlib.pipeline.job.concurrency": "few jobs are in a group",
    "runnerlib.pipeline.job.retry_pattern": "few steps have a pattern for their retries",
    "runnerlib.pipeline.job.reports": "few steps have reports",
    "runnerlib.pipeline.job_file": "64 KiB and PyYAML",
    "runnerlib.pipeline.template": "few texts have facts in them",
    "runnerlib.runner": "journal, conditions, containers, plugins and workflows are for runs that have them",
    "runnerlib.secrets": "references, providers and the registry are for processes that use them",
    "runnerlib.source": "a source type, its transport and what replaces trees are for runs with such a source",
    "runnerlib.triggers": "524 KiB with http; few runs trigger jobs",
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")


NAMES = {path: name_of(path) for path in MODULES}
SOURCES = set(NAMES.values())


def package_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "runnerlib"


def imports(tree: ast.AST) -> set[str]:
    """The modules that are imported, wherever: at the top, inside functions, for types only."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            module = node.module or ""
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name if name in SOURCES else module for name in names}
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def own_imports() -> dict[str, set[str]]:
    """For each module of the package those that it imports; those of Cython sources are read as text."""
    graph = {name: {other for other in imports(parse(path)) if other in SOURCES} for path, name in NAMES.items()}
    for path in (ROOT / "ext").rglob("*.pyx"):
        text = path.read_text(encoding="utf-8")
        stub = next(PACKAGE.rglob(f"_{path.stem.removeprefix('_')}.pyi"))
        graph[name_of(stub)] = set(re.findall(r"^\s*(?:from|import) (runnerlib[\w.]*)", text, re.MULTILINE))
    return graph


def test_every_package_has_a_layer() -> None:
    assert {package_of(name) for name in SOURCES} == set(LAYER_OF)


def test_the_package_has_few_entries() -> None:
    found = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    entries = {path.name for path in found if not path.name.startswith("__")}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def upward(module: str, imported: set[str]) -> Iterator[str]:
    """The imports of a module that do not lead to a lower layer."""
    own = package_of(module)
    for other in map(package_of, sorted(imported)):
        if other == own or (own, other) == ("cli", "__main__"):  # `python -m runnerlib.cli` is the same entry
            continue
        if LAYER_OF[other] >= LAYER_OF[own]:
            yield f"{module} imports {other}"


def test_packages_import_only_lower_layers() -> None:
    assert [fault for module, others in own_imports().items() for fault in upward(module, others)] == []


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules that are left when those that import none of the others are taken away, again and again."""
    left = {module: set(others) & graph.keys() - {module} for module, others in graph.items()}
    while free := {module for module, others in left.items() if not others}:
        left = {module: others - free for module, others in left.items() if module not in free}
    while unused := left.keys() - {other for others in left.values() for other in others}:
        left = {module: others for module, others in left.items() if module not in unused}
    return sorted(left)


def test_no_circle_of_modules() -> None:
    packages = {name for path, name in NAMES.items() if path.name == "__init__.py"}
    graph = {module: others for module, others in own_imports().items() if module not in packages}
    assert circle(graph) == []


def test_imports_inside_functions_have_a_reason() -> None:
    faults = []
    for path, name in NAMES.items():
        for function in ast.walk(parse(path)):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for other in imports(function):
                allowed = other.partition(".")[0] in HEAVY or any(f"{other}.".startswith(f"{one}.") for one in LAZY)
                if not allowed:
                    faults.append(f"{name}: {function.name} imports {other}")
    assert faults == []


def test_no_import_hides_in_a_string() -> None:
    """A module known when the code is written is imported by a statement; parts chosen by name are the registry's."""
    literal = re.compile(r"import_module\(\s*f?['\"](runnerlib|\{__)")
    assert [name for path, name in NAMES.items() if literal.search(path.read_text(encoding="utf-8"))] == []


def test_each_kind_of_part_has_a_module_for_each_name() -> None:
    names = {
        "command": {"import_" if name == "import" else name.replace("-", "_") for name in COMMANDS},
        "output mode": {mode.module for mode in MODES.values()},
        "provider of secrets": set(PROVIDERS.values()),
        "source type": set(BUILT_IN),
    }
    entries = {"command": "command", "output mode": "console", "provider of secrets": "get", "source type": "prepare"}
    assert names.keys() == registry.KINDS.keys() == entries.keys()
    missing = [
        (kind, name)
        for kind, modules in names.items()
        for name in sorted(modules)
        if not callable(getattr(registry.load(kind, name), entries[kind], None))
    ]
    assert missing == []


def test_files_stay_small() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for path, name in NAMES.items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_architecture_page_has_a_line_for_each_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines() if re.match(r"\| `\w+`", line)]
    order = [package for line in named for package in line]
    assert set(order) == set(LAYER_OF) - {"runnerlib", "__main__"}
    assert order == sorted(order, key=lambda package: -LAYER_OF[package]), "top-down, as a request goes"
