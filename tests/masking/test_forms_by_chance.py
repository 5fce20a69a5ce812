"""Random secrets between random neighbours, printed by other encoders than ours: exactly the secret is hidden.

The encoders are the standard library's, or written down here as plainly as possible. What must be left is what they
make of a text that has a word in the secret's place.
"""

from __future__ import annotations

import base64
import json
import quopri
import re
import unicodedata
import urllib.parse
from random import Random
from typing import TYPE_CHECKING

import pytest
import yaml

from runnerlib.masking import SecretMasker
from runnerlib.masking.strength import is_strong
from tests.masking.test_encodings import visible_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = b"#####"
WORD = "WORD"
ALPHABETS = [
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
    "ABCDEFGH0123!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~ -._",
    "ABCDEFGH0123!$&'ÄÖÉçñß",
    "ABC123\\\\\\ntx0\"'",
]


def _properties(text: str) -> str:
    """The value of a property as `Properties.store` writes it."""
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    spelt = {ord("\\"): "\\\\", **{ord(char): "\\" + char for char in "=:#!"}}
    return "".join(spelt.get(code) or (chr(code) if 32 <= code < 127 else f"\\u{code:04X}") for code in codes)


def _ldap(text: str) -> str:
    return "".join(f"\\{ord(char):02x}" if char in "*()\\" else char for char in text)


def _unit(text: str) -> str:
    plain = b"_.:0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(chr(byte) if byte in plain else "-" if byte == 0x2F else f"\\x{byte:02x}" for byte in text.encode())


def _page(name: str) -> Callable[[str], bytes]:
    return lambda text: text.encode(name)


ENCODERS: dict[str, Callable[[str], str | bytes]] = {
    "raw": str,
    "regular expression": re.escape,
    "quotemeta": lambda text: re.sub(r"([^A-Za-z0-9_])", r"\\\1", text, flags=re.ASCII) if text.isascii() else text,
    "shell words": lambda text: re.sub(r"([^A-Za-z0-9_\-.,:+/@])", r"\\\1", text),
    "json three times": lambda text: json.dumps(json.dumps(json.dumps(text))),
    "json three times, as it is": lambda text: json.dumps(
        json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False), ensure_ascii=False
    ),
    "repr of json": lambda text: repr(json.dumps(text)),
    "percent twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "form, percent": lambda text: urllib.parse.quote(urllib.parse.quote_plus(text), safe=""),
    "quoted-printable": lambda text: (
        quopri.encodestring(text.encode(), quotetabs=False).replace(b"=\n", b"").rstrip(b"\n")
    ),
    "yaml": lambda text: yaml.dump(text, default_style='"', width=10**6).rstrip("\n"),
    "properties": _properties,
    "ldap": _ldap,
    "unit": _unit,
    "cp1252": _page("cp1252"),
    "cp850": _page("cp850"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}


def _encoded(name: str, text: str) -> bytes:
    made = ENCODERS[name](text)
    return made if isinstance(made, bytes) else made.encode()


def _a_secret(rng: Random) -> str:
    while True:
        secret = "".join(rng.choices(rng.choice(ALPHABETS), k=rng.randint(8, 20))).strip()
        if is_strong(secret.encode()) and secret[:1] not in "\"'`.~=" and secret[-1:] not in "\"'`":
            return secret


def _cut(text: bytes, rng: Random) -> list[bytes]:
    ends = sorted(rng.choices(range(len(text) + 1), k=rng.randint(0, 4)))
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def _masked(masker: SecretMasker, text: bytes, rng: Random) -> bytes:
    stream = masker.stream()
    pieces = _cut(text, rng) if rng.random() < 0.9 else [text[at : at + 1] for at in range(len(text))]
    return b"".join(map(stream.feed, pieces)) + stream.flush()


def _check_escapes(masker: SecretMasker, secret: str, rng: Random) -> int:
    """Check each encoder once; the number of those that could say the text."""
    cases = 0
    for name in ENCODERS:
        before, after = ("".join(rng.choices("xyz", k=rng.randint(1, 6))) for _ in range(2))
        try:
            printed = _encoded(name, before + secret + after)
        except UnicodeEncodeError:
            continue
        expected = _encoded(name, before + WORD + after).replace(WORD.encode(), MARK)
        assert _masked(masker, printed, rng) == expected, (name, secret, printed)
        at = rng.randrange(1, len(printed))
        event = b"\r" if "\\" in secret else b"\x1b[1m"  # an interpreted backslash may have made an escape too
        broken = printed[:at] + event + printed[at:]
        if printed.isascii():  # else it may be in the middle of a character
            left = _masked(masker, broken, rng).replace(event, b"").replace(MARK * 2, MARK)
            assert left == expected, (name, secret, broken)
        cases += 2
    return cases


def _check_base64(masker: SecretMasker, secret: str, rng: Random) -> int:
    before, after = ("".join(rng.choices("xyz", k=rng.randint(0, 6))) for _ in range(2))
    for order in ("utf-8", "utf-16-le"):
        for spelt in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            printed = base64.b64encode((before + spelt + after).encode(order))
            left, right = visible_bytes(printed, _masked(masker, printed, rng), 6)
            assert left <= len(before.encode(order)), (secret, spelt, printed)
            assert right <= len(after.encode(order)), (secret, spelt, printed)
    return 6


def _run(cases: int, seed: int) -> int:
    rng = Random(seed)
    done = 0
    while done < cases:
        secret = _a_secret(rng)
        masker = SecretMasker(MARK)
        masker.register_secret(secret)
        for _ in range(4):
            done += _check_escapes(masker, secret, rng) + _check_base64(masker, secret, rng)
    return done


def test_some() -> None:
    assert _run(3000, 1) >= 3000


@pytest.mark.slow
def test_a_million() -> None:
    assert _run(1_000_000, 2) >= 1_000_000


def test_other_text_stays() -> None:
    """Of text that is random but has letters like those of secrets nothing is hidden."""
    rng = Random(3)
    masker = SecretMasker(MARK)
    masker.register_secrets([_a_secret(rng) for _ in range(100)])
    letters = "".join(ALPHABETS) + "abcdefghijklmnopqrstuvwxyz \n"
    text = "".join(rng.choices(letters, k=200_000)).encode()
    assert masker.mask(text) == text
