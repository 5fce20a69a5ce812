"""Executors of steps: `protocol` is their contract, `local` starts processes here, `container` in a container."""
