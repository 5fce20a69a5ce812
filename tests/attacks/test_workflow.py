"""Jobs of a workflow: a step of one can neither change nor read what belongs to another."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attacks.test_attacks import Arena, arena, needs_landlock, results

__all__ = ["arena"]

OTHER = "BASE.parent / 'victim'"
ATTACKS = {
    "write": f"new({OTHER} / 'src/new', Path.touch)",
    "read": f"shown({OTHER} / 'src/private')",
    "ci": "new(CI / 'new', Path.touch)",
    "records": "new(Path(os.environ['RUNNERLIB_RECORDS']) / 'new', Path.touch)",
    "artifacts": "new(BASE.parent.parent / 'artifacts/new', Path.touch)",
    "move": f"there_and_back({OTHER}, BASE / 'src/stolen')",
    "socket": "socket_replaced()",
    "signal": "signalled(int((BASE / 'src/pid').read_text()))",
}
LEGITIMATE = "import json, os; json.dump({'outputs': {'x': 'seven'}}, open(os.environ['RC_WF_OUTPUT_FILE'], 'w'))"


def workflow(place: Path, python: str) -> str:
    program = [python, "-S", f"{place}/attack/attacker.py"]
    steps = [{"name": "attack", "run": program}, {"name": "tell", "run": [python, "-Sc", LEGITIMATE]}]
    jobs = [
        {"name": "victim", "steps": [{"name": "a", "run": "echo secret >private; echo kept >kept"}]},
        {"name": "attacker", "depends_on": ["victim"], "outputs": ["x"], "steps": steps},
        {"name": "after", "depends_on": ["attacker"], "command": "echo got $RUNNERLIB_OUTPUT_ATTACKER_X"},
    ]
    return json.dumps({"workflow": {"name": "w", "jobs": jobs}})


@needs_landlock
def test_another_job_is_out_of_reach(arena: Arena) -> None:
    program = (arena.place / "attack/attacker.py").read_text()
    begin, end = program.index("for name"), program.index(".items():")
    attack = f"{program[:begin]}for name, code in {ATTACKS!r}{program[end:]}"
    # The process that it tries to signal is its own grandparent, which runs outside of the job.
    attack = attack.replace("from tools import *\n", "from tools import *\n(SRC / 'pid').write_text(str(RUNNER))\n")
    (arena.place / "attack/attacker.py").write_text(attack)
    arena.write("")
    (arena.place / "flow.json").write_text(workflow(arena.place, arena.python))
    code, said = arena.run(file=("--workflow-file", "flow.json"))
    assert code == 0, said
    assert results(said) == dict.fromkeys(ATTACKS, "held")
    assert "got seven" in said
