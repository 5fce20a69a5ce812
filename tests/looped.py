"""One test of many small cases: every case is run, and each one that fails is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SHOWN = 3


def assert_each(check: Callable[..., object], cases: Iterable[tuple[object, ...]]) -> None:
    """Call `check` with the words of each case; raise an `ExceptionGroup` that names all cases that fail.

    The first failures are shown whole. Having no case at all is a failure too.
    """
    count, names, failures = 0, [], []
    for count, case in enumerate(cases, 1):  # noqa: B007 - it says how many there were
        try:
            check(*case)
        except Exception as error:
            name = ", ".join(map(str, case))
            error.add_note(f"the case: {name}")
            names.append(name)
            failures.append(error)
    assert count, "there is no case"
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {count} cases fail: {'; '.join(names)}", failures[:SHOWN])
