"""Selection of the pieces of a secret that may be searched for separately.

The caller who registered a value is responsible for its strength. Pieces are derived, not chosen, so their limits are
stricter: a mask on every `{`, `type` or `1` makes a log unreadable and carries no information (woodpecker #7103,
concourse #4749, actions/runner #326).
"""

from __future__ import annotations

# Shorter values are refused at registration, so trimming must not produce one either.
MIN_VALUE = 3
# The limit for values that were found, not named: 64**6 makes a chance hit of a base64 core unlikely in
# gigabytes of log, and English words of six letters that stand alone on a line of a secret are rare.
MIN_PIECE = 6
# Digits have a small alphabet: six are a date, a line number or a size. Eight are rarely by chance.
MIN_DIGITS = 8
# A leaf has a name of its own inside the secret, so a six-digit PIN counts there.
MIN_LEAF_DIGITS = 6
# `------`, `======`, `000000`, `ababab`: rulers and filling, not secrets.
MIN_DISTINCT = 3
# Words that configuration and environments are full of.
TRIVIAL = frozenset(
    b"""
    access account address admin@localhost authorized_user changeme client config database debug default
    deployment dev develop developer development disable disabled docker enable enabled encrypted example
    false github gitlab google handler header host.docker.internal insecure internal issuer latest length
    local localhost main manager master message metadata method mongodb network nobody none notset null number
    object oauth2 online optional options package parent passphrase password placeholder platform plugin
    policy postgres postgresql preview private private_key prod production project prompt protocol provider
    public public_key rabbitmq readonly region release remote repository required resource restricted root
    runner running secret secrets select server service service_account session source stable staging
    standard started status stopped stream strict string success system target template test testing
    timeout token true undefined unknown unset update user@example.com username values verify version
    warning windows worker
    127.0.0.1 0.0.0.0 255.255.255.0 us-east-1 us-east-2 us-west-1 us-west-2 eu-west-1 eu-central-1
    googleapis.com
    """.split()
)


def is_searchable(encoded: bytes) -> bool:
    """Judge an encoded form of an accepted value: long enough, and not one character repeated."""
    return len(encoded) >= MIN_PIECE and encoded.count(encoded[:1]) < len(encoded)


def is_strong(piece: bytes, *, digits: int = MIN_DIGITS) -> bool:
    """Judge a piece that was not registered itself: a line or a leaf."""
    bare = piece.strip()
    if len(bare) < MIN_PIECE or len(set(bare[:256])) < MIN_DISTINCT:
        return False
    if bare.isdigit():
        return len(bare) >= digits
    return bare.lower() not in TRIVIAL and not _is_armour(bare)


def _is_armour(line: bytes) -> bool:
    """Return whether this is a PEM, PGP or SSH2 frame: the same for every key, and useful in a log."""
    name = line.strip(b"- ")
    return line[:4] == line[-4:] == b"----" and b"\n" not in line and name.startswith((b"BEGIN ", b"END "))
