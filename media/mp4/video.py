"""The table of video samples: time, size and kind of each frame, in decoding order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

TIMESCALE = 90_000
_USUAL_STEP_S = 0.04
_LATEST_STEPS = 250
_SAME_TIME_S = 0.0015  # a time from a page is rounded to milliseconds


@dataclass(slots=True)
class VideoSamples:
    """Time, size and kind of each frame. 13 bytes a frame: an hour at 25 fps takes 1.2 MB.

    `times_s` are presentation times in seconds since 1970, `sizes` in bytes, `keys` is 1 for key frames.
    """

    times_s: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    keys: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.sizes)

    def add(self, time_s: float, size: int, *, is_key: bool) -> None:
        self.times_s.append(time_s)
        self.sizes.append(size)
        self.keys.append(is_key)

    def extend(self, more: VideoSamples) -> None:
        self.times_s.extend(more.times_s)
        self.sizes.extend(more.sizes)
        self.keys += more.keys

    def cut(self, count: int) -> None:
        """Keep the first `count` samples."""
        del self.times_s[count:], self.sizes[count:], self.keys[count:]

    @property
    def last_key(self) -> int:
        """The index of the last key frame; -1 without one."""
        return self.keys.rfind(1)

    @property
    def usual_step_s(self) -> float:
        """The median distance of the last frames in display order; 0.04 s if there are too few."""
        latest = sorted(self.times_s[-_LATEST_STEPS:])
        steps = sorted(after - before for before, after in pairwise(latest))
        return steps[len(steps) // 2] if steps else _USUAL_STEP_S

    @property
    def end_s(self) -> float:
        """The end of the frame that is shown last, which has the usual length."""
        return max(self.times_s[-_LATEST_STEPS:]) + self.usual_step_s

    def first_shown_s(self, from_s: float) -> float | None:
        """Return the time of the first frame that is shown at `from_s` or later; None if there is none."""
        return min((time_s for time_s in self.times_s if time_s >= from_s - _SAME_TIME_S), default=None)


@dataclass(frozen=True, slots=True)
class VideoTimes:
    """Times in units of 1/TIMESCALE s since the first frame: `decoding` increases, `showing` may be in another order.

    `showing` is late by `delay`, so that no frame is shown before it is decoded.
    """

    decoding: Sequence[int]
    showing: Sequence[int]
    delay: int


def video_times(samples: VideoSamples) -> VideoTimes:
    """Decode frames in the order in which they were sent, at their presentation times sorted within each GOP."""
    origin_s = samples.times_s[0]
    showing = array("q", (round((time_s - origin_s) * TIMESCALE) for time_s in samples.times_s))
    decoding = _increasing(_sorted_by_gop(showing, samples.keys))
    delay = max(0, max(at - shown for at, shown in zip(decoding, showing, strict=True)))
    return VideoTimes(decoding, array("q", (shown + delay for shown in showing)), delay)


def _sorted_by_gop(showing: array[int], keys: bytearray) -> Iterable[int]:
    if all(before < after for before, after in pairwise(showing)):
        return showing
    starts = [index for index, is_key in enumerate(keys) if is_key or index == 0]
    gops = (sorted(showing[start:end]) for start, end in pairwise([*starts, len(showing)]))
    return (time for gop in gops for time in gop)


def _increasing(times: Iterable[int]) -> array[int]:
    """Return the times, each at least 1 after the one before: a recorder may repeat a time stamp."""
    found = array("q")
    last = -1
    for time in times:
        last = max(time, last + 1)
        found.append(last)
    return found
