"""Names of jobs and steps, which have to differ as parts of the names of variables, too."""

from __future__ import annotations

import re

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.job.model import IMAGE

_LONGEST = 90


class NameSet:
    """Names that are given out once each."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def step(self, wanted: str) -> str:
        """Return a name for a step as near to `wanted` as may be."""
        plain = "".join(" " if char in "/\\" or not char.isprintable() else char for char in wanted)
        return self._free(re.sub(r" +", " ", plain).strip()[:_LONGEST].strip() or "step")

    def job(self, wanted: str) -> str:
        """Return a name for a job as near to `wanted` as may be."""
        plain = re.sub(r"[^\w. -]+", "-", wanted).strip(" -._")[:_LONGEST].strip()
        return self._free(plain if re.match(r"[^\W_]", plain) else f"job {plain}".strip())

    def _free(self, name: str) -> str:
        number, found = 1, name
        while variable_part(found) in self._taken:
            number += 1
            found = f"{name} {number}"
        self._taken.add(variable_part(found))
        return found


def image(written: str) -> str:
    """Return the name of an image. Raises Untranslatable for what is none."""
    if not re.fullmatch(IMAGE, written):
        raise Untranslatable(f"the image '{written[:100]}'")
    return written


def upload(written: str) -> str:
    """Return a glob of files below the directory of the job. Raises Untranslatable for any other."""
    path = written.strip().removeprefix("./")
    if not path or not path.isprintable() or path.startswith(("/", "~", "!")) or "$" in path or ".." in path.split("/"):
        raise Untranslatable(f"the path '{path[:100]}' of an artifact")
    return path


def from_command(command: str) -> str:
    """Return the first words of a command, for a step without a name."""
    lines = (line.strip() for line in command.split("\n"))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    words = re.sub(r"\$\{\{.*?\}\}|[\"'`$\\|&;<>{}].*", "", first).split()
    return " ".join(word for word in words[:3] if word.strip("-")) or "run"
