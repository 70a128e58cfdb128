"""The display order of an H.264 stream, and the sps that states it.

A stream without B-frames is shown in decoding order. Its sps goes to browsers rewritten (h264_sps.py), until the first
B-frame comes. Recordings, replays, downloads and HLS keep the device's own bytes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from media.codecs import h264
from media.codecs.access_unit import AccessUnit
from media.codecs.h264_sps import parse_sps, without_reordering

_PROVEN_AFTER = 100
_BACKWARDS_MOST = 3
_BACKWARDS_WITHIN = 50  # frames
_B_FRAMES_CERTAIN = 3
_DOUBTED_AFTER = 3000  # frames, two minutes of most streams


@dataclass(slots=True)
class KnownReordering:
    """The sps of one stream with which reordered frames came last; kept from one device session to the next."""

    sps: bytes = b""


class DisplayOrder:
    """Watches the frames of one H.264 stream, sps by sps.

    An sps without bitstream_restriction is rewritten from the first frame on: cameras leave it out, and few of them
    send B-frames. A wrong guess lasts up to the next key frame. An sps that itself announces reordering is rewritten
    only after `_PROVEN_AFTER` frames without any. Times that go back count for so long, too: a device's clock may be
    set back several times in a month. B-frames count for as long as the sps stays the same; one or two alone are
    forgotten after `_DOUBTED_AFTER` frames, since a damaged bit makes a B slice of another one. Reordering that `known`
    remembers of an earlier device session counts until so many frames have come without any.
    """

    def __init__(self, known: KnownReordering | None = None) -> None:
        self._known = known or KnownReordering()
        self._sps = b""
        self._in_decoding_order = b""
        self._never_reorders = False
        self._announces_reordering = False
        self._b_frames = 0  # counted up to _B_FRAMES_CERTAIN
        self._last_b_frame = 0
        self._has_times_back = False
        self._is_remembered = False
        self._frames = 0
        self._backwards: deque[int] = deque(maxlen=_BACKWARDS_MOST)  # numbers of the last frames that went back

    @property
    def has_reordering(self) -> bool:
        """True if frames are shown in another order than they are decoded."""
        return self._b_frames > 0 or self._has_times_back or self._is_remembered

    def look_at(self, unit: AccessUnit) -> None:
        """Take note of the slices of a frame, in decoding order."""
        for nal in unit.parameter_sets:
            if h264.parameter_set_type(nal) == "sps":
                if nal != self._sps:
                    self._begin(nal)
                break
        self._frames += 1
        if self._has_times_back and self._frames - self._backwards[-1] >= _PROVEN_AFTER:
            self._has_times_back = False
        if self._is_remembered and self._frames >= _PROVEN_AFTER:
            self._is_remembered = False
            self._known.sps = self._sps if self.has_reordering else b""
        self._count_b_frame(unit)

    def _count_b_frame(self, unit: AccessUnit) -> None:
        if self._never_reorders or self._b_frames == _B_FRAMES_CERTAIN:
            return
        if any(map(h264.is_bidirectional, unit.parts)):
            self._b_frames += 1
            self._last_b_frame = self._frames
            self._known.sps = self._sps
        elif self._b_frames and self._frames - self._last_b_frame >= _DOUBTED_AFTER:
            self._b_frames = 0
            if not self.has_reordering:
                self._known.sps = b""

    def time_went_back(self) -> None:
        """Take note of a frame that is shown before the one decoded before it. Once may be a fault of the clock."""
        self._backwards.append(self._frames)
        is_often = len(self._backwards) == _BACKWARDS_MOST and self._frames - self._backwards[0] < _BACKWARDS_WITHIN
        if is_often and not self._never_reorders:
            self._has_times_back = True
            self._known.sps = self._sps

    def parameter_sets(self, parameter_sets: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the parameter sets for a browser, by what the frames have shown so far."""
        if self.has_reordering or (self._announces_reordering and self._frames < _PROVEN_AFTER):
            return parameter_sets
        return tuple(self._in_decoding_order if nal == self._sps else nal for nal in parameter_sets)

    def _begin(self, sps: bytes) -> None:
        parsed = parse_sps(sps)
        restriction = parsed.restriction if parsed else None
        self._sps = sps
        self._in_decoding_order = without_reordering(sps)
        self._never_reorders = parsed is not None and parsed.is_in_decoding_order
        self._announces_reordering = restriction is not None and restriction.max_num_reorder_frames > 0
        self._b_frames = 0
        self._has_times_back = False
        self._is_remembered = bool(sps) and sps == self._known.sps
        self._frames = 0
        self._backwards.clear()
