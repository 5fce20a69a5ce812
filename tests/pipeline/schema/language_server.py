"""A client of yaml-language-server, the program behind the YAML support of most editors, over its stdin and stdout."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools import tool

PATIENCE = 300.0


class Editor:
    """An editor with the schemas of `schemas`, paths by the names of files that they are for."""

    def __init__(self, process: subprocess.Popen[bytes], schemas: Mapping[str, str]) -> None:
        self._process = process
        self._read = b""
        self._last = 0
        self._asked = False
        self._settings = {"schemas": schemas, "schemaStore": {"enable": False}, "completion": True, "hover": True}
        self._told: list[dict[str, Any]] = []
        self._call("initialize", {"processId": None, "rootUri": None, "capabilities": CAPABILITIES})
        self._send({"method": "initialized", "params": {}})
        while not self._asked:  # the server asks for the settings; no file is opened before it knows them
            self._take(self._message())

    def opened(self, path: Path, text: str) -> str:
        """Open a file with this text, as an editor shows it before it is saved; return its address."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return path.as_uri()

    def complaints(self, uri: str) -> list[str]:
        """Wait for the diagnostics of a file, and return them with their lines, which count from 0."""
        while True:
            for told in self._told:
                if told["method"] == "textDocument/publishDiagnostics" and told["params"]["uri"] == uri:
                    return [
                        f"{one['range']['start']['line']}: {one['message']}" for one in told["params"]["diagnostics"]
                    ]
            self._take(self._message())

    def completions(self, uri: str, line: int, column: int) -> list[str]:
        """Return what the editor offers at a place."""
        found = self._call("textDocument/completion", _at(uri, line, column))
        return [item["label"] for item in found["items"]]

    def hover(self, uri: str, line: int, column: int) -> str:
        """Return what the editor shows under the mouse."""
        found = self._call("textDocument/hover", _at(uri, line, column))
        return str(found["contents"]["value"]) if found else ""

    def _call(self, method: str, params: object) -> Any:
        self._last += 1
        number = self._last
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._message()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        """Answer a request of the server, or keep what it tells."""
        if "id" not in message:
            self._told.append(message)
            return
        sections = (
            message.get("params", {}).get("items", []) if message["method"] == "workspace/configuration" else None
        )
        answer = None if sections is None else [self._settings if one["section"] == "yaml" else {} for one in sections]
        self._send({"id": message["id"], "result": answer})
        self._asked = self._asked or answer is not None

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        self._process.stdin.flush()

    def _message(self) -> dict[str, Any]:
        head = self._until(lambda: self._read.find(b"\r\n\r\n"))
        length = next(int(line.split(b":")[1]) for line in self._read[:head].split(b"\r\n") if b"Length" in line)
        end = head + 4 + length
        self._until(lambda: end if len(self._read) >= end else -1)
        data, self._read = self._read[head + 4 : end], self._read[end:]
        found: dict[str, Any] = json.loads(data)
        return found

    def _until(self, found: Any) -> int:
        """Read until `found` gives a place. Raises AssertionError when the server is gone or silent."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + PATIENCE
        while (place := found()) < 0:
            ready, _, _ = select.select([self._process.stdout], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "the language server is silent"
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            assert data, "the language server has ended"
            self._read += data
        return int(place)


CAPABILITIES = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "textDocument": {
        "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
}


def _at(uri: str, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}


@contextmanager
def editor(schemas: Mapping[str, str]) -> Iterator[Editor]:
    """Open an editor; the test is skipped, or fails in the gate, where yaml-language-server is missing."""
    words = [tool("node"), tool("yaml-language-server"), "--stdio"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Editor(process, schemas)
        finally:
            process.kill()
