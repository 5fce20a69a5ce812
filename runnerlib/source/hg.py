"""`hg`: the source is a Mercurial repository, cloned in full by the program `hg`, at one changeset.

The url is https, http, ssh or file, or a local path; the ref is a branch, tag, bookmark, changeset id (short or
full) or revision number; without one it is what `hg clone` would take. Nothing that the repository brings is
executed: its own configuration, with hooks and extensions, is not read, the user's neither. A repository with
subrepositories is refused, because a change of `.hgsub` makes the client fetch from anywhere; `subrepos=hg`
allows those that are Mercurial's own.

Credentials come from the url or from the worker's credential file. The client gets them in a configuration file
that has no name: they are in no argument, no variable and on no disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, unknown
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.git_credentials import credentials
from runnerlib.source.options import choice, count
from runnerlib.source.spec import Prepared
from runnerlib.source.url import split, without_credentials
from runnerlib.source.vcs_process import Client, find, outage_at

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Report, SourceSpec
    from runnerlib.source.url import Url

OPTIONS: tuple[str, ...] = ("subrepos", "timeout", "retries")
_SCHEMES = ("https", "http", "ssh", "file")
# Its messages for network failures, over http and ssh; none for credentials, certificates or a missing revision.
_OUTAGE = (
    r"(?m)^abort: (HTTP Error (408|429|5(?!01)\d\d)\b|HTTP request error \(incomplete|error: bad HTTP status line"
    r"|(stream|connection) ended unexpectedly|premature EOF|error: Remote end closed)"
    r"|^(abort: error|remote: ssh): .*(Connection (reset|timed out|closed|aborted)|[Tt]imed out|Broken pipe"
    r"|Network is unreachable|No route to host|Temporary failure in name resolution)"
)
# Neither the host's and user's configuration nor that of a repository is read: hooks and extensions are code.
_ENV = {"HGPLAIN": "1", "HGRCPATH": "/dev/stdin", "HGRCSKIPREPO": "1", "HGENCODING": "UTF-8"}


def check(spec: SourceSpec) -> None:
    """Require a URL that Mercurial understands and a ref that can be quoted."""
    if not spec.url:
        raise SourceError("source type 'hg' needs a url or the path of a repository")
    url, shown = split(spec.url), without_credentials(spec.url)
    if url is not None and url.scheme and url.scheme not in _SCHEMES:
        raise SourceError(f"{unknown('hg url scheme', url.scheme, _SCHEMES)} in '{shown}'")
    if url is not None and not url.scheme:
        raise SourceError(f"hg url '{shown}' has no scheme; write ssh://user@host/path")
    if url is not None and url.scheme != "file" and (not url.host or url.host.startswith("-")):
        raise SourceError(f"hg url '{shown}' has no valid host")
    if url is not None and not (url.user + url.password).isprintable():
        raise SourceError(f"hg url '{shown}' has control characters in its credentials")
    if "'" in (spec.ref or ""):
        raise SourceError(f"source ref {spec.ref!r} holds a quote, which no branch, tag or bookmark should")
    choice(spec, "subrepos", ("none", "hg"), "none")
    count(spec, "timeout", 300, 1)
    count(spec, "retries", 3)


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Clone `spec.url` to `target`, at `spec.ref`."""
    program = find("hg", "hg", "mercurial")
    url = split(spec.url or "")
    user, password = credentials(url) if url is not None else ("", "")
    address = os.path.abspath(spec.url or "") if url is None else url.clean()
    settings = _settings(url, user, password, choice(spec, "subrepos", ("none", "hg"), "none"))
    with replacing(target, report) as made:
        secrets = tuple(filter(None, (password,)))
        client = Client("hg", program, made, _ENV, count(spec, "timeout", 300, 1), secrets)
        client = client._replace(outage=outage_at(url, _OUTAGE), retries=count(spec, "retries", 3))
        report(f"cloning '{without_credentials(spec.url or '')}' with hg")
        checkout = ("--updaterev", spec.ref) if spec.ref else ()
        client.persist(("clone", "--pull", *checkout, "--", address, str(made)), report, settings)
        commit = _commit(client, spec.ref, report, settings)
    report(f"checked out {commit}")
    return Prepared(target.resolve(), commit)


def _commit(client: Client, ref: str | None, report: Report, settings: bytes) -> str:
    """Return the full id of the checked-out changeset. Raises `SourceError` when `ref` means another one."""
    wanted = f"r'{ref}'" if ref else "."  # a raw string is a name to Mercurial, never an expression
    template = "{node} {revset('.') % '{node}'}\n"
    words = ("--repository", str(client.made), "log", "--template", template, "--rev", wanted)
    said = client.run(words, report, settings).split()
    if len(said) != 2:
        raise SourceError("hg: the repository has no changeset")
    if said[0] != said[1]:
        raise SourceError(f"hg has checked out {said[1]} instead of {said[0]}")
    if not said[0].strip("0"):
        name = f"ref '{ref}' is the empty revision before the first" if ref else "the repository has no"
        raise SourceError(f"hg: {name} changeset")
    return said[0]


def _settings(url: Url | None, user: str, password: str, subrepos: str) -> bytes:
    """Return the complete configuration of the client."""
    lines = ["[ui]", "interactive = false", "ssh = ssh -oBatchMode=yes", "[http]", "timeout = 60", "[subrepos]"]
    lines += [f"allowed = {'true' if subrepos == 'hg' else 'false'}", "git:allowed = false", "svn:allowed = false"]
    if url is not None and url.scheme in {"http", "https"} and (user or password):
        # Where a server redirects to, this prefix does not match and nothing is sent.
        lines += ["[auth]", f"source.prefix = {url.host}{url.rest}", f"source.schemes = {url.scheme}"]
        lines += [f"source.username = {user}", f"source.password = {password}"]
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
