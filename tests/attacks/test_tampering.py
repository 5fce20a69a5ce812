"""Changes of the CI source that nothing prevents, because the kernel refuses Landlock: the manifest ends the job."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.test_attacks import NOBODY, WITHOUT, Arena, arena
from tests.tools import tool

__all__ = ["arena"]

PLUGIN = """
import os, time
from runnerlib.plugins import Plugin

class Own(Plugin):
    def __init__(self):
        super().__init__("own")

    def pre_step(self, context):
        if context.step.name == "trusted":
            open("job/src/go", "w").close()
            while not os.path.exists("job/src/done"):
                time.sleep(0.02)

    def cleanup(self, context):
        print("the plugin is trusted")
"""
WAIT = "while ! test -e go; do sleep 0.02; done"


def with_plugin(arena: Arena) -> Path:
    plugin = arena.place / "ci/.reactorcide/plugins/plugin_own.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN)
    return plugin


def ended(arena: Arena, steps: list[dict[str, object]], *words: str) -> str:
    """Return the output of a job that ends as tampered, before the step that prints EVIL."""
    arena.write(json.dumps({"job": {"max_parallel": 2, "steps": steps}}))
    code, said = arena.run(*words, before=WITHOUT)
    assert code == 125, said
    assert "the CI source was changed while steps ran" in said
    assert not re.search(r"(?m)^(.* │ )?EVIL$", said), said
    return said


def test_a_plugin_that_is_swapped_is_never_run(arena: Arena) -> None:
    with_plugin(arena)
    swap = "echo 'print(\"EVIL\")' >../ci/.reactorcide/plugins/plugin_own.py"
    said = ended(arena, [{"name": "swap", "run": swap}, {"name": "after", "run": "echo EVIL"}])
    assert "'.reactorcide/plugins/plugin_own.py' has another content" in said
    assert "the plugin is trusted" in said


def test_a_change_between_the_look_and_the_start_is_noticed(arena: Arena) -> None:
    """While a hook of a plugin goes on before a step, another step changes what that step is to run."""
    with_plugin(arena)
    attack = f"{WAIT}; echo echo EVIL >../ci/run.sh; touch done"
    trusted = {"name": "trusted", "run": "sh ../ci/run.sh", "depends_on": []}
    said = ended(arena, [{"name": "attack", "run": attack, "depends_on": []}, trusted])
    assert "'run.sh' has another content" in said


@pytest.fixture
def mounting(arena: Arena) -> Iterator[Arena]:
    """A place where steps of root may mount; what they leave is unmounted."""
    trying = [tool("unshare"), "-m", tool("mount"), "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(trying, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield arena
    for path in (arena.place / "job/ci", arena.place / "job"):
        while os.path.ismount(path):
            subprocess.run([tool("umount"), path], check=True)


def test_a_mount_over_the_tree_is_noticed(mounting: Arena) -> None:
    if mounting.user == "user":
        pytest.skip("an ordinary user mounts in a namespace of his own only")
    mount = "cp -a ../ci/. evil && mount -t tmpfs none ../ci && cp -a evil/. ../ci"
    said = ended(mounting, [{"name": "mount", "run": f"mkdir evil; {mount}"}, {"name": "after", "run": "echo EVIL"}])
    assert "'run.sh' is mounted over" in said


def test_a_mount_in_a_namespace_hides_the_tree_from_its_own_processes_only(mounting: Arena) -> None:
    hide = (
        "mkdir evil; echo echo EVIL >evil/run.sh; unshare {} sh -c 'mount --bind evil ../ci; sh ../ci/run.sh' || true"
    )
    words = "-m" if mounting.user == "root" else "-Urm"
    steps = [{"name": "hide", "run": hide.format(words)}, {"name": "after", "run": "sh ../ci/run.sh"}]
    mounting.write(json.dumps({"job": {"steps": steps}}))
    code, said = mounting.run(before=WITHOUT)
    assert (code, "after │ trusted\n" in said) == (0, True), said


def test_a_full_disk_hides_no_change(mounting: Arena) -> None:
    """The manifest is in memory: it needs no room that a step could take."""
    job = mounting.place / "job"
    job.mkdir()
    subprocess.run([tool("mount"), "-t", "tmpfs", "-o", "size=2m,mode=0777", "none", job], check=True)
    if mounting.user == "user":
        os.chown(job, NOBODY, NOBODY)
    fill = "cat /dev/zero >fill 2>/dev/null; : >../ci/run.sh"
    said = ended(mounting, [{"name": "fill", "run": fill}, {"name": "after", "run": "echo EVIL"}])
    assert "'run.sh' has another content" in said
