"""Masking in one call."""

from __future__ import annotations

import io
import os
import threading

import pytest

from runnerlib import mask_stream, mask_text


def test_text() -> None:
    assert mask_text("a hunter2-x b", ["hunter2-x", b"other"]) == "a [REDACTED] b"
    assert mask_text("a hunter2-x b", ["hunter2-x"], marker="*") == "a * b"


def test_shapes() -> None:
    text = "a hunter2-x AKIAABCDEFGHIJKLMNOP b"
    assert mask_text(text, ["hunter2-x"]) == "a [REDACTED] AKIAABCDEFGHIJKLMNOP b"
    assert mask_text(text, ["hunter2-x"], shapes="all") == "a [REDACTED] [REDACTED:aws-key-id] b"
    source, target = io.BytesIO(text.encode()), io.BytesIO()
    assert mask_stream(source, target, marker="*", shapes=["aws-key-id"]) == 1
    assert target.getvalue() == b"a hunter2-x *:aws-key-id b"
    with pytest.raises(ValueError, match="unknown shape 'pin'"):
        mask_text(text, shapes="pin")


def test_a_stream_is_copied_whole() -> None:
    source, target = io.BytesIO(b"x" * 100_000 + b"hunter2-x" + b"\xff\0" * 50_000 + b"hunter2-"), io.BytesIO()
    assert mask_stream(source, target, ["hunter2-x"]) == 1
    assert target.getvalue() == b"x" * 100_000 + b"[REDACTED]" + b"\xff\0" * 50_000 + b"hunter2-"


def test_what_arrives_leaves_at_once() -> None:
    inner, outer = os.pipe(), os.pipe()
    with open(inner[0], "rb") as source, open(outer[1], "wb") as target, open(outer[0], "rb") as shown:
        copying = threading.Thread(target=mask_stream, args=(source, target, ["hunter2-x"]))
        copying.start()
        os.write(inner[1], b"prompt: ")
        assert shown.read1(100) == b"prompt: "
        os.close(inner[1])
        copying.join()
