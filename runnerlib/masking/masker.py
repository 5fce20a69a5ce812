"""The masker: secret values in, masked streams out.

A secret is searched in every form in which programs print it (`encodings`); all forms of all secrets go
into one compiled pattern set (`_scanner`), which the streams share and which grows while they run.
"""

from __future__ import annotations

from itertools import chain, count, repeat

from runnerlib.masking._scanner import SHAPES, Scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from runnerlib.masking._scanner import Stream


_FORM_BITS = 8
_FORM_MOST = (1 << _FORM_BITS) - 1
_SOURCE_MOST = (1 << 31 - _FORM_BITS) - 1
_RULE_MOST = (1 << 31) - 1  # what is above is a shape


class SecretMasker:
    """Replaces every run of bytes that is covered by registered secrets by one marker.

    All methods may be called from any thread. When a registration returns, nothing that a stream of this
    masker emits afterwards shows the new secret, what the stream held back at that moment included.
    """

    __slots__ = ("_encodings", "_min_length", "_public", "_rules", "_scanner", "_shapes", "_values")

    def __init__(
        self,
        marker: str | bytes = "[REDACTED]",
        *,
        encodings: bool = True,
        min_length: int = 3,
        shapes: str | Iterable[str] = (),
        mask_members: str = "private",
        redaction_text: str | bytes | None = None,
    ) -> None:
        """Mask with `marker`; `encodings` also hides encoded and interrupted forms; shorter values are not masked.

        Of a JSON or dotenv value the strings inside are masked as well: the "private" ones, or "all", also those that
        are public by their names, as `project_id` or `DB_HOST`. Raises ValueError for anything else.
        `shapes` names what is hidden by its look, as `SHAPES` lists them, or is "all". Its marks say which shape it
        was: `[REDACTED:jwt]`. Raises ValueError for an unknown name. `redaction_text` is Reactorcide's name of
        `marker`.
        """
        marker = marker if redaction_text is None else redaction_text
        names = SHAPES if shapes == "all" else (shapes,) if isinstance(shapes, str) else tuple(shapes)
        self._shapes = {name: _shape_marker(_encode(marker), name) for name in names}
        self._rules = _Rules()
        self._encodings = encodings
        if mask_members not in {"all", "private"}:
            raise ValueError(f"mask_members: unknown value '{mask_members}' (all, private)")
        self._public = mask_members == "all"
        self._scanner = self._new_scanner(_encode(marker))
        self._min_length = max(min_length, 1)
        self._values: set[bytes] = set()

    def register_secret(self, value: str | bytes | None, name: str | None = None) -> bool:
        """Mask `value` from now on; False if it will not be masked, being shorter than `min_length`.

        `name` is what reports call it: without one, `secret 3` for the third. A value keeps its first name.
        """
        return self.register_secrets([value], name) == 1

    def register_secrets(
        self, values: Iterable[str | bytes | None], names: str | Iterable[str | None] | None = None
    ) -> int:
        """Register a batch, which is compiled once; the number of values that will be masked.

        `names` are those of the values, in their order; a single text names all of them. Blank values are none of
        the masked where forms are searched: a mask on every indent hides nothing. None is no value, and what else is
        neither text nor bytes is registered as its `str`, as Reactorcide's masker has it.
        """
        raw = map(_encode, values)
        if names is None or isinstance(names, str):
            accepted = [value for value in raw if self._accepts(value)]
            named: Iterable[tuple[bytes, str | None]] = zip(accepted, repeat(names), strict=False)
        else:
            pairs = [pair for pair in zip(raw, chain(names, repeat(None)), strict=False) if self._accepts(pair[0])]
            accepted, named = [value for value, _ in pairs], pairs
        if accepted:
            self._scanner.add(self._patterns(named))
            self._values.update(accepted)
        return len(accepted)

    def register_env_vars(self, variables: Mapping[str, str | None]) -> int:
        """Register the values of a mapping by their keys; the number of values that will be masked."""
        return self.register_secrets(variables.values(), variables)

    def has_secret(self, value: str | bytes) -> bool:
        """Return whether `value` was registered and is masked."""
        return _encode(value) in self._values

    def size(self) -> int:
        """The number of different values that are masked."""
        return len(self._values)

    def clear(self) -> None:
        """Forget all values. Streams that were started before go on masking the values that they knew."""
        self._scanner = self._new_scanner(self._scanner.marker)
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

    @property
    def marks(self) -> tuple[bytes, ...]:
        """The replacement texts: one for each masked shape, and the one for a secret."""
        return (*self._shapes.values(), self._scanner.marker)

    def _new_scanner(self, marker: bytes) -> Scanner:
        return Scanner(marker, folded=self._encodings, rules=self._rules, shapes=self._shapes)

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

    def _patterns(self, named: Iterable[tuple[bytes, str | None]]) -> dict[bytes, int]:
        """The rule of each pattern; a pattern that two secrets share belongs to the first."""
        found: dict[bytes, int] = {}
        known, source_of = self._values, self._rules.source
        for value, name in named:
            if value in known:
                continue
            if not self._encodings:
                if value not in found:
                    found[value] = source_of(name) << _FORM_BITS
                continue
            source = source_of(name)
            for form, pattern in _forms(value, public=self._public):
                bare = _without_line_end(pattern) if form.endswith("raw") else pattern
                searched = bare if len(bare) >= self._min_length else pattern
                if len(searched) >= self._min_length:
                    found.setdefault(searched, self._rules.rule(source, form))
        return found


class _Rules:
    """Numbers of the rules in the compiled core, and their meaning; any thread may request one.

    A rule is the source of a pattern, a secret by its name, and the form in which the pattern spells it. Ten thousand
    secrets in thirty forms each are too many names to keep, so a number has the two halves side by side.
    """

    __slots__ = ("_forms", "_names", "_next_form", "_next_source", "_sources", "_spelled")

    def __init__(self) -> None:
        self._next_source, self._next_form = count(1), count(1)
        self._sources: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._forms: dict[str, int] = {"raw": 0}
        self._spelled: dict[int, str] = {0: "raw"}

    def source(self, name: str | None) -> int:
        """The number of the source of that name, a new one if there is none. Without a name it is always new."""
        if name is None:
            return next(self._next_source) & _SOURCE_MOST
        number = self._sources.get(name, 0)
        if not number:  # `setdefault`: two threads may come here at once
            number = self._sources.setdefault(name, next(self._next_source) & _SOURCE_MOST)
            self._names[number] = name
        return number

    def rule(self, source: int, form: str) -> int:
        """The number of a rule."""
        number = self._forms.get(form)
        if number is None:
            number = self._forms.setdefault(form, min(next(self._next_form), _FORM_MOST))
            self._spelled[number] = form
        return source << _FORM_BITS | number

    def __call__(self, rule: int) -> tuple[str, str]:
        """The name of the source of a rule, and the form."""
        if rule > _RULE_MOST:
            return f"shape {SHAPES[rule - _RULE_MOST - 1]}", ""
        source, form = rule >> _FORM_BITS, rule & _FORM_MOST
        return self._names.get(source, f"secret {source}"), self._spelled.get(form, "")


def _shape_marker(marker: bytes, name: str) -> bytes:
    """The name of the shape inside of the marker's closing bracket, or behind a marker that has none."""
    bare = marker.rstrip(b")]}>")
    return bare + b":" + name.encode() + marker[len(bare) :]


def _encode(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if not isinstance(value, str):
        value = "" if value is None else str(value)
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, as JSON can spell it: no bytes of a file system
        return value.encode("utf-8", "surrogatepass")


def _without_line_end(value: bytes) -> bytes:
    """A text less the line ends behind it: they are the log's, and a mark on them would join two of its lines."""
    return value if b"\0" in value else value.rstrip(b"\r\n")


def _forms(value: bytes, *, public: bool) -> Iterator[tuple[str, bytes]]:
    """The forms of a value; what knows them is loaded with the first secret."""
    from runnerlib.masking.encodings import forms

    return forms(value, public=public)
