"""Secrets that a tool re-spelt before it printed them. The tools are real where a row is a command."""

from __future__ import annotations

import base64
import json
import re
import sys
from itertools import product

import pytest

from tests.leaks.situation import MARK, TOKEN, masked, readable, said
from tests.looped import assert_each

SPECIAL = b"p@ss'w\"o$rd`1 \\x<&>!%/=+,;:?*[]{}|^~"
QUOTED = b'{"my-token": "my multiline\\nsecret value"}'

PRINTED = [
    # echo ${{secrets.abc}} | base64 with the secret 1234: the newline of echo changed the last characters.
    pytest.param(b"1234", b"MTIzNAo=\n", b"", id="actions-runner-291 base64 of a short secret and a newline"),
    # A pull request of their own test: the secret between digits, in XML.
    pytest.param(b"Pass<word>123!", b"123Pass&lt;word&gt;123!123", b"123" + MARK + b"123", id="actions-runner-92 XML"),
    # docker run -e MY_SECRET="…" in the log: double quotes escaped with a backslash.
    pytest.param(QUOTED, b'docker create -e "MY_SECRET=' + QUOTED.replace(b'"', b'\\"') + b'"',
                 b'docker create -e "MY_SECRET=' + MARK + b'"', id="actions-runner-1002 docker quotes"),
    # Stored with quotes, the shell took them off.
    pytest.param(b'"quoted-secret"', b"it is quoted-secret.", b"it is " + MARK + b".", id="actions-runner-440 quotes"),
    pytest.param(b"'quoted-secret'", b"it is quoted-secret.", b"it is " + MARK + b".",
                 id="azure-pipelines-agent-2525 single quotes"),
    # The value was escaped on its way to add-mask, the log was not, and the other way round.
    pytest.param(b"pa%ss%25wo%0Ard", b"is pa%ss%25wo%0Ard!", b"is " + MARK + b"!",
                 id="actions-runner-2960 percent raw"),
    pytest.param(b"pa%ss%25wo%0Ard", b"is pa%25ss%2525wo%250Ard!", b"is " + MARK + b"!",
                 id="actions-runner-2960 percent escaped"),
    pytest.param(b"pa%sswo\nrd-two", b"is pa%25sswo%0Ard-two!", b"is " + MARK + b"!",
                 id="actions-runner-2960 percent as a workflow command escapes it"),
    # A terraform provider quotes the token with Go's %q in its error, in a box.
    pytest.param(b'tok<en>"1\\x', '╷\n│ Error: invalid token "tok<en>\\"1\\\\x"\n╵\n'.encode(),
                 '╷\n│ Error: invalid token "[REDACTED]"\n╵\n'.encode(), id="actions-runner-2265 terraform error"),
    # A failed assertion was written to JUnit XML and from there to an annotation.
    pytest.param(SPECIAL, b'<failure message="expected &#39;x&#39;, got p@ss&apos;w&quot;o$rd`1 \\x&lt;&amp;&gt;!%/=+,;'
                 b':?*[]{}|^~"/>', b'<failure message="expected &#39;x&#39;, got ' + MARK + b'"/>',
                 id="buildkite-agent-2623 JUnit XML"),
    # Formats that GitLab refuses to mask: spaces, short, not its alphabet.
    pytest.param("pässwört mit €".encode(), b'is "p\\u00e4ssw\\u00f6rt mit \\u20ac"', b'is "' + MARK + b'"',
                 id="gitlab-250744 not ASCII"),
    pytest.param(b"a b-c", b"is a b-c.", b"is " + MARK + b".", id="gitlab-250744 five characters with a space"),
    # PowerShell's error shows what stands between the ampersands, each by itself.
    pytest.param(b"secretpart1&secretpart2&secretpart3", b"+ secretpart1&secretpart2&\n+ secretpart3\n",
                 b"+ " + MARK + b"&" + MARK + b"&\n+ " + MARK + b"\n", id="actions-runner-1258 between ampersands"),
    # A document that holds JSON: escapes of escapes.
    pytest.param(b'Zt5"quoted"\\path', json.dumps(json.dumps('Zt5"quoted"\\path')).encode(),
                 b'"\\"' + MARK + b'\\""', id="actions-runner-1488 JSON in JSON"),
    # Percent-encoding with lower-case digits, as .NET and nginx write it.
    pytest.param(b"a/b+c=d&e", b"?k=a%2fb%2bc%3dd%26e#", b"?k=" + MARK + b"#", id="peers-0.3 lower-case percent"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "printed", "left"), PRINTED)
def test_a_secret_re_spelt_is_hidden(secret: bytes, printed: bytes, left: bytes) -> None:
    shown = masked([secret], printed)
    if left:
        assert shown == left
    else:
        assert not readable(b"MTIzN", shown), shown


TOOLS = [
    # "Not a boundary": closed.
    pytest.param('printf %s "$S" | base32', id="actions-runner-1800 base32"),
    pytest.param('echo "x$S" | base32 -w0', id="actions-runner-1800 base32 inside"),
    # Every encoder of the list came after a leak.
    pytest.param('printf %s "$S" | base64 -w0', id="actions-runner-92 base64"),
    pytest.param('echo "$S" | base64 -w0', id="upstream-U9 base64 of echo"),
    pytest.param('printf "user:%s" "$S" | base64 -w0', id="actions-runner-284 basic authorization"),
    pytest.param('printf %s "$S" | xxd -p -c0', id="peers-0.3 hex"),
    pytest.param('printf %s "$S" | xxd -u -p -c0', id="peers-0.3 HEX"),
    pytest.param('jq -nc --arg s "$S" "{s: \\$s}"', id="actions-runner-92 JSON"),
    pytest.param('jq -nr --arg s "$S" "[\\$s] | @csv, @tsv, @json, @sh, (.[] | @uri, @html, @base64, @text)"',
                 id="actions-runner-92 every format of jq"),
    pytest.param('jq -nc --arg s "$S" "{s: \\$s} | tojson"', id="actions-runner-1488 jq tojson"),
    # The request that started redaction at Concourse.
    pytest.param('set -x; curl_() { :; }; curl_ -u "me:$S"', id="concourse-3972 bash -x"),
    pytest.param('set -x; T=$S; export U="$S"', id="concourse-3972 bash -x assignments"),
    pytest.param('printf "%q\\n" "$S"; echo "${S@Q}" "${S@A}"', id="jenkins printf %q"),
    pytest.param("env; declare -p S; export -p; set", id="jenkins printenv and its sisters"),
    pytest.param('trap "echo $BASH_COMMAND" ERR; "/nowhere/$S"; cat "$S"; cd -- "$S"',
                 id="actions-runner-2265 errors of bash"),
    pytest.param('openssl enc -base64 -A <<< "$S"', id="actions-runner-284 openssl"),
]  # fmt: skip


@pytest.mark.parametrize("secret", [TOKEN, SPECIAL], ids=["token", "special"])
@pytest.mark.parametrize("script", TOOLS)
def test_a_tool_prints_a_secret(script: str, secret: bytes) -> None:
    shown = masked([secret], said("bash", "-c", script, S=secret))
    assert MARK in shown
    assert not readable(secret, shown), shown
    for encoded in (base64.b64encode(secret), base64.b32encode(secret), secret.hex().encode()):
        assert not readable(encoded, shown, 8), shown


PYTHON = [
    # A unit test compared the variable with something; pytest, unittest and logging print its repr.
    pytest.param("assert os.environ['S'] == 'expected', repr(os.environ['S'])", id="buildkite-agent-2623 assertion"),
    pytest.param("import unittest; unittest.TestCase().assertEqual(os.environ['S'], 'x')",
                 id="buildkite-agent-2623 unittest"),
    pytest.param("print(dict(S=os.environ['S']), [os.environb[b'S']], ascii(os.environ['S']))",
                 id="jenkins printenv in Python"),
    pytest.param("import subprocess; subprocess.run(['/bin/false', '-p', os.environ['S']], check=True)",
                 id="actions-runner-2265 CalledProcessError"),
    pytest.param("import xml.etree.ElementTree as E; x = E.Element('failure', message=os.environ['S']); "
                 "x.text = os.environ['S']; E.dump(x)", id="buildkite-agent-2623 JUnit by ElementTree"),
    pytest.param("import urllib.request as u, urllib.parse as p; u.Request('//me:' + p.quote(os.environ['S']) + '@h/')",
                 id="azure-pipelines-agent-2659 URL in a traceback"),
    pytest.param("import shlex; print(shlex.join(['docker', 'run', '-e', 'S=' + os.environ['S']]))",
                 id="actions-runner-1002 docker command by shlex"),
]  # fmt: skip


@pytest.mark.parametrize("secret", [TOKEN, SPECIAL], ids=["token", "special"])
@pytest.mark.parametrize("script", PYTHON)
def test_python_prints_a_secret(script: str, secret: bytes) -> None:
    shown = masked([secret], said(sys.executable, "-c", "import os; " + script, S=secret))
    assert MARK in shown
    assert not readable(secret, shown), shown


@pytest.mark.parametrize(
    "size", [pytest.param(size, id=f"actions-runner-284 base64 of {size}") for size in (16, 17, 18)]
)
def test_base64_wherever_the_secret_stands(size: int) -> None:
    """Their encoders only knew a secret that was the last thing encoded: 32 of 48 combinations leaked."""
    secret = b"Kq7vZx9wPf3mBn5tRd"[:size]

    def check(before: bytes, after: bytes) -> None:
        printed = base64.b64encode(before + secret + after)
        left, mark, right = masked([secret], printed).partition(MARK)
        assert mark, printed
        assert len(left) * 6 // 8 <= len(before)
        right = right.rstrip(b"=")
        whole = len(printed.rstrip(b"=")) - len(right)  # characters before: a byte that begins there is not readable
        assert len(before + secret + after) - -(-whole * 6 // 8) <= len(after)

    assert_each(check, ((b"abcdef"[:before], b"uvwxyz"[:after]) for before, after in product(range(6), range(4))))


def test_the_dump_of_a_runner() -> None:
    """tj-actions/changed-files #2463: the memory of the runner, grepped for secrets, in base64."""
    dump = b'"AWS_KEY":{"value":"' + TOKEN + b'","isSecret":true}\n"T":{"value":"other","isSecret":true}\n'
    shown = masked([TOKEN], base64.b64encode(dump))
    left, mark, right = shown.partition(MARK)
    assert mark
    assert TOKEN[:2] not in base64.b64decode(left[: len(left) // 4 * 4])
    assert base64.b64decode(right[len(right) % 4 :]).endswith(b'"other","isSecret":true}\n')


def test_a_claim_of_a_jwt() -> None:
    """actions/runner #92 again: a secret inside the URL-safe base64 of a token made during the job."""
    claims = json.dumps({"sub": "me", "key": TOKEN.decode() + "??>>"}).encode()
    printed = base64.urlsafe_b64encode(b'{"alg":"none"}') + b"." + base64.urlsafe_b64encode(claims)
    shown = masked([TOKEN + b"??>>"], printed)
    assert MARK in shown
    assert not readable(base64.urlsafe_b64encode(claims)[24:-4], shown, 8)


WORDS = [
    # An unquoted echo turns every run of blanks into one.
    pytest.param(b"correct  horse\tbattery", "echo is $S", b"is correct horse battery\n",
                 id="dagger-4608 echo unquoted"),
    pytest.param(b"  my  secret   value", "echo super: $S", b"super: my secret value\n",
                 id="dagger-4608 a simple echo"),
    # bash -x quotes each word of an unquoted expansion by itself.
    pytest.param(b"my p@ss&word here", "set -x; : is $S", b"+ : is my 'p@ss&word' here\n",
                 id="concourse-3972 bash -x, word by word"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "script", "printed"), WORDS)
def test_words_of_a_secret(secret: bytes, script: str, printed: bytes) -> None:
    """dagger #4608: blanks in a secret do not survive a shell, and the secret was not recognised."""
    assert said("bash", "-c", script, S=secret) == printed
    assert not readable(b" ".join(secret.split()), masked([secret], printed), 7)


def decoded(texts: list[bytes]) -> list[bytes]:
    """Return the bytes that base64 at any offset makes of the letters of texts."""
    texts = [re.sub(rb"[^A-Za-z0-9+/]", b"", text) for text in texts]
    return [
        base64.b64decode(text[k : len(text) - (len(text) - k) % 4]) for text in texts for k in range(min(4, len(text)))
    ]


@pytest.mark.parametrize("before", range(9))
def test_base64_of_base64(before: int) -> None:
    """tj-actions #2463: the dump of the runner's memory was encoded twice, and went into thousands of public logs."""
    printed = base64.b64encode(
        base64.b64encode(b"x" * before + b'"AWS_KEY":{"value":"' + TOKEN + b'","isSecret":true}\n')
    )
    assert not readable(TOKEN, b"\n".join(decoded(decoded(masked([TOKEN], printed).split(MARK)))), 6)
    assert readable(TOKEN, b"\n".join(decoded(decoded([printed]))), 6)
