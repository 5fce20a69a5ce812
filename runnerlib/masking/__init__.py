"""Hides secrets in byte streams."""

from runnerlib.masking._scanner import SHAPES, Stream
from runnerlib.masking.masker import SecretMasker
from runnerlib.masking.oneshot import mask_stream, mask_text

__all__ = ["SHAPES", "SecretMasker", "Stream", "mask_stream", "mask_text"]
