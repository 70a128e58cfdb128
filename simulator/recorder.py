"""The pretend recorder: makes its parts, starts them, reboots and stops them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from simulator.addresses import Addresses
from simulator.archive import Archive
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.console import log
from simulator.control import ControlPort
from simulator.control_parts import (
    DeviceControl,
    EventControl,
    FaultControl,
    HeadControl,
    ReplayControl,
    StreamControl,
)
from simulator.discovery import Discovery
from simulator.faults import Fault, Faults
from simulator.identity import Identity
from simulator.layout import Layout, Role
from simulator.lens import Lens
from simulator.listeners import Listeners
from simulator.live import LiveStreams
from simulator.login import Login
from simulator.makes import MAKES
from simulator.onvif_port import OnvifPort
from simulator.ptz import PtzHead
from simulator.replay import Replays
from simulator.rtsp import RtspServer
from simulator.searches import Searches
from simulator.soap.configurations import Configurations
from simulator.soap.device import DeviceService
from simulator.soap.device_io import DeviceIoService
from simulator.soap.device_network import DeviceNetworkService
from simulator.soap.device_system import DeviceSystemService
from simulator.soap.dispatch import SoapDispatcher
from simulator.soap.events import EventService, SubscriptionService
from simulator.soap.imaging import ImagingService
from simulator.soap.media import MediaService
from simulator.soap.media2 import Media2Service
from simulator.soap.ptz import PtzService
from simulator.soap.recordings import RecordingDescriptions, RecordingService
from simulator.soap.replay import ReplayService
from simulator.soap.search import SearchService
from simulator.soap.service import OfferedServices
from simulator.subscriptions import Subscriptions
from simulator.web import WebServer

_PREPARED: dict[str, tuple[Role, ...]] = {"none": (), "subs": ("sub",), "all": ("sub", "main")}


@dataclass(frozen=True, slots=True)
class Config:
    """The options of the command line. The system chooses ports that are 0."""

    host: str
    onvif_port: int
    rtsp_port: int
    control_port: int
    username: str
    password: str = field(repr=False)
    layout: Layout
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
    """The composition root. `start` opens the ports; `stop` closes them and may be called twice."""

    def __init__(self, config: Config) -> None:
        layout, make, seed = config.layout, MAKES[config.make], config.seed
        self._config = config
        self.faults = faults = Faults(time.monotonic)
        clock = DeviceClock(faults, config.utc_offset_s)
        identity = Identity(layout, make, faults, seed=seed)
        self.addresses = Addresses(config.host, config.onvif_port, config.rtsp_port, make, faults)
        self._login = Login(config.username, config.password, faults, clock, config.clock_window_s)
        self._store = ClipStore(config.cache_dir, config.ffmpeg)
        self.streams = LiveStreams(layout, self._store, faults, clock, seed=seed)
        archive = Archive(layout, make, clock, seed=seed)
        replays = Replays(archive, self._store, clock, faults, plays_live_clips=config.replay_clip)
        self._subscriptions = Subscriptions(layout, self.streams, faults)
        subscription = SubscriptionService(self._subscriptions, clock, faults)
        self._searches = Searches()

        configurations = Configurations(layout, identity, faults)
        head, lens, fixed_lens = PtzHead(), Lens(), Lens()
        offered = OfferedServices(make, faults)
        descriptions = RecordingDescriptions(archive, identity, self.addresses)
        self.soap = SoapDispatcher(
            [
                DeviceService(
                    layout,
                    identity,
                    self.addresses,
                    offered,
                    username=config.username,
                    is_discoverable=config.discovery,
                ),
                DeviceNetworkService(self.addresses),
                DeviceSystemService(clock, faults, lens),
                MediaService(layout, configurations, self.addresses, self.streams),
                Media2Service(layout, configurations, self.addresses, self.streams),
                EventService(self._subscriptions, subscription, self.addresses, clock, faults),
                subscription,
                PtzService(layout, configurations, head, clock, faults),
                ImagingService(layout, lens, fixed_lens),
                DeviceIoService(lens),
                RecordingService(layout, archive, descriptions),
                SearchService(archive, make, self._searches, descriptions, clock),
                ReplayService(descriptions, self.addresses),
            ],
            offered,
            self._login,
        )

        timeout_s = min(config.session_timeout_s, make.session_timeout_s or config.session_timeout_s)
        self.rtsp = RtspServer(layout, make, self.streams, replays, self._login, faults, session_timeout_s=timeout_s)
        web = WebServer(OnvifPort(self.soap, self.streams, self._store, self._login, faults))
        discovery = Discovery(identity, self.addresses) if config.discovery else None
        self.listeners = Listeners(self.addresses, web, self.rtsp, discovery)
        self._control = WebServer(
            ControlPort(
                [
                    DeviceControl(identity, self.addresses, clock, self.listeners, self._login),
                    FaultControl(layout, faults, self._login),
                    StreamControl(layout, self.addresses, self._store, self.streams),
                    ReplayControl(self.rtsp, archive),
                    EventControl(layout, self._subscriptions),
                    HeadControl(head, lens, fixed_lens),
                ]
            )
        )
        self.control_port = config.control_port
        self._control_server: asyncio.Server | None = None
        self._fault_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on all ports, and begin to encode the streams that are to be prepared. Raise OSError."""
        self._store.start()
        self._control_server = await asyncio.start_server(self._control.accept, self._config.host, self.control_port)
        self.control_port = self._control_server.sockets[0].getsockname()[1]
        await self.listeners.open()
        self._fault_task = asyncio.create_task(self._follow_faults())
        for role in _PREPARED[self._config.prepare]:
            self.streams.prepare(role)

    async def stop(self) -> None:
        """Close all ports and end all work."""
        if self._fault_task:
            self._fault_task.cancel()
            await asyncio.gather(self._fault_task, return_exceptions=True)
        await self._go_down()
        if self._control_server:
            self._control_server.close()
            await self._control.drop()
        await self._store.stop()

    async def _go_down(self) -> None:
        await self.listeners.close()
        await self.streams.stop()

    async def _follow_faults(self) -> None:
        """Cut connections or reboot when a fault that says so begins."""
        known: list[Fault] = []
        while True:
            active = self.faults.active("drop_connections", "reboot")
            for fault in active:
                if fault not in known:
                    await self._begin(fault)
            known = active
            await self.faults.wait_change()

    async def _begin(self, fault: Fault) -> None:
        if fault.name == "reboot":
            await self._reboot()
        else:
            self.rtsp.drop(fault.channel)

    async def _reboot(self) -> None:
        """Be down until the fault ends; forget what a device forgets without power."""
        await self._go_down()
        self._subscriptions.forget()
        self._searches.forget()
        self._login.forget_lock()
        while self.faults.is_on("reboot"):
            await self.faults.wait_change()
        while not self.listeners.is_open:
            try:
                await self.listeners.open()
            except OSError as error:  # another program has taken the port in the meantime
                log(f"cannot come back yet: {error}")
                await self.listeners.close()
                await asyncio.sleep(0.5)
