"""Source types that plugins add: checked when they are registered, as safe as ours when they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.config import SETTINGS
from runnerlib.errors import SourceError
from runnerlib.source import Prepared, Report, Sources, SourceSpec, source_types
from runnerlib.source.registry import BUILT_IN
from tests.source.repository import holders, snapshot

LINES: list[str] = []


def test_the_help_names_the_types_there_are() -> None:
    assert f": {', '.join(BUILT_IN)}, or one that a plugin adds" in SETTINGS["source_type"].help


def fill(spec: SourceSpec, directory: Path, report: Report) -> str:
    """A plugin's type in its shortest form."""
    report(f"taking {spec.url}")
    (directory / "file").write_text(f"{spec.url} {spec.ref} {dict(spec.options)}")
    return "r1"


class Whole:
    """A plugin's type that does everything itself."""

    OPTIONS = ("depth",)

    def check(self, spec: SourceSpec) -> None:
        if not spec.url:
            raise SourceError("no url")

    def prepare(self, spec: SourceSpec, target: Path, report: Report) -> Prepared:
        return Prepared(target, "whole")


def test_a_function_fills_a_directory_that_is_swapped_in(full: Path) -> None:
    sources = Sources()
    sources.register("fossil", fill)
    assert sources.types() == tuple(sorted((*source_types(), "fossil")))
    lines: list[str] = []
    made = sources.prepare(SourceSpec("fossil", "u", "v", (("any", "thing"),)), full, lines.append)
    assert made == Prepared(full.resolve(), "r1")
    assert [path.name for path in full.iterdir()] == ["file"]
    assert (full / "file").read_text() == "u v {'any': 'thing'}"
    assert lines == ["taking u"]
    assert holders(full.parent) == []


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt(), SourceError("no")])
def test_a_function_that_fails_leaves_the_old_content(problem: BaseException, full: Path) -> None:
    def failing(spec: SourceSpec, directory: Path, report: Report) -> None:
        (directory / "half").write_text("x")
        raise problem

    sources = Sources()
    sources.register("fossil", failing)
    before = snapshot(full)
    with pytest.raises(SourceError if isinstance(problem, OSError) else type(problem)) as caught:
        sources.prepare(SourceSpec("fossil"), full, LINES.append)
    if isinstance(problem, OSError):
        assert str(caught.value) == "source 'fossil' cannot be prepared: no space left on device"
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_what_a_function_returns_is_a_revision(full: Path) -> None:
    sources = Sources()
    sources.register("fossil", lambda spec, directory, report: 7)  # type: ignore[arg-type,return-value]
    before = snapshot(full)
    with pytest.raises(SourceError, match="source type 'fossil' returned a int; its revision or None is expected"):
        sources.prepare(SourceSpec("fossil"), full, LINES.append)
    assert snapshot(full) == before


def test_a_whole_handler(full: Path) -> None:
    sources = Sources()
    sources.register("whole", Whole())
    assert sources.prepare(SourceSpec("whole", "u"), full, LINES.append) == Prepared(full, "whole")
    with pytest.raises(SourceError, match="no url"):
        sources.check(SourceSpec("whole"))
    with pytest.raises(SourceError, match="starts with '-'"):
        sources.check(SourceSpec("whole", "-u"))
    with pytest.raises(SourceError, match=r"unknown option of source type 'whole' 'dpeth'; did you mean"):
        sources.check(SourceSpec("whole", "u", None, (("dpeth", "1"),)))


@pytest.mark.parametrize(
    ("name", "handler", "said"),
    [
        ("git", fill, "source type 'git' exists already"),
        ("taken", fill, "source type 'taken' exists already"),
        ("Fossil", fill, "source type 'Fossil': a name of lower case letters"),
        ("", fill, "source type '': a name"),
        (7, fill, "source type 7: a name"),
        ("x", lambda spec: None, r"source type 'x': the function must take \(spec, directory, report\): too many"),
        ("x", 7, "source type 'x': a function of .*; a 'int' without check was got"),
        ("x", type("Half", (), {"prepare": lambda *a: None})(), "a 'Half' without check was got"),
        (
            "x",
            type("Odd", (), {"check": lambda self: None, "prepare": lambda *a: None})(),
            r"source type 'x': check must take \(spec\): too many positional arguments",
        ),
    ],
)
def test_what_cannot_be_registered(name: str, handler: object, said: str) -> None:
    sources = Sources()
    sources.register("taken", fill)
    with pytest.raises(SourceError, match=said):
        sources.register(name, handler)  # type: ignore[arg-type]
    assert sources.types() == tuple(sorted((*source_types(), "taken")))


def test_runs_share_no_types() -> None:
    Sources().register("fossil", fill)
    assert "fossil" not in Sources().types()


def test_a_handler_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys\nfrom runnerlib.source import Sources, SourceSpec\nSources().check(SourceSpec('copy', '.'))\n"
        "print(sorted(name for name in sys.modules if name.startswith('runnerlib.source.') or name == 'pygit2'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout
    assert "runnerlib.source.copy" in loaded
    assert "'runnerlib.source.git'" not in loaded
    assert "plugin_handler" not in loaded
    assert "pygit2" not in loaded
