"""The list of spellings: complete, without duplicates, bounded, and no mask on everyday words.

`test_encodings_tools.py` asks the real tools; here are the properties and the pieces of a value.
"""

from __future__ import annotations

import ast
import base64
import html
import json
import re
import shlex
import sys
import urllib.parse
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from xml.sax import saxutils

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runnerlib.masking import encodings
from runnerlib.masking.encodings import BINARY, ESCAPES, LARGE, LONG, QUOTINGS, forms, leaves
from runnerlib.masking.strength import MIN_PIECE, TRIVIAL, is_searchable, is_strong

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"#####"
TOKEN = b"ghp_Ab3dEf6hIj9kLm2oPq"
PASSWORD = b"p@ss'w\"o$rd`1 \\x<&>!%/=+,;:?*[]{}|^~"
PEM = (
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    b"MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n"
    b"x6dT4w==\n"
    b"-----END PRIVATE KEY-----\n"
)

values = st.binary(min_size=6, max_size=40) | st.text(min_size=6, max_size=30).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def patterns(value: bytes) -> list[bytes]:
    return [pattern for _, pattern in forms(value)]


def hide(searched: list[bytes], text: bytes) -> bytes:
    """Replace each maximal run of covered bytes by MARK: `oracle.mask`, fast enough for long outputs."""
    hidden = bytearray(len(text))
    for pattern in searched:
        at = text.find(pattern)
        while at >= 0:
            hidden[at : at + len(pattern)] = b"\1" * len(pattern)
            at = text.find(pattern, at + 1)
    runs = re.finditer(rb"\x00+|\x01+", hidden)
    return b"".join(MARK if run[0][0] else text[run.start() : run.end()] for run in runs)


def rules(value: bytes) -> set[str]:
    return {rule for rule, _ in forms(value)}


# -- the list as such


@given(values)
def test_raw_is_first_and_nothing_comes_twice(value: bytes) -> None:
    found = list(forms(value))
    assert found[0] == ("raw", value)
    assert len({pattern for _, pattern in found}) == len(found)
    assert all(pattern for _, pattern in found)
    assert list(forms(value)) == found


def test_an_empty_value_has_no_form() -> None:
    assert list(forms(b"")) == []


@given(st.binary(max_size=5))
def test_short_values_have_no_short_patterns_but_their_own_spellings(value: bytes) -> None:
    for rule, pattern in forms(value):
        if rule in BINARY:
            assert len(pattern) >= MIN_PIECE
        else:
            assert len(pattern) >= min(len(value), 3)


@given(st.binary(min_size=1, max_size=64), st.sampled_from(sorted(ESCAPES)))
def test_an_escape_leaves_plain_bytes_alone(value: bytes, rule: str) -> None:
    """The property that lets `forms` skip every escape for a token of letters and digits."""
    plain = base64.urlsafe_b64encode(value).rstrip(b"=") + b"."
    assert set(ESCAPES[rule](plain)) <= {plain}


@pytest.mark.parametrize("value", [TOKEN, PASSWORD, PEM, "pä😀\x01".encode(), bytes(range(256))], ids=len)
def test_every_rule_says_why_it_exists_and_gives_bytes(value: bytes) -> None:
    for encode in (*ESCAPES.values(), *QUOTINGS.values(), *BINARY.values()):
        assert encode.__doc__
        assert all(isinstance(pattern, bytes) for pattern in encode(value))


def test_a_token_has_few_patterns() -> None:
    assert len(TOKEN) == 22
    assert len(patterns(TOKEN)) <= 32


# -- encodings of bits, found inside a longer encoding


def visible_bytes(encoded: bytes, hidden: bytes, bits: int) -> tuple[int, int]:
    """Count the whole bytes that can be decoded from what is visible left and right of one mark."""
    left, mark, right = hidden.partition(MARK)
    assert mark, "the secret is in clear"
    assert MARK not in right
    payload = len(encoded.rstrip(b"=")) * bits // 8
    shown_right = len(right.rstrip(b"="))
    start = (len(encoded.rstrip(b"=")) - shown_right) * bits
    return len(left) * bits // 8, payload - -(-start // 8) if shown_right else 0


BIT_ENCODERS = {
    "base64": (base64.b64encode, 6),
    "base64url": (base64.urlsafe_b64encode, 6),
    "base64url unpadded": (lambda text: base64.urlsafe_b64encode(text).rstrip(b"="), 6),
    "base32": (base64.b32encode, 5),
    "hex": (lambda text: text.hex().encode(), 4),
    "HEX": (lambda text: text.hex().upper().encode(), 4),
}


@pytest.mark.parametrize("name", BIT_ENCODERS)
@given(inner=st.binary(min_size=4, max_size=40), before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_no_byte_of_the_secret_can_be_decoded(name: str, inner: bytes, before: bytes, after: bytes) -> None:
    secret = b"s" + inner + b"t"  # trimming has tests of its own
    encode, bits = BIT_ENCODERS[name]
    found = [p for rule, p in forms(secret) if rule in BINARY]
    encoded = encode(before + secret + after)
    hidden = hide(found, encoded)
    if hidden.count(MARK) > 1:
        return  # the surroundings happened to match as well
    left, right = visible_bytes(encoded, hidden, bits)
    assert left <= len(before)
    assert right <= len(after)


@given(st.binary(max_size=60))
def test_base32_is_that_of_the_library(value: bytes) -> None:
    whole = value * (1 + 8 // max(len(value), 1))
    if len(set(whole)) > 1:
        assert base64.b32encode(whole).rstrip(b"=") in set(BINARY["base32"](whole))


@pytest.mark.parametrize("user", ["", "u", "me", "bob", "anna", "x-access-token"])
def test_basic_authorization(user: str) -> None:
    header = b"authorization: Basic " + base64.b64encode(user.encode() + b":" + TOKEN)
    hidden = hide(patterns(TOKEN), header)
    visible = hidden.removeprefix(b"authorization: Basic ").partition(MARK)[0]
    assert MARK in hidden
    assert len(visible) * 6 // 8 <= len(user) + 1
    assert hidden.endswith(MARK) or hidden.rstrip(b"=").endswith(MARK)


def test_nothing_but_padding_is_left_of_an_encoding_of_the_secret_alone() -> None:
    for size in range(6, 20):
        secret = TOKEN[:size]
        assert hide(patterns(secret), base64.b64encode(secret)).rstrip(b"=") == MARK
        assert hide(patterns(secret), base64.b32encode(secret)).rstrip(b"=") == MARK


# -- escapes, found inside a longer text


def escapes_of(text: str) -> dict[str, bytes]:
    spelt = {
        "json": json.dumps(text),
        "json, not ascii": json.dumps(text, ensure_ascii=False),
        "json in upper case": re.sub(r"\\(?:u....|.)", lambda m: m[0][:2] + m[0][2:].upper(), json.dumps(text)),
        "json with slashes": json.dumps(text).replace("/", "\\/"),
        "json in json": json.dumps(json.dumps(text)),
        "json in json, not ascii": json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False),
        "json in json, ascii outside": json.dumps(json.dumps(text, ensure_ascii=False)),
        "repr": repr(text),
        "ascii": ascii(text),
        "bytes repr": repr(text.encode("utf-8", "surrogateescape")),
        "shlex": shlex.quote(text),
        "quote": urllib.parse.quote(text, errors="surrogateescape"),
        "quote all": urllib.parse.quote(text, safe="", errors="surrogateescape"),
        "quote_plus": urllib.parse.quote_plus(text, errors="surrogateescape"),
        "lower": urllib.parse.quote(text, safe="", errors="surrogateescape").replace("%", "\0"),
        "html": html.escape(text),
        "html text": html.escape(text, quote=False),
        "xml attribute": saxutils.quoteattr(text),
        "yaml": text.replace("'", "''"),
        "csv": text.replace('"', '""'),
        "make": text.replace("$", "$$"),
        "backslashes": text.replace("\\", "\\\\"),
    }
    spelt["lower"] = re.sub("\0..", lambda m: "%" + m[0][1:].lower(), spelt["lower"])
    return {name: shown.encode("utf-8", "surrogateescape") for name, shown in spelt.items()}


@given(st.binary(min_size=4, max_size=24) | st.text("'\"\\/<>&$ é€😀\n\x1b\x7fa", min_size=4).map(str.encode))
def test_every_escape_is_hidden_whole(value: bytes) -> None:
    secret = b"s" + value + b"t"  # trimming has tests of its own
    searched = patterns(secret)
    text = secret.decode("utf-8", "surrogateescape")
    for name, shown in escapes_of(f"<{text}>").items():
        if name == "xml attribute" and "'" not in text and '"' in text:
            continue  # quoteattr then quotes with ' and leaves " alone: covered as text
        visible = hide(searched, shown).replace(MARK, b"")
        frame = escapes_of("<>")[name]
        assert sorted(visible) == sorted(frame) or visible in {b"'<>'", b'"<>"', b'b"<>"'}, name


SPELLINGS = [
    ("json", b"a/b<c>d", rb"a\/b\u003cc\u003ed"),
    ("json", b"a&b'c+d", rb"a\u0026b\u0027c\u002Bd"),  # .NET
    ("json", b"key=val'", rb"key\u003dval\u0027"),  # Gson
    ("json", b"abc\x7f\x1bdef", rb"abc\u007f\u001bdef"),  # jq
    ("json", b"abc\x08\x0cdef", rb"abc\u0008\u000cdef"),  # Go before 1.22
    ("json", b"abc\xff<def", rb"abc\ufffd\u003cdef"),  # Go
    ("go-quoted", b"abc\xff\x00def", rb"abc\xff\x00def"),
    ("python-repr", b"abc\xffdef", rb"abc\udcffdef"),
    ("python-repr", b'it\'s "me"', rb"it\'s " + b'"me"'),
    ("node-inspect", b"abc\x1bdef", rb"abc\x1Bdef"),
    ("single-quoted", b"it's me", rb"it'\''s me"),
    ("single-quoted", b"it''s me", b"it'\"''\"'s me"),
    ("printf-q", b"#a b,c", rb"\#a\ b\,c"),
    ("printf-q", b"x=~a:~b", rb"x=\~a:\~b"),
    ("ansi-c", "é\t'x'é".encode(), rb"\303\251\t\'x\'\303\251"),
    ("ansi-c", b"abc\x1b\xffdef", rb"abc\E\377def"),
    ("double-quoted", b'a"b$c`d\\e', rb"a\"b\$c\`d\\e"),
    ("percent", b"a b/c~d", b"a+b%2Fc%7Ed"),
    ("percent", b"a b/c~d", b"a%20b/c~d"),
    ("percent", b"a(b)!c:d", b"a(b)!c%3Ad"),
    ("percent", b"a:b/c", b"a%3ab%2fc"),
    ("entities", b"a'b\"c<d", b"a&#39;b&#34;c&lt;d"),
    ("entities", b"a'b\"c<d", b"a&apos;b&quot;c&lt;d"),
    ("entities", b"a'b\"c<d", b"a&#x27;b&#x22;c&lt;d"),
    ("entities", "naïve<".encode(), b"na&#239;ve&lt;"),
    ("windows-cmd", b"a&b|c%d", b"a^&b^|c%d"),
    ("windows-cmd", b"a&b|c%d", b"a&b|c%%d"),
    ("powershell", b'a$b"c`d', b'a`$b`"c``d'),
    ("json-twice", b'a"b\\c/', rb"""a\\\"b\\\\c\\/"""),
    ("json-twice", b"a<b", rb"a\\u003cb"),
    ("json-twice", "é".encode(), rb"\u00e9"),
    ("doubled", b"a$b$c", b"a$$b$$c"),
    ("doubled", rb"a\b\c", rb"a\\b\\c"),
    ("json-again", b'a"b', rb"a\\" + b'"b'),  # repr(json.dumps(...))
    ("json-again", b'a"b', rb"a\\\\\\\"b"),  # JSON three times
    ("percent-twice", b"a b/c%", b"a%2520b%252Fc%2525"),
    ("percent-twice", b"a b/c%", b"a%2Bb%252Fc%2525"),
    ("hex-quoted", b"pad=ding=", b"pad=3Dding=3D"),  # quoted-printable
    ("hex-quoted", "clé=".encode(), b"cl=C3=A9=3D"),
    ("hex-quoted", b"a*(b)c\\", rb"a\2a\28b\29c\5c"),  # a filter of LDAP
    ("backslashed", b"a,b+c", rb"a\,b\+c"),  # a name in LDAP
    ("backslashed", b"it's\n\"x\x1a", rb"it\'s\n\"x\Z"),  # MySQL
    ("java-properties", "key: é=#1".encode(), rb"key\: \u00E9\=\#1"),
    ("java-properties", "key é".encode(), rb"key\ \u00E9"),
    ("yaml", "é\t€😀\xa0".encode(), rb"\xE9\t\u20AC\U0001F600\_"),  # PyYAML
    ("quoted-again", b"it's", rb"it'\''\'\'''\''s"),  # `@Q` below `set -x`
    ("quoted-again", b"pass!word", rb"pass'\!'word"),  # git
    ("code-page", "Grüße€".encode(), "Grüße€".encode("cp1252")),
    ("code-page", "пароль".encode(), "пароль".encode("koi8-r")),
    ("normal-form", "Grüße".encode(), "Gru\u0308ße".encode()),
    ("normal-form", "Gru\u0308ße".encode(), "Grüße".encode()),
    ("regex", b"6f1c2d3e-4b5a.x", rb"6f1c2d3e\-4b5a\.x"),
    ("regex", b"6f1c2d3e-4b5a.x", rb"6f1c2d3e-4b5a\.x"),  # Go
    ("ungrouped", b"6f1c2d3e-4b5a-11ee-be56-0242ac120002", b"6f1c2d3e4b5a11eebe560242ac120002"),
    ("ungrouped", b"6f1c2d3e-4b5a-11ee-be56-0242ac120002", b"6F1C2D3E-4B5A-11EE-BE56-0242AC120002"),
]


def test_spellings_by_hand() -> None:
    for rule, value, spelt in SPELLINGS:
        assert spelt in set((ESCAPES | QUOTINGS)[rule](value)), (rule, spelt)
        assert spelt in patterns(value), rule


# -- pieces


def test_what_stands_between_ampersands() -> None:
    assert {b"correct-horse", b"battery-staple"} <= set(patterns(b"correct-horse&short&battery-staple"))
    assert b"short" not in patterns(b"correct-horse&short&battery-staple")
    assert b"format=json" not in patterns(b"https://host/?sig=Kq7vZx9wPf&format=json")  # it is in every other log


@pytest.mark.parametrize("value", [b" %s\n", b'"%s"', b"'%s'\r\n", b'\n " %s "\n', b"`%s`"])
def test_trimmed(value: bytes) -> None:
    found = patterns(value % TOKEN)
    assert TOKEN in found
    assert hide(found, base64.b64encode(TOKEN)).rstrip(b"=") == MARK


@pytest.mark.parametrize("value", [b" \n", b'"ab"', b"' '", b'"', b"''", b" a\n", b'"""'])
def test_trimming_makes_nothing_too_short_to_be_registered(value: bytes) -> None:
    assert all(len(pattern) >= min(3, len(value)) for pattern in patterns(value))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends(line_end: bytes) -> None:
    found = patterns(PEM.replace(b"\n", line_end))
    assert PEM.strip() in found
    assert PEM.strip().replace(b"\n", b"\r\n") in found
    for whole in (PEM, PEM.replace(b"\n", b"\r\n")):
        encoded = base64.b64encode(b"x" + whole + b"y")
        assert len(hide(found, encoded)) <= len(MARK) + 10


def test_lines_are_secrets_but_armour_is_not() -> None:
    found = patterns(PEM)
    begin, one, two, three, end = PEM.splitlines()
    assert {one, two, three} <= set(found)
    assert begin not in found
    assert end not in found
    prefixed = b"".join(b"app-1  | " + line + b"\n" for line in PEM.splitlines())
    assert hide(found, prefixed).splitlines() == [b"app-1  | " + line for line in (begin, MARK, MARK, MARK, end)]
    assert hide(found, base64.b64encode(one)).rstrip(b"=") == MARK


def test_unquoted_echo_and_deleted_newlines() -> None:
    found = patterns(PEM)
    assert hide(found, b" ".join(PEM.split())) == MARK
    assert hide(found, PEM.replace(b"\n", b"")) == MARK


def test_a_key_with_literal_newlines_is_found_line_by_line() -> None:
    assert set(PEM.splitlines()[1:-1]) <= set(patterns(PEM.strip().replace(b"\n", b"\\n")))


def test_weak_lines_are_no_patterns() -> None:
    weak = [b"{", b"],", b"true", b"production", b"2024", b"1234567", b"------------", b"", b"ababab"]
    found = patterns(b"\n".join([*weak, TOKEN]))
    assert TOKEN in found
    assert not set(weak) & set(found)


@given(values)
def test_bytes_that_are_not_utf8_may_be_shown_as_replacement_characters(value: bytes) -> None:
    secret = b"strong" + value + b"\xff" + b"secret"
    shown = secret.decode("utf-8", "replace").encode()
    assert hide(patterns(secret), b"<" + shown + b">") == b"<" + MARK + b">"


# -- leaves

SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "shop-477",
    "private_key": PEM.decode(),
    "client_id": 117453289012345678901,
    "nested": [{"token": TOKEN.decode()}, True, None, 12.5, "production", ""],
    "pin": 493817,
    "small": 1234,
}


@pytest.mark.parametrize("indent", [None, 2])
def test_leaves_of_json(indent: int | None) -> None:
    value = json.dumps(SERVICE_ACCOUNT, indent=indent).encode()
    found = list(leaves(value))
    assert found == [b"shop-477", PEM, b"117453289012345678901", TOKEN, b"493817"]
    spelt = {pattern: rule for rule, pattern in forms(value)}
    assert spelt[PEM] == "json-leaf/raw"
    assert spelt[PEM.splitlines()[1]] == "json-leaf/line"
    assert spelt[base64.b64encode(TOKEN)[:29]] == "json-leaf/base64"
    assert not [pattern for pattern, rule in spelt.items() if pattern[:1] in b"{[}]" and "/" in rule]


def test_no_line_of_json_is_masked_as_it_stands() -> None:
    harmless = b'  "type": "service_account",\n{\n}\n'
    assert hide(patterns(json.dumps(SERVICE_ACCOUNT, indent=2).encode()), harmless) == harmless


LEAVES = [
    (b"TOKEN=hunter2hunter2", [b"hunter2hunter2"]),
    (
        b'# c\n\nexport A=first-one\r\nB = \'second one\'\nC="third\\"one" # x\n',
        [b"first-one", b"second one", rb"third\"one", b'third"one'],
    ),
    (b"A=plain-one # why\nB=yes\n", [b"plain-one # why", b"plain-one"]),
    (b'KEY="line one\nline two"\nX=1\n', [b"line one\nline two"]),
    (b'KEY="line one\\nline two"', [rb"line one\nline two", b"line one\nline two"]),
    (b'A="unclosed value\nB=\'other" one\n', [b'"unclosed value', b"'other\" one"]),
    (b'{"env": "A=first-one\\nB=2nd-one"}', [b"A=first-one\nB=2nd-one", b"first-one", b"2nd-one"]),
    (b'["{\\"deep\\": \\"secret-one\\"}"]', [b'{"deep": "secret-one"}', b"secret-one"]),
    (b'{"a": "first-one", "a": "second-one"}', [b"first-one", b"second-one"]),
    (b'\xef\xbb\xbf{"a": "first-one"}', [b"first-one"]),
    (b'{"a": "first\xff-one"}', [b"first\xff-one"]),
    (b'{"a": "lone\\ud800-one"}', [b"lone\xed\xa0\x80-one"]),
    (b"https://user:pa%40ssword@host/path", [b"pa%40ssword", b"pa@ssword"]),
    (b"https://ghp_Ab3dEf6hIj9k@host/path", [b"ghp_Ab3dEf6hIj9k"]),
    (b"postgres://app:s3cr3t-pw@db:5432/shop?x=y@z", [b"s3cr3t-pw"]),
    (b"https://host/path@2x", []),
    (b"{not json at all", []),
    (b"[" * 5000, []),
    (b"Ab3dEf6hIj9kLm2oPq==", []),
    (PEM, []),
    (TOKEN, []),
    (b"", []),
    (b'{"a": 1e999999, "b": NaN, "c": 12.345678}', [b"1e999999", b"12.345678"]),
]


def test_leaves() -> None:
    for value, expected in LEAVES:
        found = list(leaves(value))
        assert found == expected, value
        assert set(found) <= set(patterns(value))


leaf = st.text(min_size=8, max_size=20).filter(lambda text: is_strong(text.encode("utf-8", "surrogatepass")))


def containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)


@given(st.recursive(leaf, containers))
def test_every_strong_string_of_json_is_a_leaf(data: object) -> None:
    def strings(node: object) -> set[bytes]:
        if isinstance(node, str):
            return {node.encode("utf-8", "surrogatepass")}
        inner = node.values() if isinstance(node, dict) else node
        return set().union(*map(strings, inner))

    if not isinstance(data, str):
        assert strings(data) <= set(leaves(json.dumps(data).encode()))


@example(rb"p\8w\9d\08")  # no digits of an octal number
@given(st.binary(max_size=60) | st.text("A=\"'\n\\# {[]}:,x89", max_size=60).map(str.encode))
@settings(max_examples=200)
def test_any_value_is_survived(value: bytes) -> None:
    assert set(leaves(value)) <= set(patterns(value))


# -- strength


def test_strength() -> None:
    assert is_strong(b"hunter2")
    assert is_strong(b"12345678")
    weak = [b"hunt2", b"1234567", b" a b ", b"------", b"aaaaaaaa", b"Production", b"---- END SSH2 KEY ----"]
    assert not list(filter(is_strong, weak))
    assert is_strong(PEM), "armour with a key in it"
    assert not is_searchable(b"AAAAAAAA")


def test_trivial_words_are_compared_in_lower_case() -> None:
    assert all(word == word.lower() for word in TRIVIAL)


# -- cost


def large_values() -> Iterator[tuple[str, bytes]]:
    size, random = 1 << 18, Random(7)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = random.randbytes(size).translate(letters * 4)
    yield "binary", random.randbytes(size)
    yield "one line", text
    yield "lines", b"\n".join(text[at : at + 64] for at in range(0, size, 64))
    yield "quotes", b"ab'\"\\$<>&/%~# " * (size // 14)
    size //= 4
    yield "json", json.dumps([text[at : at + 20].decode() for at in range(0, size, 25)]).encode()
    yield "dotenv", b"".join(b"A=%s\n" % text[at : at + 20] for at in range(0, size, 25))
    yield "open brackets", b"[" * size
    yield "nested assignments", b"A=" * (size // 2)
    yield "open quotes", b'A="\\"\nB=\'\n' * (size // 9)
    yield "backslashes", b'A="' + b"\\" * size + b'"'


def test_large_values_are_bounded() -> None:
    for kind, value in large_values():
        assert sum(len(pattern) for _, pattern in forms(value)) <= 48 * len(value), kind


@pytest.mark.parametrize("size", [LONG, LARGE, LARGE + 1])
def test_the_size_classes_keep_what_files_meet(size: int) -> None:
    secret = (Random(3).randbytes(size).hex() + "/<é")[-size:].encode()
    found = rules(secret)
    assert {"raw", "json", "base64", "hex"} <= found
    assert ("base32" in found) == (len(secret) <= LARGE)
    assert hide(patterns(secret), json.dumps(secret.decode()).encode()) == b'"' + MARK + b'"'


def test_the_import_is_light() -> None:
    """Top-level imports only: what is needed for few values is imported where it is used."""
    allowed = {"__future__", "binascii", "itertools", "runnerlib"}
    folder = Path(encodings.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path.name
    assert {"binascii", "itertools"} <= sys.stdlib_module_names
