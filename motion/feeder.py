"""Takes the frames of a channel from the gateway, and hands those that are to be looked at to the watching process.

The last groups of pictures are held, so that a movement can be followed back to its beginning.
They are the gateway's own, in most cases also held by it. All methods of UnitSink run in the gateway's thread, which
must not wait: bytes are put together by the thread that writes to the process.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from core.archive import GapReason
from media.codecs.access_unit import VIDEO, AccessUnit
from media.units import UnitDescription, UnitSink
from motion.child import VisionChild
from motion.pictures_out import HeldLookBack, HeldUnit, size_of
from vision.messages import Open, Zone

MOST_HELD_BYTES = 4_000_000  # of one channel
_CODECS = {"h264": "h264", "hevc": "h265"}
_HELD_GROUPS = 3  # the answer about a key frame may come after the next one
_INTERVALS = 5


class Feeder(UnitSink):
    """The frames of one channel. `key`: its name in messages. Safe between threads."""

    def __init__(self, key: str, child: VisionChild) -> None:
        self.key = key
        self._child = child
        self._lock = threading.Lock()
        self._codec: str | None = None
        self._sets: tuple[bytes, ...] = ()
        self._least_share = 0.001
        self._zones: tuple[Zone, ...] = ()
        self._every_picture = False
        self._is_blind = False
        self._is_opened = False  # the process knows the channel
        self._skips_to_key = True
        self._held: deque[tuple[int, AccessUnit]] = deque()  # from a key frame on
        self._held_bytes = 0
        self._key_times: deque[int] = deque(maxlen=_INTERVALS + 1)
        self.is_unsupported = False
        self.is_over = False

    # ---- any thread ------------------------------------------------------------------------------

    def set(self, *, least_share: float, zones: tuple[Zone, ...], every_picture: bool) -> None:
        """Change the settings of the channel."""
        with self._lock:
            if (least_share, zones, every_picture) == (self._least_share, self._zones, self._every_picture):
                return
            if every_picture != self._every_picture:
                self._skips_to_key = True
            self._least_share, self._zones, self._every_picture = least_share, zones, every_picture
            self._is_opened = False

    def set_blind(self, *, is_blind: bool) -> None:
        """Send no frames while the head of the camera moves. Then the background begins anew."""
        with self._lock:
            if self._is_blind and not is_blind:
                self._forget_in_child()
            self._is_blind = is_blind

    def reopen(self) -> None:
        """A new process knows nothing of the channel."""
        with self._lock:
            self._is_opened = False
            self._skips_to_key = True

    def close(self) -> None:
        """Send nothing more; let the process forget the channel."""
        with self._lock:
            self.is_over = True
            self._forget_in_child()
            self._held.clear()
            self._held_bytes = 0

    def look_back(self, hit_ms: int) -> bool:
        """Ask for the beginning of a movement that the key frame of `hit_ms` shows. False if the frames are gone."""
        with self._lock:
            places = [place for place, (_, unit) in enumerate(self._held) if unit.is_key]
            hit = next((place for place in places if self._held[place][0] == hit_ms), None)
            before = [place for place in places if hit is not None and place < hit]
            if hit is None or not before:
                return False
            frames = list(self._held)[before[-1] :]
            sets = self._sets
        size = sum(size_of(unit) for _, unit in frames)
        return self._child.send(HeldLookBack(self.key, hit_ms, frames, sets), size, newest_of=("look_back", self.key))

    @property
    def key_frame_interval_s(self) -> float | None:
        """The usual time between two key frames; None before the second one."""
        with self._lock:
            times = list(self._key_times)
        gaps = sorted(later - earlier for earlier, later in pairwise(times))
        return round(gaps[len(gaps) // 2] / 1000, 2) if gaps else None

    @property
    def held_bytes(self) -> int:
        with self._lock:
            return self._held_bytes

    # ---- media.units.UnitSink: the gateway's thread ------------------------------------------------

    def on_description(self, description: UnitDescription) -> None:
        with self._lock:
            codec = _CODECS.get(description.video.codec)
            self.is_unsupported = codec is None
            self._is_opened = self._is_opened and codec == self._codec
            self._codec, self._sets = codec, description.parameter_sets

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        with self._lock:
            if self.is_over or self._codec is None:
                return
            for unit, moment_s in zip(units, utc_s, strict=True):
                if unit.track == VIDEO:
                    self._take(unit, round(moment_s * 1000))

    def on_end(self, reason: GapReason) -> None:
        with self._lock:
            self.is_unsupported = reason is GapReason.UNSUPPORTED
            self._held.clear()
            self._held_bytes = 0
            self._key_times.clear()
            if reason is GapReason.CLOCK_STEPPED:
                self._forget_in_child()

    # ---- inside, with the lock ---------------------------------------------------------------------

    def _take(self, unit: AccessUnit, time_ms: int) -> None:
        self._hold(unit, time_ms)
        if unit.is_key:
            self._key_times.append(time_ms)
        if self._is_blind or not (unit.is_key or self._every_picture):
            return
        if unit.is_key:
            self._skips_to_key = False
        if self._skips_to_key or not self._is_known_to_child():
            return
        held = HeldUnit(self.key, time_ms, unit, self._sets)
        if self._every_picture:
            is_sent = self._child.send(held, size_of(unit), slot=("unit", self.key))
        else:
            is_sent = self._child.send(held, size_of(unit), newest_of=("unit", self.key))
        self._skips_to_key = not is_sent

    def _is_known_to_child(self) -> bool:
        """Tell the process of the channel if it does not know it, or not its present settings."""
        if not self._is_opened and self._codec is not None:
            message = Open(self.key, self._codec, self._least_share, self._zones, self._every_picture)
            self._is_opened = self._child.send(message)
        return self._is_opened

    def _forget_in_child(self) -> None:
        self._child.forget(self.key)
        self._is_opened = False

    def _hold(self, unit: AccessUnit, time_ms: int) -> None:
        """Hold a frame; drop groups of pictures if there are too many, or if they are too large."""
        if not (unit.is_key or self._held):
            return
        self._held.append((time_ms, unit))
        self._held_bytes += size_of(unit)
        groups = sum(held.is_key for _, held in self._held) if unit.is_key else 0
        if groups > _HELD_GROUPS or self._held_bytes > MOST_HELD_BYTES:
            self._drop_group()

    def _drop_group(self) -> None:
        """Drop the oldest group of pictures."""
        while self._held:
            self._held_bytes -= size_of(self._held.popleft()[1])
            if self._held and self._held[0][1].is_key:
                return
