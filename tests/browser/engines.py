"""Firefox and WebKit behind one interface, for the tests that run in both.

Playwright, which drives Chromium, needs builds of its own for these two. Debian's are driven by their own protocols:
Firefox by Marionette (JSON over TCP), WebKitGTK by WebDriver (W3C, JSON over HTTP) on a virtual display.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.patience import LIMIT_S, LONG_LIMIT_S, until
from tools.running import ask, free_port

_WIDTH, _HEIGHT = 1280, 900
_FIREFOX = "firefox-esr"
_WEBKIT_DRIVER = "WebKitWebDriver"
_BROWSERS_OF_WEBKIT = ("/usr/lib", "webkit2gtk-4.1/MiniBrowser")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver section 12.2
SNAPSHOT_TIMEOUT = "gfx.offscreencanvas.snapshot-timeout-ms"
_PREFERENCES = {
    "marionette.port": 0,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    # For a read of a canvas that a worker draws, Firefox blocks the page until the worker answers, for 10 s at most.
    # Soon after the first frame some reads get no answer. Such a read ends empty, and the test reads again.
    SNAPSHOT_TIMEOUT: 250,
}
# A promise is awaited; the last argument of an asynchronous script takes its result.
_ASYNC = """
const done = arguments[arguments.length - 1];
Promise.resolve().then(() => (%s)).then(
  (value) => done({ value: value ?? null }), (error) => done({ error: String(error) + (error?.stack ?? '') }));
"""


class EnginePage(Protocol):
    """The one page of a browser."""

    def open(self, url: str) -> None: ...

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page, of a promise its result."""
        ...

    def click(self, selector: str) -> None:
        """Click on an element as a user does."""
        ...

    def click_at(self, x: float, y: float) -> None:
        """Click at a place of the viewport as a user does."""
        ...

    def press(self, key: str) -> None:
        """Press a key with a letter or a digit as a user does."""
        ...


class EngineMissing(RuntimeError):
    """Raised if the engine, or a program that drives it, is not installed."""


class _WebDriverPage:
    """A page driven by the commands of W3C WebDriver, which Marionette has under the same names."""

    def __init__(self, send: Callable[[str, str, dict[str, Any]], Any]) -> None:
        self._send = send

    def open(self, url: str) -> None:
        self._send("url", "Navigate", {"url": url})

    def evaluate(self, expression: str) -> Any:
        found = self._send("execute/async", "ExecuteAsyncScript", {"script": _ASYNC % expression, "args": []})
        if "error" in found:
            raise RuntimeError(found["error"])
        return found["value"]

    def click(self, selector: str) -> None:
        found = self._send("element", "FindElement", {"using": "css selector", "value": selector})
        element = found[_ELEMENT]
        self._send(f"element/{element}/click", "ElementClick", {"id": element})

    def click_at(self, x: float, y: float) -> None:
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0, "origin": "viewport"},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}
        self._send("actions", "PerformActions", {"actions": [mouse]})

    def press(self, key: str) -> None:
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._send("actions", "PerformActions", {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})


@contextlib.contextmanager
def firefox(folder: Path, preferences: Mapping[str, Any] | None = None) -> Iterator[EnginePage]:
    program = _program(_FIREFOX)
    port = free_port()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in {**_PREFERENCES, "marionette.port": port, **(preferences or {})}.items()
    ]
    (folder / "user.js").write_text("\n".join(lines))
    size = ("--width", str(_WIDTH), "--height", str(_HEIGHT))
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(folder), *size]
    with (
        _running(command, folder, {}),
        _connected(port) as connection,
        contextlib.closing(_Marionette(connection)) as marionette,
    ):
        marionette.send("", "NewSession", {})
        marionette.send("", "SetTimeouts", {"script": int(1000 * LIMIT_S), "pageLoad": int(1000 * LIMIT_S)})
        yield _WebDriverPage(marionette.send)


class _Marionette:
    """Sends commands as `length:[0, id, name, parameters]`; each answer is `length:[1, id, error, result]`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._number = 0
        self._read()  # the greeting

    def close(self) -> None:
        """Close the stream, which keeps the socket open otherwise."""
        self._stream.close()

    def send(self, path: str, name: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        data = json.dumps([0, self._number, f"WebDriver:{name}", parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{name}: {error}")
        return result["value"] if result and set(result) == {"value"} else result

    def _read(self) -> Any:
        digits = b""
        while (digit := self._stream.read(1)) != b":":
            if not digit:
                raise RuntimeError("Firefox has closed the connection")
            digits += digit
        return json.loads(self._stream.read(int(digits)))


@contextlib.contextmanager
def webkit(folder: Path) -> Iterator[EnginePage]:
    driver, display_server = _program(_WEBKIT_DRIVER), _program("Xvfb")
    library, name = _BROWSERS_OF_WEBKIT
    browser = next(iter(sorted(Path(library).glob(f"*/{name}"))), None)
    if browser is None:
        raise EngineMissing(f"{name} is not installed")
    port = free_port()
    with _display(display_server, folder) as display:
        environment = {
            "DISPLAY": display,
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # its sandbox does not start for root in a container
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "HOME": str(folder),
        }
        with _running([driver, f"--port={port}"], folder, environment):
            _connected(port).close()
            options = {"binary": str(browser), "args": ["--automation"]}
            wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
            session = ask("POST", f"http://127.0.0.1:{port}/session", {"capabilities": wanted}, LONG_LIMIT_S)["value"]
            base = f"http://127.0.0.1:{port}/session/{session['sessionId']}"
            ask("POST", f"{base}/timeouts", {"script": int(1000 * LIMIT_S), "pageLoad": int(1000 * LIMIT_S)})

            def send(path: str, name: str, parameters: dict[str, Any]) -> Any:
                return ask("POST", f"{base}/{path}", parameters, 2 * LIMIT_S)["value"]

            yield _WebDriverPage(send)
            with contextlib.suppress(OSError):
                ask("DELETE", base)


@contextlib.contextmanager
def _display(program: str, folder: Path) -> Iterator[str]:
    """Run a virtual display; yield its name."""
    readable, writable = os.pipe()
    screen = f"{_WIDTH}x{_HEIGHT}x24"
    command = [program, "-displayfd", str(writable), "-screen", "0", screen, "-nolisten", "tcp"]
    with _running(command, folder, {}, pass_fds=(writable,)):
        os.close(writable)
        with os.fdopen(readable) as number:
            yield f":{number.readline().strip()}"


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, environment: Mapping[str, str], pass_fds: tuple[int, ...] = ()
) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, pass_fds=pass_fds
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _connected(port: int) -> socket.socket:
    """Connect as soon as a program listens on the port."""
    found: list[socket.socket] = []

    def connect() -> bool:
        with contextlib.suppress(OSError):
            found.append(socket.create_connection(("127.0.0.1", port), timeout=2 * LIMIT_S))
        return bool(found)

    until(connect, what=f"a program at port {port}")
    return found[0]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise EngineMissing(f"{name} is not installed")
    return found


ENGINES: dict[str, Callable[[Path], contextlib.AbstractContextManager[EnginePage]]] = {
    "firefox": firefox,
    "webkit": webkit,
}
