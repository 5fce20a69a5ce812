"""A step of an ordinary user against the runner's own installation, which that user may change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.attacks.test_attacks import ROOT, Arena, arena, needs_landlock, results

__all__ = ["arena"]

ATTACKS = {
    "module": "restored(PACKAGE / 'log.py', lambda: (PACKAGE / 'log.py').open('a').write('evil'))",
    "new module": "new(PACKAGE / 'evil.py', Path.touch)",
    "package beside": "new(PACKAGE.parent / 'evil', Path.mkdir)",
    "package": "there_and_back(PACKAGE, PACKAGE.with_name('other'))",
    "environment": "there_and_back(VENV, BASE / 'src/other')",
    "interpreter": "there_and_back(VENV / 'bin/python', VENV / 'bin/other')",
    "start": "restored(VENV / 'pyvenv.cfg', lambda: (VENV / 'pyvenv.cfg').open('a').write('evil'))",
}


@needs_landlock
@pytest.mark.parametrize("open_", [False, True])
def test_the_installation_of_a_user_is_closed_unless_it_is_named(arena: Arena, open_: bool) -> None:
    place = arena.place / "venv"
    subprocess.run([arena.python, "-m", "venv", "--without-pip", place], check=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    shutil.copytree(ROOT / "runnerlib", packages / "runnerlib", ignore=shutil.ignore_patterns("__pycache__"))
    program = (arena.place / "attack/attacker.py").read_text()
    begin, end = program.index("for name"), program.index(".items():")
    names = f"PACKAGE, VENV = Path({str(packages)!r}, 'runnerlib'), Path({str(place)!r})\n"
    program = f"{program[:begin]}{names}for name, code in {ATTACKS!r}{program[end:]}"
    (arena.place / "attack/attacker.py").write_text(program)
    arena.python, arena.options = str(place / "bin/python"), ()
    steps = [{"name": "attack", "run": [arena.python, "-S", f"{arena.place}/attack/attacker.py"]}]
    arena.write(json.dumps({"job": {"steps": steps}}))
    arena.modules = os.pathsep.join([str(packages), *arena.modules.split(os.pathsep)[1:]])
    code, said = arena.run("--sandbox-paths", str(place)) if open_ else arena.run()
    assert code == 0, said
    found = results(said)
    held = arena.user == "user" and not open_
    # The environment itself is in a directory in which nothing can be made, as the workspace is.
    assert found == {name: "held" if held or name == "environment" else "through" for name in ATTACKS}, said
