"""Parsers of settings: each takes the value of a layer and returns the parsed one, or raises ValueError.

Variables and options give text; a configuration file may give lists, mappings and numbers. The text of the ValueError
says what is allowed and never repeats the value: it may be a secret.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from runnerlib.errors import suggestion


def text(given: object) -> str:
    """Any text that can be an argument or a variable of a process."""
    if not isinstance(given, str):
        raise ValueError("text is expected (put it in quotes)")
    if "\0" in given:
        raise ValueError("text without NUL bytes is expected")
    try:
        given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("text without unpaired surrogates is expected") from None
    return given


def marker(given: object) -> str:
    """A text of at least one character on one line."""
    value = text(given)
    if not value or "\n" in value:
        raise ValueError("a text of at least one character without a line break is expected")
    return value


_LONGEST_NAME = 64


def plain_name(given: object) -> str:
    """A name of letters, digits, '-' and '_', of at most 64 characters."""
    value = text(given)
    if not value.isascii() or not value.replace("-", "a").replace("_", "a").isalnum() or len(value) > _LONGEST_NAME:
        raise ValueError(f"a name of letters, digits, '-' and '_', at most {_LONGEST_NAME}, is expected")
    return value


def store(given: object) -> str:
    """An address of a store of objects, which several machines see."""
    from runnerlib._util.objects.address import check_address

    return check_address(text(given))


def notifications(given: object) -> tuple[str, ...]:
    """Targets of notifications separated by blanks, or a list of them."""
    wanted = given.split() if isinstance(given, str) else given
    if not isinstance(wanted, (list, tuple)) or not all(isinstance(one, str) for one in wanted):
        raise ValueError("targets separated by blanks, or a list of them, are expected")
    if wanted:
        from runnerlib.config.notify import notification

        for one in wanted:
            notification(one, insecure=True)  # whether that is allowed is another setting
    return tuple(wanted)


def smtp(given: object) -> str:
    """An address of a mail server."""
    from runnerlib.config.notify import mailbox

    mailbox(text(given))
    return text(given)


def seconds(given: object) -> float:
    """A finite number of seconds, zero or more."""
    try:
        value = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError("a number of seconds, 0 or more, is expected")
    return value


def duration(given: object) -> float:
    """A finite number of seconds, more than zero."""
    value = seconds(given)
    if not value:
        raise ValueError("a number of seconds, more than 0, is expected")
    return value


def count(given: object) -> int:
    """A whole number, one or more."""
    try:
        value = int(given) if isinstance(given, (str, int)) and not isinstance(given, bool) else 0
    except ValueError:
        value = 0
    if value < 1:
        raise ValueError("a whole number, 1 or more, is expected")
    return value


_LAST_CODE = 255


def exit_code(given: object) -> int:
    """A whole number from 1 to 255."""
    try:
        value = count(given)
    except ValueError:
        value = 0
    if not 0 < value <= _LAST_CODE:
        raise ValueError(f"a whole number from 1 to {_LAST_CODE} is expected")
    return value


def size(given: object) -> int:
    """A number of bytes, one or more: `1048576`, `512K`, `20M`, `4G` or `1T`."""
    text = str(given) if isinstance(given, (str, int)) and not isinstance(given, bool) else ""
    digits, unit = (text[:-1], text[-1].upper()) if text and not text[-1].isdigit() else (text, "")
    if unit not in {"", *"KMGT"} or not digits.isascii() or not digits.isdigit() or len(digits) > 15 or not int(digits):
        raise ValueError("a number of bytes such as 512K, 20M or 4G is expected")
    return int(digits) << (" KMGT".index(unit) * 10 if unit else 0)


# Room for what stands at a cut, and for the time before a line.
_SHORTEST_LINE = 256


def line_length(given: object) -> int:
    """A number of bytes, 256 or more, as `size` has it; `off` is 0."""
    off = given == "off" or str(given) == "0"
    try:
        value = 0 if off else size(given)
    except ValueError:
        value = 1
    if value and value < _SHORTEST_LINE:
        raise ValueError(f"a number of bytes, {_SHORTEST_LINE} or more, such as 32K, or off is expected")
    return value


_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off", ""}


def boolean(given: object) -> bool:
    """A truth value, or a text that says one."""
    if isinstance(given, bool):
        return given
    value = given.strip().lower() if isinstance(given, str) else None
    if value not in _TRUE | _FALSE:
        raise ValueError("true or false is expected")
    return value in _TRUE


_LAST_PORT = 65535


def network(given: object) -> bool | tuple[int, ...]:
    """A truth value, or TCP ports separated by commas, or a list of them."""
    try:
        return boolean(given)
    except ValueError:
        words = given.split(",") if isinstance(given, str) else given if isinstance(given, (list, tuple)) else (given,)
    ports = [str(word).strip() for word in words]
    if not ports or not all(port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT for port in ports):
        raise ValueError(f"true, false or ports from 1 to {_LAST_PORT}, separated by commas, are expected")
    return tuple(map(int, ports))


def names(given: object) -> tuple[str, ...]:
    """Names separated by commas, or a list of names."""
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise ValueError("names separated by commas, or a list of names, are expected")
    return tuple(name.strip() for name in given if name.strip())


def words(given: object) -> tuple[str, ...]:
    """The words of a command: a list of texts, or a text that is split as a shell does."""
    if isinstance(given, str):
        import shlex  # few runs have such a setting

        try:
            given = shlex.split(given)
        except ValueError:
            raise ValueError("the words of a command are expected (a quote does not match)") from None
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(word, str) for word in given):
        raise ValueError("the words of a command, or a list of texts, are expected")
    if any("\0" in word for word in given):
        raise ValueError("words without NUL bytes are expected")
    return tuple(given)


def values(given: object) -> str | tuple[str, ...]:
    """Accept text as it is (the reader of the setting distinguishes commas from a file), or a list of texts."""
    if isinstance(given, (list, tuple)):
        if not all(isinstance(value, str) for value in given):
            raise ValueError("a list of texts is expected (put numbers in quotes)")
        return tuple(given)
    return text(given)


def environment(given: object) -> str | Mapping[str, str]:
    """Accept text as it is (lines or a file), or a mapping of names to texts."""
    if isinstance(given, Mapping):
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in given.items()):
            raise ValueError("a mapping of names to texts is expected (put numbers in quotes)")
        return {str(name): str(value) for name, value in given.items()}
    return text(given)


def subset(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    """A kind: some of the names `allowed`, each once, separated by commas or as a list."""
    return partial(some_of, allowed)


def some_of(allowed: tuple[str, ...], given: object) -> tuple[str, ...]:
    """Some of the names `allowed`, each once."""
    found = names(given)
    if not found or len(set(found)) < len(found) or not set(found) <= set(allowed):
        raise ValueError(f"one or more of {', '.join(allowed)} are expected, each once")
    return found


def choice(*allowed: str) -> Callable[[object], str]:
    """A kind: one of the words `allowed`."""
    return partial(one_of, allowed)


def one_of(allowed: tuple[str, ...], given: object) -> str:
    """One of the words `allowed`; YAML reads `off` as false."""
    if given is False and "off" in allowed:
        return "off"
    if given not in allowed:
        near = suggestion(given, list(allowed)) if isinstance(given, str) else ""
        raise ValueError(f"another word is expected{near}" if near else f"one of {', '.join(allowed)} is expected")
    return str(given)


def options(given: object) -> tuple[tuple[str, str], ...]:
    """Pairs of name and text: `NAME=VALUE` separated by commas, or a mapping; a name may have a list of values."""
    if isinstance(given, Mapping):
        lists = {name: value if isinstance(value, (list, tuple)) else (value,) for name, value in given.items()}
        return tuple((text(name), _option(value)) for name, values in lists.items() for value in values)
    pairs = [word.strip().partition("=") for word in names(given)]
    if not all(name and equals for name, equals, _ in pairs):
        raise ValueError("NAME=VALUE separated by commas, or a mapping of names to values, is expected")
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def inputs(given: object) -> tuple[tuple[str, str], ...]:
    """Pairs of name and text: `NAME=VALUE` in a text, one a line, or in a list of texts, or a mapping."""
    if isinstance(given, Mapping):
        return tuple((text(name), _option(value)) for name, value in given.items())
    lines: list[object] = [*given] if isinstance(given, (list, tuple)) else [*text(given).splitlines()]
    if all(isinstance(line, tuple) for line in lines):  # as this returns them
        return tuple((text(name), text(value)) for name, value in (line for line in lines if isinstance(line, tuple)))
    pairs = [text(line).partition("=") for line in lines if line != ""]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("NAME=VALUE, one a line, or a mapping of names to values, is expected")
    return tuple((name.strip(), value) for name, _, value in pairs)


def _option(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else text(value)
