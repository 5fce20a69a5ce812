"""YAML that is written is read as it was, whatever the texts hold."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.pipeline.foreign.target import Note, written

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12) | st.sampled_from(
    [
        "a: b",
        "- x",
        "# no",
        "x\n",
        "x\n\n",
        " x\ny",
        "a\n b\n",
        "yes",
        "1.10",
        "null",
        "${{ x }}",
        "'",
        '"',
        "\\",
        "a\u2028b",
        "\t",
    ]
)
LISTS = st.lists(TEXTS | st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2), min_size=1, max_size=3)
MAPPINGS = st.dictionaries(TEXTS, TEXTS | LISTS | st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3), max_size=4)


@given(MAPPINGS, TEXTS)
def test_it_is_read_as_it_was(content: dict[str, object], note: str) -> None:
    assert (yaml.load(written({Note(f"a note: {note}"): None, **content}), yaml.BaseLoader) or {}) == content
