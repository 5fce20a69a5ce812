"""Providers of the secrets that `${secret:path:key}` refers to.

A provider is a module of this package, mostly with the provider's name (`local` is `local_store`), with a
function `get(path, key, setup)`, and an entry in `PROVIDERS`; plugins register further ones.
"""

from __future__ import annotations

from runnerlib.secrets.providers.lookup import PROVIDERS, ReferenceExpander, SecretResolver, UnresolvedLookup

__all__ = ["PROVIDERS", "ReferenceExpander", "SecretResolver", "UnresolvedLookup"]
