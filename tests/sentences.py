"""The sentences that the code can say: its texts, with `…` for what is put in."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.pages import ROOT


@cache
def sentences() -> list[str]:
    """Return every text of the package."""
    found = []
    for path in sorted((ROOT / "runnerlib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def is_said(sentence: str) -> bool:
    """Return whether some text of the package has the parts of a sentence between its `…`, in this order."""
    parts = [re.escape(part.strip()) for part in sentence.split("…") if part.strip(" '")]
    assert parts
    form = re.compile(".*".join(parts), re.DOTALL)
    return any(form.search(text) for text in sentences())
