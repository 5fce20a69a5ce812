"""Hides secrets in byte streams."""

from runnerlib.masking._scanner import Stream
from runnerlib.masking.masker import SecretMasker

__all__ = ["SecretMasker", "Stream"]
