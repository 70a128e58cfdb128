"""Live pictures as fragments of one picture each, made the moment the picture is whole.

A fragment's length must be said before the next picture is there. It is chosen so that the pictures follow each
other without a hole whatever the camera's clock does: each is decoded where the one before it ends, and lasts until
where the next one is expected. (MediaSource drops everything up to the next key frame where decoding times leap by
more than two pictures: Media Source Extensions, "coded frame processing".) What a picture's length was wrong by, the
next one's makes good, so nothing adds up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.video import ParameterSets, VideoCodec
from media.fmp4.audio import AudioTrackBuilder, audio_track_builder
from media.fmp4.tracks import Track, TrackError, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, init_section
from media.rtsp.client.depacketizing import AudioDepacketizer, VideoDepacketizer
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp import AudioTrack

TIMESCALE = 90_000
_USUAL_STEP = TIMESCALE // 25
_LEAST_STEP = TIMESCALE // 240
_LONGEST_STEP = 2 * TIMESCALE
_STEPS_KEPT = 25
_SURE_AFTER = 8
_AUDIO_MAY_LAG_S = 0.4


@dataclass(frozen=True, slots=True)
class LiveInit:
    """What a player is told before the first picture. `audio` is None where there is none that can be carried.

    `data` is the init section for pictures alone, `data_with_audio` the one for both; so are the codec strings
    (RFC 6381, `avc1.64001F,flac`).
    """

    video: VideoFormat
    audio: AudioFormat | None
    codecs: str
    codecs_with_audio: str
    data: bytes
    data_with_audio: bytes


@dataclass(frozen=True, slots=True)
class LiveFragment:
    """One picture, and the sound that has come since the one before (a fragment of its own, often empty).

    `start_s` is its place on the time line of the fragments. `taken_utc`: when it arrived here, said of key frames.
    """

    video: bytes
    audio: bytes
    is_key: bool
    start_s: float
    taken_utc: datetime | None


class FragmentSink(Protocol):
    """Takes what is made, in the gateway's thread; must not block."""

    def on_init(self, init: LiveInit) -> None:
        """First of all, and again where the pictures are described anew. The next fragment is a key frame."""
        ...

    def on_fragments(self, fragments: Sequence[LiveFragment]) -> None: ...

    def on_end(self) -> None:
        """Nothing follows: the source failed, was given up, or its picture changed its format."""
        ...


class LiveFragments:
    """A consumer of a shared source (source.Consumer), in the gateway's thread.

    `origin_s`: the source's time that is 0 on the time line of the fragments; the first picture's if None.
    `utc_of`: when what lies at a time of the source arrived. `enable_audio()` once somebody listens: sound that nobody
    hears is not made.
    """

    def __init__(
        self,
        codec: VideoCodec,
        sets: ParameterSets,
        audio: AudioTrack | None,
        sink: FragmentSink,
        *,
        utc_of: Callable[[float], datetime],
        origin_s: float | None = None,
    ) -> None:
        self._codec = codec
        self._sink = sink
        self._utc_of = utc_of
        self._video_depacketizer = VideoDepacketizer(codec, sets, TIMESCALE)
        self._audio = audio if audio is not None and AudioDepacketizer.can_carry(audio) else None
        self._audio_depacketizer: AudioDepacketizer | None = None
        self._audio_builder: AudioTrackBuilder | None = None
        self._video: Track | None = None
        self._announced_sets: tuple[bytes, ...] = ()
        self.origin_s = origin_s
        self._is_waiting_for_key = True
        self._end = 0  # where the last picture ends, and the next one is decoded
        self._newest = 0  # the latest time of showing
        self._steps: deque[int] = deque(maxlen=_STEPS_KEPT)
        self._step = _USUAL_STEP
        self._reorders = False
        self._number = 0

    # ---- source.Consumer -------------------------------------------------------------------------

    def on_packets(self, packets: Sequence[RtpPacket]) -> None:
        made: list[LiveFragment] = []
        run: list[RtpPacket] = []
        for packet in packets:
            if run and packet.track != run[0].track:
                self._take(run, made)
                run = []
            run.append(packet)
        if run:
            self._take(run, made)
        if made:
            self._sink.on_fragments(made)

    def on_end(self) -> None:
        self._sink.on_end()

    def enable_audio(self) -> None:
        """From now on."""
        if self._audio is not None and self._audio_depacketizer is None:
            self._audio_depacketizer = AudioDepacketizer(self._audio)
            self._audio_builder = audio_track_builder(self._audio.format, self._audio.config)
            if self._audio_builder:
                self._audio_builder.restart(self._end / TIMESCALE)

    # ---- inside ----------------------------------------------------------------------------------

    def _take(self, packets: Sequence[RtpPacket], made: list[LiveFragment]) -> None:
        if packets[0].track == VIDEO:
            for unit in self._video_depacketizer.push(packets):
                self._take_frame(unit, made)
        elif self._audio_depacketizer is not None and self._audio_builder is not None and not self._is_waiting_for_key:
            rate = self._audio_builder.track.timescale
            for unit in self._audio_depacketizer.push(packets):
                # By the source's time line, not by the device's own ticks: the two tracks' clocks drift apart.
                at_s = unit.time_s - (self.origin_s or 0.0)
                self._audio_builder.add(
                    replace(unit, ticks=round(at_s * rate), clock_rate=rate), self._end / TIMESCALE, at_s
                )

    def _take_frame(self, unit: AccessUnit, made: list[LiveFragment]) -> None:
        if (
            unit.is_key
            and self._video_depacketizer.is_described
            and self._video_depacketizer.parameter_sets != self._announced_sets
        ):
            if made:  # described by the sets before
                self._sink.on_fragments(tuple(made))
                made.clear()
            self._describe()
        if self._video is None or (self._is_waiting_for_key and not unit.is_key):
            return
        if self.origin_s is None:
            self.origin_s = unit.time_s
        shown = max(0, round((unit.time_s - self.origin_s) * TIMESCALE))
        if self._is_waiting_for_key:
            self._is_waiting_for_key = False
            self._end = max(self._end, shown)
            self._newest = shown
            if self._audio_builder:
                self._audio_builder.restart(self._end / TIMESCALE)
        sample = self._sample(unit, shown)
        start = self._end
        self._end += sample.duration
        self._number += 1
        data = fragment(self._number, [TrackRun(self._video, start, [sample])])
        taken_utc = self._utc_of(unit.time_s) if unit.is_key else None
        made.append(LiveFragment(data, self._take_audio(), unit.is_key, start / TIMESCALE, taken_utc))

    def _describe(self) -> None:
        """A TrackError leaves things as they are: pictures that nobody can describe, nobody can show."""
        self._announced_sets = self._video_depacketizer.parameter_sets
        video = self._codec.video_format(dict(self._named(self._announced_sets)))
        try:
            self._video = video_track(video, self._announced_sets, TIMESCALE)
        except TrackError:
            self._video = None
            return
        audio = self._audio.format if self._audio else None
        builder = audio_track_builder(audio, self._audio.config) if self._audio else None
        tracks = [self._video, builder.track] if builder else [self._video]
        init = LiveInit(
            video=video,
            audio=audio if builder else None,
            codecs=self._video.codec_string,
            codecs_with_audio=",".join(track.codec_string for track in tracks),
            data=init_section([self._video]),
            data_with_audio=init_section(tracks),
        )
        self._sink.on_init(init)

    def _named(self, sets: Sequence[bytes]) -> list[tuple[str, bytes]]:
        return [(self._codec.parameter_set_type(nal) or "", nal) for nal in sets]

    def _sample(self, unit: AccessUnit, shown: int) -> Sample:
        step = shown - self._newest
        if step < 0 and not self._reorders:
            self._reorders = True  # pictures come in another order than they are shown
            self._steps.clear()
        if 0 < (abs(step) if self._reorders else step) < _LONGEST_STEP:
            self._learn(abs(step))
        self._newest = max(self._newest, shown)
        data = b"".join([piece for part in unit.parts for piece in (len(part).to_bytes(4, "big"), part)])
        if self._reorders:
            drift = shown - self._end if unit.is_key else 0
            return Sample(data, max(_LEAST_STEP, self._step + drift), unit.is_key, shown - self._end)
        # Before it is sure that nothing is reordered, a picture that leaps ahead is shown where it says.
        offset = max(0, shown - self._end) if self._number < _SURE_AFTER else 0
        return Sample(data, max(_LEAST_STEP, shown + self._step - self._end), unit.is_key, offset)

    def _learn(self, step: int) -> None:
        """The usual distance of pictures: the median, so that a lost one or a jump does not count.

        Reordered, the least: between two that are shown one after the other.
        """
        self._steps.append(step)
        self._step = min(self._steps) if self._reorders else sorted(self._steps)[len(self._steps) // 2]

    def _take_audio(self) -> bytes:
        if self._audio_builder is None or self._video is None:
            return b""
        run = self._audio_builder.take_run(self._end / TIMESCALE, _AUDIO_MAY_LAG_S)
        if run is None:
            return b""
        self._number += 1
        return fragment(self._number, [run])
