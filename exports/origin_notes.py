"""Notes where the files of an export come from when a range is read: the device may change later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.clock import Clock
from exports.origin import FileOrigin, RangeOrigin
from exports.pieces import Piece
from exports.records import ExportRange
from media.mp4.video import VideoSamples
from onvif_manager import OnvifManager
from recording_manager import RecordingManager

_MOST_STRETCHES = 200


class RangeOrigins:
    """Asks the managers for origins."""

    def __init__(self, clock: Clock, cameras: OnvifManager, recordings: RecordingManager) -> None:
        self._clock = clock
        self._cameras = cameras
        self._recordings = recordings

    def of(self, wanted: ExportRange) -> RangeOrigin:
        """Return the origin of a range as of now. Raise NotFound for a deleted camera, or a DeviceError."""
        card = self._cameras.health(wanted.camera_id)
        channels = self._cameras.channels(wanted.camera_id)
        channel = next((it for it in channels if it.number == wanted.channel), None)
        info = card.camera.info
        return RangeOrigin(
            camera=card.camera.name,
            channel_name=channel.name if channel is not None else "",
            manufacturer=info.manufacturer,
            model=info.model,
            firmware=info.firmware,
            serial=info.serial,
            noted_at=self._clock.now_utc(),
            clock_offset_s=card.camera.clock_offset_s,
            clock_measured_at=card.clock_measured_at,
            recorded=self._recorded(wanted),
        )

    def _recorded(self, wanted: ExportRange) -> tuple[tuple[datetime, datetime], ...]:
        found: list[tuple[datetime, datetime]] = []
        moment = wanted.start
        while moment < wanted.end and len(found) < _MOST_STRETCHES:
            places = self._recordings.channel_places(wanted.camera_id, wanted.channel, moment)
            for place in places:
                start, end = max(place.start, wanted.start), min(place.end, wanted.end)
                if start < end:
                    found.append((start, end))
            reached = max((place.end for place in places), default=wanted.end)
            moment = reached if reached > moment else wanted.end
        return tuple(found)


def origin_of_file(pieces: Sequence[Piece], video: VideoSamples) -> FileOrigin:
    """Return the origin of the file that is made of these pieces."""
    first = pieces[0].notes
    return FileOrigin(
        frames=len(video),
        delivered_start=_true_utc(min(video.times_s), first.correction_s),
        delivered_end=_true_utc(video.end_s, first.correction_s),
        correction_s=first.correction_s,
        sources=tuple(dict.fromkeys(source for piece in pieces for source in piece.notes.sources)),
        is_signed=any(piece.notes.is_signed for piece in pieces),
    )


def _true_utc(device_s: float, correction_s: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=device_s - correction_s)
