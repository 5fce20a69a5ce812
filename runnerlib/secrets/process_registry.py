"""Secrets known to this process, and masking with them, under the names of Reactorcide's `src.secrets`.

This state belongs to the whole process on purpose: a value that is secret in one job of a program is secret in
another, too. Masking it there can only hide more, and nothing but masking ever reads it. A program that needs its own
masker creates a `SecretMasker`.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from itertools import chain, repeat
from typing import TYPE_CHECKING

from runnerlib import masking
from runnerlib.masking import SecretMasker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


_NOTHING = (None, "", b"")


class ProcessMasker(SecretMasker):
    """Masker whose secrets are masked in the jobs of this process, and by the surrounding runner too.

    The surrounding runner is the one in whose job this process runs, if REACTORCIDE_SECRETS_SOCKET names one.
    """

    __slots__ = ("_followers", "_known", "_lock")

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._known: dict[str | bytes, str | None] = {}
        self._followers: list[SecretMasker] = []

    def register_secrets(
        self, values: Iterable[str | bytes | None], names: str | Iterable[str | None] | None = None
    ) -> int:
        """Register a batch as `SecretMasker` does; the number of values that are hidden everywhere from now on.

        Empty values and None are ignored; what else is neither text nor bytes is registered as its `str`.
        """
        labels = repeat(names) if names is None or isinstance(names, str) else chain(names, repeat(None))
        pairs = [(_text(value), name) for value, name in zip(values, labels, strict=False) if value not in _NOTHING]
        given, names = [value for value, _ in pairs], [name for _, name in pairs]
        with self._lock:
            hidden = [super().register_secrets(given, names)]
            hidden += [masker.register_secrets(given, names) for masker in self._followers]
            for value, name in pairs:
                self._known.setdefault(value, name)
        if given and os.environ.get("REACTORCIDE_SECRETS_SOCKET"):
            hidden.append(_told_around(given))
        return min(hidden)

    def clear(self) -> None:
        """Forget all values. Running jobs, and the surrounding runner, go on masking the values that they know."""
        with self._lock:
            super().clear()
            self._known.clear()

    def mask_as(self, text: str, marker: str, shapes: str | Iterable[str]) -> str:
        """Mask a text in another way with the same secrets. Raises ValueError for an unknown shape."""
        with self._lock:
            known = list(self._known)
        return masking.mask_text(text, known, marker=marker, shapes=shapes)

    @contextmanager
    def followed_by(self, masker: SecretMasker) -> Iterator[None]:
        """Register with `masker` all values that were registered here before, and those registered during the block."""
        with self._lock:
            self._followers.append(masker)
            masker.register_secrets(self._known, self._known.values())
        try:
            yield
        finally:
            with self._lock:
                self._followers.remove(masker)


HERE = ProcessMasker()
"""The masker of this process."""


def register_secret(value: str | bytes, name: str | None = None) -> bool:
    """Mask `value` from now on, in every form, in all output that runnerlib shows for this process.

    Return whether that succeeded. This covers the output of the jobs that this process runs, those already running
    included. Inside of a job it also covers the output of this process and of other processes of the job, which the
    surrounding runner masks. Outside of a job nothing masks a program's own output: `mask_text` does.

    False when the value is too short to be masked (less than 3 bytes), empty or None, or when the surrounding runner
    did not confirm the registration within 5 s. `name` is its name in the reports of the jobs.
    """
    return HERE.register_secret(value, name)


def get_default_masker() -> ProcessMasker:
    """Return the masker of this process, whose secrets are masked in the jobs that it runs, too."""
    return HERE


def register_secrets(values: Iterable[str | bytes]) -> int:
    """Like `register_secret`, for several values at once; the number of values that are hidden from now on."""
    return HERE.register_secrets(values)


def register_env_vars(variables: Mapping[str, str | None]) -> int:
    """Register the values of a mapping by their keys; the number of values that are hidden from now on."""
    return HERE.register_env_vars(variables)


def has_secret(value: str | bytes) -> bool:
    """Return whether `value` was registered in this process and is masked."""
    return HERE.has_secret(value)


def mask_string(text: str) -> str:
    """`text` with the secrets of this process hidden."""
    return HERE.mask_string(text)


def mask_text(
    text: str,
    secrets: Iterable[str | bytes] | None = None,
    *,
    marker: str = "[REDACTED]",
    shapes: str | Iterable[str] = (),
) -> str:
    """Return `text` with every form of `secrets` replaced by `marker`, except values shorter than 3 bytes.

    Without `secrets`, those that were registered in this process are masked. `shapes` names the kinds of values that
    are masked by their appearance, or is "all". Raises ValueError for an unknown shape.
    """
    if secrets is None:
        return HERE.mask_as(text, marker, shapes) if shapes or marker != "[REDACTED]" else HERE.mask_string(text)
    return masking.mask_text(text, secrets, marker=marker, shapes=shapes)


def mask_command_args(args: Iterable[str]) -> list[str]:
    """The words of a command with the secrets of this process hidden, each word by itself."""
    return HERE.mask_command_args(args)


def mask_dict_values(values: Mapping[str, object], mask_keys: bool = False) -> dict[str, object]:
    """A copy of a structure with the secrets of this process hidden in every text; see `SecretMasker`."""
    return HERE.mask_dict_values(values, mask_keys)


def clear_secrets() -> None:
    """Forget the secrets of this process; jobs that run go on masking them."""
    HERE.clear()


def _told_around(values: Sequence[str | bytes]) -> int:
    """Tell the runner around this process; how many of them it masks. Most processes that come here are no job's."""
    from runnerlib.secrets.register import register

    return register(values).hidden


def _text(value: object) -> str | bytes:
    return value if isinstance(value, (str, bytes)) else str(value)
