"""One module for each command, imported on first use; each defines a `command`."""
