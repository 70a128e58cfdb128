"""Live video as fragments of one frame each, made as soon as the frame is complete.

A fragment states its duration before the next frame is there. The durations are chosen so that frames follow each
other without a gap, whatever the camera's clock does: each frame is decoded where the one before it ends, and lasts
until the next one is expected. (MediaSource drops everything up to the next key frame if decoding times leap by more
than two frames: Media Source Extensions, "coded frame processing".) The error of one duration is corrected in the
next, so errors do not accumulate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.codecs.display_order import DisplayOrder, KnownReordering
from media.codecs.video import H264, VideoCodec
from media.fmp4.audio import AudioTrackBuilder, audio_track_builder
from media.fmp4.tracks import Track, TrackError, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, frame_fragment, init_section

TIMESCALE = 90_000
_USUAL_STEP = TIMESCALE // 25
_LEAST_STEP = TIMESCALE // 240
_LONGEST_STEP = 2 * TIMESCALE
_STEPS_KEPT = 25
_SURE_AFTER = 8
_IN_ORDER_AFTER = 100  # frames
_AUDIO_MAY_LAG_S = 0.4


@dataclass(frozen=True, slots=True)
class LiveInit:
    """The description that a player needs before the first fragment. `audio` is None if we cannot carry any.

    `data` is the init section for video alone, `data_with_audio` the one for both; `codecs` and `codecs_with_audio`
    are the same as codec strings (RFC 6381, `avc1.64001F,flac`). `is_reordered`: H.264 frames come in another order
    than they are shown (B-frames), which the sps of many cameras does not say.
    """

    video: VideoFormat
    audio: AudioFormat | None
    codecs: str
    codecs_with_audio: str
    data: bytes
    data_with_audio: bytes
    is_reordered: bool = False


@dataclass(frozen=True, slots=True)
class LiveFragment:
    """One frame, and the audio since the frame before as a fragment of its own (often empty).

    `pieces` are the fragment of the frame, one after the other. The source's buffer holds the same NAL units.
    `start_s` is its place on the timeline of the fragments. `arrived_utc`: arrival time of a key frame at this machine,
    unlike in a replay (ReplayPart), which has the recording time; None for other frames.
    """

    pieces: tuple[bytes, ...]
    audio: bytes
    is_key: bool
    start_s: float
    arrived_utc: datetime | None

    @property
    def video(self) -> bytes:
        """The fragment of the frame, as a copy."""
        return b"".join(self.pieces)

    @property
    def size(self) -> int:
        """Bytes of video and audio."""
        return sum(map(len, self.pieces)) + len(self.audio)


class FragmentSink(Protocol):
    """Takes the fragments of a feed, in the gateway's thread; must not block.

    Implemented by sessions.live.broadcast.FragmentBroadcaster.
    """

    def on_init(self, init: LiveInit) -> None:
        """Before the first fragment, and again when the parameter sets change. The next fragment is a key frame."""
        ...

    def on_fragments(self, fragments: Sequence[LiveFragment]) -> None: ...

    def on_end(self) -> None:
        """No more fragments: the source failed, was closed, or its video changed its size."""
        ...


class LiveFragmentBuilder:
    """Makes fragments of the access units of one source, frame by frame.

    `origin_s`: the source's time that is 0 on the timeline of the fragments; the first frame's time if None.
    Audio is built after enable_audio() only, which saves the work while no viewer listens.
    """

    def __init__(
        self,
        codec: VideoCodec,
        audio: AudioFormat | None = None,
        audio_config: bytes = b"",
        *,
        origin_s: float | None = None,
        known_reordering: KnownReordering | None = None,
    ) -> None:
        self._codec = codec
        self._audio_format = audio
        self._audio_config = audio_config
        self._is_audio_enabled = False
        self._audio: AudioTrackBuilder | None = None
        self._video: Track | None = None
        self._parameter_sets: tuple[bytes, ...] = ()
        self._is_described_reordered = False
        self._display_order = DisplayOrder(known_reordering) if codec is H264 else None
        self._frame_rate = 0.0  # the highest so far, 0 until it is known
        self.origin_s = origin_s
        self._is_waiting_for_key = True
        self._end = 0  # the end of the last frame, and the decoding time of the next
        self._newest = 0  # the latest presentation time so far
        self._last_shown = 0  # presentation time of the frame decoded last
        self._steps: deque[int] = deque(maxlen=_STEPS_KEPT)
        self._step = _USUAL_STEP
        self._reorders = False
        self._in_order = 0  # frames since the last one that went back in time
        self._number = 0

    def describe(self, parameter_sets: tuple[bytes, ...]) -> LiveInit | None:
        """Describe the frames from now on. None if no container can describe them: then build() returns None."""
        by_type = {set_type: nal for nal in parameter_sets if (set_type := self._codec.parameter_set_type(nal))}
        video = self._codec.video_format(by_type)
        if parameter_sets != self._parameter_sets:
            self._frame_rate = 0.0
        self._parameter_sets = parameter_sets
        try:
            self._video = self._track(video)
        except TrackError:
            self._video = None
            return None
        self._is_described_reordered = self._has_reordering
        audio = audio_track_builder(self._audio_format, self._audio_config)
        tracks = [self._video, audio.track] if audio else [self._video]
        return LiveInit(
            video=video,
            audio=self._audio_format if audio else None,
            codecs=self._video.codec_string,
            codecs_with_audio=",".join(track.codec_string for track in tracks),
            data=init_section([self._video]),
            data_with_audio=init_section(tracks),
            is_reordered=self._is_described_reordered,
        )

    @property
    def _has_reordering(self) -> bool:
        return self._display_order is not None and self._display_order.has_reordering

    def look_at(self, unit: AccessUnit) -> None:
        """Take note of a frame before build() gets it. The next describe() uses it."""
        if self._display_order is not None:
            self._display_order.look_at(unit)

    def must_describe_again(self) -> bool:
        """True if describe() describes the same parameter sets in another way than before.

        B-frames have come, none have come although the sps announces them, or the rate is above the announced level.
        """
        if self._video is None or self._display_order is None:
            return False
        if self._has_reordering != self._is_described_reordered:
            return True
        if len(self._steps) >= _SURE_AFTER and not self._reorders:
            self._frame_rate = max(self._frame_rate, TIMESCALE / self._step)
        return self._track(VideoFormat(self._codec.name, self._video.width, self._video.height)) != self._video

    def _track(self, video: VideoFormat) -> Track:
        """Return the track of the parameter sets. Raises TrackError."""
        sets = self._parameter_sets
        if self._display_order is not None:
            sets = self._display_order.parameter_sets(sets)
        return video_track(video, sets, TIMESCALE, frame_rate=self._frame_rate)

    def set_audio(self, audio: AudioFormat | None, audio_config: bytes) -> None:
        """Take another audio from now on. Call describe() next."""
        self._audio_format = audio
        self._audio_config = audio_config
        self._audio = None
        if self._is_audio_enabled:
            self.enable_audio()

    def enable_audio(self) -> None:
        """Build audio from now on, if it is of a codec that we can carry."""
        self._is_audio_enabled = True
        if self._audio is None:
            self._audio = audio_track_builder(self._audio_format, self._audio_config)
            if self._audio:
                self._audio.restart(self._end / TIMESCALE)

    @property
    def takes_audio(self) -> bool:
        """True if add_audio() has an effect."""
        return self._audio is not None

    def add_audio(self, unit: AccessUnit) -> None:
        """Add a unit to the audio of the next fragment."""
        if self._audio is None or self._is_waiting_for_key:
            return
        rate = self._audio.track.timescale
        # By the source's timeline, not by the device's own ticks: the two tracks' clocks drift apart.
        at_s = unit.time_s - (self.origin_s or 0.0)
        placed = replace(unit, ticks=round(at_s * rate), clock_rate=rate)
        self._audio.add(placed, self._end / TIMESCALE, at_s)

    def build(self, unit: AccessUnit, arrived_utc: datetime | None) -> LiveFragment | None:
        """Return the fragment of this frame. None before the first key frame, and while nothing is described."""
        if self._video is None or (self._is_waiting_for_key and not unit.is_key):
            return None
        if self.origin_s is None:
            self.origin_s = unit.time_s
        shown = max(0, round((unit.time_s - self.origin_s) * TIMESCALE))
        if self._is_waiting_for_key:
            self._is_waiting_for_key = False
            self._end = max(self._end, shown)
            self._newest = self._last_shown = shown
            if self._audio:
                self._audio.restart(self._end / TIMESCALE)
        duration, offset = self._times(unit, shown)
        start = self._end
        self._end += duration
        self._number += 1
        if offset:
            data = b"".join([piece for part in unit.parts for piece in (len(part).to_bytes(4, "big"), part)])
            sample = Sample(data, duration, unit.is_key, offset)
            pieces: tuple[bytes, ...] = (fragment(self._number, [TrackRun(self._video, start, [sample])]),)
        else:
            pieces = frame_fragment(self._number, self._video, start, duration, unit.parts, is_key=unit.is_key)
        return LiveFragment(pieces, self._build_audio(), unit.is_key, start / TIMESCALE, arrived_utc)

    def _times(self, unit: AccessUnit, shown: int) -> tuple[int, int]:
        """Return the duration of a frame, and its presentation time minus its decoding time."""
        step = shown - self._newest
        if shown < self._last_shown and self._display_order is not None:
            self._display_order.time_went_back()
        self._in_order = 0 if step < 0 else self._in_order + 1
        self._last_shown = shown
        if self._reorders and unit.is_key and self._was_a_fault_of_the_clock():
            self._reorders = False
            self._steps.clear()
        if step < 0 and not self._reorders:
            self._reorders = True  # frames come in another order than they are shown
            self._steps.clear()
        if 0 < (abs(step) if self._reorders else step) < _LONGEST_STEP:
            self._learn(abs(step))
        self._newest = max(self._newest, shown)
        if self._reorders:
            drift = shown - self._end if unit.is_key else 0
            return max(_LEAST_STEP, self._step + drift), shown - self._end
        # Until it is sure that frames are not reordered, a frame that leaps ahead is shown at its own time.
        offset = max(0, shown - self._end) if self._number < _SURE_AFTER else 0
        return max(_LEAST_STEP, shown + self._step - self._end), offset

    def _was_a_fault_of_the_clock(self) -> bool:
        """True if frames come in display order again, and neither their slices nor their times show B-frames."""
        is_plain = self._display_order is not None and not self._display_order.has_reordering
        return is_plain and self._in_order >= _IN_ORDER_AFTER

    def _learn(self, step: int) -> None:
        """Update the usual distance of frames: the median, so that lost frames and jumps do not count.

        With reordered frames the least distance: that of two frames shown one after the other.
        """
        self._steps.append(step)
        self._step = min(self._steps) if self._reorders else sorted(self._steps)[len(self._steps) // 2]

    def _build_audio(self) -> bytes:
        if self._audio is None:
            return b""
        run = self._audio.take_run(self._end / TIMESCALE, _AUDIO_MAY_LAG_S)
        if run is None:
            return b""
        self._number += 1
        return fragment(self._number, [run])
