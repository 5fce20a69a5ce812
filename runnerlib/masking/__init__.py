"""Hides secrets in byte streams."""

from runnerlib.masking._scanner import SHAPES, Stream
from runnerlib.masking.masker import SecretMasker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runnerlib.masking.oneshot import mask_stream, mask_text

__all__ = ["SHAPES", "SecretMasker", "Stream", "mask_stream", "mask_text"]


def __getattr__(name: str) -> object:
    """Load the functions for callers of the library when they are used; no run uses them."""
    if name not in __all__:
        raise AttributeError(f"module 'runnerlib.masking' has no attribute '{name}'")
    from runnerlib.masking import oneshot

    value: object = getattr(oneshot, name)
    globals()[name] = value
    return value
