"""`tarball`: the source is an archive: .tar, .tar.gz, .bz2, .xz, .lzma, .zst, or .zip; its content tells which.

The url is a path, file, http or https, with `#sha256=DIGEST` to say what it must be; the ref is passed over. It is
downloaded beside the target (`download`), compared with the checksum before a byte of it is looked into, read as
a stream (`unpacked`, `tar`, `zip`) and unpacked beside the target by rules of our own (`extraction`), which is
swapped in when all of it is there and right.

Options: `strip` leading components to leave out (GitHub's archives have one), `max-size`, `max-files` and
`max-ratio` (bombs), `timeout` and `retries` of the download.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import closing, contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from runnerlib._util.safe_tree import copy_bytes
from runnerlib.errors import SourceError
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.options import count, size
from runnerlib.source.progress import Meter
from runnerlib.source.spec import Prepared, still_wanted
from runnerlib.source.tarball import tar
from runnerlib.source.tarball import zip as zip_
from runnerlib.source.tarball.address import Address, parse
from runnerlib.source.tarball.extraction import Extraction
from runnerlib.source.tarball.member import ArchiveError, Limits
from runnerlib.source.tarball.unpacked import Unpacked, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runnerlib.source.spec import Report, SourceSpec
    from runnerlib.source.tarball.member import Member

OPTIONS: tuple[str, ...] = ("strip", "max-size", "max-files", "max-ratio", "timeout", "retries")
_HEAD = 512
_BLOCK = 1 << 20


class _Settings(NamedTuple):
    """The options of one source."""

    strip: int
    limits: Limits
    timeout: int
    retries: int


def check(spec: SourceSpec) -> None:
    """Require a possible address of an archive, and valid options."""
    if not spec.url:
        raise SourceError("source type 'tarball' needs a url or the path of an archive")
    parse(spec.url)
    _settings(spec)


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Unpack the archive `spec.url` to `target`."""
    address, settings = parse(spec.url or ""), _settings(spec)
    with replacing(target, report) as made, _file(address, settings, made.parent / "archive", report) as file:
        _compare(file, address, report)
        report(f"unpacking '{address.shown}'")
        try:
            entries, unpacked = _unpack(file, made, _roots(target), settings, report)
        except ArchiveError as error:
            raise SourceError(f"archive '{address.shown}': {error}") from None
    report(f"unpacked {entries} entr{'y' if entries == 1 else 'ies'}, {unpacked / 1e6:.1f} MB")
    return Prepared(target.resolve(), ":".join(address.checksum) if address.checksum else None)


def _settings(spec: SourceSpec) -> _Settings:
    limits = Limits(
        size(spec, "max-size", 16 << 30), count(spec, "max-files", 1_000_000, 1), count(spec, "max-ratio", 200, 1)
    )
    return _Settings(count(spec, "strip", 0), limits, count(spec, "timeout", 30, 1), count(spec, "retries", 4))


@contextmanager
def _file(address: Address, settings: _Settings, aside: Path, report: Report) -> Iterator[IO[bytes]]:
    """Open the archive; one that is downloaded, or must not change any more, is stored at `aside`."""
    if address.url is not None:
        # Not before: connections and TLS take 60 ms to load.
        from runnerlib.source.tarball.download import download

        with open(aside, "xb+") as file:
            download(address, file, settings.limits.size, settings.timeout, settings.retries, report)
            yield file
        return
    with _opened(address) as file:
        if address.checksum is None:
            yield file
            return
        with open(aside, "xb+") as copy:
            copy_bytes(file.fileno(), copy.fileno(), wanted=lambda: still_wanted(report))
            yield copy


def _opened(address: Address) -> IO[bytes]:
    """An archive of this machine. Raises `SourceError` when it is no regular file that we may read."""
    try:
        fd = os.open(address.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        said = (getattr(error, "strerror", None) or str(error)).lower()
        raise SourceError(f"archive '{address.shown}' cannot be read: {said}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SourceError(f"archive '{address.shown}' is no regular file")
    return os.fdopen(fd, "rb")


def _compare(file: IO[bytes], address: Address, report: Report) -> None:
    """Compare the archive with its checksum. Raises `SourceError`."""
    file.seek(0)
    if address.checksum is None:
        return
    found = hashlib.new(address.checksum.algorithm)
    while block := file.read(_BLOCK):
        found.update(block)
        still_wanted(report)
    if found.hexdigest() != address.checksum.digest:
        raise SourceError(f"archive '{address.shown}' has {found.name} {found.hexdigest()}, not the one that was given")
    file.seek(0)


def _roots(target: Path) -> tuple[str, ...]:
    """The paths by which absolute links may mean the tree."""
    return tuple(dict.fromkeys((str(target.absolute()), str(target.parent.resolve() / target.name))))


def _unpack(
    file: IO[bytes], made: Path, roots: tuple[str, ...], settings: _Settings, report: Report
) -> tuple[int, int]:
    """Unpack into the new directory `made`; how many entries and bytes that were. Raises `ArchiveError`."""
    head = file.read(_HEAD)
    file.seek(0)
    kind = kind_of(head)
    if not kind:
        raise ArchiveError(_no_archive(head))
    made.mkdir()
    meter, whole = Meter(report), os.fstat(file.fileno()).st_size

    def wanted() -> None:
        still_wanted(report)
        meter.watch("unpacking", lambda: (file.tell(), whole, f"{extraction.entries:,} entries"))

    with (
        _members(file, kind, settings.limits, wanted, report) as members,
        closing(Extraction(made, settings.limits, settings.strip, wanted, roots)) as extraction,
    ):
        for member in members:
            extraction.add(member)
        extraction.finish()
    if extraction.empty and settings.strip and extraction.entries:
        raise ArchiveError(f"nothing is left of it without {settings.strip} leading components (option strip)")
    if extraction.replaced:
        report(f"of {extraction.replaced} entries there was a later one of the same name, which counts")
    return extraction.entries, extraction.size


@contextmanager
def _members(
    file: IO[bytes], kind: str, limits: Limits, wanted: Callable[[], None], report: Report
) -> Iterator[Iterator[Member]]:
    """Open an archive and yield an iterator of its members."""
    if kind == "zip":
        yield zip_.members(file, limits)
        return
    with closing(Unpacked(file, kind, limits, wanted)) as unpacked:
        yield tar.members(unpacked)
        if unpacked.trailing:
            report("what follows the compressed data is no part of it, and was left out")


def _no_archive(head: bytes) -> str:
    """Explain why a file is no supported archive."""
    if not head:
        return "it is empty"
    if head.lstrip()[:1] == b"<":
        return f"it is a web page ({head.lstrip()[:15]!r}…), no archive: is a login needed?"
    return "it is no archive (tar, tar.gz, tar.bz2, tar.xz, tar.lzma, tar.zst and zip are known, by their content)"
