"""The media that a replay plays: one channel's frames in the archive, or those of one recording, and the audio."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

from simulator.archive import Archive, Recording
from simulator.archive_frames import ArchiveFrames
from simulator.audio import AudioLoop
from simulator.clip_store import ClipStore
from simulator.h26x import AccessUnit
from simulator.layout import ChannelSpec


@dataclass(frozen=True, slots=True)
class Play:
    """One PLAY. Times are seconds since 1970 by the device's clock; `start_s` is a key frame's.

    `key_frames_ms`: None for all frames, otherwise key frames only, at least so far apart.
    """

    start_s: float
    end_s: float | None
    cseq: int
    is_onvif: bool
    fast: bool
    scale: float
    key_frames_ms: int | None


class ReplaySource:
    """`recording_token`: of one of the channel's recordings, if the make cuts its time into several; otherwise None.
    `prepare` comes first.
    """

    def __init__(
        self,
        channel: ChannelSpec,
        recording_token: str | None,
        frames: ArchiveFrames,
        archive: Archive,
        store: ClipStore,
    ) -> None:
        self.channel, self.recording_token, self.frames = channel, recording_token, frames
        self._archive, self._store = archive, store
        self.audio: AudioLoop | None = None

    async def prepare(self, now_s: float) -> None:
        """Have the audio and the parameter sets ready. Raise EncodeError if that fails."""
        if self.channel.audio and self.audio is None:
            self.audio = await self._store.audio_loop(self.channel.audio)
        await self.frames.prepare(now_s)

    @property
    def fps(self) -> int:
        return self.frames.spec.fps

    def recording(self) -> Recording | None:
        """The recording as it is now: while it is being recorded, its end moves on."""
        return self._archive.find_named(self.channel.number, self.recording_token)

    def key_frame_at(self, moment_s: float) -> float | None:
        """Time of the key frame at or before a moment; in a gap, of the next one; None if no data follows."""
        recording, gop_s = self.recording(), self.frames.spec.gop_s
        at = moment_s
        while recording is not None and (span := recording.span_at(at)):
            before = math.floor(moment_s / gop_s) * gop_s
            start = before if before >= span[0] else math.ceil(span[0] / gop_s) * gop_s
            if start < span[1]:
                return float(start)
            at = span[1]
        return None

    async def moments(self, play: Play) -> AsyncIterator[tuple[float, AccessUnit, bool, bool]]:
        """Each frame's time, its access unit, whether a gap follows, and whether it is the recording's last."""
        at = play.start_s
        fps, gop_s = self.frames.spec.fps, self.frames.spec.gop_s
        recording = self.recording()
        span = recording.span_at(at) if recording else None
        while recording is not None and span is not None:
            start = max(math.ceil(span[0] / gop_s) * gop_s, int(at))
            while start < span[1]:
                for place, unit in enumerate(await self.frames.gop(start)):
                    at = start + place / fps
                    if play.end_s is not None and at >= play.end_s:
                        return
                    if at >= span[1]:
                        break
                    ends, goes_on = False, True
                    if at + 1 / fps >= span[1] - 1e-6:
                        recording = self.recording() or recording
                        following = recording.span_at(span[1])
                        ends = following is None or following[0] > span[1]
                        goes_on = following is not None
                    yield at, unit, ends, not goes_on
                start += self._groups_on(play) * gop_s
            at = max(at, span[1])
            span = recording.span_at(at)

    def _groups_on(self, play: Play) -> int:
        """Return how many groups of frames further the next one is that a play needs: a recorder reads no others."""
        gop_ms = round(1000 * self.frames.spec.gop_s)
        return 1 if play.key_frames_ms is None else max(1, -(-play.key_frames_ms // gop_ms))
