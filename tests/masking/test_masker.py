from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from runnerlib.masking import SecretMasker


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
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


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
