"""Notes where the files of an export come from when a range is read: the device may change later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.archive import Origin, origin_of
from core.clock import Clock
from core.errors import AppError
from core.recordings import SpanState
from exports.origin import FileOrigin, IntervalReason, RangeOrigin
from exports.pieces import Piece
from exports.records import ExportFile, ExportRange
from media.mp4.video import VideoSamples
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from recordings.views import ChannelSpan

log = logging.getLogger(__name__)

_INDEXING_S = 15.0
_LOOK_EVERY_S = 0.25


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
        )

    def with_stretches(
        self, origin: RangeOrigin, wanted: ExportRange, wake: threading.Event, check: Callable[[], None]
    ) -> RangeOrigin:
        """Return the origin with what the recorder lists for the range; wait at most 15 s for the indexing.

        `wake` ends a wait, and `check` may raise Interrupted.
        """
        ends_s = self._clock.monotonic_s() + _INDEXING_S
        try:
            while True:
                found = self._recordings.coverage(
                    wanted.camera_id, wanted.start, wanted.end, channel=wanted.channel, with_events=False
                )
                if found.indexing is None or self._clock.monotonic_s() > ends_s:
                    break
                wake.wait(_LOOK_EVERY_S)
                wake.clear()
                check()
        except AppError as error:
            log.info("the recorded stretches of an export are not known: %s", error.detail)
            return origin
        spans = [span for channel in found.channels for span in channel.spans]
        return replace(
            origin,
            recorded=tuple((it.start, it.end) for it in spans if it.state is SpanState.RECORDED),
            not_recorded=tuple((it.start, it.end) for it in spans if it.state is SpanState.NOT_RECORDED),
            reasons=tuple(
                IntervalReason(it.start, it.end, _reason_of(it), it.server or "") for it in spans if _reason_of(it)
            ),
        )

    def with_fetched(self, file: ExportFile) -> ExportFile:
        """Return the file with the parts of its recordings that the server has copied from the recorder's disks."""
        origin = file.origin
        if origin is None:
            return file
        start, end = origin.delivered_start, origin.delivered_end
        fetched = [
            stretch
            for token in sorted({token for token, _ in origin.sources if origin_of(token) is Origin.SERVER})
            for stretch in self._recordings.archived.fetched(file.camera_id, token, start, end)
        ]
        return replace(file, origin=replace(origin, fetched=tuple(fetched)))


def _reason_of(span: ChannelSpan) -> str:
    """Return why a span cannot be played; "" for one that can, and if that is not known."""
    if span.state is SpanState.RECORDED:
        return ""
    if span.reason is not None:
        return span.reason.value
    return span.state.value if span.state is SpanState.AWAY else ""


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
        zone_s=first.zone_s,
        is_audio_converted=any(piece.notes.is_audio_converted for piece in pieces),
    )


def _true_utc(device_s: float, correction_s: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=device_s - correction_s)
