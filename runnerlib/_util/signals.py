"""Names of signals."""

from __future__ import annotations

import signal


def signal_name(signum: int) -> str:
    """Return the name of a signal: `SIGTERM` for 15; without a name, as for real-time signals, `signal 40`."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
