"""References to secrets in texts, against a reader of the grammar that is written another way."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.secrets.references import (
    SecretRef,
    collect_secret_refs,
    find_secret_refs,
    has_secret_refs,
    is_secret_ref,
    parse_secret_ref,
    resolve_secrets_in_dict,
    resolve_secrets_in_string,
)

KEY = string.ascii_letters + string.digits + "_-"
PATH = KEY + "/"
BEGINNING = "${secret:"

PIECES = st.sampled_from(
    [BEGINNING, "${secret:a/b:c}", "${secret:x:y-Z_9}", "a", "b/c", ":", "}", "${", "$", ".", "\n", "é", ""]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def naive(text: str) -> list[tuple[int, int, str, str]]:
    """Every reference as (start, end, path, key), found letter by letter."""
    found = []
    at = 0
    while at < len(text):
        end = read(text, at)
        if end is None:
            at += 1
            continue
        path, _, key = text[at + len(BEGINNING) : end - 1].partition(":")
        found.append((at, end, path, key))
        at = end
    return found


def read(text: str, at: int) -> int | None:
    if not text.startswith(BEGINNING, at):
        return None
    at += len(BEGINNING)
    for letters, closing in ((PATH, ":"), (KEY, "}")):
        start = at
        while at < len(text) and text[at] in letters:
            at += 1
        if at == start or at == len(text) or text[at] != closing:
            return None
        at += 1
    return at


@given(TEXTS)
def test_references_are_found_and_replaced_as_the_naive_reader_does(text: str) -> None:
    expected = naive(text)
    assert [(ref.path, ref.key, ref.raw) for ref in find_secret_refs(text)] == [
        (path, key, text[start:end]) for start, end, path, key in expected
    ]
    assert has_secret_refs(text) == bool(expected)
    replaced, at = "", 0
    for start, end, path, key in expected:
        replaced += text[at:start] + f"<{path}|{key}>"
        at = end
    assert resolve_secrets_in_string(text, lambda path, key: f"<{path}|{key}>") == replaced + text[at:]
    assert resolve_secrets_in_string(text, lambda path, key: None, missing_ok=True) == text


@given(st.text(PATH, min_size=1), st.text(KEY, min_size=1))
def test_a_reference_that_is_written_is_read(path: str, key: str) -> None:
    raw = f"${{secret:{path}:{key}}}"
    assert is_secret_ref(raw)
    assert parse_secret_ref(raw) == SecretRef(path, key, raw)
    assert not is_secret_ref(f" {raw}")


def test_what_a_value_holds_is_no_reference() -> None:
    assert resolve_secrets_in_string("${secret:a:b}", lambda p, k: "${secret:c:d}") == "${secret:c:d}"


def test_a_missing_secret() -> None:
    with pytest.raises(ValueError, match=r"^Secret not found: a/b:c$"):
        resolve_secrets_in_string("x${secret:a/b:c}", lambda p, k: None)
    with pytest.raises(ValueError, match=r"^Secret not found: a/b:c$"):
        resolve_secrets_in_dict({"x": ["${secret:a/b:c}"]}, lambda p, k: None)


def test_structures() -> None:
    data = {"a": "${secret:p:k}", "b": [1, None, "x${secret:q:k}", {"c": ("${secret:p:k}",)}], "${secret:not:this}": 5}
    assert resolve_secrets_in_dict(data, lambda path, key: path + key) == {
        "a": "pk",
        "b": [1, None, "xqk", {"c": ("pk",)}],
        "${secret:not:this}": 5,
    }
    assert [str(ref) for ref in collect_secret_refs(data)] == ["p:k", "q:k"]
