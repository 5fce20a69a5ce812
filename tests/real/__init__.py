"""Pipelines of real projects."""
