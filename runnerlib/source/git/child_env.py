"""Environment of a git child process, and the settings that override all others. Pure.

The machine's own configuration decides how a server is reached (proxy, certificates, `insteadOf`, credential
helpers), never what is written or run. All settings that could change a tree, or start an unrequested program, are
set here and override every file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.source.git.remote import Remote

# Nothing else of the runner's environment: it may hold the job's secrets, and GIT_DIR and its kind move everything.
_KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "KRB5CCNAME"),
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS"),
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
        *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    }
)

_FIXED = {
    "LC_ALL": "C",  # its words are read
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.symlinks=true",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.commitGraph=false",  # a shallow file that was written by hand would contradict one
    "protocol.version=2",
    "protocol.ext.allow=never",
    "protocol.file.allow=user",
    "transfer.credentialsInUrl=die",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",  # a pack is there as a whole or not at all; loose objects come one by one
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",  # see `redirect`
    "filter.lfs.process=",
    "filter.lfs.smudge=",
    "filter.lfs.required=false",
    "credential.interactive=false",
)

# The credentials are in a file without a name, which every git process of the call has open, as its helpers have.
_HELPER = '!f() { test "$1" = get && cat /proc/self/fd/3; }; f'


def options(remote: Remote | None, timeout: int) -> list[str]:
    """The settings of one call as arguments of git; no secret is among them."""
    found = [*SETTINGS, f"http.lowSpeedTime={timeout}", "http.lowSpeedLimit=1"]
    if remote is not None and remote.password and remote.url is not None:
        place = f"{remote.url.scheme}://{remote.url.host}"
        # Otherwise git would ask the machine's helpers to store these credentials, which belong to the job only.
        found += ["credential.helper=", f"credential.{place}.helper={_HELPER}"]
    return [word for setting in found for word in ("-c", setting)]


def credentials(remote: Remote | None) -> bytes:
    """Return the text that the helper passes to git, for descriptor 3; empty without a known password."""
    if remote is None or not remote.password:
        return b""
    return os.fsencode(f"username={remote.user or 'git'}\npassword={remote.password}\n")


def environment(
    ssh_key: str | None, known_hosts: str | None = None, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of one call; no secret of ours is in it."""
    found = {name: value for name, value in environ.items() if name in _KEPT} | _FIXED
    if ssh_key is not None or known_hosts is not None or not {"GIT_SSH", "GIT_SSH_COMMAND"} & set(found):
        found["GIT_SSH_COMMAND"] = _ssh(ssh_key, known_hosts)
    return found


def _ssh(key: str | None, known_hosts: str | None) -> str:
    """Return the ssh command: without prompts, and without access to hosts with an unknown or changed key."""
    words = ["ssh", "-o BatchMode=yes", "-o StrictHostKeyChecking=yes", "-o ConnectTimeout=30"]
    words += ["-o ServerAliveInterval=15", "-o ServerAliveCountMax=4"]
    if key is not None:
        words += [f"-i {_quoted(os.path.abspath(key))}", "-o IdentitiesOnly=yes"]
    if known_hosts is not None:  # a list for ssh, whose words are between double quotes
        files = '"' + os.path.abspath(known_hosts) + '"'
        words += [f"-o {_quoted(f'UserKnownHostsFile={files}')}", "-o GlobalKnownHostsFile=/dev/null"]
    return " ".join(words)


def _quoted(text: str) -> str:
    """A word for the shell; no `shlex` for one."""
    return "'" + text.replace("'", "'\\''") + "'"
