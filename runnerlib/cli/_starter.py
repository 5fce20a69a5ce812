"""A first job file for a project: steps for the languages and tools that its files show. Pure but for reading files."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VENV = ".runnerlib/venv"
_BIN = f"{_VENV}/bin"
_TEST_GROUPS = ("test", "tests", "testing", "dev")
_REQUIREMENTS = (
    *("requirements.txt", "requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt"),
    *("test-requirements.txt", "requirements/dev.txt", "requirements/tests.txt"),
)
_PLAIN = re.compile(r"[A-Za-z./][!-~ ]*")
_BROKEN = re.compile(r":( |$)| #|^\.+$| $")
_SPECIAL = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}

_HEAD = """\
# The steps of this project. `runnerlib list` shows them, `runnerlib run` runs all of them, `runnerlib run {first}`
# only one. They run one after the other, and the first that fails ends the job. Some keys of a step:
#   parallel: true             run together with the parallel steps beside it
#   depends_on: [{first}]{pad}wait for these steps instead of all before
#   timeout: 10m               end the step after this time
#   retry: 2                   try again when it fails
#   condition: branch == 'main'
#   env: {{NAME: value}}
# Each step has the masked output in a log below .runnerlib/artifacts/logs.
"""


class Starter(NamedTuple):
    """One step: `run` is a text with one command a line."""

    name: str
    description: str
    run: str
    parallel: bool = False


class Language(NamedTuple):
    """A language, the file that shows it, and its steps."""

    name: str
    seen: str
    steps: list[Starter]


def languages(root: Path) -> list[Language]:
    """Return the languages of the project in `root`, each with its steps."""
    found = [language for look in (_python, _node, _go, _rust) if (language := look(root)) is not None]
    return found or [language for look in (_c,) if (language := look(root)) is not None]


def text(root: Path, found: list[Language]) -> str:
    """Return the text of the job file for these languages; an example of two steps without any."""
    steps = [
        step._replace(name=f"{language.name.lower()}-{step.name}" if len(found) > 1 else step.name)
        for language in found
        for step in language.steps
    ] or [
        Starter("build", "Replace this line by what your project needs", 'echo "building"'),
        Starter("test", "The second step runs when the first has succeeded", 'echo "testing"'),
    ]
    first = steps[0].name
    head = _HEAD.format(first=first, pad=" " * max(1, 13 - len(first)))
    body = "\n".join(_step(step) for step in steps)
    return f"{head}job:\n  name: {_scalar(root.resolve().name or 'job')}\n  steps:\n{body}"


def _step(step: Starter) -> str:
    lines = step.run.strip().split("\n")
    run = f" {_scalar(lines[0])}\n" if len(lines) == 1 else " |\n" + "".join(f"        {line}\n" for line in lines)
    beside = "      parallel: true\n" if step.parallel else ""
    return f"    - name: {_scalar(step.name)}\n      description: {_scalar(step.description)}\n{beside}      run:{run}"


def _scalar(value: str) -> str:
    """Return a text as YAML has it, without quotes where it certainly needs none."""
    plain = _PLAIN.fullmatch(value) and not _BROKEN.search(value) and value.lower() not in _SPECIAL
    return value if plain else json.dumps(value, ensure_ascii=False)


def _python(root: Path) -> Language | None:
    seen = _first(root, "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", *_REQUIREMENTS)
    if seen is None:
        return None
    project = _toml(root / "pyproject.toml")
    tools = project.get("tool", {})
    wanted = [*_python_requirements(root, project)]
    steps = []
    if "ruff" in tools:
        wanted.append("ruff")
        steps.append(Starter("lint", "Check the style", f"{_BIN}/ruff check ."))
    if "mypy" in tools:
        wanted.append("mypy")
        steps.append(
            Starter("types", "Check the types", f"{_BIN}/mypy {'' if 'files' in tools['mypy'] else '.'}".strip())
        )
    if _has_tests(root, tools):
        wanted.append("pytest")
        steps.append(Starter("test", "Run the tests", f"{_BIN}/pytest"))
    else:
        steps.append(Starter("check", "Compile every file", f"{_BIN}/python -m compileall -q -x '[.]runnerlib' ."))
    steps = [step._replace(parallel=len(steps) > 1) for step in steps]
    install = f"python3 -m venv {_VENV}\n"
    if any(word.startswith("--group") for word in wanted):
        install += f"{_BIN}/pip install --quiet --upgrade pip\n"
    install += f"{_BIN}/pip install --quiet {' '.join(wanted)}" if wanted else ""
    return Language("Python", seen, [Starter("install", "Install the project and its tools", install), *steps])


def _python_requirements(root: Path, project: dict[str, Any]) -> Iterator[str]:
    """Yield the arguments of pip for the project and what its tests need."""
    extras = project.get("project", {}).get("optional-dependencies", {})
    extra = next((name for name in _TEST_GROUPS if name in extras), None)
    group = next((name for name in _TEST_GROUPS if name in project.get("dependency-groups", {})), None)
    if "project" in project or "build-system" in project or (root / "setup.py").is_file():
        yield f"--editable '.[{extra}]'" if extra else "--editable ."
    if group and not extra:
        yield f"--group {group}"
    yield from (f"-r {name}" for name in _REQUIREMENTS if (root / name).is_file())


def _has_tests(root: Path, tools: dict[str, Any]) -> bool:
    places = ("tests", "test")
    return "pytest" in tools or any((root / place).is_dir() for place in places) or any(root.glob("test_*.py"))


def _node(root: Path) -> Language | None:
    if not (root / "package.json").is_file():
        return None
    locks = {"pnpm-lock.yaml": ("pnpm", "pnpm install --frozen-lockfile"), "yarn.lock": ("yarn", "yarn install")}
    tool, install = next((locks[name] for name in locks if (root / name).is_file()), ("npm", "npm install"))
    if (root / "package-lock.json").is_file():
        tool, install = "npm", "npm ci"
    try:
        scripts = json.loads((root / "package.json").read_text(encoding="utf-8")).get("scripts", {})
    except (OSError, ValueError, AttributeError):
        scripts = {}
    descriptions = {"lint": "Check the style", "build": "Build the project", "test": "Run the tests"}
    steps = [Starter(name, text, f"{tool} run {name}") for name, text in descriptions.items() if name in scripts]
    return Language("Node", "package.json", [Starter("install", "Install the dependencies", install), *steps])


def _go(root: Path) -> Language | None:
    steps = [
        Starter("vet", "Look for suspicious code", "go vet ./..."),
        Starter("build", "Build all packages", "go build ./..."),
        Starter("test", "Run the tests", "go test ./..."),
    ]
    return Language("Go", "go.mod", steps) if (root / "go.mod").is_file() else None


def _rust(root: Path) -> Language | None:
    steps = [
        Starter("build", "Build the crate with all targets", "cargo build --all-targets"),
        Starter("test", "Run the tests", "cargo test"),
    ]
    return Language("Rust", "Cargo.toml", steps) if (root / "Cargo.toml").is_file() else None


def _c(root: Path) -> Language | None:
    seen = _first(root, "CMakeLists.txt", "meson.build", "configure", "Makefile", "makefile", "GNUmakefile")
    build = {
        "CMakeLists.txt": (
            "cmake -S . -B build\ncmake --build build --parallel",
            "ctest --test-dir build --output-on-failure",
        ),
        "meson.build": (
            "meson setup --reconfigure build || meson setup build\nmeson compile -C build",
            "meson test -C build",
        ),
        "configure": ("./configure\nmake", "make check"),
    }
    if seen is None:
        return None
    make = ("make", next((f"make {name}" for name in ("check", "test") if _has_target(root / seen, name)), ""))
    built, tested = build.get(seen, make)
    steps = [Starter("build", "Build the project", built)]
    steps += [Starter("test", "Run the tests", tested)] if tested else []
    return Language("C", seen, steps)


def _has_target(makefile: Path, name: str) -> bool:
    try:
        return (
            re.search(rf"^{name}\s*:", makefile.read_text(encoding="utf-8", errors="replace"), re.MULTILINE) is not None
        )
    except OSError:
        return False


def _first(root: Path, *names: str) -> str | None:
    return next((name for name in names if (root / name).is_file()), None)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
