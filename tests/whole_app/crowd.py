"""All kinds of clients at a time, without a browser: a wall, short visits, a slow reader, HLS, replays over playlists
and sockets, logins and logouts, and device faults.

Each client is a task that runs until the crowd's time is over and then leaves, properly or by a broken connection. A
500 from the app ends the crowd with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.patience import LIMIT_S
from tools.running import App, Recorder, ask

CHANNELS = 16
MAINS = (1, 2, 3)
SEEN = (
    *("short visits", "slow readers", "segments", "seeks", "faults", "restarts"),
    *("seeks on sockets", "replay fragments", "fragments before a logout", "ended logins"),
)
SHORT_VISITORS = 5
_HEAD = struct.Struct(">BBHdd")
_FRAGMENTS, _STARTS_WITH_KEY = 2, 1
_GONE = ("stopped", "failed")
_WATCH_AGAIN_S = 1.0
_LOGIN_ENDED = 4401
_ENDS_WITHIN_S = 5.0
_USER = {"name": "otto", "password": "correct-horse-battery"}

# Faults of one channel (name, value, seconds). Every sixth time the recorder restarts instead.
_FAULTS: tuple[tuple[str, object, float], ...] = (
    ("drop_connections", True, 2),
    ("rtsp_silent", True, 6),
    ("rtcp_only", True, 6),
    ("dead", "not_found", 3),
    ("no_key_frames", True, 5),
    ("packet_loss", 5, 6),
    ("corrupt", 2, 6),
    ("resolution_change", True, 5),
)
_EVERY_FAULT_S = 8.0
_RESTART_S = 4.0


def log_in(app: App, path: str, who: dict[str, str]) -> dict[str, str]:
    """Log in and return the headers that a browser sends. `path`: /api/session, or /api/setup for the first account."""
    body, kind = json.dumps(who).encode(), {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(app.url + path, body, kind), timeout=LIMIT_S) as answer:
        cookie, csrf = answer.headers["Set-Cookie"].partition(";")[0], json.load(answer)["csrf_token"]
    return {"Cookie": cookie, "X-CSRF-Token": csrf}


def make_accounts(app: App) -> None:
    """Create an admin and a viewer. `app.call()` and all clients that do not log out use the admin's login."""
    app.headers = log_in(app, "/api/setup", {**_USER, "name": "anna"})
    app.call("POST", "/api/users", {**_USER, "role": "viewer"})


class Page:
    """One WebSocket and its channels. `seen` counts events of all clients, `fragments` the fragments of each id."""

    def __init__(self, client: ClientConnection, camera_id: int, seen: Counter[str]) -> None:
        self.client = client
        self._camera_id = camera_id
        self._seen = seen
        self._wanted: dict[int, dict[str, object]] = {}
        self._again_s: dict[int, float] = {}
        self.fragments: Counter[int] = Counter()
        self.run = 0

    async def say(self, **message: object) -> None:
        await self.client.send(json.dumps(message))

    async def watch(self, number: int, channel: int, role: str, *, sound: bool = False) -> None:
        token = f"MediaProfile{channel - 1:03d}{'00' if role == 'main' else '01'}"
        wanted = {"type": "watch", "id": number, "camera_id": self._camera_id, "profile_token": token, "sound": sound}
        self._wanted[number] = wanted
        await self.say(**wanted)

    async def replay(self, number: int, view: dict[str, Any]) -> None:
        await self.say(type="replay", id=number, stream_id=view["stream_id"], viewer_id=view["viewer_id"])

    async def read(self, until_s: float) -> None:
        """Read messages until `until_s`. Watch a channel again if its session has ended, as pages do."""
        while (left_s := until_s - time.monotonic()) > 0:
            for number in [number for number, at_s in self._again_s.items() if at_s < time.monotonic()]:
                del self._again_s[number]
                await self.say(**self._wanted[number])
            try:
                async with asyncio.timeout(min(left_s, 0.5)):
                    message = await self.client.recv()
            except TimeoutError:
                continue
            if isinstance(message, bytes):
                self._on_binary(*_HEAD.unpack_from(message)[:3])
                continue
            self._on_message(json.loads(message))

    def _on_message(self, said: dict[str, Any]) -> None:
        status = said["stream"]["status"] if said["type"] == "state" else ""
        self._seen["stopped states"] += status == "stopped"
        if said["type"] == "init":
            self.run = said.get("run", 0)
        elif (said["type"] == "problem" or status in _GONE) and said["id"] in self._wanted:
            self._seen["watched again"] += 1
            self._again_s.setdefault(said["id"], time.monotonic() + _WATCH_AGAIN_S)

    def _on_binary(self, kind: int, flags: int, number: int) -> None:
        if kind == _FRAGMENTS:
            self.fragments[number] += 1
            self._seen["fragments"] += 1
            self._seen["key frames"] += flags & _STARTS_WITH_KEY


class Crowd:
    """Runs the clients. `seen` counts events of all clients; `fragments` counts the fragments of each wall tile.

    `run()` may be called several times.
    """

    def __init__(self, app: App, recorder: Recorder, camera_id: int, seed: int = 1) -> None:
        self._app = app
        self._recorder = recorder
        self._camera_id = camera_id
        self._rng = random.Random(seed)
        self._ends_s = 0.0
        self.seen: Counter[str] = Counter()
        self.fragments: Counter[int] = Counter()
        self.answers: Counter[int] = Counter()

    async def run(self, seconds: float) -> None:
        """Run all clients for `seconds`, and return once all have left."""
        self._ends_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_wall())
            for channel in MAINS:
                tasks.create_task(self._watch_main(channel))
            for _ in range(SHORT_VISITORS):
                tasks.create_task(self._repeat(self._visit_briefly))
            tasks.create_task(self._repeat(self._read_slowly))
            tasks.create_task(self._repeat(self._watch_hls))
            tasks.create_task(self._repeat(self._watch_replay))
            tasks.create_task(self._repeat(self._watch_replay_on_socket))
            tasks.create_task(self._repeat(self._watch_and_log_out))
            tasks.create_task(self._repeat(self._load_pages))
            tasks.create_task(self._repeat(self._break_something))
        await asyncio.to_thread(self._recorder.control, "POST", "/clear")

    # ---- clients on sockets ----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _page(self, login: dict[str, str] | None = None, **more: Any) -> AsyncIterator[Page]:
        address = f"{self._app.url.replace('http', 'ws', 1)}/live"
        headers = {"Origin": self._app.url, **(login or self._app.headers)}
        async with connect(address, max_size=None, compression=None, additional_headers=headers, **more) as client:
            yield Page(client, self._camera_id, self.seen)

    async def _watch_wall(self) -> None:
        async with self._page() as page:
            for channel in range(1, CHANNELS + 1):
                await page.watch(channel, channel, "sub")
            await page.read(self._ends_s)
            self.fragments.update(page.fragments)

    async def _watch_main(self, channel: int) -> None:
        async with self._page() as page:
            await page.watch(0, channel, "main", sound=True)
            await page.read(self._ends_s)

    async def _visit_briefly(self) -> None:
        """Watch briefly, perhaps change the quality, and leave: properly or by a broken connection."""
        channel = self._rng.randint(1, CHANNELS)
        async with self._page() as page:
            for role in self._rng.sample(("sub", "main"), self._rng.randint(1, 2)):
                await page.watch(7, channel, role, sound=self._rng.random() < 0.3)
                await page.read(time.monotonic() + self._rng.uniform(0.1, 3))
            self.seen["short visits"] += 1
            if self._rng.random() < 0.3:
                page.client.transport.abort()
            elif self._rng.random() < 0.5:
                await page.say(type="leave", id=7)

    async def _read_slowly(self) -> None:
        """Read more slowly than the app sends; the app may close the socket."""
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", self._app.port))
        until_s = min(self._ends_s, time.monotonic() + self._rng.uniform(10, 40))
        try:
            async with self._page(sock=narrow, max_queue=1) as page:
                await page.watch(1, self._rng.choice(MAINS), "main")
                while time.monotonic() < until_s:
                    await page.read(time.monotonic() + 0.01)
                    await asyncio.sleep(0.3)
        except ConnectionClosed:
            self.seen["slow readers disconnected"] += 1
        self.seen["slow readers"] += 1

    async def _watch_replay_on_socket(self) -> None:
        """Receive a replay over the socket, ask for more, seek, and leave: properly or by a broken connection."""
        view = await self._start_replay()
        if view is not None:
            async with self._page() as page:
                await page.replay(3, view)
                for _ in range(self._rng.randint(1, 5)):
                    await page.read(time.monotonic() + self._rng.uniform(0.3, 3))
                    if page.run:
                        await page.say(type="want", id=3, run=page.run, until_s=self._rng.uniform(40, 90))
                    wanted = {"stream_id": view["stream_id"], "time": self._some_time()}
                    self.seen["seeks on sockets"] += await self._post("/api/playback/seek", wanted) is not None
                await page.read(time.monotonic() + 1)
                self.seen["replay fragments"] += page.fragments[3]
                if self._rng.random() < 0.7:
                    viewer = {"stream_id": view["stream_id"], "viewer_id": view["viewer_id"]}
                    await self._post("/api/streams/stop", viewer)
                elif self._rng.random() < 0.5:
                    page.client.transport.abort()
        await self._rest(2)

    async def _watch_and_log_out(self) -> None:
        """Watch channels that others also watch, perhaps fetch a playlist, and log out, which ends the socket."""
        login = await self._answered(lambda: log_in(self._app, "/api/session", _USER))
        if login is not None:
            async with self._page(login) as page:
                for number in range(self._rng.randint(1, 4)):
                    await page.watch(number, self._rng.randint(1, CHANNELS), "sub")
                await page.read(time.monotonic() + self._rng.uniform(0.5, 5))
                if self._rng.random() < 0.5:
                    token = f"MediaProfile{self._rng.randrange(CHANNELS):03d}01"
                    await self._fetch(f"/static/streams/camera{self._camera_id}_{token}/stream.m3u8", login)
                self.seen["fragments before a logout"] += page.fragments.total()
                url = f"{self._app.url}/api/session"
                await asyncio.to_thread(lambda: ask("DELETE", url, timeout_s=60, headers=login))
                await self._wait_for_the_end(page.client)
        await self._rest(2)

    async def _wait_for_the_end(self, client: ClientConnection) -> None:
        """Wait until the socket is closed. Raise TimeoutError if it outlives its login."""
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while True:
                    await client.recv()
        except ConnectionClosed as closed:
            self.seen["ended logins"] += closed.rcvd is not None and closed.rcvd.code == _LOGIN_ENDED

    # ---- clients over HTTP -----------------------------------------------------------------------

    async def _watch_hls(self) -> None:
        token = f"MediaProfile{self._rng.randrange(CHANNELS):03d}01"
        view = await self._post("/api/streams/start", {"camera_id": self._camera_id, "profile_token": token})
        if view is not None:
            await self._play(view, self._rng.uniform(2, 8))
            viewer = {"stream_id": view["stream_id"], "viewer_id": view["viewer_id"]}
            if self._rng.random() < 0.7:  # the others leave without a request
                await self._post("/api/streams/stop", viewer)
        await self._rest(3)

    async def _watch_replay(self) -> None:
        view = await self._start_replay()
        for _ in range(self._rng.randint(1, 5)):
            if view is None:
                break
            await self._play(view, self._rng.uniform(0.2, 2))
            wanted = {"stream_id": view["stream_id"], "time": self._some_time()}
            moved = await self._post("/api/playback/seek", wanted)
            self.seen["seeks"] += moved is not None
            view = moved and {**view, "playlist_url": moved["playlist_url"]}
        if view is not None and self._rng.random() < 0.7:
            await self._post("/api/streams/stop", {"stream_id": view["stream_id"]})
        await self._rest(2)

    async def _start_replay(self) -> dict[str, Any] | None:
        """Start a replay of a random recording at a random time; return None if the app refuses it."""
        summary = await self._get(f"/api/cameras/{self._camera_id}/recordings/summary")
        if not summary or not summary["recordings"]:
            return None
        token = self._rng.choice(summary["recordings"])["recording_token"]
        body = {"camera_id": self._camera_id, "recording_token": token, "start_time": self._some_time()}
        view: dict[str, Any] | None = await self._post("/api/playback/start", body)
        return view

    def _some_time(self) -> str:
        return (datetime.now(UTC) - timedelta(seconds=self._rng.uniform(600, 3 * 86_400))).isoformat()

    async def _play(self, view: dict[str, Any], seconds: float) -> None:
        """Fetch the playlist and its newest segment again and again, like a player."""
        until_s = time.monotonic() + seconds
        address = f"{view['playlist_url']}?viewer={view['viewer_id']}"
        while time.monotonic() < until_s:
            text = await self._fetch(address)
            segments = [line for line in text.decode().splitlines() if line and not line.startswith("#")]
            if segments:
                content = await self._fetch(f"{view['playlist_url'].rpartition('/')[0]}/{segments[-1]}")
                self.seen["segments"] += bool(content)
            await asyncio.sleep(0.5)

    async def _load_pages(self) -> None:
        for path in ("/", "/wall", "/recordings", "/api/cameras", "/api/streams/all", f"/viewer/{self._camera_id}"):
            await self._fetch(path)
        now = datetime.now(UTC)
        window = {"start_time": (now - timedelta(hours=6)).isoformat(), "end_time": now.isoformat()}
        await self._post(f"/api/cameras/{self._camera_id}/recordings/search", window)
        await self._rest(2)

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, min(seconds, self._ends_s - time.monotonic())))

    # ---- faults ----------------------------------------------------------------------------------

    async def _break_something(self) -> None:
        await self._rest(_EVERY_FAULT_S)
        if self._ends_s - time.monotonic() < _RESTART_S:
            return
        self.seen["faults"] += 1
        if self.seen["faults"] % 6 == 0:
            await self._fault({"name": "reboot", "value": True, "for_s": _RESTART_S})
            self.seen["restarts"] += 1
            return
        name, value, for_s = self._rng.choice(_FAULTS)
        channel = self._rng.randint(1, CHANNELS)
        await self._fault({"name": name, "value": value, "channel": channel, "for_s": for_s})

    async def _fault(self, fault: dict[str, object]) -> None:
        await asyncio.to_thread(self._recorder.control, "POST", "/fault", fault)

    # ---- requests --------------------------------------------------------------------------------

    async def _repeat(self, visit: Callable[[], Any]) -> None:
        while time.monotonic() < self._ends_s:
            await visit()

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._answered(lambda: self._app.call("POST", path, body))

    async def _get(self, path: str) -> Any:
        return await self._answered(lambda: self._app.call("GET", path))

    async def _fetch(self, path: str, login: dict[str, str] | None = None) -> bytes:
        """Return the content; empty if the app refuses the request."""

        def fetch() -> bytes:
            request = urllib.request.Request(self._app.url + path, headers=login or self._app.headers)
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                content: bytes = answer.read()
                return content

        content: bytes | None = await self._answered(fetch)
        return content or b""

    async def _answered(self, ask: Callable[[], Any]) -> Any:
        """Return the response; None if the app refuses the request, which faults explain. Raise on a 500."""
        try:
            return await asyncio.to_thread(ask)
        except urllib.error.HTTPError as refused:
            self.answers[refused.code] += 1
            with refused:
                if refused.code == 500:
                    raise
            return None
