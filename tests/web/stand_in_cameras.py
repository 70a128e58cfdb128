"""A stand-in for the camera manager: cameras in a dict.

Tests set its cameras and the error that it raises, because a real device cannot be made to fail in each way of the
status table.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from cameras.records import CameraChange, CameraDraft, CameraView, DiscoveredCamera, HealthCard, TimedSnapshot
from cameras.vault import Vault
from core.errors import CameraUnsupported, Conflict, NotFound
from core.events import EventDevice
from core.records import (
    AudioFormat,
    CameraStatus,
    Channel,
    DeviceInfo,
    MediaProfile,
    Problem,
    ProfileRole,
    ServiceCheck,
    VideoFormat,
)
from tests.patience import LIMIT_S
from tests.placement.owning import OwningCameras

_T = TypeVar("_T")
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def _channel(number: int) -> Channel:
    video = VideoFormat("h264", 1920, 1080, 25.0, 4096, 50)
    return Channel(
        number,
        f"Door {number}",
        f"0000{number}",
        (
            MediaProfile(
                f"MediaProfile{number - 1:03}00", "main", f"0000{number}", video, AudioFormat("pcm_alaw", 8000)
            ),
            MediaProfile(f"MediaProfile{number - 1:03}01", "sub", f"0000{number}", None, role=ProfileRole.SUB),
        ),
        problem=Problem("camera_no_signal", "This channel has no signal.") if number == 3 else None,
    )


@dataclass
class StandInCameras(OwningCameras):
    """Cameras in a dict. `fail_with` is raised by each method that would ask a device."""

    views: dict[int, CameraView] = field(default_factory=dict)
    passwords: dict[int, str] = field(default_factory=dict)
    channel_lists: dict[int, list[Channel]] = field(default_factory=dict)
    fail_with: Exception | None = None
    snapshot_gate: threading.Event | None = None
    at_the_gate: int = 0
    waited: list[tuple[int, float]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def _device(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    @property
    def vault(self) -> Vault:
        return Vault(bytes(32))

    def node_key(self) -> bytes:
        return self.vault.key_for("requests between nodes")

    def on_delete(self, callback: Callable[[int], None]) -> None:
        del callback

    def list_cameras(self) -> list[CameraView]:
        return list(self.views.values())

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id not in self.views:
            raise NotFound("There is no such camera.")
        return self.views[camera_id]

    def add_camera(self, draft: CameraDraft) -> CameraView:
        for view in self.views.values():
            if view.host == draft.host != "":
                raise Conflict("This device is there already.", code="already_added", existing_id=view.id)
        view = CameraView(
            id=next(self.ids),
            name=draft.name or draft.host,
            host=draft.host,
            port=draft.port,
            username=draft.username,
            status=CameraStatus.CONNECTING,
            info=DeviceInfo("Dahua", "XVR5116", "4.001"),
            channel_count=3,
            services=("media", "events"),
            clock_offset_s=-1.25,
            stream_uris=draft.stream_uris,
            last_seen_at=NOON,
        )
        self.views[view.id] = view
        self.passwords[view.id] = draft.password.reveal()
        self.channel_lists[view.id] = [_channel(number) for number in (1, 2, 3)]
        return view

    def add_pretend_recorder(self) -> CameraView:
        self._device()
        view = self.add_camera(CameraDraft(f"pretend-{len(self.views)}"))
        self.views[view.id] = replace(view, pretend=True)
        return self.views[view.id]

    def update_camera(self, camera_id: int, change: CameraChange) -> CameraView:
        view = self.get_camera(camera_id)
        if change.password is not None:
            self.passwords[camera_id] = change.password.reveal()
        self.views[camera_id] = replace(
            view,
            name=change.name or view.name,
            host=change.host or view.host,
            stream_uris=change.stream_uris or view.stream_uris,
            recording_time_zone=change.recording_time_zone or view.recording_time_zone,
        )
        return self.views[camera_id]

    def delete_camera(self, camera_id: int) -> None:
        self.get_camera(camera_id)
        del self.views[camera_id]

    def accept_certificate(self, camera_id: int, sha256: str) -> CameraView:
        return self.get_camera(camera_id)

    def refresh(self, camera_id: int) -> CameraView:
        return self.get_camera(camera_id)

    def wait_first_connection(self, camera_id: int, timeout_s: float) -> CameraView:
        self.waited.append((camera_id, timeout_s))
        self.views[camera_id] = replace(self.views[camera_id], status=CameraStatus.ONLINE)
        return self.views[camera_id]

    def channels(self, camera_id: int) -> list[Channel]:
        self.get_camera(camera_id)
        return self.channel_lists[camera_id]

    def ask_events(self, camera_id: int, call: Callable[[EventDevice], _T], *, wait_s: float = 0.0) -> _T:
        self.get_camera(camera_id)
        raise CameraUnsupported("It reports no events.", service="events")

    def clock_offset_s(self, camera_id: int) -> float | None:
        return self.get_camera(camera_id).clock_offset_s

    def update_channel(
        self,
        camera_id: int,
        number: int,
        *,
        name: str | None = None,
        hidden: bool | None = None,
        position: int | None = None,
    ) -> Channel:
        channels = self.channel_lists[self.get_camera(camera_id).id]
        for at, channel in enumerate(channels):
            if channel.number == number:
                channels[at] = replace(
                    channel,
                    name=name or channel.name,
                    hidden=channel.hidden if hidden is None else hidden,
                    position=channel.position if position is None else position,
                )
                return channels[at]
        raise NotFound("There is no such channel.")

    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> list[Channel]:
        channels = self.channel_lists[self.get_camera(camera_id).id]
        channels.sort(key=lambda channel: numbers.index(channel.number) if channel.number in numbers else 99)
        return channels

    def take_snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot:
        self.get_camera(camera_id)
        self._device()
        if self.snapshot_gate is not None:
            self.at_the_gate += 1
            assert self.snapshot_gate.wait(LIMIT_S)
        return TimedSnapshot(b"\xff\xd8\xff\xd9", NOON)

    def last_snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot | None:
        self.get_camera(camera_id)
        return TimedSnapshot(b"\xff\xd8old\xff\xd9", NOON) if profile_token is None else None

    def discover(self) -> list[DiscoveredCamera]:
        self._device()
        return [
            DiscoveredCamera("127.0.0.9", 80, "XVR", "DHI", camera_id=None),
            DiscoveredCamera("cam", 80, camera_id=1),
        ]

    def health(self, camera_id: int) -> HealthCard:
        check = ServiceCheck("GetServices", "ok", took_ms=12, at=NOON)
        return HealthCard(self.get_camera(camera_id), NOON, (check,), tuple(self.channel_lists[camera_id]))
