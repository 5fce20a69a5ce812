"""Leaks, shredded logs and slowness that users of other CI systems reported, tried on this one."""
