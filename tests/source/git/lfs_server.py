"""The smart HTTP server with Git LFS: one object, by the batch protocol."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.source.smart_http import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def serving_lfs(root: Path, content: bytes, missing: str = "") -> Iterator[tuple[Server, str]]:
    """Serve the repositories in `root`, and one LFS object; yield the server and the object's pointer.

    Of the object with the id `missing` the server says that it is not there.
    """
    oid = hashlib.sha256(content).hexdigest()

    def answer(server: Server, path: str) -> tuple[str, bytes] | None:
        if path.endswith("/info/lfs/objects/batch"):
            action = {"download": {"href": server.url("lfs-object")}}
            objects: list[dict[str, object]] = [{"oid": oid, "size": len(content), "actions": action}]
            if missing:
                objects.append({"oid": missing, "size": 7, "error": {"code": 404, "message": "no such object"}})
            found = {"transfer": "basic", "objects": objects}
            return "application/vnd.git-lfs+json", json.dumps(found).encode()
        return ("application/octet-stream", content) if path == "/lfs-object" else None

    with serving(root) as server:
        server.special = lambda path: answer(server, path)
        yield server, f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
