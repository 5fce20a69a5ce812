"""Where a step runs: `local` is a process of this machine, `container` a process in a container."""
