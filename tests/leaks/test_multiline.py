"""Secrets of several lines: keys, JSON, `.env` files, and the lines and members that are printed alone."""

from __future__ import annotations

import json

import pytest

from tests.leaks.situation import MARK, PGP_KEY, RSA_KEY, SSH_KEY, TOKEN, body, masked, readable, said

BARE = RSA_KEY.rstrip(b"\n")
NOTES = b"asdf-first\nfoo-second\nbar-third"
ACCOUNT = {
    "type": "service_account",
    "private_key_id": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "private_key": RSA_KEY.decode(),
    "client": {"secrets": ["Zt4/qP-one+two", 'Zt5"quoted"\\path']},
}
PRETTY = json.dumps(ACCOUNT, indent=2).encode()


def prefixed(prefix: bytes, key: bytes) -> bytes:
    return b"".join(prefix + line + b"\n" for line in key.splitlines())


def hidden(prefix: bytes, key: bytes, end: bytes = b"\n") -> bytes:
    """`prefixed`, with only the armour left."""
    return b"".join(prefix + (line if line.startswith(b"-----") else MARK) + end for line in key.splitlines())


PRINTED = [
    # `env` in a job printed the SSH key: "please do not ask how we figured this out".
    pytest.param(SSH_KEY, b"A=1\nSSH_KEY=" + SSH_KEY + b"B=2\n", b"A=1\nSSH_KEY=" + MARK + b"\nB=2\n",
                 id="woodpecker-388 env prints an SSH key"),
    # The redactor worked line by line, so a needle with a newline never matched.
    pytest.param(RSA_KEY, b"key:\n" + RSA_KEY + b"done\n", b"key:\n" + MARK + b"\ndone\n",
                 id="buildkite-agent-2062 cat prints the key"),
    # The same key through a terminal: every \n arrives as \r\n.
    pytest.param(RSA_KEY, RSA_KEY.replace(b"\n", b"\r\n"), MARK + b"\r\n", id="gitlab-runner PTY turns LF into CRLF"),
    # docker-compose puts the name of the service before every line.
    pytest.param(RSA_KEY, prefixed(b"app_1  | ", RSA_KEY), hidden(b"app_1  | ", RSA_KEY),
                 id="buildkite-agent prefixed by docker-compose"),
    # `set -x` and unquoted `echo` put the lines on one line.
    pytest.param(RSA_KEY, b"+ echo " + b" ".join(RSA_KEY.split()) + b"\n", b"+ echo " + MARK + b"\n",
                 id="buildkite-agent-3233 on one line"),
    # `::add-mask::$KEY` masked the first line, the others were commands of nobody.
    pytest.param(NOTES, b"foo-second\nbar-third\n", MARK + b"\n" + MARK + b"\n",
                 id="ftp-deployment-action-314 the lines after the first"),
    # In clear on the console of Jenkins, which masks by line; here indented as well, which counts as wrapping.
    pytest.param(SSH_KEY, prefixed(b"    ", SSH_KEY), b"    " + MARK + b"\n",
                 id="hashicorp-vault-plugin-182 indented"),
    # CVE-2023-33001: not masked when agents push the log, in pieces as they come.
    pytest.param(SSH_KEY, SSH_KEY * 2, (MARK + b"\n") * 2, id="hashicorp-vault-plugin-315 twice in a row"),
    # The argv line of the step shows the key as the repr of bytes.
    pytest.param(PGP_KEY.rstrip(), b"argv: " + repr(b"echo '%b' > /tmp/key" % PGP_KEY.rstrip()).encode(),
                 b"argv: b\"echo '" + MARK + b"' > /tmp/key\"", id="buildbot-4793 PGP key in the argv line"),
    # The duplicate: three short words.
    pytest.param(b"asdf\nfoo\nbar", b"argv: b\"echo 'asdf\\nfoo\\nbar'\"", b"argv: b\"echo '" + MARK + b"'\"",
                 id="buildbot-5020 three short lines in the argv line"),
    # The value ends in a newline, what the tool prints does not.
    pytest.param(b"my secret value\n", b"prefix.my secret value.suffix\n", b"prefix." + MARK + b".suffix\n",
                 id="dagger-8032 trailing newline"),
    pytest.param(TOKEN + b"\r\n", b"<" + TOKEN + b">", b"<" + MARK + b">",
                 id="azure-pipelines-agent-4195 CRLF at the end"),
    # The key travels through a variable with literal \n; `printf %b` makes lines of it.
    pytest.param(BARE.replace(b"\n", b"\\n"), prefixed(b"", RSA_KEY), MARK + b"\n",
                 id="actions-runner key with literal backslash n"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "printed", "left"), PRINTED)
def test_a_secret_of_several_lines_is_hidden(secret: bytes, printed: bytes, left: bytes) -> None:
    assert masked([secret], printed) == left


@pytest.mark.parametrize("line", body(SSH_KEY), ids=lambda line: f"woodpecker-388 line {line[:6].decode()} alone")
def test_each_line_of_a_key_is_hidden_alone(line: bytes) -> None:
    """`grep`, `head -n` and diff print single lines."""
    assert masked([SSH_KEY], b"> " + line + b" <") == b"> " + MARK + b" <"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("set -x; echo $KEY", id="buildkite-agent-3233 bash -x echo unquoted"),
        pytest.param('set -x; echo "$KEY"', id="concourse-3972 bash -x echo quoted"),
        pytest.param("set -x; x=$KEY; : ${x@Q}", id="concourse-3972 bash -x assignment"),
        pytest.param("declare -p KEY; export -p; env; set", id="buildkite-agent-2062 every listing"),
        pytest.param('nl <<< "$KEY"; sed "s/^/>/" <<< "$KEY"', id="woodpecker-388 numbered lines"),
        pytest.param('tr -d "\\n" <<< "$KEY"', id="buildkite-agent-3233 newlines deleted"),
        pytest.param('tac <<< "$KEY"; sort <<< "$KEY"', id="woodpecker-388 lines in another order"),
    ],
)
@pytest.mark.parametrize("key", [RSA_KEY, SSH_KEY, PGP_KEY], ids=["RSA", "SSH", "PGP"])
def test_bash_prints_a_key(key: bytes, script: str) -> None:
    """Real bash; what of the key can be read are its frame and, for PGP, the checksum."""
    printed = said("bash", "-c", script, KEY=key)
    assert readable(b"".join(body(key)), printed), "the tool printed no secret"
    shown = masked([key], printed)
    for line in body(key):
        assert not readable(line, shown, 5)


MEMBERS = [
    # The whole secret was known, its members were not: only `{` and `}` were masked.
    pytest.param("cat", id="actions-runner-2232 the JSON itself"),
    pytest.param("jq .", id="actions-runner-2232 JSON members"),
    pytest.param("jq -c .", id="actions-runner-1488 members on one line"),
    pytest.param("jq -r '.client.secrets[]'", id="actions-runner-1488 a member of a member"),
    pytest.param("jq -r .private_key", id="actions-runner-1488 the key inside"),
    pytest.param("jq -r '.[] | @json'", id="actions-runner-1488 member by member"),
    pytest.param("jq -r '.private_key | @base64'", id="actions-runner-1488 a member in base64"),
    pytest.param("jq -r '.client.secrets | @csv, @sh, @uri \"\\(.[1])\", @html \"\\(.[1])\"'",
                 id="actions-runner-1488 members as CSV, shell, URL, HTML"),
]  # fmt: skip


@pytest.mark.parametrize("script", MEMBERS)
@pytest.mark.parametrize("spelling", [PRETTY, json.dumps(ACCOUNT).encode()], ids=["pretty", "one line"])
def test_members_of_json_are_hidden(script: str, spelling: bytes) -> None:
    shown = masked([spelling], said("bash", "-c", script, given=spelling))
    assert MARK in shown
    secrets = [ACCOUNT["private_key_id"].encode(), *body(RSA_KEY), *(s.encode() for s in ACCOUNT["client"]["secrets"])]
    for secret in secrets:
        assert not readable(secret, shown, 5)


def test_the_rest_of_json_stays_readable() -> None:
    """actions/runner #2232, seen from the other side: braces, names and everyday members are the reader's."""
    shown = masked([PRETTY], said("jq", ".", given=PRETTY).replace(b'"type"', b'"kind"'))
    assert json.loads(shown)["kind"] == "service_account"
