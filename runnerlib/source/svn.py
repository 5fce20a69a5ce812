"""`svn`: the source is a directory of a Subversion repository, checked out by the program `svn`.

The url is https, http, svn, svn+ssh or file, or the path of a repository on this machine. The ref is a revision
(`r123`, `123`, `HEAD`, `{2026-01-31}`), or a branch or tag of the usual layout: with `.../trunk` or `.../` as url,
`main` means `.../branches/main`, then `.../tags/main`; `trunk`, `branches/x` and `tags/x` are taken as they are. A
revision may follow: `branches/x@123`. A place means what it was at that revision.

Externals are not fetched: a property of the repository would make the client fetch from anywhere. The user's
configuration of the client, where tunnels are commands, is not read, and nothing is kept by it. A password goes
to the client's stdin.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from runnerlib.errors import SourceError, unknown
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.git_credentials import credentials
from runnerlib.source.options import count
from runnerlib.source.spec import Prepared
from runnerlib.source.url import split, url_secrets, without_credentials
from runnerlib.source.vcs_process import Client, find, outage_at

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Report, SourceSpec

OPTIONS: tuple[str, ...] = ("timeout", "retries")
_SCHEMES = ("https", "http", "svn", "svn+ssh", "file")
_ABSENT = "E200009"  # the client's message for a url that does not exist
# The network is away, or has broken; the server is, or ends in the middle. Never credentials or a missing revision.
_OUTAGE = (
    r"E000(032|101|104|110|113)|E120106|E120108|E175012|E210002|E670003"
    r"|E175002: Unexpected HTTP status (408|429|5(?!01)\d\d)\b"
)
_REVISION = r"r?(\d{1,18})|(HEAD)|(\{[\d:TZ +.-]{4,32}\})"


class _Wanted(NamedTuple):
    """Selection of a checkout: a path below the url, as the user wrote it, and a revision."""

    name: str
    revision: str


class _Session(NamedTuple):
    """The client, the words that go before all others, and the password."""

    client: Client
    words: tuple[str, ...]
    stdin: bytes
    report: Report

    def run(self, *words: str) -> str:
        return self.client.run((*words[:1], *self.words, *words[1:]), self.report, self.stdin)

    def ask(self, *words: str) -> str:
        """`run` over the network."""
        return self.client.persist((*words[:1], *self.words, *words[1:]), self.report, self.stdin)


def check(spec: SourceSpec) -> None:
    """Require a URL that Subversion understands."""
    if not spec.url:
        raise SourceError("source type 'svn' needs a url or the path of a repository")
    url, shown = split(spec.url), without_credentials(spec.url)
    if url is not None and url.scheme not in _SCHEMES:
        raise SourceError(f"{unknown('svn url scheme', url.scheme, _SCHEMES)} in '{shown}'")
    if url is not None and url.scheme != "file" and (not url.host or url.host.startswith("-")):
        raise SourceError(f"svn url '{shown}' has no valid host")
    if url is not None and not (url.user + url.password).isprintable():
        raise SourceError(f"svn url '{shown}' has control characters in its credentials")
    if url is not None and url.user in url_secrets(spec.url):  # it would become an argument
        raise SourceError(f"svn url '{shown}' has its secret where the user is expected; write user:password@host")
    if ".." in _wanted(spec.ref).name.split("/"):
        raise SourceError(f"source ref '{spec.ref}' holds '..'")
    count(spec, "timeout", 300, 1)
    count(spec, "retries", 3)


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Check out `spec.url` to `target`, at `spec.ref`."""
    program = find("svn", "svn", "subversion")
    with replacing(target, report) as made:
        session = _open(spec, program, made, report)
        wanted = _wanted(spec.ref)
        place = _place(session, _address(spec.url or ""), wanted)
        shown = without_credentials(place)
        report(f"checking out '{shown}' with svn")
        session.ask("checkout", "--ignore-externals", "--", f"{place}@{wanted.revision}", str(made))
        revision = session.run("info", "--show-item", "revision", "--", str(made)).strip()
    report(f"checked out revision {revision}")
    return Prepared(target.resolve(), revision)


def _open(spec: SourceSpec, program: str, made: Path, report: Report) -> _Session:
    url = split(spec.url or "")
    user, password = credentials(url) if url is not None else ("", "")
    settings = made.parent / "svn"
    settings.mkdir(mode=0o700)
    words = ["--non-interactive", "--no-auth-cache", "--config-dir", str(settings)]
    if password:
        words += ["--username", user, "--password-from-stdin"]
    env = {"SVN_SSH": "ssh -q -oBatchMode=yes"}
    client = Client("svn", program, made, env, count(spec, "timeout", 300, 1), tuple(filter(None, (password,))))
    client = client._replace(outage=outage_at(url, _OUTAGE), retries=count(spec, "retries", 3))
    return _Session(client, tuple(words), password.encode("utf-8", "surrogateescape"), report)


def _address(url: str) -> str:
    """The url as the client gets it: without credentials; a local path as a url."""
    found = split(url)
    return f"file://{quote(os.path.abspath(url))}" if found is None else found.clean().rstrip("/")


def _wanted(ref: str | None) -> _Wanted:
    """Take a ref apart."""
    ref = ref or "HEAD"
    name, at, peg = ref.rpartition("@") if "@" in ref else ("", "", ref)
    found = re.fullmatch(_REVISION, peg)
    if found is not None:
        return _Wanted(name, found[1] or peg)
    if at:
        raise SourceError(f"source ref '{ref}': '{peg}' is no revision (r123, 123, HEAD, {{2026-01-31}})")
    return _Wanted(ref, "HEAD")


def _place(session: _Session, address: str, wanted: _Wanted) -> str:
    """Return the url of the selection. Raises `SourceError` when there is no such branch or tag."""
    name = wanted.name.strip("/")
    if not name:
        return address
    project = re.sub(r"/(trunk|branches/[^/]+|tags/[^/]+)$", "", address)
    exact = name == "trunk" or name.startswith(("branches/", "tags/"))
    places = [f"{project}/{name}"] if exact else [f"{project}/{kind}/{name}" for kind in ("branches", "tags")]
    for place in places:
        try:
            session.ask("info", "--show-item", "kind", "--", f"{place}@{wanted.revision}")
        except SourceError as error:
            if _ABSENT not in str(error):
                raise
        else:
            return place
    tried = "' and '".join(map(without_credentials, places))
    raise SourceError(f"ref '{wanted.name}' is no branch or tag at {wanted.revision}; looked for '{tried}'")
