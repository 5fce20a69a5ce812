"""Providers of the secrets that `${secret:path:key}` refers to.

A provider is a module of this package, mostly with the provider's name (`local` is `local_store`), with a
function `get(path, key, setup)`, and an entry in `lookup.PROVIDERS`; plugins register further ones.
"""
