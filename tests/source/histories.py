"""Random histories, as repositories of git: short ones and long ones, with branches and merges."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import strategies as st

from tests.source.repository import ENV, git

History = list[tuple[int, list[int]]]
"""For each node how many commits it stands for, and the older nodes that they follow."""


def import_history(path: Path, history: History, refs: dict[str, int], tags: dict[str, int]) -> None:
    """Make a bare repository of `history`; `refs` and annotated `tags` name nodes."""
    lines: list[str] = []
    last: list[int] = []
    mark = 0
    for number, (length, parents) in enumerate(history):
        for step in range(length):
            mark += 1
            above = [last[one] for one in parents] if step == 0 else [mark - 1]
            lines += [f"commit refs/import/{number}", f"mark :{mark}", f"committer a <a@b> {1700000000 + mark} +0000"]
            lines += ["data 1", "x"]
            lines += [f"{word} :{one}" for word, one in zip(("from", "merge"), above, strict=False)]
            lines += [f"M 644 inline file-{number}", f"data {len(str(step))}", str(step)]
        last.append(mark)
    lines += [line for name, node in refs.items() for line in (f"reset {name}", f"from :{last[node]}", "")]
    for name, node in tags.items():
        lines += [f"tag {name}", f"from :{last[node]}", "tagger a <a@b> 1700000000 +0000", "data 1", "x"]
    git(path.parent, "init", "-q", "--bare", "-b", "main", path.name)
    git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
    text = "\n".join(lines) + "\n"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, env=ENV, input=text, text=True, check=True)
    for name in git(path, "for-each-ref", "--format=%(refname)", "refs/import").split():
        git(path, "update-ref", "-d", name)


LENGTHS = st.sampled_from([1, 1, 2, 3, 20, 60, 600])


@st.composite
def histories(draw: st.DrawFn) -> History:
    made: History = [(draw(LENGTHS), [])]
    for number in range(1, draw(st.integers(2, 9))):
        older = st.integers(0, number - 1)
        made.append((draw(LENGTHS), draw(st.lists(older, min_size=1, max_size=2, unique=True))))
    return made
