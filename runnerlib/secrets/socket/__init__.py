"""Secrets that become known while a job runs: a Unix socket at which its processes register them.

The reply to a request is a barrier: it is written after every stream of the masker hides the values.

`server` is what a runner starts and closes, `connections` accepts and reads, `registry` registers,
`request` is the wire format, `directory` the private place of the socket, `limits` what clients may
cost. The client is `runnerlib.secrets.register`.
"""

from runnerlib.secrets.socket.limits import Limits
from runnerlib.secrets.socket.server import Counts, SecretServer

__all__ = ["Counts", "Limits", "SecretServer"]
