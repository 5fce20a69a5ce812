"""The masker: secret values in, masked streams out.

A secret is searched in every form in which programs print it (`encodings`); all forms of all secrets go
into one compiled pattern set (`_scanner`), which the streams share and which grows while they run.
"""

from __future__ import annotations

from runnerlib.masking._scanner import Scanner
from runnerlib.masking.encodings import forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from runnerlib.masking._scanner import Stream


class SecretMasker:
    """Replaces every run of bytes that is covered by registered secrets by one marker.

    All methods may be called from any thread. When a registration returns, nothing that a stream of this
    masker emits afterwards shows the new secret, what the stream held back at that moment included.
    """

    __slots__ = ("_encodings", "_min_length", "_scanner", "_values")

    def __init__(self, marker: str | bytes = "[REDACTED]", *, encodings: bool = True, min_length: int = 3) -> None:
        """Mask with `marker`; `encodings` also hides encoded and interrupted forms; shorter values are not masked."""
        self._scanner = Scanner(_encode(marker), folded=encodings)
        self._encodings = encodings
        self._min_length = max(min_length, 1)
        self._values: set[bytes] = set()

    def register_secret(self, value: str | bytes) -> bool:
        """Mask `value` from now on; False if it will not be masked, being shorter than `min_length`."""
        return self.register_secrets([value]) == 1

    def register_secrets(self, values: Iterable[str | bytes]) -> int:
        """Register a batch, which is compiled once; the number of values that will be masked.

        Blank values are none of them where forms are searched: a mask on every indent hides nothing.
        """
        accepted = [raw for raw in map(_encode, values) if self._accepts(raw)]
        if accepted:
            self._scanner.add(self._patterns(accepted))
            self._values.update(accepted)
        return len(accepted)

    def register_env_vars(self, variables: Mapping[str, str]) -> int:
        """Register the values of a mapping; the number of values that will be masked."""
        return self.register_secrets(variables.values())

    def has_secret(self, value: str | bytes) -> bool:
        """Whether `value` was registered and is masked."""
        return _encode(value) in self._values

    def size(self) -> int:
        """The number of different values that are masked."""
        return len(self._values)

    def clear(self) -> None:
        """Forget all values. Streams that were started before go on masking what they knew."""
        self._scanner = Scanner(self._scanner.marker, folded=self._encodings)
        self._values = set()

    def mask(self, buffer: Buffer) -> bytes:
        """Mask a whole text."""
        return self._scanner.mask(buffer)

    def mask_string(self, text: str) -> str:
        """Mask a whole text; lone surrogates stand for bytes that are not UTF-8, as `os.fsdecode` does."""
        return self.mask(_encode(text)).decode("utf-8", "surrogateescape")

    def mask_command_args(self, args: Iterable[str]) -> list[str]:
        """Mask the words of a command, each by itself: a secret in one does not hide where the next begins."""
        return [self.mask_string(word) for word in args]

    def mask_dict_values(self, values: Mapping[str, object], mask_keys: bool = False) -> dict[str, object]:
        """Mask every text in a structure of mappings, lists and tuples, keys too if `mask_keys`.

        None stays None; what else is no text becomes its `str`, masked. The argument is not changed.
        """
        return {
            self.mask_string(key) if mask_keys else key: self._mask_value(value, mask_keys)
            for key, value in values.items()
        }

    def stream(self) -> Stream:
        """Start a stream: bytes that arrive in pieces."""
        return self._scanner.stream()

    def _mask_value(self, value: object, mask_keys: bool) -> object:
        if value is None:
            return None
        if isinstance(value, dict):
            return self.mask_dict_values(value, mask_keys)
        if isinstance(value, (list, tuple)):
            return [self._mask_value(member, mask_keys) for member in value]
        return self.mask_string(str(value))

    def _accepts(self, value: bytes) -> bool:
        return len(value) >= self._min_length and (not self._encodings or bool(value.strip()))

    def _patterns(self, values: Iterable[bytes]) -> Iterator[bytes]:
        for value in values:
            if not self._encodings:
                yield value
                continue
            for _, pattern in forms(value):
                if len(pattern) >= self._min_length:
                    yield pattern


def _encode(value: str | bytes) -> bytes:
    if not isinstance(value, str):
        return bytes(value)
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, as JSON can spell it: no bytes of a file system
        return value.encode("utf-8", "surrogatepass")
