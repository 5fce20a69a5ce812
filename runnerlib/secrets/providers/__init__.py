"""Providers of the secrets that `${secret:path:key}` refers to.

A provider is a module of this package with the provider's name (`env` is `variable`, so that it shadows nothing), a
function `get(path, key, setup)`, and an entry in `PROVIDERS`; plugins register further ones.
"""

from __future__ import annotations

from runnerlib.secrets.providers.lookup import PROVIDERS, Lookup, Revealer, Unasked

__all__ = ["PROVIDERS", "Lookup", "Revealer", "Unasked"]
