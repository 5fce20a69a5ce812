"""Executors of steps: `local` starts processes on this machine, `container` starts them in a container."""
