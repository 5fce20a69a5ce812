"""Registers secrets with the runner while its job runs: in Python, or `python -m runnerlib.secrets.register`.

Even after an import of this module, `runnerlib.secrets.register(value)` can be called as a function and does the same
as `runnerlib.secrets.register_secret`.

After a successful registration, nothing that the job writes shows the values. The runner listens on the socket named
by REACTORCIDE_SECRETS_SOCKET; `runnerlib.secrets.socket` has the protocol, which is Reactorcide's. This is a client
for jobs: it starts fast and loads nothing of the runner.
"""

from __future__ import annotations

from runnerlib.secrets.register.client import (
    Registration,
    register,
    register_secret,
    register_secret_via_socket,
    register_secrets,
    register_secrets_via_socket,
)
from runnerlib.secrets.register.command import USAGE, main

__all__ = [
    "USAGE",
    "Registration",
    "main",
    "register",
    "register_secret",
    "register_secret_via_socket",
    "register_secrets",
    "register_secrets_via_socket",
]
