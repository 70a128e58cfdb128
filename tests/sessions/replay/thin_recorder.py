"""A stand-in for a recorder: replay connections that the test drives at full speed over an invented archive.

Most faults in session tests (a refusal of the third PLAY, silence in mid-play, a late frame) cannot be produced on
time with a real recorder. Tests with the gateway, the simulator and GStreamer cover the data of real recorders.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.errors import CameraBusy, DeviceError
from core.recordings import RecordedPlace, ReplayAbilities, ReplaySource, ZoneOfTimes
from core.records import AudioFormat, Credential, VideoFormat
from core.secrets import Secret
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConsumer, ReplayRank

FPS = 5
CLOCK_RATE = 90_000
H264 = VideoFormat("h264", 320, 180, float(FPS))
SPS = bytes.fromhex("6742c01ed901e08fe6f01100000303e90000ea600f162e48")
PPS = bytes.fromhex("68cb83cb20")


@dataclass
class ThinRecorder:
    """`spans`: the spans of Rec0 in seconds of device time, with a key frame at each whole second; `others`: the spans
    of further recordings.
    """

    spans: list[tuple[float, float]]
    video: VideoFormat = H264
    audio: AudioFormat | None = None
    others: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)  # recordings of `others` that are listed but have no data
    subs: set[str] = field(default_factory=set)  # recordings of `others` that are of the sub stream
    crosses_gaps: bool = True
    ahead_s: float = 0.0  # by which the recorder's clock is ahead
    zone: ZoneOfTimes = ZoneOfTimes()  # of `ahead_s`
    picture_bytes: int = 500
    places: int = 2
    fails_after: list[tuple[int, DeviceError]] = field(default_factory=list)  # (frames, error) per PLAY
    plays: list[float] = field(default_factory=list)
    lines: list[ThinLine] = field(default_factory=list)
    found: int = 0
    silent: bool = False
    tells_time: bool = True
    beats_real_time: bool | None = None
    dropped_per_second: int = 0  # frames that come incomplete and are not handed on
    seeks_in_session: bool | None = None
    pictures: tuple[tuple[bytes, ...], ...] = ()  # the NAL units of each frame of one GOP; empty: invented frames
    parameter_sets: tuple[bytes, ...] = (SPS, PPS)
    audio_left_out: str = ""
    sends_audio: bool = False  # G.711 of 8 kHz with each frame
    converts_audio: bool = False  # the client does, since its law is not the described one

    def find(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        self.found += 1
        source = ReplaySource(
            camera_id,
            recording_token,
            "rtsp://127.0.0.1/r",
            "camera1",
            Credential("admin", Secret("x")),
            zone=self.zone,
        )
        return source, self.ahead_s

    def open(self, source: ReplaySource) -> ThinLine:
        token = source.recording_token
        self.lines.append(ThinLine(self, token, is_refused=self.open_lines() >= self.places))
        return self.lines[-1]

    def spans_of(self, recording_token: str) -> list[tuple[float, float]]:
        return self.others.get(recording_token, self.spans)

    def recorded(
        self, camera_id: int, recording_token: str, moment: datetime, *, prefers_sub: bool = False
    ) -> list[RecordedPlace]:
        """Return the recorded places after `moment`, like the recording manager."""
        del camera_id
        at_s = moment.timestamp()
        tokens = sorted(
            {"Rec0", *self.others}, key=lambda token: (prefers_sub != (token in self.subs), token != recording_token)
        )
        found = [
            RecordedPlace(token, _utc(max(start_s, at_s)), _utc(end_s), is_sub=token in self.subs)
            for token in tokens
            for start_s, end_s in self.spans_of(token)
            if end_s > at_s
        ]
        return sorted(found, key=lambda place: place.start)

    def open_lines(self) -> int:
        return sum(not line.is_closed for line in self.lines)


@dataclass(eq=False)
class ThinLine:
    recorder: ThinRecorder
    recording_token: str = "Rec0"
    is_refused: bool = False
    is_closed: bool = False
    sent: int = 0

    def __post_init__(self) -> None:
        self._may_send = threading.Event()
        self._play = 0

    def play(
        self,
        start_device_s: float,
        consumer: ReplayConsumer,
        *,
        end_device_s: float | None = None,
        fast: bool = True,
        key_frames_only: bool = False,
        scale: float = 1.0,
        key_frames_ms: int | None = None,
    ) -> None:
        self._play += 1
        self._may_send.set()
        self.recorder.plays.append(start_device_s)
        threading.Thread(
            target=self._send, args=(self._play, start_device_s, end_device_s, consumer), daemon=True
        ).start()

    def pause(self) -> None:
        self._may_send.clear()

    def resume(self) -> None:
        self._may_send.set()

    def abilities(self) -> ReplayAbilities:
        return ReplayAbilities(
            seeks_in_session=self.recorder.seeks_in_session, beats_real_time=self.recorder.beats_real_time
        )

    def set_rank(self, rank: ReplayRank) -> None:
        """Nothing here depends on ranks."""

    def close(self, wait_s: float = 0.0) -> None:
        self.is_closed = True
        self._may_send.set()

    @property
    def is_paused(self) -> bool:
        return not self._may_send.is_set()

    def _describe(self, consumer: ReplayConsumer) -> None:
        it = self.recorder
        consumer.on_description(it.video, it.audio, it.parameter_sets, b"", it.audio_left_out)

    def _send(self, play: int, start_s: float, end_s: float | None, consumer: ReplayConsumer) -> None:
        recorder = self.recorder
        if self.is_refused:
            consumer.on_failed(CameraBusy("It plays no more."))
            return
        self._describe(consumer)
        faults = recorder.fails_after  # the test may replace the list at any moment
        limit, error = faults.pop(0) if faults else (None, None)
        count = 0
        for units in self._units(start_s, end_s):
            if self.is_paused:  # the gateway repeats the description after a pause
                self._may_send.wait()
                self._describe(consumer)
            while not self._may_send.wait(0.05) or recorder.silent:
                if self.is_closed or play != self._play:
                    return
                time.sleep(0.01)
            if self.is_closed or play != self._play:
                return
            if limit is not None and error is not None and count >= limit:
                consumer.on_failed(error)
                return
            consumer.on_units(units)
            count += len(units)
            self.sent += len(units)
            time.sleep(0)
        consumer.on_end("end_of_recording" if count else "no_data")

    def _units(self, start_s: float, end_s: float | None) -> Iterator[list[AccessUnit]]:
        """Yield one second of frames at a time, from the key frame at or before start_s up to end_s."""
        ticks = 1_000_000
        began = False
        is_there = self.recording_token not in self.recorder.empty
        for first_s, last_s in self.recorder.spans_of(self.recording_token) if is_there else ():
            if began and not self.recorder.crosses_gaps:
                return
            second = float(int(max(first_s, start_s)))
            is_seam = began
            while start_s < last_s and second < last_s:
                units = [self._unit(second, place, ticks, is_seam=is_seam) for place in range(FPS)]
                if self.recorder.sends_audio:
                    units += [_audio(unit, is_converted=self.recorder.converts_audio) for unit in units]
                yield [unit for unit in units if end_s is None or (unit.device_s or 0.0) < end_s]
                began, is_seam = True, False
                ticks += CLOCK_RATE
                second += 1.0

    def _unit(self, second: float, place: int, ticks: int, *, is_seam: bool) -> AccessUnit:
        is_key = place == 0
        device_s = second + place / FPS
        data = (b"\x65" if is_key else b"\x41") + f"{device_s:.1f}|".encode() + bytes(self.recorder.picture_bytes)
        parts = self.recorder.pictures[place] if self.recorder.pictures else (data,)
        ticks += place * CLOCK_RATE // FPS
        return AccessUnit(
            VIDEO,
            parts,
            ticks,
            CLOCK_RATE,
            is_key,
            device_s,
            is_seam and is_key,
            is_time_confirmed=self.recorder.tells_time,
            frames_dropped_before=self.recorder.dropped_per_second if is_key else 0,
        )


def _audio(frame: AccessUnit, *, is_converted: bool) -> AccessUnit:
    device_s, data = frame.device_s or 0.0, bytes(8000 // FPS)
    return AccessUnit(AUDIO, (data,), round(device_s * 8000), 8000, device_s=device_s, is_converted=is_converted)


def _utc(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
