"""One watched channel: its decoder, its background, its zones, and its newest picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av

from vision.background import Background, Difference
from vision.clock_mask import ClockMask
from vision.decoder import (
    HEIGHT,
    WIDTH,
    DecodingFailed,
    Grey,
    StreamDecoder,
    decode_key_frame,
    jpeg_of,
    parameter_sets,
    small_grey_of,
)
from vision.every_picture import INTERVAL_MS, MovingMixture
from vision.look_back import FirstMoving
from vision.messages import Began, Failed, LookBack, Open, StillPicture, Unit, Watched
from vision.resting import NOTHING_RESTS, Resting, RestingObjects
from vision.zones import NOTHING, CountedBlobs, Zones, packed

_STILL_WIDTH = 640
_MOST_KEPT_PIXELS = 1_000_000
_GAP_MS = 60_000  # between two watched units: older backgrounds are worthless


@dataclass(frozen=True, slots=True)
class _Newest:
    time_ms: int
    frame: av.VideoFrame
    counted: CountedBlobs


class Channel:
    """Judges the pictures of one channel. Decoding errors become `failed` and harm no later picture."""

    def __init__(self, opened: Open) -> None:
        self._opened = opened
        self._zones = Zones(opened.zones)
        self._by_stream = False
        self._stream: StreamDecoder | None = None
        self._background = Background()
        self._mixture = MovingMixture()
        self._resting = RestingObjects()
        self._clock = ClockMask()
        self._form: object = None  # size of the pictures, and their parameter sets
        self._seen_ms: int | None = None
        self._newest: _Newest | None = None
        self._judged_ms: int | None = None

    @property
    def codec(self) -> str:
        return self._opened.codec

    def change(self, opened: Open) -> None:
        """Take over other settings of the same codec, with the background that was learned."""
        self._opened = opened
        self._zones = Zones(opened.zones)

    def watch(self, unit: Unit, *, only_keys: bool) -> Iterator[Watched | Failed]:
        """Judge a unit: the key frames, or about 5 pictures a second. Other units have no answer."""
        self._use(by_stream=self._opened.every_picture and not only_keys)
        try:
            if self._by_stream:
                yield from self._watch_stream(unit)
            elif unit.is_key:
                yield self._judge_key(unit)
        except DecodingFailed:
            yield Failed("decoder", key=unit.key, time_ms=unit.time_ms)
        if unit.is_key or self._opened.every_picture:
            self._seen_ms = unit.time_ms

    def look_back(self, asked: LookBack) -> Began | Failed:
        """Return the time of the first moving picture, see `FirstMoving`."""
        if not self._background.is_ready:
            return Began(asked.key, None, asked.start_ms)
        first = FirstMoving(self._opened.codec)
        try:
            for time_ms, frame in first.pictures(asked.units, asked.body):
                first.note(time_ms, self._is_moving(small_grey_of(frame)))
                if first.is_known:
                    break
        except DecodingFailed:
            return Failed("decoder", key=asked.key, time_ms=asked.start_ms)
        return Began(asked.key, first.start_ms, asked.start_ms)

    def still(self) -> StillPicture | Failed:
        """Return the newest watched picture."""
        if (newest := self._newest) is None:
            return Failed("no_picture", key=self._opened.key)
        try:
            jpeg = jpeg_of(newest.frame, _STILL_WIDTH)
        except DecodingFailed:
            return Failed("no_picture", key=self._opened.key)
        return StillPicture(self._opened.key, newest.time_ms, packed(newest.counted.cells), jpeg)

    # ---- the pictures of both ways ---------------------------------------------------------------

    def _use(self, *, by_stream: bool) -> None:
        """Go over to the other way of watching, whose background is old."""
        if by_stream != self._by_stream:
            self._by_stream = by_stream
            self._stream = None
            self._background.begin_anew()
            self._mixture.begin_anew()
            self._resting.skip()

    def _judge_key(self, unit: Unit) -> Watched:
        frame = decode_key_frame(unit.body, self._opened.codec)
        self._note_form(frame, unit)
        picture = small_grey_of(frame)
        self._clock.learn(picture)
        difference = self._background.judge(picture, self._least(), self._clock.mask)
        counted, resting = self._counted(unit.time_ms, picture, difference)
        if resting.learned is not None:
            self._background.learn_newest(resting.learned)
        return self._judged(unit.time_ms, frame, difference, counted, resting)

    def _watch_stream(self, unit: Unit) -> Iterator[Watched]:
        if self._stream is None:
            if not unit.is_key:
                return
            self._stream = StreamDecoder(self._opened.codec)
        try:
            for time_ms, frame in self._stream.decode(unit.body, unit.time_ms):
                if self._judged_ms is None or not 0 <= time_ms - self._judged_ms < INTERVAL_MS:
                    self._judged_ms = time_ms
                    yield self._judge_any(time_ms, frame, unit)
        except DecodingFailed:
            self._stream = None
            raise

    def _judge_any(self, time_ms: int, frame: av.VideoFrame, unit: Unit) -> Watched:
        if unit.is_key:
            self._note_form(frame, unit)
        picture = small_grey_of(frame)
        if unit.is_key:
            self._clock.learn(picture)
        difference = self._mixture.judge(picture, self._least(), self._clock.mask)
        return self._judged(time_ms, frame, difference, *self._counted(time_ms, picture, difference))

    def _counted(self, time_ms: int, picture: Grey, difference: Difference | None) -> tuple[CountedBlobs, Resting]:
        if difference is None or difference.is_light:
            self._resting.skip()
            return NOTHING, NOTHING_RESTS
        counted = self._zones.counted(self._resting.without_known(time_ms, picture, difference))
        return counted, self._resting.follow(time_ms, counted.counting)

    def _judged(
        self,
        time_ms: int,
        frame: av.VideoFrame,
        difference: Difference | None,
        counted: CountedBlobs,
        resting: Resting,
    ) -> Watched:
        is_reset = difference is None or difference.is_light
        self._newest = _Newest(time_ms, _kept(frame), counted)
        return Watched(
            self._opened.key,
            time_ms,
            counted.share,
            counted.blobs,
            counted.zones,
            counted.alert_zones,
            is_reset,
            counted.is_moving,
            packed(counted.cells),
            resting.change,
            resting.is_settling,
        )

    def _is_moving(self, picture: Grey) -> bool:
        difference = self._background.compare(picture, self._least(), self._clock.mask)
        if difference is None or difference.is_light:
            return False
        return self._zones.counted(self._resting.without_parked(picture, difference.parts)).is_moving

    def _least(self) -> float:
        return self._opened.sensitivity * WIDTH * HEIGHT

    def _note_form(self, frame: av.VideoFrame, unit: Unit) -> None:
        """Begin the backgrounds anew if the camera's mode has changed, or after a gap."""
        form = (frame.width, frame.height, parameter_sets(unit.body, self._opened.codec))
        is_after_gap = self._seen_ms is not None and not 0 <= unit.time_ms - self._seen_ms <= _GAP_MS
        if form != self._form or is_after_gap:
            self._form = form
            self._background.begin_anew()
            self._mixture.begin_anew()
            self._resting.begin_anew()
            self._clock.begin_anew()


def _kept(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the frame, or a smaller copy of a large one: 64 channels keep theirs."""
    if frame.width * frame.height <= _MOST_KEPT_PIXELS:
        return frame
    height = max(2, round(frame.height * _STILL_WIDTH / frame.width) // 2 * 2)
    return frame.reformat(width=_STILL_WIDTH, height=height)
