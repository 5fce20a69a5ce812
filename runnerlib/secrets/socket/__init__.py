"""Secrets that become known while a job runs: a Unix socket at which its processes register them.

The reply to a request is a barrier: it is written after every stream of the masker hides the values.

`server` is started and closed by a runner, `connections` accepts and reads, `registry` registers,
`protocol` is the wire format, `runtime_dir` the private directory of the socket, `limits` restricts
clients. The client is `runnerlib.secrets.register`.
"""

from runnerlib.secrets.socket.server import Counts, SecretServer

__all__ = ["Counts", "SecretServer"]
