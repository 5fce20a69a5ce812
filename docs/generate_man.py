"""Writes the manual pages of all commands from their help: `python docs/generate_man.py`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.cli import GROUPS, cli
from runnerlib.cli._commands import GroupedCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = Path(__file__).with_name("man")
_CODE = re.compile(r"`([^`]+)`")
_PLAIN = "\b"
_SIGNS = {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "'": "\\(aq"}


def pages() -> dict[str, str]:
    """All pages by the names of their files."""
    return dict(_pages(cli, ["runnerlib"]))


def _pages(command: click.Command, words: list[str]) -> Iterator[tuple[str, str]]:
    inner = _commands(command, words)
    yield f"{'-'.join(words)}.1", "".join(f"{line}\n" for line in _page(command, words, inner))
    for name, one in inner.items():
        yield from _pages(one, [*words, name])


def _commands(command: click.Command, words: list[str]) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command, info_name=" ".join(words))
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: one for name, one in found.items() if one is not None and not one.hidden}


def _page(command: click.Command, words: list[str], inner: dict[str, click.Command]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(words))
    title, text = "-".join(words), command.help or ""
    summary, _, _ = re.sub(r"\s+", " ", text.partition("\n\n")[0]).strip().partition(". ")
    yield f'.TH "{title.upper()}" "1" "" "runnerlib" "runnerlib manual"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", f"{_escaped(title)} \\- {_escaped(summary.rstrip('.'))}")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (".SH SYNOPSIS", f"\\fB{_escaped(' '.join(words))}\\fR {_escaped(usage)}")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(text)
    yield from _options(command, context)
    yield from _command_list(inner, words)
    yield from _closing(command.epilog or "")
    yield from _see_also(words, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, GroupedCommand):
        groups = list(command.grouped_options(context))
    else:
        records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
        groups = [("Options", records)] if records else []
    for heading, rows in groups:
        yield f".SH {_escaped(heading).upper()}"
        for spelling, text in rows:
            yield from (".TP", f"\\fB{_escaped(spelling)}\\fR", _line(text))


def _command_list(inner: dict[str, click.Command], words: list[str]) -> Iterator[str]:
    if not inner:
        return
    groups = GROUPS if words == ["runnerlib"] else {"Commands": tuple(inner)}
    yield ".SH COMMANDS"
    for heading, names in groups.items():
        if len(groups) > 1:
            yield f".SS {_escaped(heading)}"
        for name in names:
            page = _escaped("-".join([*words, name]))
            yield from (".TP", f"\\fB{page}\\fR(1)", _line(inner[name].get_short_help_str(200)))


def _closing(epilog: str) -> Iterator[str]:
    """Yield a section for each block of the epilog that has a heading, as `Examples:`."""
    for block in filter(None, (part.strip("\b\n") for part in epilog.split("\n\n"))):
        first, _, rest = block.partition("\n")
        if first.endswith(":") and rest:
            heading = {"Exit codes": "Exit status"}.get(first[:-1], first[:-1])
            yield f".SH {_escaped(heading).upper()}"
            yield from _unfilled(rest)
        else:
            yield from (".PP", *_unfilled(block))


def _see_also(words: list[str], inner: dict[str, click.Command]) -> Iterator[str]:
    above = ["-".join(words[:-1])] if len(words) > 1 else []
    names = [*above, *("-".join([*words, name]) for name in inner)]
    yield ".SH SEE ALSO"
    yield ", ".join(f"\\fB{_escaped(name)}\\fR(1)" for name in names) if names else "\\fBrunnerlib\\fR(1)"


def _paragraphs(text: str) -> Iterator[str]:
    for number, block in enumerate(filter(None, (part.strip("\n") for part in text.split("\n\n")))):
        if number:
            yield ".PP"
        if block.startswith(_PLAIN):
            yield from _unfilled(block.strip("\b\n"))
        else:
            yield _line(re.sub(r"\s+", " ", block).strip())


def _unfilled(block: str) -> Iterator[str]:
    """Yield lines that stay as they are."""
    lines = block.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    yield from (".RS 4", ".nf", *(_protected(_escaped(line[indent:])) for line in lines), ".fi", ".RE")


def _line(text: str) -> str:
    """A line of filled text, with what stands in backquotes in bold."""
    return _protected(_CODE.sub(r"\\fB\1\\fR", _escaped(text)))


def _escaped(text: str) -> str:
    escaped = "".join(_SIGNS.get(char, char) for char in text)
    return "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in escaped)


def _protected(line: str) -> str:
    """A line that is no request of roff."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    written = pages()
    for path in DIRECTORY.glob("*.1"):
        if path.name not in written:
            path.unlink()
    for name, content in written.items():
        (DIRECTORY / name).write_text(content, encoding="utf-8")
