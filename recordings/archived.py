"""Parts of the archive's recordings, by the token of a recording. Times are true UTC."""

from __future__ import annotations

from datetime import datetime

from archive_manager import ArchiveManager
from core.archive import Origin, StreamKey
from core.errors import NotFound
from recordings.intervals import Interval, clipped, united

_HEAD_BYTES = 100  # of each fragment, besides its frames and their entries in tables; an MP4 has none


class ArchivedRecordings:
    """Reads the archive. Each method raises NotFound for a token of a device's recording."""

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


def _stream(camera_id: int, recording_token: str) -> StreamKey:
    stream = StreamKey.of_token(camera_id, recording_token)
    if stream is None:
        raise NotFound("This server has no such recording.")
    return stream
