"""Escape sequences of terminals: colours, those that must not pass, and the state that they leave."""

from __future__ import annotations

import re

RESET = b"\x1b[0m"

# One complete sequence: CSI, OSC, the strings DCS, SOS, PM and APC, and the short ones. Source: ECMA-48.
SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-OQ-WYZ`-~])"
)
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
# Sequences that begin with ESC and are not SGR, complete or not.
_OTHER = re.compile(
    rb"(?:\x1b(?!\[[0-9;:]*m)"
    rb"(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -/]*[0-~])?)+"
)
# The last SGR of a line, if it is none that switches everything off.
_LEFT_ON = re.compile(rb"\x1b\[(?!0?m)[0-9;:]*m[^\x1b\n]*\n")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\x1b") + b"\x7f"
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f]")
# What is taken out was masked as if it were not there, up to this length (FOLD_STRING of ext/fold.h). Behind
# more, two pieces of a secret could meet.
_UNSEEN = 512
# U+0080 to U+009F, which some terminals obey; also with colours between its bytes, which a reader may take out.
_C1 = re.compile(rb"\xc2((?:\x1b\[[0-9;:]*m)*)[\x80-\x9f]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_REPLACED_C1 = _REPLACEMENT + rb"\1"


def colours_only(data: bytes) -> bytes:
    """Return `data` without sequences that move the cursor, clear or rename; colours, tabs and line breaks pass.

    Control characters become `^G` and the like. They are not taken out: the mask has not looked through them, and a
    text that they interrupt may be a secret.
    """
    if b"\x1b" in data:
        data = _OTHER.sub(_taken_out, data)
    data = data.replace(b"\r", b"")
    if b"\xc2" in data:  # last of what looks at two bytes: those that were apart may have met
        data = _C1.sub(_REPLACED_C1, data)
    plain = data.translate(None, _CONTROLS)
    return plain if len(plain) == len(data) else _CONTROL.sub(_caret, data)


def _taken_out(found: re.Match[bytes]) -> bytes:
    return b"" if len(found[0]) <= _UNSEEN else _REPLACEMENT


def _caret(found: re.Match[bytes]) -> bytes:
    """A control character as `cat -v` writes it."""
    return bytes((ord("^"), found[0][0] ^ 0x40))


def text_only(data: bytes) -> str:
    """Return `data` as text without any escape sequence; bytes that are not UTF-8 are replaced."""
    return _SGR.sub(b"", colours_only(data)).decode(errors="replace")


# Parameters of SGR by what they set; the one that ends it stands last.
_ENDS = {
    **dict.fromkeys(range(30, 38), 39),
    **dict.fromkeys(range(90, 98), 39),
    **dict.fromkeys(range(40, 48), 49),
    **dict.fromkeys(range(100, 108), 49),
    1: 22,
    2: 22,
    3: 23,
    20: 23,
    4: 24,
    21: 24,
    5: 25,
    6: 25,
    7: 27,
    8: 28,
    9: 29,
    26: 50,
    38: 39,
    48: 49,
    58: 59,
    51: 54,
    52: 54,
    53: 55,
    73: 75,
    74: 75,
    **dict.fromkeys(range(11, 20), 10),
}
_ALL_ENDS = frozenset(_ENDS.values())
# The number of parameters after `38;5` and `38;2`.
_OPERANDS = {b"5": 1, b"2": 3}


class Colours:
    """The attributes that a text has switched on and not off again."""

    def __init__(self) -> None:
        self._on: dict[int, bytes] = {}

    def feed(self, data: bytes) -> None:
        """Apply the sequences in `data`."""
        for found in _SGR.finditer(data):
            self._apply(found[1].split(b";"))

    def closed_by_line(self, lines: bytes) -> bool:
        """Return whether nothing is on, and each of the whole `lines` switches off what it switches on."""
        return not self._on and (b"\x1b" not in lines or _LEFT_ON.search(lines) is None)

    def closed(self, lines: bytes) -> bytes:
        """Return whole `lines` that begin with the attributes already on, and end with none on."""
        if self.closed_by_line(lines):
            return lines
        before = self.sequence
        self.feed(lines)
        return before + lines[:-1] + (RESET if self._on else b"") + b"\n"

    @property
    def sequence(self) -> bytes:
        """Return the sequence that switches the same attributes on again; empty when none is on."""
        return b"\x1b[" + b";".join(self._on.values()) + b"m" if self._on else b""

    def _apply(self, parameters: list[bytes]) -> None:
        at = 0
        while at < len(parameters):
            first = parameters[at]
            head, _, rest = first.partition(b":")
            code = int(head[:4] or 0)
            width = 1
            if code in {38, 48, 58} and not rest:
                width = 2 + _OPERANDS.get(b"".join(parameters[at + 1 : at + 2]), 0)
            if code == 0:
                self._on.clear()
            elif code in _ALL_ENDS or first == b"4:0":
                self._on.pop(24 if first == b"4:0" else code, None)
            elif code in _ENDS:
                self._set(_ENDS[code], b";".join(parameters[at : at + width]))
            at += width

    def _set(self, end: int, parameters: bytes) -> None:
        if end == 22 and end in self._on and self._on[end] != parameters:  # bold and faint are on together
            parameters = b"1;2"
        self._on[end] = parameters
