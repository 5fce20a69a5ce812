"""Credentials in URLs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.source import url_secrets, without_credentials
from runnerlib.source.url import scrub, split

TABLE = [
    # url, shown, secrets
    ("https://me:token@host/x", "https://***@host/x", ["token"]),
    ("https://token@host/x", "https://***@host/x", ["token"]),
    ("https://me:a%2Fb@host/x", "https://***@host/x", ["a%2Fb", "a/b"]),
    ("https://x-access-token:abc@host/x", "https://***@host/x", ["abc"]),
    ("https://abc:x-oauth-basic@host/x", "https://***@host/x", ["abc"]),
    ("https://git@host/x", "https://***@host/x", []),
    ("https://me:p@ss@host:8080/x?y#z", "https://***@host:8080/x?y#z", ["p@ss"]),
    ("https://me:p/ss@host/x", "https://***@host/x", ["p/ss"]),
    (
        "https://h/x?a=b&private_token=s%2Fcret1#f",
        "https://h/x?a=b&private_token=s%2Fcret1#f",
        ["s%2Fcret1", "s/cret1"],
    ),
    ("https://h/x?X-Amz-Signature=abcdef&key=short", "https://h/x?X-Amz-Signature=abcdef&key=short", ["abcdef"]),
    ("https://host/a@b", "https://host/a@b", []),
    ("https://host:80/a@b", "https://host:80/a@b", []),
    ("https://[::1]:80/a@b", "https://[::1]:80/a@b", []),
    ("ssh://git@host/x", "ssh://git@host/x", []),
    ("svn+ssh://me@host/x", "svn+ssh://me@host/x", []),
    ("ssh://me:pw@host/x", "ssh://***@host/x", ["pw"]),
    ("git@host:a/b", "git@host:a/b", []),
    ("me:pw@host:a/b", "***@host:a/b", ["pw"]),
    ("./a@b", "./a@b", []),
    ("/a:b@c", "/a:b@c", []),
    ("https://me:@host/x", "https://***@host/x", ["me"]),
]


@pytest.mark.parametrize(("url", "shown", "secrets"), TABLE, ids=[row[0] for row in TABLE])
def test_table(url: str, shown: str, secrets: list[str]) -> None:
    assert without_credentials(url) == shown
    assert url_secrets(url) == secrets
    said = scrub(f"failed at '{url}': no", url_secrets(url))
    assert not any(secret in said for secret in secrets)


def test_no_url_has_no_secret() -> None:
    assert url_secrets(None) == url_secrets("") == []


@settings(deadline=None, derandomize=True)
@given(st.text("ab:%/@?#4", max_size=12))
def test_nothing_before_the_host_is_shown(info: str) -> None:
    password = f"S3CRET{info}S3CRET"
    assert "S3CRET" not in without_credentials(f"https://me:{password}@host/x")


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_any_text_is_taken(text: str) -> None:
    split(text)
    url_secrets(text)
    without_credentials(text)
