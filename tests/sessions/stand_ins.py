"""Stand-ins for the managers and the gateway of a StreamManager, over the thin device and the thin recorder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from core.recordings import RecordedPlace, ReplayAbilities, ReplaySource
from core.records import Problem, StreamSource, VideoFormat
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from media.rtsp.replay.connection import GatewayReplayConnection
from media.rtsp.replay.interface import ReplayRank
from recording_manager import RecordingManager
from tests.placement.owning import OwningCameras
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.thin_device import Device


class ThinCameras(OwningCameras):
    """Channels of a thin device. Every camera id and media profile exists."""

    def __init__(self, device: Device, known_codec: str | None = None) -> None:
        self.device = device
        self.known_codec = known_codec

    def known_video(self, camera_id: int, profile_token: str) -> VideoFormat | None:
        return VideoFormat(self.known_codec) if self.known_codec else None

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        return self.device.resolve(camera_id, profile_token)

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        self.device.request_key_frame(camera_id, profile_token)

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        self.device.note_stream(camera_id, profile_token, problem)


class ThinFeeds(RtspGateway):
    """Opens feeds of a thin device."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def open_feed(self, stream: StreamSource) -> GatewayFeed:
        return self.device.open_feed(stream)


class AddressedCameras(OwningCameras):
    """Cameras whose streams have the addresses that `source` returns. Their formats are unknown before a session."""

    def __init__(self, source: Callable[[int, str], StreamSource]) -> None:
        self.source = source

    def known_video(self, camera_id: int, profile_token: str) -> VideoFormat | None:
        return None

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        return self.source(camera_id, profile_token)

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        pass

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        pass


class NoCameras(OwningCameras):
    """For tests of replays, in which a request for a live stream is a mistake.

    `noted` holds the replay abilities that sessions reported, with the recording tokens of their sources.
    """

    def __init__(self) -> None:
        self.noted: list[tuple[str, ReplayAbilities]] = []

    def note_replay_abilities(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        self.noted.append((source.recording_token, abilities))

    def known_video(self, camera_id: int, profile_token: str) -> VideoFormat | None:
        return None

    def stream_source(self, camera_id: int, profile_token: str) -> NoReturn:
        raise AssertionError("a replay opens no live feed")

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        pass


class NoRecordings(RecordingManager):
    """For tests of live streams, in which a request for a replay is a mistake."""

    def __init__(self) -> None:
        pass

    def replay_source(self, camera_id: int, recording_token: str) -> NoReturn:
        raise AssertionError("a live session opens no replay")


class ThinReplays(RtspGateway):
    """Opens replay connections to a thin recorder."""

    def __init__(self, recorder: ThinRecorder, places: Callable[[int], int] | None = None) -> None:
        self.recorder = recorder
        self.places = places

    def open_replay(self, source: ReplaySource, rank: ReplayRank = ReplayRank.WATCHED) -> GatewayReplayConnection:
        return self.recorder.open(source)  # type: ignore[return-value]  # a stand-in with its methods

    def replay_capacity(self, device_key: str) -> int:
        return 2 if self.places is None else self.places(int(device_key.removeprefix("camera")))


class ThinRecordings(RecordingManager):
    """Recordings of a thin recorder. `find` replaces the search for a recording's address."""

    def __init__(
        self,
        recorder: ThinRecorder | None = None,
        find: Callable[[int, str], tuple[ReplaySource, float]] | None = None,
    ) -> None:
        self.recorder = recorder
        self.find = find

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        if self.find is not None:
            return self.find(camera_id, recording_token)
        assert self.recorder is not None
        return self.recorder.find(camera_id, recording_token)

    def recorded_from(
        self,
        camera_id: int,
        recording_token: str,
        moment: datetime,
        *,
        prefers_sub: bool = False,
        only_sure: bool = False,
        avoids_archive: bool = False,
    ) -> tuple[RecordedPlace, ...]:
        if self.recorder is None or not self.recorder.others:
            return ()
        return tuple(self.recorder.recorded(camera_id, recording_token, moment, prefers_sub=prefers_sub))
