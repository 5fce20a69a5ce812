"""Call the hooks of plugins around a run: discovery, phases, step hooks, captured output, changed settings."""
