"""The coded frames of a channel's archive, at any time, each with its time burnt into it.

H.264: one loop is encoded once, and the first slice of each frame is replaced (see `burnt_time`). H.265: ten seconds of
the archive are encoded when a client plays them. With `plays_live_clip`: the main stream's live loop, without a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from simulator.burnt_time import SliceWriter, time_lines
from simulator.clip import Clip, EncodeError
from simulator.clip_store import ClipStore
from simulator.h26x import AccessUnit, ParameterSets, nal_type, packetize
from simulator.layout import ARCHIVE_LOOP_S, ChannelSpec, ClipSpec, Role, archive_spec, clip_spec

_MOMENTS_KEPT = 4
_TIMEOUT_S = 20.0


class ArchiveFrames:
    """Any GOP of a channel's archive. `prepare` comes first."""

    def __init__(self, channel: ChannelSpec, store: ClipStore, role: Role = "main", *, plays_live_clip: bool) -> None:
        self._channel, self._store, self._role = channel, store, role
        self._plays_live_clip = plays_live_clip
        self.spec = channel.main if plays_live_clip else archive_spec(channel, role).stream
        self.sets = ParameterSets()
        self._loop: Clip | None = None
        self._writer: SliceWriter | None = None
        self._moments: OrderedDict[int, ClipSpec] = OrderedDict()

    async def prepare(self, now_s: float) -> None:
        """Have the parameter sets ready. Raise EncodeError if that takes too long."""
        if self._plays_live_clip:
            clip = self._loop = self._store.clip(clip_spec(self._channel, "main"))
            await clip.wait_described(_TIMEOUT_S)
        elif self.spec.codec == "h265":
            clip = await self._moment(int(now_s) - int(now_s) % ARCHIVE_LOOP_S, self.spec.gop_frames)
        else:
            clip = self._loop = self._store.clip(archive_spec(self._channel, self._role))
            await clip.wait_described(_TIMEOUT_S)
            self._writer = SliceWriter.of_sets(clip.sets.sps, clip.sets.pps)
        self.sets = clip.sets

    async def gop(self, start_s: int) -> list[AccessUnit]:
        """The GOP whose key frame is at `start_s`, a multiple of the GOP's length. Raise EncodeError if it is late."""
        count = self.spec.gop_frames
        if self._loop is None:
            begins_s = start_s - start_s % ARCHIVE_LOOP_S
            first = (start_s - begins_s) * self.spec.fps
            clip = await self._moment(begins_s, first + count)
            return clip.units[first : first + count]
        first = start_s % self.spec.loop_s * self.spec.fps
        await _wait_for_frames(self._loop, first + count)
        found = self._loop.units[first : first + count]
        if self._writer is None:
            return found
        tenths = start_s * 10
        return [
            _stamped(self._writer, unit, tenths + place * 10 // self.spec.fps, self.spec.width)
            for place, unit in enumerate(found)
        ]

    async def _moment(self, begins_s: int, count: int) -> Clip:
        """The clip of ten seconds, with `count` frames encoded; the next ten seconds are encoded in the background."""
        spec, following = (archive_spec(self._channel, begins_s=begins_s + at_s) for at_s in (0, ARCHIVE_LOOP_S))
        self._moments[begins_s] = spec
        self._moments.move_to_end(begins_s)
        clip = self._store.clip(spec)
        self._store.clip(following, urgent=False)
        self._moments[following.begins_s] = following
        while len(self._moments) > _MOMENTS_KEPT:
            self._store.forget(self._moments.popitem(last=False)[1])
        await _wait_for_frames(clip, count)
        return clip


def _stamped(writer: SliceWriter, unit: AccessUnit, tenths: int, width: int) -> AccessUnit:
    """An access unit of whole NAL units as RTP payloads, its first slice replaced by one that shows the time."""
    payloads: list[bytes] = []
    is_done = False
    for nal in unit.payloads:
        if not is_done and nal_type("h264", nal) in (1, 5):
            nal, is_done = writer.slice_with(nal, time_lines(tenths, width)), True
        payloads += packetize("h264", nal)
    return AccessUnit(tuple(payloads), unit.is_key)


async def _wait_for_frames(clip: Clip, count: int) -> None:
    """Wait until so many frames of a clip are encoded. Raise EncodeError if that takes too long."""
    await clip.wait_described(_TIMEOUT_S)
    ends_s = time.monotonic() + _TIMEOUT_S
    while len(clip.units) < count and not clip.is_complete:
        if clip.failure or time.monotonic() > ends_s:
            raise EncodeError(clip.failure or "the frames are still being encoded")
        await asyncio.sleep(0.005)
