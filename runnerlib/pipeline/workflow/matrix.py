"""The combinations of a matrix, with `include` and `exclude` as GitHub Actions documents them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from runnerlib.errors import unknown
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.job.model import NAME_RULE

INCLUDE, EXCLUDE = "include", "exclude"
_WORDS = (INCLUDE, EXCLUDE)
# The similarity from which a key counts as a misspelt word.
_LIKENESS = 0.8
_SHORTEST = 4

MOST_COMBINATIONS = 10_000
"""Combinations before `exclude` takes some away, at most."""
_MOST_RULES = 256

Matrix = Mapping[str, Sequence[Any]]
Combination = Mapping[str, Any]


def dimensions(matrix: Matrix) -> dict[str, Sequence[Any]]:
    """The keys that are neither `include` nor `exclude`, with their values."""
    return {key: values for key, values in matrix.items() if key not in _WORDS}


def combination_count(matrix: Matrix) -> int:
    """Return the number of combinations; without regard to `exclude` where they are too many to list."""
    size = _size(matrix)
    if size > MOST_COMBINATIONS or not set(_WORDS) & matrix.keys():
        return size
    return len(combinations(matrix))


def combinations(matrix: Matrix) -> list[dict[str, Any]]:
    """Each combination of the values, in written order, and behind them those that only `include` makes.

    `exclude` takes away each combination that has all values of one of its entries. Then the values of an entry of
    `include` are added to every combination that has no other value for one of its keys, where values that an earlier
    entry added do not count; an entry that can be added to none is a combination of its own.
    """
    found = dimensions(matrix)
    originals = [one for one in _originals(matrix) if not any(_excludes(rule, one) for rule in _rules(matrix, EXCLUDE))]
    made = [dict(one) for one in originals]
    alone: list[dict[str, Any]] = []
    for entry in _rules(matrix, INCLUDE):
        fitting = [
            new
            for original, new in zip(originals, made, strict=True)
            if all(_same(value, original[key]) for key, value in entry.items() if key in original)
        ]
        for new in fitting:
            new.update((key, value) for key, value in entry.items() if key not in found)
        if not fitting:
            alone.append(dict(entry))
    return made + alone


def problems(matrix: Matrix) -> Iterator[str]:
    """Yield all errors of a matrix."""
    found = dimensions(matrix)
    yield from (text for key in found if (text := _like_a_word(key)))
    wrong = [text for word in _WORDS for text in _wrong_rules(word, matrix.get(word, ()))]
    yield from wrong
    yield from (f"{key}: at least one value is expected" for key, values in found.items() if not values)
    if not wrong:
        included = (key for rule in _rules(matrix, INCLUDE) for key in rule)
        yield from _wrong_names(list(dict.fromkeys((*found, *included))))
    if _size(matrix) > MOST_COMBINATIONS:
        yield f"at most {MOST_COMBINATIONS:,} combinations are looked at, not {_size(matrix):,}"
    elif not wrong and all(found.values()):
        yield from _wrong_exclusions(matrix)


def _size(matrix: Matrix) -> int:
    found = dimensions(matrix)
    return prod(map(len, found.values())) if found else 0


def _originals(matrix: Matrix) -> list[dict[str, Any]]:
    found = dimensions(matrix)
    return [dict(zip(found, values, strict=True)) for values in product(*found.values())] if found else []


def _rules(matrix: Matrix, word: str) -> list[Combination]:
    """Return the entries of `include` or `exclude`; `problems` reports errors in them."""
    return [rule for rule in matrix.get(word, ())[:_MOST_RULES] if isinstance(rule, Mapping)]


def _excludes(rule: Combination, one: Combination) -> bool:
    return all(key in one and _same(value, one[key]) for key, value in rule.items())


def _same(one: Any, other: Any) -> bool:
    """Return whether a job would see the same value: 3.11 and "3.11" are one value of a variable."""
    return _written(one) == _written(other)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    import json  # most matrices hold nothing but texts

    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _like_a_word(key: str) -> str:
    """Return a hint for a key that was probably meant as `include` or `exclude`; empty for any other."""
    from difflib import get_close_matches

    plain = key.strip().lower()
    near = next((word for word in _WORDS if len(plain) >= _SHORTEST and word.startswith(plain)), "")
    near = near or next(iter(get_close_matches(plain, _WORDS, 1, _LIKENESS)), "")
    return f"'{key[:100]}' would be one more dimension; did you mean '{near}'?" if near else ""


def _wrong_rules(word: str, rules: Sequence[Any]) -> Iterator[str]:
    if len(rules) > _MOST_RULES:
        yield f"{word}: at most {_MOST_RULES} entries are expected, not {len(rules):,}"
    if not all(isinstance(rule, Mapping) and rule and all(isinstance(key, str) for key in rule) for rule in rules):
        yield f"{word}: a list of mappings of keys to values is expected"


def _wrong_names(names: list[str]) -> Iterator[str]:
    for key in names:
        if not key.isprintable() or not key:
            yield f"'{key[:100]}' is no name of a variable{NAME_RULE}"
    if len({variable_part(key) for key in names}) < len(names):
        yield "two keys are the same as parts of the name of a variable"


def _wrong_exclusions(matrix: Matrix) -> Iterator[str]:
    """Exclusions that do nothing, and those that leave nothing."""
    found, originals = dimensions(matrix), _originals(matrix)
    for number, rule in enumerate(_rules(matrix, EXCLUDE), 1):
        others = [key for key in rule if key not in found]
        yield from (f"{EXCLUDE}: entry {number}: {unknown('key', key[:100], found)}" for key in others)
        if not others and not any(_excludes(rule, one) for one in originals):
            yield f"{EXCLUDE}: entry {number} matches no combination"
    if not combinations(matrix):
        yield f"{EXCLUDE} leaves nothing to run" if originals else "at least one combination is expected"
