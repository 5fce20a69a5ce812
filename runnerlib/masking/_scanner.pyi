"""The compiled masking core. What it does and how is told in `ext/README.md`.

The output of a stream is its input with every maximal run of bytes that are covered by occurrences of
patterns replaced by one marker; overlapping and touching occurrences share a marker. It does not depend
on how the input was cut into pieces.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from typing_extensions import Buffer

from runnerlib.masking.report import MaskReport

KERNELS: Final[tuple[str, ...]]
"""The kernels that run on this machine, best first. `RUNNERLIB_KERNEL`, read at import, sets another default."""

SHAPES: Final[tuple[str, ...]]
"""The shapes by which credentials are known: see `ext/shape.h`."""

def cores(value: bytes, bits: int, ends: bool, least: int) -> list[bytes]:
    """Base64 (`bits` is 6) or base32 (5) of `value` for each alignment, without what its neighbours decide, too.

    `ends`: also with the character behind, of which the last bits of `value` decide the rest where nothing follows.
    Texts shorter than `least` and of one character repeated are left out; none are if `least` is 0.
    Raises ValueError for other `bits`.
    """

@final
class Scanner:
    """A marker and a set of patterns, shared by streams.

    A pattern set is immutable: `add` compiles another one and swaps it in. Each stream picks it up at its
    next call, and searches what it holds anew.
    """

    @property
    def marker(self) -> bytes: ...
    @property
    def kernel(self) -> str:
        """The name of the kernel it scans with."""
    @property
    def rules(self) -> Callable[[int], tuple[str, str]] | None:
        """Tells the name and the form of a rule."""
    def __init__(
        self,
        marker: bytes,
        kernel: str | None = None,
        folded: bool = False,
        rules: Callable[[int], tuple[str, str]] | None = None,
        shapes: dict[str, bytes] | None = None,
    ) -> None:
        """Mask with `marker`; `folded` also finds patterns of 6 bytes to 16 KiB that are interrupted.

        An occurrence may be interrupted by terminal control sequences, which stay visible, and by carriage
        returns, zero-width characters and soft line wraps, and over a wrap its blanks do not count; percent escapes
        may mix the case of their digits. Patterns that are hexadecimal digits of ASCII are found with something between
        the digits, in dumps too.
        `ext/README.md` has the rules. `rules` names rules in reports.

        `shapes` gives the marker for each shape that is masked too. A mark has the marker of what it is put down to,
        see `Stream.tally`; at the same place a secret comes before a shape. Raises ValueError for an unknown one.
        """
    def __len__(self) -> int:
        """The number of patterns."""
    @property
    def nbytes(self) -> int:
        """The memory that the compiled patterns take."""
    def add(self, values: Iterable[bytes] | Mapping[bytes, int]) -> int:
        """Add patterns; returns how many were new.

        A dict gives each its rule, a number below 2³¹ that its marks are counted under; the others have rule 0.
        A pattern that is there already keeps the rule it has.

        It is a barrier: when it returns, no call that began with the former patterns is still going to
        return. Raises ValueError for an empty pattern.
        """
    def stream(self) -> Stream:
        """A new stream."""
    def mask(self, data: Buffer) -> bytes:
        """Mask a whole text; returns `data` itself if it is `bytes` and nothing is to be masked."""

@final
class Stream:
    """A text that arrives in pieces.

    Only bytes that may turn out to be the beginning of an occurrence are withheld. A stream may be used
    from several threads; calls take turns.
    """

    def __init__(self, scanner: Scanner) -> None: ...
    @property
    def held(self) -> int:
        """The number of bytes withheld now; less than the length of the longest pattern, or, for shapes, 2,100.

        In a folded view what interrupts it counts too: at most 600 bytes each time.
        """
    @property
    def most_held(self) -> int:
        """The largest number of bytes that were withheld after a call."""
    @property
    def marks(self) -> int:
        """The number of markers put out so far, flushes included."""
    @property
    def received(self) -> int:
        """The number of bytes fed so far, those before a flush included."""
    @property
    def released(self) -> int:
        """The number of bytes returned so far."""
    def tally(self) -> dict[int | None, tuple[int, int]]:
        """Marks, and bytes they stand for, by rule; None is what there was no memory for to count apart.

        A mark belongs to the occurrence that covers its first byte and is complete first; if there are several, to
        an uninterrupted one, then to the longest, then to a shape, which has the rule 2³¹ and its place in SHAPES.
        A shape is complete when it is certain. So it does not depend on how the input was cut. What later
        extends the mark counts as its bytes.
        """
    def report(self) -> MaskReport:
        """The same by the names of the rules, with the other figures of the stream; never a value."""
    @property
    def searches(self) -> bool:
        """True if there is anything to search for."""
    def prepare(self, data: bytes) -> None:
        """Search the next piece, perhaps in another thread, so that `feed` need not when it gets that very object.

        Nothing else changes: whatever is called in between, `feed` returns what it would have without.
        """
    def feed(self, data: Buffer) -> bytes:
        """Take the next piece, return what can be released.

        Returns `data` itself if it is `bytes`, nothing was held and nothing is to be masked or held.
        """
    def flush(self) -> bytes:
        """End the stream: release what is held. The stream can be used again as a new one."""
