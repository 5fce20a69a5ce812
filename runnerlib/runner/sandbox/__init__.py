"""Bounds of a job's steps: `level` says which, `layout` and `grants` make them, `manifest` notices what they miss."""
