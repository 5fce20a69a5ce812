"""Store of objects that several machines use: a directory which all of them see, or a bucket of S3.

`address.open_store` makes one of its address; `contract` says what it does. What is larger than an object should be
travels in pieces (`pieces`), whose digests are checked. All calls block: they belong into a thread of their own.
"""
