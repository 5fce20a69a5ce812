from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runnerlib
from runnerlib.masking import SecretMasker
from runnerlib.masking.members import notices


def masker(*secrets: str | bytes, **options: object) -> SecretMasker:
    made = SecretMasker(**options)  # type: ignore[arg-type]
    made.register_secrets(secrets)
    return made


def test_text_and_bytes_are_masked() -> None:
    made = masker("hunter2!", b"\xff\0raw\xff", encodings=False)
    assert made.mask(b"a hunter2! b") == b"a [REDACTED] b"
    assert made.mask_string("é hunter2! \udcff\0raw\udcff ü") == "é [REDACTED] [REDACTED] ü"
    assert made.mask_string("lone \udcfe byte") == "lone \udcfe byte"


@pytest.mark.parametrize("marker", ["<gone>", b"<gone>"])
def test_the_marker_is_yours(marker: str | bytes) -> None:
    assert masker("secret", marker=marker).mask(b"a secret") == b"a <gone>"


def test_what_will_not_be_masked_is_reported() -> None:
    made = SecretMasker(encodings=False)
    assert [made.register_secret(value) for value in ("", "ab", b"", "abc", "é!")] == [False, False, False, True, True]
    assert made.mask(b"ab abc") == b"ab [REDACTED]"
    assert not SecretMasker(min_length=6).register_secret("abcde")
    assert SecretMasker(min_length=0).register_secret("a")
    assert not SecretMasker(min_length=0).register_secret("")


def test_a_batch_counts_the_accepted_values() -> None:
    made = SecretMasker(encodings=False)
    assert made.register_secrets(["one-secret", "x", b"two-secret", "one-secret"]) == 3
    assert made.mask(b"one-secret two-secret x") == b"[REDACTED] [REDACTED] x"
    assert made.register_secrets([]) == 0


def test_encoded_forms_are_masked_unless_switched_off() -> None:
    secret = "correct horse/battery+staple"
    encoded = base64.b64encode(secret.encode()), secret.encode().hex().encode()
    for form in encoded:
        assert masker(secret).mask(b"<" + form + b">") != b"<" + form + b">"
        assert masker(secret, encodings=False).mask(form) == form


def test_streams_share_what_is_registered_later() -> None:
    made = masker("first-secret")
    streams = [made.stream() for _ in range(2)]
    assert streams[0].feed(b"first-") == b""
    made.register_secret("first-other")
    assert streams[0].feed(b"other ") == b"[REDACTED] "
    assert streams[1].feed(b"first-secret ") == b"[REDACTED] "


def test_a_masker_needs_no_heavy_import() -> None:
    code = (
        "import sys; from runnerlib.masking import SecretMasker; m = SecretMasker(); m.register_secret('s3cr3t-value');"
        "assert m.mask(b's3cr3t-value') == b'[REDACTED]';"
        "assert not {'ahocorasick', 'numpy', 'dataclasses', 'inspect'} & set(sys.modules), sys.modules"
    )
    package = Path(runnerlib.__file__).parents[1]
    subprocess.run([sys.executable, "-S", "-c", code], env=os.environ | {"PYTHONPATH": str(package)}, check=True)


def test_an_unknown_kernel_in_the_environment_stops_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERLIB_KERNEL", "vax")
    done = subprocess.run([sys.executable, "-c", "import runnerlib.masking"], capture_output=True, check=False)
    assert b"RUNNERLIB_KERNEL names no kernel of this machine" in done.stderr


@pytest.mark.parametrize("kernel", ["portable", ""])
def test_the_environment_chooses_the_kernel(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERLIB_KERNEL", kernel)
    code = "from runnerlib.masking._scanner import KERNELS, Scanner; print(Scanner(b'').kernel, KERNELS[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    chosen, best = done.stdout.split()
    assert chosen == (kernel or best)


def test_what_is_registered_can_be_asked() -> None:
    made = masker("one-secret", "one-secret", "ab")
    assert (made.size(), made.has_secret("one-secret"), made.has_secret("ab")) == (1, True, False)
    assert made.register_env_vars({"A": "two-secret", "B": "x", "C": None}) == 1
    assert made.register_secrets([None, "", 123456, b"bytes-secret"]) == 2  # type: ignore[list-item]
    assert made.mask_string("None 123456 \0\0\0\0") == "None [REDACTED] \0\0\0\0"
    assert made.has_secret("123456")
    stream = made.stream()
    made.clear()
    assert (made.size(), made.has_secret("one-secret"), made.mask(b"one-secret")) == (0, False, b"one-secret")
    assert stream.feed(b"two-secret ") == b"[REDACTED] "


def test_structures_are_masked() -> None:
    made = masker("one-secret")
    assert made.mask_command_args(["login", "--password=one-secret", ""]) == ["login", "--password=[REDACTED]", ""]
    given = {"one-secret": "one-secret", "n": 5, "none": None, "deep": {"list": ["a one-secret", (1, None)]}}
    masked = {"n": "5", "none": None, "deep": {"list": ["a [REDACTED]", ["1", None]]}}
    assert made.mask_dict_values(given) == {"one-secret": "[REDACTED]", **masked}
    assert made.mask_dict_values(given, mask_keys=True) == {"[REDACTED]": "[REDACTED]", **masked}
    assert given["n"] == 5


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    made = masker("secret-\ud83d")
    assert made.mask_string("a secret-\ud83d \ud83d") == "a [REDACTED] \udced\udca0\udcbd"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
def test_the_line_end_behind_a_value_is_not_the_secrets(end: bytes) -> None:
    made = masker(b"tok-Abc123XYZ" + end, b"\0key-Abc456\n", b"ab\n")
    stream = made.stream()
    shown = [stream.feed(b"token=tok-Abc123XYZ"), stream.feed(b"\r"), stream.feed(b"\nnext"), stream.flush()]
    assert b"".join(shown) == b"token=[REDACTED]\r\nnext"
    assert made.mask(b"tok-Abc123XYZ" + end) == b"[REDACTED]" + end
    assert made.mask(b"\0key-Abc456\nx ab\n") == b"[REDACTED]x [REDACTED]"  # bytes are bytes; without it too short
    assert stream.report().summary() == "masked 1 time: secret 1 1"


ACCOUNT = {
    "project_id": "shop-4711", "private_key_id": "Ab3dEf6hIj9k", "client_email": "ci@shop-4711.example.com",
    "token_uri": "https://oauth2.example.com/token", "hook_url": "https://hooks.example.com/T0/Ab3dEf6h",
    "db": {"host": "db.example.com", "userName": "deployer", "url": "postgres://app:s3cr3t-pw@db.example.com/shop"},
    "passport": "Xy-4711-0815", "logLevel": "information",
}  # fmt: skip


def test_members_that_are_public_by_their_names() -> None:
    value = json.dumps(ACCOUNT)
    private = (
        "Ab3dEf6hIj9k",
        "https://hooks.example.com/T0/Ab3dEf6h",
        ACCOUNT["db"]["url"],
        "s3cr3t-pw",
        "Xy-4711-0815",
    )  # type: ignore[index]
    public = ("shop-4711", "ci@shop-4711.example.com", "https://oauth2.example.com/token", "db.example.com", "deployer")
    made, everything = masker(value), masker(value, mask_members="all")
    for text in private:
        assert made.mask_string(text) == everything.mask_string(text) == "[REDACTED]"
    for text in (*public, "information"):
        assert made.mask_string(text) == text
        assert everything.mask_string(text) != text
    assert made.mask_string(value) == "[REDACTED]"
    assert '"host": "db.example.com"' in made.mask_string('"host": "db.example.com"')


def test_an_unknown_choice_of_members() -> None:
    with pytest.raises(ValueError, match=r"mask_members: unknown value 'some' \(all, private\)"):
        SecretMasker(mask_members="some")


def test_what_is_said_of_members() -> None:
    value = json.dumps({**ACCOUNT, "password": "sunshine", "env": "production"})
    masked = "private_key_id, hook_url, url, passport, password"
    shown = "project_id, client_email, token_uri, host, userName, logLevel"
    assert list(notices("GCP", value, public=False)) == [
        f"secret GCP: masked by themselves: {masked}; not {shown}, public by name (mask_members)",
        "secret GCP: dangerous, as everyday words are masked wherever they stand: password",
        "secret GCP: not masked, as they are everyday words: env",
    ]
    assert "project_id" in next(notices("GCP", value, public=True)).partition("; not")[0]
    assert list(notices("DSN", "postgres://app:s3cr3t-pw@db/shop", public=False)) == []
    assert list(notices("TOKEN", "Ab3dEf=", public=False)) == []
