"""The picture manager over a simulated recorder: the real gateway and decoder, and coverage from the control port."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cameras.records import CameraView
from core.archive import Origin
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.recordings import ReplayAbilities, ReplaySource, SpanState
from core.records import Channel
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from picture_manager import PictureManager
from pictures.views import GridPicture, PictureState
from recording_manager import RecordingManager
from recordings.intervals import without
from recordings.matching import MatchedBy
from recordings.views import ChannelCoverage, ChannelSpan, Coverage
from tests.media.rtsp.replay.listening import burnt_time
from tests.media.rtsp.replay.simulated import source_of, spans
from tests.patience import LIMIT_S, until
from tests.placement.owning import OwningCameras
from tests.simulator.process import Simulator

CHANNELS = 4


class RecordedCameras(OwningCameras):
    """One camera with four channels. `abilities` are those that its recorder has shown."""

    def __init__(self) -> None:
        self.abilities = ReplayAbilities()

    def list_cameras(self) -> list[CameraView]:
        return [cast(CameraView, SimpleNamespace(id=1))]

    def channels(self, camera_id: int) -> list[Channel]:
        return [
            Channel(number, f"Cam {number}", f"Source{number}", position=number) for number in range(1, CHANNELS + 1)
        ]

    def note_replay_abilities(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        self.abilities = self.abilities.updated(abilities)


class SimulatedRecordings(RecordingManager):
    """A recording for each channel: `Rec1`, ... `correction_s`: by how much the device's clock is ahead."""

    def __init__(self, recorder: Simulator, cameras: RecordedCameras) -> None:
        self.recorder = recorder
        self.cameras = cameras
        self.correction_s = 0.0
        self.opened = 0

    def coverage(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        channel: int | None = None,
        with_events: bool = True,
        prefers_sub: bool = False,
        only_sure: bool = False,
        source: Origin | None = None,
    ) -> Coverage:
        if source is Origin.SERVER:  # there is no archive
            return Coverage((), None, False, True, 0.0, None)
        assert channel is not None
        ahead = timedelta(seconds=self.correction_s)
        kept = [(_utc(begin) - ahead, _utc(until_s) - ahead) for begin, until_s in spans(self.recorder, channel)]
        inside = [(max(begin, start), min(ended, end)) for begin, ended in kept if begin < end and ended > start]
        found = [ChannelSpan(*part, SpanState.RECORDED, f"Rec{channel}") for part in inside]
        found += [ChannelSpan(*part, SpanState.NOT_RECORDED) for part in without((start, end), inside)]
        row = ChannelCoverage(
            channel, "", MatchedBy.ONLY_CHANNEL, f"Rec{channel}", tuple(sorted(found, key=_start_of)), (), False
        )
        return Coverage((row,), None, False, True, 0.0, None)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        self.opened += 1
        source = source_of(self.recorder, int(recording_token.removeprefix("Rec")))
        return replace(source, abilities=self.cameras.abilities), self.correction_s


def _start_of(span: ChannelSpan) -> datetime:
    return span.start


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


class PicturesHarness:
    """A picture manager over a simulated recorder."""

    def __init__(
        self,
        recorder: Simulator,
        folder: Path,
        spawner: Spawner,
        make_recordings: Callable[[Simulator, RecordedCameras], SimulatedRecordings] | None = None,
        **changed: Any,
    ) -> None:
        self.recorder = recorder
        self.settings = replace(Settings(), data_dir=folder, **changed)
        clock = SystemClock()
        self.gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=self.settings)
        self.cameras = RecordedCameras()
        self.recordings = (make_recordings or SimulatedRecordings)(recorder, self.cameras)
        self.manager = PictureManager(self.settings, clock, spawner, self.gateway, self.cameras, self.recordings)
        self.gateway.start()
        self.manager.start()

    def stop(self) -> None:
        self.manager.stop()
        self.gateway.stop()

    def recorded_s(self, channel: int = 1, length_s: int = 3600) -> int:
        """Return the beginning of a stretch of at least this length without a gap, on a ten-minute grid."""
        for begin_s, end_s in spans(self.recorder, channel):
            first_s = int(-(-begin_s // 600) * 600)
            if end_s - first_s > length_s:
                return first_s
        raise AssertionError("no stretch is so long")

    def grid(self, start_s: float, end_s: float, step_s: int, channel: int = 1) -> tuple[GridPicture, ...]:
        return self.manager.grid(1, channel, _utc(start_s), _utc(end_s), step_s)

    def finished(self, start_s: float, end_s: float, step_s: int, channel: int = 1) -> tuple[GridPicture, ...]:
        """Ask for a grid until nothing is pending, and return it."""

        def done() -> tuple[GridPicture, ...] | None:
            shown = self.grid(start_s, end_s, step_s, channel)
            return None if any(item.state is PictureState.PENDING for item in shown) else shown

        found = until(done, within_s=5 * LIMIT_S, what="the storyboard")
        assert found is not None
        return found

    def jpeg(self, moment: datetime, channel: int = 1) -> bytes:
        picture = self.manager.picture(1, channel, moment)
        assert picture is not None
        return picture.jpeg


def burnt_times(jpegs: Sequence[bytes], width: int = 320, height: int = 180) -> list[float]:
    """Return the times burnt into pictures of the archive, in seconds since 1970."""
    command = [str(find_ffmpeg()), "-v", "error", "-f", "mjpeg", "-i", "-", "-fps_mode", "passthrough"]
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run([*command, *raw], input=b"".join(jpegs), check=True, capture_output=True, timeout=LIMIT_S)
    size = width * height
    return [burnt_time(done.stdout[at : at + size], width) for at in range(0, len(done.stdout), size)]
