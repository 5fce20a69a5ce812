"""Real tools print a text that contains the secret; what they print must not show it.

The Debian packages: jq xxd curl openssl dash (coreutils and bash are always there). Only node may be
missing even where all tools are required.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
from functools import cache
from random import Random
from typing import TYPE_CHECKING

import pytest

from runnerlib.masking.encodings import forms
from tests.masking.test_encodings import MARK, PASSWORD, PEM, TOKEN, hide, visible_bytes
from tests.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    "token": TOKEN,
    "password": PASSWORD,
    "padded": b"Ab3+/Ef6hIj9kLm2oPq4==",
    "unicode": "pä'ß wörd/€ 😀<&>".encode(),
    "multi-line": b"line one\n\tline \"two\" & 'so' on\r\nline <three>/\x1b\x7f\x08.",
    "quotes": b"'it''s' \"quoted\"'",
    "tilde": b"#~hash:~tilde=~x,y z",
    "key": PEM.strip(),
}
BINARY = {
    "bytes": b"bin\xff\xfe\x80key\xc3(\x01\x9f/+='\\n",
    "random": Random(5).randbytes(32).replace(b"\0", b""),
}

VALUES = TEXTS | BINARY


@cache
def patterns(secret: bytes) -> list[bytes]:
    return [pattern for _, pattern in forms(secret)]


def run(
    *command: str | bytes, given: bytes = b"", locale: str = "C.UTF-8", status: int = 0, **variables: bytes
) -> bytes:
    """Run a tool; return what it wrote, standard error last."""
    environ = {b"PATH": os.environb[b"PATH"], b"LC_ALL": locale.encode()}
    environ |= {name.encode(): value for name, value in variables.items()}
    done = subprocess.run(command, input=given, capture_output=True, env=environ, check=False, timeout=20)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def shown(secret: bytes, printed: bytes) -> bytes:
    """Mask what a tool printed; check that the secret was in it and that no six bytes of it are left."""
    hidden = hide(patterns(secret), printed)
    assert MARK in hidden, printed
    left = hidden.replace(MARK, b"\0")
    body = b"\n".join(line for line in secret.splitlines() if not line.startswith(b"-----"))
    pieces = {body[at : at + 6] for at in range(len(body) - 5)}
    assert not [piece for piece in pieces if piece in left], left
    return hidden


def bare(left: bytes) -> bytes:
    """Drop quotes, brackets and keys that tools put around a text."""
    for frame in (b"b'", b'b"', b'"k":', b"'k':", b"k:", b"k="):
        left = left.removeprefix(b"{").removeprefix(b"[").strip().removeprefix(frame)
    return left.strip(b"\"'`[]{} \n")


# -- encodings of bits: found between any neighbours


def in_files(script: str, texts: list[bytes], folder: Path) -> list[bytes]:
    """Run a shell command for each text in one shell; `$f` is the file that holds it."""
    for number, text in enumerate(texts):
        (folder / f"{number:03}").write_bytes(text)
    loop = f'for f in "$1"/*; do {script} | tr -d "\\n"; echo; done'
    return run(tool("dash"), "-c", loop, "sh", str(folder)).splitlines()


@pytest.mark.parametrize(
    ("needed", "script", "bits"),
    [
        ("base64", 'base64 -w0 "$f"', 6),
        ("base32", 'base32 -w0 "$f"', 5),
        ("openssl", 'openssl base64 -A -in "$f"', 6),
        ("openssl", 'openssl enc -base64 -A -in "$f"', 6),
        ("xxd", 'xxd -p -c0 "$f"', 4),
        ("xxd", 'xxd -u -p -c0 "$f"', 4),
    ],
)
def test_no_byte_can_be_decoded(needed: str, script: str, bits: int, tmp_path: Path) -> None:
    tool(needed)
    random = Random(11)
    secrets = [TOKEN, PASSWORD, TEXTS["unicode"], BINARY["random"], TEXTS["key"]]
    sizes = [(before, after) for before in range(6) for after in range(6)]
    neighbours = [(random.randbytes(before), random.randbytes(after)) for before, after in sizes]
    if needed == "openssl":
        neighbours = neighbours[::3]  # a slow starter, and the bits are those of `base64`
    cases = [(before, secret, after) for secret in secrets for before, after in neighbours]
    printed = in_files(script, [b"".join(case) for case in cases], tmp_path)
    for (before, secret, after), encoded in zip(cases, printed, strict=True):
        left, right = visible_bytes(encoded, hide(patterns(secret), encoded), bits)
        assert left <= len(before)
        assert right <= len(after)


@pytest.mark.parametrize("order", ["UTF-16LE", "UTF-16BE", "UTF-16"])
def test_utf_16(order: str) -> None:
    for name, secret in TEXTS.items():
        printed = run(tool("iconv"), "-f", "UTF-8", "-t", order, given=b"before " + secret + b" after")
        left = printed
        for pattern in patterns(secret):
            left = left.replace(pattern, b"")
        assert len(left) <= len("before  after".encode(order)) + 1, name


# -- escapes: exactly the frame is left


def test_jq() -> None:
    for secret in TEXTS.values():
        for options in ("-Rs", "-Rsa"):
            printed = run(tool("jq"), options, ".", given=b"before" + secret + b"after")
            assert shown(secret, printed).replace(MARK, b"#") == b'"before#after"\n'


def test_jq_replaces_what_is_not_utf8() -> None:
    for secret in VALUES.values():
        if secret != BINARY["random"]:  # of noise nothing is left to search
            shown(secret, run(tool("jq"), "-Rs", ".", given=b"before" + secret + b"after"))


BASH = r"""
x="before${S}after"
printf '%q\n' "$x"
printf '%s\n' "${x@Q}" "${x@A}"
declare -p x
export x
export -p | sed -n '/^declare -x x=/,/^declare -x [^x]/p' | sed '/^declare -x [^x]/d'
set | sed -n '/^x=/,/^[^x].*=/p' | sed '/^[^x][A-Za-z_]*=/d'
set -x
: "$x"
y="$x"
"""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_bash(locale: str) -> None:
    for secret in VALUES.values():
        left = shown(secret, run(tool("bash"), "-c", BASH, S=secret, locale=locale)).replace(MARK, b"#")
        words = [b"before#after", b"'before#after'", b"$'before#after'", b'"before#after"']
        for line in left.splitlines():
            assert any(line.endswith(word) for word in words), line


def test_bash_quotes_the_bare_secret() -> None:
    """At the start of a word `#` and `~` are special."""
    for secret in VALUES.values():
        left = shown(secret, run(tool("bash"), "-c", 'printf "%q\\n" "$S"; set -x; : "$S"', S=secret))
        assert set(left.replace(MARK, b"").replace(b"+ : ", b"").strip()) <= set(b"'$\\\"\n"), left


def test_bash_quotes_what_it_quoted() -> None:
    for secret in VALUES.values():
        left = shown(secret, run(tool("bash"), "-c", 'x="before${S}after"; set -x; : "${x@Q}"', S=secret))
        assert set(left.replace(MARK, b"").replace(b"before", b"").replace(b"after", b"")) <= set(b"+ : '$\\\n"), left


@pytest.mark.parametrize("safe", ["", "!'()*", "!$&'()*+,;="])
def test_git_traces_urls(safe: str) -> None:
    """Of a user-info that leaves `!` and `'` as they are, or does not."""
    for secret in VALUES.values():
        url = f"https://me:{urllib.parse.quote_from_bytes(secret, safe=safe)}@[::1]:1/x"
        traced = run(tool("git"), "-c", "protocol.allow=never", "ls-remote", url, GIT_TRACE=b"1", status=128)
        left = shown(secret, traced).replace(MARK, b"#")
        assert b"'https://me:#@[::1]:1/x'" in left, left


DASH = 'export x="before${S}after"; export -p | sed -n "/^export x=/,\\$p"; set -x; : "$x"; y="$x"'


def test_dash() -> None:
    for secret in VALUES.values():
        left = shown(secret, run(tool("dash"), "-c", DASH, S=secret)).replace(MARK, b"#")
        assert left == b"export x='before#after'\n+ : before#after\n+ y=before#after\n"


PYTHON = """
import html, json, os, shlex, sys, urllib.parse
from xml.sax import saxutils
raw = b"before" + os.environb[b"S"] + b"after"
x = os.fsdecode(raw)
printed = [
    repr(x), ascii(x), repr(raw), repr({"k": x}), repr([raw]), shlex.quote(x),
    json.dumps(x), json.dumps(x, ensure_ascii=False), json.dumps({"k": x}, indent=1),
    urllib.parse.quote(raw), urllib.parse.quote(raw, safe=""), urllib.parse.quote_plus(raw),
    urllib.parse.urlencode({"k": raw}),
    html.escape(x), html.escape(x, quote=False), saxutils.escape(x), saxutils.quoteattr(x),
]
sys.stdout.buffer.write(b"\\0".join(map(os.fsencode, printed)))
"""


def test_python() -> None:
    for secret in VALUES.values():
        for printed in run(sys.executable, "-c", PYTHON, S=secret).split(b"\0"):
            left = shown(secret, printed).replace(MARK, b"#")
            assert bare(left) == b"before#after", left


NODE = """
const util = require("util"), qs = require("querystring")
const x = "before" + process.env.S + "after"
const printed = [
  JSON.stringify(x), JSON.stringify({k: x}), encodeURIComponent(x), encodeURI(x), qs.escape(x),
  util.inspect(x), util.inspect({k: x}), util.inspect([x]), util.format("%j", x), util.format("%o", x),
  new URLSearchParams({k: x}).toString(),
]
process.stdout.write(printed.join("\\0"))
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; its vectors run elsewhere")
def test_node() -> None:
    for secret in TEXTS.values():
        for printed in run(tool("node"), "-e", NODE, S=secret).split(b"\0"):
            left = shown(secret, printed).replace(MARK, b"#")
            if b" +\n" in left:  # util.inspect shows the lines of a long text as so many strings
                assert b"BEGIN PRIVATE KEY" in left
            else:
                assert bare(left) == b"before#after", left


# -- HTTP


def talk(*options: str | bytes) -> bytes:
    """Let curl talk to a server on the loopback that refuses it; return what `curl -v` printed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/path"
        command = [tool("curl"), "-sv", "--noproxy", "*", "--max-time", "10", *options, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as curl:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                while b"\r\n\r\n" not in connection.recv(1 << 16):
                    pass
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
                return curl.communicate(timeout=10)[0]


def test_curl() -> None:
    for secret in TEXTS.values():
        for user in (b"u", b"me", b"bob"):
            left = shown(secret, talk("-u", user + b":" + secret))
            header = next(line for line in left.splitlines() if line.startswith(b"> Authorization: "))
            visible = header.removeprefix(b"> Authorization: Basic ")
            assert len(visible.partition(MARK)[0]) * 6 // 8 <= len(user) + 1
            assert visible.rstrip(b"=").endswith(MARK)
        left = shown(secret, talk("-G", "--data-urlencode", b"k=before" + secret + b"after"))
        assert b"GET /path?k=before" + MARK + b"after HTTP" in left


# -- Go: no toolchain is needed, these are its answers
#
# For each secret s and t := "before" + s + "after": fmt.Sprintf("%q", t), fmt.Sprintf("%+q", t),
# json.Marshal(t), json.MarshalIndent of {"Config": {"Env": ["TOKEN=" + t]}} as `docker inspect` prints it,
# url.QueryEscape(t), url.PathEscape(t), url.UserPassword("user", t).String(), html.EscapeString(t),
# xml.EscapeText(t); printed with strconv.QuoteToASCII by go1.26.8.

GO_SECRETS = {
    "password": b"p@ss'w\"o$rd`1 \\x<&>!%#~/=+,;:?*[]{}|^_-.",
    "unicode": (b"p\xc3\xa4'\xc3\x9f w\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80<&>\xe2\x80\xa8\xc2\xa0\xc2\xad\"x"),
    "multi-line": b"line one\n\tline \"two\" & 'so' on\r\nline <three>\x1b\x7f\x08\x0b",
    "not UTF-8": b"bin\xff\xfe\x80key\xc3(\x01\x9f/+=",
}
GO_OUTPUT = {
    ("password", "%q"): b'"beforep@ss\'w\\"o$rd`1 \\\\x<&>!%#~/=+,;:?*[]{}|^_-.after"',
    ("password", "%+q"): b'"beforep@ss\'w\\"o$rd`1 \\\\x<&>!%#~/=+,;:?*[]{}|^_-.after"',
    ("password", "json.Marshal"): (b'"beforep@ss\'w\\"o$rd`1 \\\\x\\u003c\\u0026\\u003e!%#~/=+,;:?*[]{}|^_-.after"'),
    ("password", "docker inspect"): (
        b'{\n    "Config": {\n        "Env": [\n            "TOKEN=beforep@ss\'w\\"o$rd`1 \\\\x'
        b'\\u003c\\u0026\\u003e!%#~/=+,;:?*[]{}|^_-.after"\n        ]\n    }\n}'
    ),
    ("password", "url.QueryEscape"): (
        b"beforep%40ss%27w%22o%24rd%601+%5Cx%3C%26%3E%21%25%23~%2F%3D%2B%2C%3B%3A%3F%2A%5B%5D%7B%7D%7C%5E_-.after"
    ),
    ("password", "url.PathEscape"): (
        b"beforep@ss%27w%22o$rd%601%20%5Cx%3C&%3E%21%25%23~%2F=+%2C%3B:%3F%2A%5B%5D%7B%7D%7C%5E_-.after"
    ),
    ("password", "url.UserPassword"): (
        b"user:beforep%40ss%27w%22o$rd%601%20%5Cx%3C&%3E%21%25%23~%2F=+,;%3A%3F%2A%5B%5D%7B%7D%7C%5E_-.after"
    ),
    ("password", "html.EscapeString"): (b"beforep@ss&#39;w&#34;o$rd`1 \\x&lt;&amp;&gt;!%#~/=+,;:?*[]{}|^_-.after"),
    ("password", "xml.EscapeText"): (b"beforep@ss&#39;w&#34;o$rd`1 \\x&lt;&amp;&gt;!%#~/=+,;:?*[]{}|^_-.after"),
    ("unicode", "%q"): (
        b'"beforep\xc3\xa4\'\xc3\x9f w\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80<&>\\u2028\\u00a0\\u00ad\\"xafter"'
    ),
    ("unicode", "%+q"): (b'"beforep\\u00e4\'\\u00df w\\u00f6rd/\\u20ac \\U0001f600<&>\\u2028\\u00a0\\u00ad\\"xafter"'),
    ("unicode", "json.Marshal"): (
        b"\"beforep\xc3\xa4'\xc3\x9f w\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80\\u003c\\u0026\\u"
        b'003e\\u2028\xc2\xa0\xc2\xad\\"xafter"'
    ),
    ("unicode", "docker inspect"): (
        b'{\n    "Config": {\n        "Env": [\n            "TOKEN=beforep\xc3\xa4\'\xc3\x9f w'
        b"\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80\\u003c\\u0026\\u003e\\u2028\xc2\xa0\xc2\xad"
        b'\\"xafter"\n        ]\n    }\n}'
    ),
    ("unicode", "url.QueryEscape"): (
        b"beforep%C3%A4%27%C3%9F+w%C3%B6rd%2F%E2%82%AC+%F0%9F%98%80%3C%26%3E%E2%80%A8%C2%A0%C2%AD%22xafter"
    ),
    ("unicode", "url.PathEscape"): (
        b"beforep%C3%A4%27%C3%9F%20w%C3%B6rd%2F%E2%82%AC%20%F0%9F%98%80%3C&%3E%E2%80%A8%C2%A0%C2%AD%22xafter"
    ),
    ("unicode", "url.UserPassword"): (
        b"user:beforep%C3%A4%27%C3%9F%20w%C3%B6rd%2F%E2%82%AC%20%F0%9F%98%80%3C&%3E%E2%80%A8%C2%A0%C2%AD%22xafter"
    ),
    ("unicode", "html.EscapeString"): (
        b"beforep\xc3\xa4&#39;\xc3\x9f w\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80&lt;&amp;&gt;"
        b"\xe2\x80\xa8\xc2\xa0\xc2\xad&#34;xafter"
    ),
    ("unicode", "xml.EscapeText"): (
        b"beforep\xc3\xa4&#39;\xc3\x9f w\xc3\xb6rd/\xe2\x82\xac \xf0\x9f\x98\x80&lt;&amp;&gt;"
        b"\xe2\x80\xa8\xc2\xa0\xc2\xad&#34;xafter"
    ),
    ("multi-line", "%q"): (b'"beforeline one\\n\\tline \\"two\\" & \'so\' on\\r\\nline <three>\\x1b\\x7f\\b\\vafter"'),
    ("multi-line", "%+q"): (b'"beforeline one\\n\\tline \\"two\\" & \'so\' on\\r\\nline <three>\\x1b\\x7f\\b\\vafter"'),
    ("multi-line", "json.Marshal"): (
        b'"beforeline one\\n\\tline \\"two\\" \\u0026 \'so\' on\\r\\nline \\u003cthree\\u003e\\'
        b'u001b\x7f\\b\\u000bafter"'
    ),
    ("multi-line", "docker inspect"): (
        b'{\n    "Config": {\n        "Env": [\n            "TOKEN=beforeline one\\n\\tline \\"'
        b"two\\\" \\u0026 'so' on\\r\\nline \\u003cthree\\u003e\\u001b\x7f\\b\\u000bafter\"\n  "
        b"      ]\n    }\n}"
    ),
    ("multi-line", "url.QueryEscape"): (
        b"beforeline+one%0A%09line+%22two%22+%26+%27so%27+on%0D%0Aline+%3Cthree%3E%1B%7F%08%0Bafter"
    ),
    ("multi-line", "url.PathEscape"): (
        b"beforeline%20one%0A%09line%20%22two%22%20&%20%27so%27%20on%0D%0Aline%20%3Cthree%3E%1B%7F%08%0Bafter"
    ),
    ("multi-line", "url.UserPassword"): (
        b"user:beforeline%20one%0A%09line%20%22two%22%20&%20%27so%27%20on%0D%0Aline%20%3Cthree%3E%1B%7F%08%0Bafter"
    ),
    ("multi-line", "html.EscapeString"): (
        b"beforeline one\n\tline &#34;two&#34; &amp; &#39;so&#39; on\r\nline &lt;three&gt;\x1b\x7f\x08\x0bafter"
    ),
    ("multi-line", "xml.EscapeText"): (
        b"beforeline one&#xA;&#x9;line &#34;two&#34; &amp; &#39;so&#39; on&#xD;&#xA;line &lt;th"
        b"ree&gt;\xef\xbf\xbd\x7f\xef\xbf\xbd\xef\xbf\xbdafter"
    ),
    ("not UTF-8", "%q"): b'"beforebin\\xff\\xfe\\x80key\\xc3(\\x01\\x9f/+=after"',
    ("not UTF-8", "%+q"): b'"beforebin\\xff\\xfe\\x80key\\xc3(\\x01\\x9f/+=after"',
    ("not UTF-8", "json.Marshal"): (b'"beforebin\\ufffd\\ufffd\\ufffdkey\\ufffd(\\u0001\\ufffd/+=after"'),
    ("not UTF-8", "docker inspect"): (
        b'{\n    "Config": {\n        "Env": [\n            "TOKEN=beforebin\\ufffd\\ufffd\\uff'
        b'fdkey\\ufffd(\\u0001\\ufffd/+=after"\n        ]\n    }\n}'
    ),
    ("not UTF-8", "url.QueryEscape"): b"beforebin%FF%FE%80key%C3%28%01%9F%2F%2B%3Dafter",
    ("not UTF-8", "url.PathEscape"): b"beforebin%FF%FE%80key%C3%28%01%9F%2F+=after",
    ("not UTF-8", "url.UserPassword"): b"user:beforebin%FF%FE%80key%C3%28%01%9F%2F+=after",
    ("not UTF-8", "html.EscapeString"): b"beforebin\xff\xfe\x80key\xc3(\x01\x9f/+=after",
    ("not UTF-8", "xml.EscapeText"): (
        b"beforebin\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdkey\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd/+=after"
    ),
}


@pytest.mark.parametrize("name", GO_SECRETS)
def test_go(name: str) -> None:
    for (secret, function), printed in GO_OUTPUT.items():
        if secret == name:
            left = shown(GO_SECRETS[name], printed).replace(MARK, b"#")
            if function == "docker inspect":
                assert json.loads(left) == {"Config": {"Env": ["TOKEN=before#after"]}}
            else:
                assert left.removeprefix(b"user:").strip(b'"') == b"before#after", function


# -- other shells and languages: one process prints all that it can make of a secret, a line or a NUL between

RUBY = """
x = "before" + ENV["S"].dup.force_encoding("UTF-8") + "after"
print [Shellwords.escape(x), Regexp.escape(x), x.inspect, JSON.generate(x)].join("\\0")
"""
FISH = """
set x before{$S}after
string escape -- $x | string collect -N; printf '\\0'
string escape -n -- $x | string collect -N; printf '\\0'
string escape --style=regex -- $x | string collect -N
"""
ZSH = """
x="before${S}after"
printf "%s\\0" ${(q)x} ${(qq)x} ${(qqq)x} ${(qqqq)x} ${(q-)x} ${(q+)x}
printf beforeafter
"""
PERL = """
$x = "before" . $ENV{S} . "after"; $Data::Dumper::Terse = 1; $Data::Dumper::Indent = 0; $plain = Dumper($x);
$Data::Dumper::Useqq = 1; print join("\\0", quotemeta($x), $plain, Dumper($x));
"""
PHP = """
$x = "before" . getenv("S") . "after";
echo implode("\\0", [
    addslashes($x), preg_quote($x), preg_quote($x, "/"), var_export($x, true), json_encode($x),
    rawurlencode(rawurlencode($x)), urlencode(urlencode($x)), htmlspecialchars($x), json_encode(json_encode($x)),
]);
"""
QUOTING = {
    "ruby": ("-rshellwords", "-rjson", "-e", RUBY),
    "fish": ("-c", FISH),
    "zsh": ("-fc", ZSH),
    "perl": ("-MData::Dumper", "-e", PERL),
    "php": ("-r", PHP),
}


@pytest.mark.parametrize("name", QUOTING)
def test_quoting(name: str) -> None:
    for secret in TEXTS.values():
        for printed in run(tool(name), *QUOTING[name], S=secret).split(b"\0"):
            if printed != b"beforeafter":  # in the end
                left = shown(secret, printed).replace(MARK, b"#")
                assert b"before#after" in left, left


def test_systemd() -> None:
    for secret in VALUES.values():
        printed = run(tool("systemd-escape"), "--", b"before" + secret + b"after")
        assert shown(secret, printed).replace(MARK, b"#") == b"before#after\n"


# -- escapes that a program reads: what it prints is not what was registered

READ = [
    r"Pipp\a,1234xQ",
    r"tok\\en\tAb3dEf\0101\101x",
    r"NPM_URL=https://r/\nNPM_TOKEN=npm_8Hq2LmZx91RtYw",
    r"b\x41Ab3dEf6hIj9\x7ek\e[m",
    r"first-part-Ab3d\cEf6hIj9k",
    r"q\"uo\"te\'Ab3d\/x",
]
READERS = {
    "dash": 'echo "before${S}after"; printf "before%bafter\\n" "$S"; printf "before${S}after\\n"',
    "bash": r"""echo -e "before${S}after"; printf 'before%bafter\n' "$S"; printf "before${S}after\n" """
    """; read line <<< "before${S}after"; echo "$line" """,
    "zsh": 'echo "before${S}after"; print "before${S}after"; printf "before%bafter\\n" "$S"',
}


@pytest.mark.parametrize("name", READERS)
def test_interpreted_backslashes(name: str) -> None:
    for secret in READ:
        searched = patterns(secret.encode())
        printed = run(tool(name), "-c", READERS[name], S=secret.encode())
        left = hide(searched, printed).replace(MARK, b"#")
        assert left.count(b"before#") == printed.count(b"before"), (secret, printed)
        assert left.replace(b"before#", b"").replace(b"after", b"").strip(b"\n") == b"", (secret, left)


def test_a_line_of_what_is_interpreted() -> None:
    printed = run(tool("dash"), "-c", 'echo "$S" | tail -n 1 | sed s/NPM_TOKEN=//', S=READ[2].encode())
    assert hide(patterns(READ[2].encode()), printed) == MARK + b"\n"


def test_read_by_json() -> None:
    secret = rb"a\u0062cdef\"gh\\ij\/kl"
    assert shown(secret, json.loads(b'"before' + secret + b'after"').encode()) == b"before" + MARK + b"after"


# -- base64 of other spellings


@pytest.mark.parametrize("name", ["token", "password", "unicode"])
def test_base64_of_utf_16_and_of_json(name: str) -> None:
    secret = TEXTS[name]
    documents = [json.dumps(secret.decode()), json.dumps(secret.decode(), ensure_ascii=False)]
    documents.append(documents[1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
    searched = patterns(secret)
    for text in (secret.decode(), *documents):
        inner = text.strip('"')
        for before in ("", "a", "ab", "abc", "abcd"):
            for order in ("utf-8", "utf-16-le"):
                whole = f"{before}{inner} and more".encode(order)
                encoded = run(tool("base64"), "-w0", given=whole)
                left, right = visible_bytes(encoded, hide(searched, encoded), 6)
                assert left <= len(before.encode(order))
                assert right <= len(" and more".encode(order))
