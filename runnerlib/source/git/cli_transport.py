"""The transport by the git program: protocol 2, shallow fetches that reuse, parallel checkout, sparse trees."""

from __future__ import annotations

import os
import re
import shutil
from functools import cache
from typing import TYPE_CHECKING

from runnerlib._util.path_glob import matches
from runnerlib.errors import SourceError, one_line
from runnerlib.source.git import child_process
from runnerlib.source.git.child_env import credentials, environment, options
from runnerlib.source.git.failure import is_missing, is_network, is_redirect, is_refusal, is_without_shallow
from runnerlib.source.git.lfs_objects import forget_damaged
from runnerlib.source.git.reuse_check import doomed, make_way
from runnerlib.source.git.transport import FormatError, KindError, Listing, MissingRefError, NetworkError, WholeError
from runnerlib.source.progress import Meter, without_progress
from runnerlib.source.spec import still_wanted
from runnerlib.source.url import scrub, split

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runnerlib.source.git.options import GitOptions
    from runnerlib.source.git.redirect import Way
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.spec import Report

_LISTED = re.compile(rb"(?P<id>[0-9a-f]{40}(?:[0-9a-f]{24})?)\t(?P<name>\S+)")
_LONGEST_LIST = 20_000  # characters; the kernel takes 128 KiB for an argument
_NAMED = 3  # files in an error
_DEFAULT = re.compile(rb"ref: (?P<name>\S+)\tHEAD")


def find() -> tuple[str, tuple[int, ...]] | None:
    """The path and the version of the git program, None without one; looked up once for each search path."""
    return _look_up(os.environ.get("PATH", os.defpath))


@cache
def _look_up(search: str) -> tuple[str, tuple[int, ...]] | None:
    path = shutil.which("git", path=search)
    if path is None:
        return None
    try:
        done = child_process.run([path, "version"], environment(None), "/", lambda _: None, timeout=10)
    except OSError:
        return None
    found = re.search(rb"(\d+)\.(\d+)(?:\.(\d+))?", done.output)
    if done.code or found is None:
        return None
    return path, tuple(int(part) for part in found.groups() if part)


class Program:
    """The git program at `path`; see `transport.Transport`."""

    def __init__(self, path: str, options: GitOptions, report: Report) -> None:
        self._path = path
        self._options = options
        self._report = report
        self._ways: dict[str, Way] = {}  # by the address of the repository, for those that are served elsewhere

    def list_refs(self, remote: Remote, names: Sequence[str] = ()) -> Listing:
        """See `Transport`; of a repository on this machine the files are asked, not a server process."""
        if remote.url is None and not remote.is_bundle:
            return self._local(remote)
        words = ["ls-remote", "--symref", "--", remote.address, *names]
        said = self._run(words, remote=remote).output
        default = _DEFAULT.search(said)
        refs = {os.fsdecode(found["name"]): found["id"].decode() for found in _LISTED.finditer(said)}
        return Listing(refs, os.fsdecode(default["name"]) if default else None)

    def _local(self, remote: Remote) -> Listing:
        """List the refs of a local repository. Its git directory is named, so that git accepts any owner."""
        where = {"GIT_DIR": str(remote.store)}
        said = self._run(["for-each-ref", "--format=%(objectname)\t%(refname)"], remote=remote, more=where).output
        refs = {os.fsdecode(found["name"]): found["id"].decode() for found in _LISTED.finditer(said)}
        head = self._run(["rev-parse", "--symbolic-full-name", "-q", "HEAD"], more=where, may_fail=True).output
        named = os.fsdecode(head).strip()
        oid = self._run(["rev-parse", "--verify", "-q", "HEAD"], more=where, may_fail=True).output.decode().strip()
        if oid:
            refs["HEAD"] = oid
        return Listing(refs, named if named != "HEAD" else None)

    def fetch(self, store: Path, remote: Remote, specs: Sequence[str], depth: int) -> None:
        """See `Transport`."""
        words = ["fetch", "--no-tags", "--no-write-fetch-head", "--progress", "--force", "--update-head-ok"]
        words += [f"--depth={depth}"] if depth and not remote.is_bundle else []  # which comes as a whole
        meter = Meter(self._report)
        try:
            self._run([*words, "--", remote.address, *specs], remote=remote, store=store, meter=meter)
        except WholeError as error:
            if not depth:
                raise
            self._report(f"{error}; the whole history is fetched")
            self.fetch(store, remote, specs, 0)
        meter.sum_up()

    def resolve(self, store: Path, text: str) -> str | None:
        """See `Transport`."""
        done = self._run(["rev-parse", "--verify", f"{text}^{{commit}}"], store=store, may_fail=True)
        if done.code == 0:
            return done.output.decode().strip()
        said = done.errors.decode("utf-8", "replace")
        if re.search(r"short (object ID|SHA1) \S+ is ambiguous", said):
            raise KindError("ambiguous: several commits start with it")
        kind = self._run(["cat-file", "-t", text], store=store, may_fail=True)
        if kind.code == 0 and kind.output.strip() not in {b"commit", b"tag"}:
            raise KindError(f"a {kind.output.decode().strip()}, not a commit")
        return None

    def parents(self, store: Path, commits: Collection[str]) -> Mapping[str, Sequence[str]]:
        """See `Transport`."""
        asked = sorted(commits)
        lines = "".join(f"{commit}\n" for commit in asked).encode()
        said = self._run(["cat-file", "--batch"], store=store, given=lines).output
        found: dict[str, list[str]] = {}
        for commit in asked:
            head, _, said = said.partition(b"\n")
            name, _, rest = head.decode().partition(" ")
            kind, _, size = rest.partition(" ")
            if name != commit or kind != "commit":
                raise SourceError(f"commit '{commit}' is {kind}, which the history does not allow")
            body, said = said[: int(size)], said[int(size) + 1 :]
            header = body.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
            found[commit] = [line[7:] for line in header if line.startswith("parent ")]
        return found

    def history(self, store: Path, commits: Collection[str]) -> dict[str, Sequence[str]]:
        """See `Transport`."""
        said = self._run(["rev-list", "--topo-order", "--parents", *commits, "--"], store=store).output
        lines = (line.split() for line in said.decode().splitlines())
        return {commit: parents for commit, *parents in lines}

    def present(self, store: Path, objects: Collection[str]) -> frozenset[str]:
        """See `Transport`."""
        lines = "".join(f"{one}\n" for one in objects).encode()
        said = self._run(["cat-file", "--batch-check=%(objectname)"], store=store, given=lines).output
        return frozenset(line for line in said.decode().splitlines() if not line.endswith(" missing"))

    def check_out(self, top: Path, commit: str) -> None:
        """See `Transport`."""
        store = top / ".git"
        words = ["-c", f"checkout.workers={self._workers(store, commit)}", "read-tree", "--reset", "-u", commit]
        self._run(words, store=store, top=top, more={"GIT_WORK_TREE": str(top)})

    def links(self, store: Path, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """See `Transport`."""
        more = {"GIT_LITERAL_PATHSPECS": "1"}
        words = ["ls-tree", "-z", "--full-tree", *([] if paths else ["-r"]), commit, "--", *paths]
        said = self._run(words, store=store, more=more).output
        lines = (line.partition(b"\t") for line in said.split(b"\0") if line)
        return {os.fsdecode(path): head.split()[2].decode() for head, _, path in lines if head.startswith(b"160000 ")}

    def adopt(self, top: Path, commit: str, *, keep_ignored: bool) -> None:
        """See `Transport`."""
        store, where = top / ".git", {"GIT_WORK_TREE": str(top)}
        self._run(["read-tree", commit], store=store, top=top, more=where)
        self._run(["update-index", "-q", "--refresh"], store=store, top=top, more=where, may_fail=True)
        clean = ["-c", "core.excludesFile=/dev/null", "clean", "-ffd", *([] if keep_ignored else ["-x"])]
        clean += [word for pattern in self._options.keep_files for word in ("-e", pattern)]
        gone = doomed(self._run([*clean, "--dry-run"], store=store, top=top, more=where).output)
        changed = self._run(["diff-files", "--name-only", "-z"], store=store, top=top, more=where).output
        make_way(top, gone, [os.fsdecode(path) for path in changed.split(b"\0") if path])
        self._run([*clean, "--quiet"], store=store, top=top, more=where)
        workers = self._workers(store, commit)
        words = ["-c", f"checkout.workers={workers}", "checkout-index", "-a", "-f", "-u", "-q"]
        self._run(words, store=store, top=top, more=where)

    def _workers(self, store: Path, commit: str) -> int:
        """Return how many processes write files.

        One if a file has another encoding: git 2.39 frees the name of that encoding too early.
        """
        workers = os.cpu_count() or 1
        words = ["grep", "-q", "-a", "-F", "-e", "working-tree-encoding", commit, "--", ":(glob)**/.gitattributes"]
        if workers > 1 and self._run(words, store=store, may_fail=True).code == 0:
            return 1
        return workers

    def merge(self, store: Path, target: str, commit: str, message: str, identity: tuple[str, str]) -> str | None:
        """See `Transport`; drivers that the machine's configuration names are not run."""
        if self._run(["merge-base", "--is-ancestor", target, commit], store=store, may_fail=True).code == 0:
            return None
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        words = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", target, commit]
        done = self._run(words, store=store, more=alone, may_fail=True)
        tree, *files = os.fsdecode(done.output).split("\0")
        if done.code == 1:
            named = [f"'{one_line(file)}'" for file in files if file]
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            raise SourceError(f"{commit} conflicts with {target} in {', '.join(named[:_NAMED])}{more}")
        if done.code:
            raise _explained(done, None, "merge-tree", self._options.timeout)
        times = self._run(["show", "-s", "--format=%ct", target, commit], store=store).output.split()
        for role in ("AUTHOR", "COMMITTER"):
            alone |= {f"GIT_{role}_NAME": identity[0], f"GIT_{role}_EMAIL": identity[1]}
            alone[f"GIT_{role}_DATE"] = f"{max(map(int, times))} +0000"
        words = ["commit-tree", tree, "-p", target, "-p", commit, "-m", message]
        return self._run(words, store=store, more=alone).output.decode().strip()

    def uses_lfs(self, top: Path) -> bool:
        """See `Transport`; the search of the index includes files that a sparse checkout omits, and follows no link."""
        words = ["grep", "--cached", "-q", "-a", "-F", "-e", "filter=lfs", "--", ":(glob)**/.gitattributes"]
        done = self._run(words, store=top / ".git", top=top, more={"GIT_WORK_TREE": str(top)}, may_fail=True)
        if done.code > 1:
            raise _explained(done, None, "grep", self._options.timeout)
        return done.code == 0

    def pull_lfs(self, top: Path, remote: Remote, storage: Path | None) -> None:
        """See `Transport`."""
        more = {"GIT_WORK_TREE": str(top), "GIT_LFS_SKIP_SMUDGE": "0"}
        settings = ["-c", "lfs.standalonetransferagent=", "-c", "lfs.locksverify=false"]
        settings += ["-c", f"lfs.storage={storage}"] if storage is not None else []
        # Without them it takes itself for not installed, and fetches without writing.
        settings += ["-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.process=git-lfs filter-process"]
        settings += ["-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.required=true"]
        kept = (storage or top / ".git/lfs") / "objects"
        if kept.is_dir():
            forget_damaged(kept, [oid for oid, _, _ in self._lfs_files(top)], self._wanted)
        chosen = self._chosen_lfs(top)
        try:
            for which in [[]] if chosen is None else [["-I", patterns] for patterns in _lfs_patterns(chosen)]:
                words = [*settings, "lfs", "pull", *which, "origin"]
                self._run(words, store=top / ".git", top=top, remote=remote, more=more)
        except SourceError as error:
            lacking = [f"'{one_line(path)}' (sha256:{oid})" for oid, here, path in self._lfs_files(top) if not here]
            more_of_them = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            named = f"; not fetched: {', '.join(lacking[:_NAMED])}{more_of_them}" if lacking else ""
            raise type(error)(f"{error}{named}") from None

    def _chosen_lfs(self, top: Path) -> list[str] | None:
        """The LFS files of the work tree that are wanted; None for all that the commit has."""
        include, exclude = self._options.lfs_include, self._options.lfs_exclude
        if not (include or exclude or (top / ".git/info/sparse-checkout").exists()):
            return None
        files = [path for _, _, path in self._lfs_files(top)]
        files = [path for path in files if any(matches(path, glob) for glob in include or ("**",))]
        return [path for path in files if not any(matches(path, glob) for glob in exclude)]

    def _lfs_files(self, top: Path) -> list[tuple[str, bool, str]]:
        """Id, whether it is more than a pointer, and path of each LFS file in the work tree."""
        words, where = ["lfs", "ls-files", "--long"], {"GIT_WORK_TREE": str(top)}
        said = os.fsdecode(self._run(words, store=top / ".git", top=top, more=where, may_fail=True).output)
        found = (line.split(" ", 2) for line in said.splitlines())
        files = [(words[0], words[1] == "*", words[2]) for words in found if len(words) == 3]
        return [file for file in files if os.path.lexists(top / file[2])]

    def repack(self, store: Path) -> bool:
        """See `Transport`."""
        self._run(["repack", "-a", "-d", "-q"], store=store)
        return True

    def _wanted(self) -> None:
        """Raise when another thread has stopped the preparation."""
        still_wanted(self._report)

    def _run(
        self,
        words: Sequence[str],
        *,
        remote: Remote | None = None,
        store: Path | None = None,
        top: Path | None = None,
        more: Mapping[str, str] | None = None,
        given: bytes = b"",
        may_fail: bool = False,
        meter: Meter | None = None,
    ) -> child_process.Ended:
        """Run git, explain its failure; a redirect is followed, and git runs again."""
        way = self._ways.get(remote.address) if remote is not None else None
        env = {
            **environment(self._options.ssh_key, self._options.known_hosts),
            **(way.settings if way else {}),
            **(more or {}),
        }
        if store is not None:
            env["GIT_DIR"] = str(store)
        timeout = self._options.timeout
        argv = [self._path, *options(remote, timeout), *words]
        heard = (meter or Meter(self._report)).hear
        # Only a transfer must say something now and then.
        patience = timeout + 5 if remote is not None else 24 * 3600
        done = child_process.run(
            argv,
            env,
            str(top or "/"),
            heard,
            timeout=patience,
            given=given,
            secret=credentials(remote),
            wanted=self._wanted,
        )
        if done.code and remote is not None and is_redirect(os.fsdecode(done.errors).lower(), remote):
            self._follow(remote)
            return self._run(
                words, remote=remote, store=store, top=top, more=more, given=given, may_fail=may_fail, meter=meter
            )
        if done.code and not may_fail:
            raise _explained(done, remote, _command(words), timeout)
        return done

    def _environment(self) -> dict[str, str]:
        return environment(self._options.ssh_key, self._options.known_hosts)

    def _follow(self, remote: Remote) -> None:
        """Find out where the server of `remote` leads to. Raises `SourceError` for where it may not."""
        from runnerlib.source.git.redirect import TRACE, Way

        if remote.address not in self._ways:
            self._ways[remote.address] = Way(remote, self._options.timeout, self._wanted)
        way = self._ways[remote.address]
        argv = [self._path, *options(remote, self._options.timeout), "ls-remote", "--", remote.address, "HEAD"]
        env = {**self._environment(), **way.settings, **TRACE}
        patience = self._options.timeout + 5
        done = child_process.run(
            argv, env, "/", lambda _: None, timeout=patience, secret=credentials(remote), wanted=self._wanted
        )
        way.go_on(done.errors)


def _lfs_patterns(paths: Iterable[str]) -> Iterator[str]:
    """Yield lists of patterns for git-lfs that match `paths`; a comma cannot be escaped there, any character can."""
    line = ""
    for path in paths:
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", f"/{path}").replace(",", "?")
        if line and len(line) + len(pattern) > _LONGEST_LIST:
            yield line
            line = ""
        line += f",{pattern}" if line else pattern
    if line:
        yield line


def _command(words: Sequence[str]) -> str:
    """Return the command among the arguments of git, which may follow settings."""
    at = 0
    while words[at] == "-c":
        at += 2
    return words[at]


def _explained(done: child_process.Ended, remote: Remote | None, word: str, timeout: int) -> SourceError:
    """Return the error for a failed git process."""
    if remote is None:
        return SourceError(f"git {word} failed: {_said(done, [])}")
    if done.stalled:
        return NetworkError(f"cannot clone '{remote.shown}': nothing came for {timeout} seconds")
    said = _said(done, [remote.password])
    lower = os.fsdecode(done.errors).lower()
    if is_missing(lower):
        return MissingRefError(f"cannot clone '{remote.shown}': {said}")
    if is_refusal(lower):
        return SourceError(_refusal(remote, os.fsdecode(done.errors)))
    return _of_another_kind(lower, remote) or (NetworkError if is_network(lower, remote) else SourceError)(
        f"cannot clone '{remote.shown}': {said}"
    )


def _of_another_kind(said: str, remote: Remote) -> SourceError | None:
    """The error of a repository that is there, and asks to be fetched in another way."""
    if is_without_shallow(said):
        return WholeError(f"'{remote.shown}' serves no part of a history")
    # By which side notices first, and by the protocol.
    if "mismatched algorithms: client sha1" in said or "not support this repository's object format" in said:
        return FormatError(f"'{remote.shown}' names its objects by SHA-256")
    return None


def _refusal(remote: Remote, said: str) -> str:
    """Explain refused access; git names the server that asked, which a redirect may have led to."""
    asked = re.search(r"for '(\w+://[^']+)'", said)
    place = split(asked[1]) if asked else None
    if place is not None and remote.url is not None and place.host != remote.url.host:
        return f"'{remote.shown}' leads to '{place.scheme}://{place.host}', which gets no credentials"
    if remote.password:
        return f"'{remote.shown}' refused the credentials given for it"
    return f"'{remote.shown}' asks for credentials and none were given"


def _said(done: child_process.Ended, secrets: list[str]) -> str:
    """Return git's last error messages on one line."""
    lines = [line for line in without_progress(done.errors) if not line.startswith(("hint:", "warning:"))]
    reasons = [line for line in lines if re.match("(fatal|error|remote|panic): |ERROR: ", line)] or lines[-1:]
    reasons = [
        re.sub("^(fatal|error|remote): (ERROR: |fatal: |unable to access '[^']*': )?", "", line) for line in reasons
    ]
    text = "; ".join(dict.fromkeys(reasons[-3:])).replace(":; ", ": ")
    text = scrub(text, secrets).strip().rstrip(".") or f"git ended with exit code {done.code}"
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
