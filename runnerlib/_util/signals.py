"""Names of signals."""

from __future__ import annotations

import signal


def signal_name(signum: int) -> str:
    """`SIGTERM` for 15; numbers without a name, as real-time signals have, as `signal 40`."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
