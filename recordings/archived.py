"""Parts of the archive's recordings, by the token of a recording. Times are true UTC."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from archive.records import from_ms
from archive_manager import ArchiveManager
from core.archive import Origin, RecordedQuality, StreamKey
from core.errors import ArchiveUnreadable, NotFound
from media.archive.file_reader import ArchiveFileError
from media.fmp4.key_frames import key_frame_fragment
from media.fmp4.tracks import TrackError, video_track
from media.fmp4.writer import init_section
from media.hls.i_frame_playlist import IFrame, i_frame_playlist
from media.units import UnitDescription
from recordings.intervals import Interval, clipped, united

_HEAD_BYTES = 100  # of each fragment, besides its frames and their entries in tables; an MP4 has none


@dataclass(frozen=True, slots=True)
class KeyFramePlace:
    """A key frame of a recording. `duration_s`: up to the next key frame, or to a gap. `is_after_gap`: recorded time is
    missing before it. `description`: of its video."""

    recording_token: str
    start: datetime
    duration_s: float
    description: UnitDescription
    is_after_gap: bool = False


class ArchivedRecordings:
    """Reads the archive. A token of a device's recording raises NotFound."""

    def __init__(self, archive: ArchiveManager) -> None:
        self._archive = archive

    def fetched(self, camera_id: int, recording_token: str, start: datetime, end: datetime) -> list[Interval]:
        """Return the time in [start, end) that a backfill has brought from the device's own disks."""
        stream = _stream(camera_id, recording_token)
        stretches = self._archive.stretches(camera_id, stream.channel, start, end, stream.quality)
        parts: list[Interval] = [(it.start, it.end) for it in stretches if it.origin is Origin.DEVICE]
        return list(clipped(united(parts), (start, end)))

    def size_bytes(self, camera_id: int, recording_token: str, start: datetime, end: datetime) -> int:
        """Return the size of [start, end) as an MP4, from the key frame before it to the one behind it.

        Raise ArchiveUnreadable or Unavailable.
        """
        fragments = self._archive.fragments(_stream(camera_id, recording_token), start, end)
        return sum(max(0, item.fragment.size_bytes - _HEAD_BYTES) for item in fragments)

    def key_frames(self, camera_id: int, channel: int, start: datetime, end: datetime) -> list[KeyFramePlace]:
        """Return the key frames of a channel in [start, end): of its main stream, otherwise of its sub stream.

        Raise NotFound (no_recording), ArchiveUnreadable or Unavailable.
        """
        for quality in (RecordedQuality.MAIN, RecordedQuality.SUB):
            if found := self._key_frames(StreamKey(camera_id, channel, quality), start, end):
                return found
        raise NotFound("This server has recorded nothing of this time.", code="no_recording")

    def _key_frames(self, stream: StreamKey, start: datetime, end: datetime) -> list[KeyFramePlace]:
        found: list[KeyFramePlace] = []
        reached = start
        has_gap = False
        for item in self._archive.fragments(stream, start, end):
            begin, has_gap = from_ms(item.fragment.start_utc_ms), has_gap or item.is_after_gap
            if item.fragment.is_key and begin >= start:
                if found:
                    ends = reached if has_gap else begin
                    found[-1] = replace(found[-1], duration_s=_seconds(found[-1].start, ends))
                description = item.description
                found.append(KeyFramePlace(stream.recording_token, begin, 0.0, description, has_gap and bool(found)))
                has_gap = False
            reached = from_ms(item.fragment.end_utc_ms)
        if found:
            found[-1] = replace(found[-1], duration_s=_seconds(found[-1].start, reached))
        return found

    def i_frame_playlist(
        self, camera_id: int, channel: int, start: datetime, end: datetime, address: Callable[[KeyFramePlace, str], str]
    ) -> str:
        """Return the HLS playlist of the key frames of key_frames().

        `address(place, part)` returns the address of key_frame_part(). Raise as key_frames().
        """
        frames: list[IFrame] = []
        init_url, described = "", None
        for place in self.key_frames(camera_id, channel, start, end):
            if place.description != described:
                described, init_url = place.description, address(place, "init")
            url = address(place, "frame")
            frames.append(IFrame(url, init_url, place.start, place.duration_s, place.is_after_gap))
        return i_frame_playlist(frames)

    def key_frame_part(self, stream: StreamKey, moment: datetime, part: str, since: datetime) -> bytes:
        """Return the key frame that begins at a moment as a fragment, or its init section ("init").

        `since`: the beginning of the timeline. Raise NotFound (no_recording), ArchiveUnreadable or Unavailable.
        """
        with closing(self._archive.fragments(stream, moment, moment + timedelta(milliseconds=1))) as fragments:
            item = next(fragments, None)
            if item is None or not item.fragment.is_key or from_ms(item.fragment.start_utc_ms) != moment:
                raise NotFound("No key frame of a recording begins at this time.", code="no_recording")
            length_s = (item.fragment.end_utc_ms - item.fragment.start_utc_ms) / 1000
            try:
                track = video_track(item.description.video, item.description.parameter_sets)
                if part == "init":
                    return init_section([track])
                return key_frame_fragment(track, item.key_frame(), (moment - since).total_seconds(), length_s)
            except (ArchiveFileError, TrackError, OSError) as error:
                raise ArchiveUnreadable("This part of the recording cannot be read.") from error


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.001, (end - start).total_seconds())


def _stream(camera_id: int, recording_token: str) -> StreamKey:
    stream = StreamKey.of_token(camera_id, recording_token)
    if stream is None:
        raise NotFound("This server has no such recording.")
    return stream
