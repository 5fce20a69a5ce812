"""A Chromium that tests drive over a pipe, by its DevTools protocol, and that cannot reach any network."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools import tool

# It is for pages of our own only: where tests run as root, or in a container, its sandbox does not start.
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-domain-reliability", "--disable-features=OptimizationHints,MediaRouter,Translate"),
    *("--hide-scrollbars", "--proxy-bypass-list=<-loopback>", "--remote-debugging-pipe"),
)


class Page:
    """One tab; `requests` are the addresses that it asked for, `complaints` what it wrote to its console."""

    def __init__(self, write: int, read: int) -> None:
        self._write = write
        self._read = read
        self._rest = b""
        self._number = 0
        self._session = ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer["error"]
        found: dict[str, Any] = answer["result"]
        return found

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a report and wait until it shows itself."""
        self.ask("Page.navigate", url=f"{path.as_uri()}{fragment}")
        self.seen("document.documentElement?.dataset.ready || document.querySelector('[role=alert]')?.textContent")

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def seen(self, script: str) -> Any:
        """The value of an expression once it is one that counts as true."""
        return self.run(
            f"new Promise(done => {{ const look = () => {{ const found = {script};"
            " found ? done(found) : setTimeout(look, 5) }; look() })"
        )

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Have a window of this size, and dark colours where they are wanted."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, *keys: str) -> None:
        """Press keys, by their names."""
        for key in keys:
            text = {"text": "\r"} if key == "Enter" else {}
            self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._read, 1 << 16)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        given = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(given))
            case "Log.entryAdded":
                self.complaints.append(given["entry"]["text"])


@contextmanager
def counting_proxy() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that lets nothing through: its port, and what was asked of it."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1000))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def browser(home: Path) -> Iterator[tuple[Page, list[bytes]]]:
    """A page in a browser whose files are in `home`, and what it asked its proxy for."""
    home.mkdir(exist_ok=True)
    (hear, say), (listen, tell) = os.pipe(), os.pipe()
    with counting_proxy() as (port, asked):
        words = [tool("chromium"), *FLAGS, f"--user-data-dir={home}/profile", f"--proxy-server=http://127.0.0.1:{port}"]
        started = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{hear} 4>&{tell}', "bash", *words],
            pass_fds=(hear, tell),
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(hear)
        os.close(tell)
        try:
            page = Page(say, listen)
            yield page, asked
        finally:
            os.close(say)  # it ends with its pipe
            started.wait(20)
            os.close(listen)
