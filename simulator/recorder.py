"""The recorder as a whole: what it is made of, its addresses, its start, its reboot and its end."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.control import ControlPort
from simulator.discovery import Discovery
from simulator.doors import device_handler
from simulator.faults import Fault, Faults
from simulator.layout import ROLES, ChannelSpec, Role, picture_spec
from simulator.live import LiveStream
from simulator.login import Login
from simulator.makes import MAKES, Make
from simulator.ptz import PtzHead
from simulator.rtsp import RtspServer
from simulator.searches import SearchDesk
from simulator.subscriptions import EventDesk
from simulator.web import WebServer

_PREPARED: dict[str, tuple[Role, ...]] = {"none": (), "subs": ("sub",), "all": ("sub", "main")}
_ID_NAMESPACE = uuid.UUID("5f0c7a52-6d2b-4f0e-9a43-2f1f6a0e7b1d")


@dataclass(frozen=True, slots=True)
class Config:
    """What the command line says; ports of 0 are chosen by the system."""

    host: str
    onvif_port: int
    rtsp_port: int
    control_port: int
    username: str
    password: str = field(repr=False)
    layout: tuple[ChannelSpec, ...]
    cache_dir: Path
    ffmpeg: str
    discovery: bool = True
    seed: int = 1
    prepare: str = "none"
    clock_window_s: float = 60.0
    session_timeout_s: float = 60.0
    utc_offset_s: int = 3600
    make: str = "dahua-like"
    replay_clip: bool = False


class Recorder:
    """The pretend recorder. `start` opens its doors; `stop` closes them and may be called twice."""

    def __init__(self, config: Config) -> None:
        self.config, self.layout = config, config.layout
        self.make: Make = MAKES[config.make]
        self.session_timeout_s = min(config.session_timeout_s, self.make.session_timeout_s or config.session_timeout_s)
        self.faults = Faults(time.monotonic)
        self.clock = DeviceClock(self.faults, config.utc_offset_s)
        self.login = Login(config.username, config.password, self.faults, self.clock, config.clock_window_s)
        self.store = ClipStore(config.cache_dir, config.ffmpeg, log=self.log)
        self.streams = {
            (channel.number, role): LiveStream(channel, role, self.store, self.faults, self.clock, seed=config.seed)
            for channel in config.layout
            for role in ROLES
        }
        self.events = EventDesk(self)
        self.searches = SearchDesk()
        self.ptz = PtzHead()
        self.rtsp = RtspServer(self)
        self.web = WebServer(device_handler(self))
        self.control = WebServer(ControlPort(self).handle)
        self.discovery = Discovery(self)
        self.serial = f"PRETEND{config.seed:04d}{len(config.layout):02d}"
        self.onvif_port, self.rtsp_port, self.control_port = config.onvif_port, config.rtsp_port, config.control_port
        self.is_up = False
        self._servers: list[asyncio.Server] = []
        self._control_server: asyncio.Server | None = None
        self._rebooting: asyncio.Task[None] | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    # -- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen on all ports and begin to prepare what was asked for."""
        self.store.start()
        self._control_server = await asyncio.start_server(self.control.accept, self.config.host, self.control_port)
        self.control_port = self._control_server.sockets[0].getsockname()[1]
        await self._open()
        for role in _PREPARED[self.config.prepare]:
            self.prepare(role)

    async def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._rebooting:
            self._rebooting.cancel()
            await asyncio.gather(self._rebooting, return_exceptions=True)
        await self._close()
        if self._control_server:
            self._control_server.close()
            await self.control.drop()
        await self.store.stop()

    async def _open(self) -> None:
        host = self.config.host
        web = await asyncio.start_server(self.web.accept, host, self.onvif_port)
        self._servers.append(web)
        rtsp = await asyncio.start_server(self.rtsp.accept, host, self.rtsp_port)
        self._servers.append(rtsp)
        self.onvif_port = web.sockets[0].getsockname()[1]
        self.rtsp_port = rtsp.sockets[0].getsockname()[1]
        self.is_up = True
        if self.config.discovery:
            await self.discovery.start()

    async def _close(self) -> None:
        if self.is_up and self.config.discovery:
            self.discovery.stop()
        self.is_up = False
        for server in self._servers:
            server.close()
        self._servers.clear()
        await self.web.drop()
        await self.rtsp.close()
        for stream in self.streams.values():
            await stream.stop()

    async def _reboot(self) -> None:
        await self._close()
        self.events.forget()
        self.searches.forget()
        self.login.forget_lock()
        while self.faults.is_on("reboot"):  # noqa: ASYNC110 (it ends by the clock or by /clear)
            await asyncio.sleep(0.05)
        while not self.is_up:
            try:
                await self._open()
            except OSError as error:  # somebody took the port meanwhile
                self.log(f"cannot come back yet: {error}")
                await self._close()
                await asyncio.sleep(0.5)

    def begin(self, fault: Fault) -> None:
        """Do what a fault does once, when it begins."""
        if fault.name in ("reboot", "drop_connections"):
            loop = asyncio.get_running_loop()
            delay = max(0.0, fault.begins_s - time.monotonic())
            self._timers.add(loop.call_later(delay, self._begin_now, fault))

    def _begin_now(self, fault: Fault) -> None:
        if not self.faults.is_on(fault.name, fault.channel):
            return
        if fault.name == "drop_connections":
            self.rtsp.drop(fault.channel)
        elif self._rebooting is None or self._rebooting.done():
            self._rebooting = asyncio.create_task(self._reboot())

    def prepare(self, role: Role) -> None:
        """Encode the living channels' streams of a role, and their stills, in the background."""
        for channel in self.layout:
            if not channel.dead:
                self.store.clip(picture_spec(channel, role), urgent=False)
                self.store.clip(picture_spec(channel, "main", "stills"), urgent=False)

    def log(self, text: str) -> None:
        """A line for the person at the console."""
        print(f"simulator: {text}", file=sys.stderr, flush=True)

    # -- what doors and services ask -------------------------------------------------------------------------------

    def channel(self, number: int) -> ChannelSpec | None:
        """A channel by its number, None when there is none."""
        return self.layout[number - 1] if 1 <= number <= len(self.layout) else None

    def stream(self, number: int, role: str) -> LiveStream | None:
        """A live stream, None when there is none."""
        return next((stream for key, stream in self.streams.items() if key == (number, role)), None)

    def is_full(self) -> bool:
        """Whether one more session is too many."""
        limit = self.faults.value("session_limit")
        return isinstance(limit, int) and self.rtsp.sessions() >= limit

    def shown_name(self, name: str) -> str:
        """A name as answers carry it: its own, or the text of the fault."""
        return self.faults.text("names") or name

    @property
    def device_id(self) -> str:
        """The endpoint reference: the same for the same seed, so that a restart is recognized."""
        return f"urn:uuid:{uuid.uuid5(_ID_NAMESPACE, self.serial)}"

    def _authority(self, port: int) -> str:
        other = self.faults.text("other_host")
        if other is None:
            host = self.config.host
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return other if ":" in other else f"{other}:{port}"

    def onvif_url(self, path: str) -> str:
        return f"http://{self._authority(self.onvif_port)}{path}"

    def live_url(self, channel: ChannelSpec, role: Role) -> str:
        query = f"channel={channel.number}&subtype={0 if role == 'main' else 1}&unicast=true&proto=Onvif"
        return f"rtsp://{self._authority(self.rtsp_port)}/cam/realmonitor?{query}"

    def replay_url(self, channel: ChannelSpec, recording_token: str) -> str:
        query = f"channel={channel.number}&proto=Onvif"
        if self.make.session_timeout_s or self.make.recording_hours:
            query = f"recordingid={recording_token}&{query}"
        if self.make.session_timeout_s:
            query = f"{query}&session_timeout={self.make.session_timeout_s:.0f}"
        return f"rtsp://{self._authority(self.rtsp_port)}/cam/replay?{query}"

    def snapshot_url(self, channel: ChannelSpec, role: Role) -> str:
        return self.onvif_url(f"/onvif/snapshot?channel={channel.number}&subtype={0 if role == 'main' else 1}")
