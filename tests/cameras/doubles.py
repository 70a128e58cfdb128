"""A fake device behind the interface of cameras.device, which tests control directly.

It counts logins, hangs for a chosen time and changes its answers between two calls. The real devices in
tests/onvif_services and test_real_devices.py cannot do that, or not within a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cameras.connecting import Pace
from cameras.device import Device, DeviceAddress, DeviceNetwork
from cameras.onvif_device import OnvifNetwork
from cameras.plain_device import DescribeStream, NetworkWithPlainCameras
from cameras.records import TimedSnapshot
from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.errors import CameraAuthFailed, CameraUnreachable, CameraUnsupported, DeviceError
from core.events import EventDevice
from core.login_gate import LoginGate
from core.login_protection import LoginProtection
from core.ptz import PtzDevice
from core.recordings import EventSearch, Listed, MakersReplay, RecordingSummary
from core.records import (
    CameraStatus,
    Channel,
    ClockOffset,
    DeviceInfo,
    DevicePlace,
    FoundDevice,
    LearnedAccess,
    MediaProfile,
    ProfileRole,
    ServiceCheck,
    StreamFormats,
    StreamSource,
    VideoFormat,
)
from core.settings import Settings
from events.store import SubscriptionStore
from media.process import Spawner
from onvif_manager import OnvifManager
from sessions.snapshots import FrameGrabber, SnapshotTaker
from tests.patience import LIMIT_S, until
from tests.prepared_database import prepared_database

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
QUICK = Pace(check_s=0.1, signals_again_s=0.1, first_retry_s=0.05, longest_retry_s=0.2, early_retry_after_s=0.02)


def channel(number: int, *, codec: str = "h264", source: str | None = None) -> Channel:
    """Return a channel with a main and a sub profile, named as a Dahua recorder names them."""
    token = source or f"VideoSource{number - 1:03}"
    return Channel(
        number=number,
        name=f"Cam {number}",
        video_source_token=token,
        profiles=tuple(
            MediaProfile(
                f"MediaProfile{number - 1:03}0{index}",
                role.value,
                token,
                VideoFormat(codec, 640, 360, 25.0),
                None,
                role=role,
            )
            for index, role in enumerate((ProfileRole.MAIN, ProfileRole.SUB))
        ),
        position=number - 1,
    )


@dataclass
class FakeDevice:
    """The device at one host and port. Every call raises `problem`; `password` is the one that it accepts."""

    password: str = "right"
    info: DeviceInfo = DeviceInfo("Dahua", "XVR5116", "4.0", "SN1", "1.0")
    channels: tuple[Channel, ...] = (channel(1), channel(2))
    problem: DeviceError | None = None
    snapshot_problem: DeviceError | None = None
    uri_problem: DeviceError | None = None
    jpeg: bytes = JPEG
    stream_port: int = 554
    takes_s: float = 0.0
    release: threading.Event = field(default_factory=threading.Event)
    opens: int = 0
    logins: int = 0
    reads: int = 0
    closes: int = 0
    uris: int = 0
    snapshots: int = 0
    key_frames: int = 0
    offset_s: float = 1.5
    learned: LearnedAccess = LearnedAccess()
    addresses: list[DeviceAddress] = field(default_factory=list)  # of its connections
    ignores_close: bool = False
    signals: dict[str, bool] = field(default_factory=dict)
    signals_problem: DeviceError | None = None
    signal_reads: int = 0
    ptz: PtzDevice | None = None


class Connection:
    """A connection to a FakeDevice; see cameras.device.Device."""

    def __init__(self, device: FakeDevice, address: DeviceAddress, gate: LoginGate) -> None:
        self._device = device
        self._address = address
        self._gate = gate
        device.addresses.append(address)
        self._closed = threading.Event()
        self.checks: tuple[ServiceCheck, ...] = ()

    @property
    def info(self) -> DeviceInfo:
        return self._device.info

    @property
    def services(self) -> tuple[str, ...]:
        return ("device", "media")

    @property
    def learned(self) -> LearnedAccess:
        return self._device.learned

    @property
    def clock_offset(self) -> ClockOffset | None:
        return ClockOffset(self._device.offset_s, datetime.now(UTC))

    @property
    def ptz(self) -> PtzDevice:
        if self._device.ptz is None:
            raise CameraUnsupported("It has no head.", service="ptz")
        return self._device.ptz

    @property
    def events(self) -> EventDevice:
        raise CameraUnsupported("It reports no events.", service="events")

    def open(self) -> None:
        self._device.opens += 1
        self.checks = (ServiceCheck("clock", "failed", "while opening"),)
        self._answer()
        self._log_in()
        self.checks = (ServiceCheck("clock", "ok", took_ms=3),)

    def check(self) -> None:
        self._answer()

    def channels(self) -> tuple[Channel, ...]:
        self._device.reads += 1
        self._answer()
        self._log_in()
        return self._device.channels

    def signals(self) -> Mapping[str, bool]:
        self._device.signal_reads += 1
        self._answer()
        if self._device.signals_problem:
            raise self._device.signals_problem
        return self._device.signals

    def replay_uri(self, recording_token: str) -> str:
        self._answer()
        return f"rtsp://{self._address.host}:{self._device.stream_port}/recorded/{recording_token}"

    def recordings(self) -> Listed:
        raise CameraUnsupported("It records nothing.", service="search")

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        recordings, service = listed
        return RecordingSummary(None, None, len(recordings), service)

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        raise CameraUnsupported("It records nothing.", service="search")

    def makers_replays(self, channel_number: int, rtsp_port: int) -> tuple[MakersReplay, ...]:
        return ()

    def stream_uri(self, profile: MediaProfile) -> str:
        self._device.uris += 1
        self._answer()
        if self._device.uri_problem:
            raise self._device.uri_problem
        return f"rtsp://{self._address.host}:{self._device.stream_port}/{profile.profile_token}"

    def snapshot(self, profile: MediaProfile) -> bytes:
        self._device.snapshots += 1
        self._answer()
        if self._device.snapshot_problem:
            raise self._device.snapshot_problem
        return self._device.jpeg

    def request_key_frame(self, profile: MediaProfile) -> None:
        self._device.key_frames += 1
        self._answer()

    def close(self) -> None:
        """End running calls, as a real connection does."""
        self._device.closes += 1
        self._closed.set()

    def _answer(self) -> None:
        if (self._closed.is_set() and not self._device.ignores_close) or (self._device.takes_s and self._wait()):
            raise CameraUnreachable("The connection was closed.")
        if self._device.problem is not None:
            raise self._device.problem

    def _wait(self) -> bool:
        """Wait `takes_s` or until `release` is set; return True if the connection is closed meanwhile."""
        clock = SystemClock()
        until_s = clock.monotonic_s() + self._device.takes_s
        while not self._device.release.is_set() and clock.monotonic_s() < until_s:
            if self._closed.wait(0.005) and not self._device.ignores_close:
                return True
        return False

    def _log_in(self) -> None:
        attempt = self._gate.begin(self._address.device_key, self._address.credential)
        self._device.logins += 1
        if self._address.credential.password.reveal() == self._device.password:
            attempt.accepted()
            return
        attempt.refused()
        raise CameraAuthFailed("The device refuses this user name or password.")


class Frames(FrameGrabber):
    """A frame grabber that returns the frame of `harness.frame`."""

    def __init__(self, harness: CameraHarness) -> None:
        self.harness = harness

    def grab(self, source: StreamSource) -> bytes:
        assert self.harness.frame is not None, "no frame of the stream is needed here"
        return self.harness.frame(source)


class CameraHarness:
    """An OnvifManager on one folder, and the fake devices that it reaches. The manager can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            data_dir=folder / "data",
            streams_dir=folder / "streams",
            secret_key_file=folder / "key" / "secret.key",
            device_timeout_s=LIMIT_S,
        )
        self.devices: dict[tuple[str, int], FakeDevice] = {}
        self.found: list[FoundDevice] = []
        self.searches = 0
        self.frame: Callable[[StreamSource], bytes] | None = None
        self.describe: DescribeStream | None = None  # of cameras without ONVIF
        self.spawner: Spawner | None = None
        self.pace = QUICK
        self.is_real = False  # True: connect to devices over ONVIF
        self.gate = LoginGate(SystemClock())
        self.certificates = PinnedCertificates(SystemClock())
        self.manager = self.make()

    def make(self) -> OnvifManager:
        clock = SystemClock()
        self.gate = LoginGate(clock)
        self.certificates = PinnedCertificates(clock)
        protection = LoginProtection(self.gate, self.certificates)
        database = prepared_database(self.settings.database_file)
        onvif: DeviceNetwork = FakeNetwork(self)
        if self.is_real:
            onvif = OnvifNetwork(self.settings, protection, clock, SubscriptionStore(database))
        network = NetworkWithPlainCameras(
            onvif, self.describe or _no_formats, clock, self.gate, timeout_s=self.settings.device_timeout_s
        )
        self.manager = OnvifManager(
            database,
            self.settings,
            clock,
            protection,
            network,
            spawner=self.spawner,
            pace=self.pace,
        )
        self.snapshots = SnapshotTaker(self.manager, Frames(self), self.settings)
        return self.manager

    def snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot:
        """Return a still taken now, as StreamManager.snapshot does."""
        return self.snapshots.take(camera_id, profile_token)

    @contextmanager
    def running(self) -> Iterator[OnvifManager]:
        """Run a new manager on the same folder, as a restart of the app does."""
        manager = self.make()
        manager.start()
        try:
            yield manager
        finally:
            manager.stop()

    def device(self, host: str = "cam", port: int = 80, **fields: object) -> FakeDevice:
        device = FakeDevice(**fields)  # type: ignore[arg-type] # its own fields, by name
        self.devices[host, port] = device
        return device

    def wait_status(self, camera_id: int, *wanted: CameraStatus, timeout_s: float = LIMIT_S) -> None:
        until(lambda: self.manager.get_camera(camera_id).status in wanted, timeout_s)


class FakeNetwork:
    """The devices of a harness; see cameras.device.DeviceNetwork."""

    def __init__(self, harness: CameraHarness) -> None:
        self._harness = harness

    def connect(self, address: DeviceAddress) -> Device:
        device = self._harness.devices.get((address.host, address.port))
        if device is None:
            device = FakeDevice(problem=CameraUnreachable("Nothing answers."))
        return Connection(device, address, self._harness.gate)

    def find_place(self, host: str, timeout_s: float) -> DevicePlace:
        ports = [port for known, port in self._harness.devices if known == host]
        if not ports:
            raise CameraUnreachable("Nothing answers at this address.")
        return DevicePlace(ports[0])

    def search(self, listen_s: float) -> list[FoundDevice]:
        self._harness.searches += 1
        return self._harness.found


def _no_formats(source: StreamSource, timeout_s: float) -> StreamFormats:
    return StreamFormats(None, None)


def no_snapshots() -> DeviceError:
    return CameraUnsupported("The device gives no snapshots.", service="snapshot")
