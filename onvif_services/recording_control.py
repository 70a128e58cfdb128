"""The Recording service (ver10/recording): recordings of devices without Search, and recording jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from core.recordings import DeviceRecording, RecordingTrack, TrackType
from onvif_services import answers
from onvif_services.answers import Element, child, children, raw_text, text
from onvif_services.connection import DeviceConnection
from onvif_services.device_times import read_hint

MAX_RECORDINGS = 4096
MAX_TRACKS = 64
_MAX_JOBS = 4096

# Tracks have no field for the codec; some devices name it in the description.
_CODECS = (
    (re.compile(r"\b(h\.?265|hevc)\b", re.IGNORECASE), "hevc"),
    (re.compile(r"\b(h\.?264|avc)\b", re.IGNORECASE), "h264"),
    (re.compile(r"\bm?jpeg\b", re.IGNORECASE), "mjpeg"),
    (re.compile(r"\b(aac|mpeg4-generic)\b", re.IGNORECASE), "aac"),
    (re.compile(r"\b(pcma|g\.?711a|a-?law)\b", re.IGNORECASE), "pcm_alaw"),
    (re.compile(r"\b(pcmu|g\.?711u?|[uµ]-?law)\b", re.IGNORECASE), "pcm_mulaw"),
)


def read_recordings(conn: DeviceConnection) -> tuple[DeviceRecording, ...]:
    """Return the recordings of GetRecordings (ONVIF Recording Control 5.2) with their tracks, but without times.

    Raise CameraUnsupported, SoapFault, CameraBadAnswer, CameraUnreachable or CameraAuthFailed.
    """
    answer = conn.call("recording", "GetRecordings")
    items = list(children(answer, "RecordingItem")) or list(children(answer, "RecordingItems"))
    found: dict[str, DeviceRecording] = {}
    for item in items[:MAX_RECORDINGS]:
        token = answers.checked_token(raw_text(item, "RecordingToken"))
        if not token:
            continue
        configuration = child(item, "Configuration")
        source_id, source_name = read_source(child(configuration, "Source"))
        tracks = tuple(read_tracks(child(item, "Tracks")))
        found.setdefault(token, DeviceRecording(token, source_id, source_name, tracks=tracks))
    return tuple(found.values())


def read_job_sources(conn: DeviceConnection, *, timeout_s: float | None = None) -> dict[str, str]:
    """Return source tokens by recording token, from GetRecordingJobs. Of several jobs, prefer an active one.

    The source is a media profile's token, or a receiver's (ONVIF Recording Control, RecordingJobSource).
    """
    answer = conn.call("recording", "GetRecordingJobs", timeout_s=timeout_s)
    found: dict[str, tuple[bool, str]] = {}
    for item in list(children(answer, "JobItem"))[:_MAX_JOBS]:
        configuration = child(item, "JobConfiguration")
        recording = answers.checked_token(raw_text(configuration, "RecordingToken"))
        source = answers.checked_token(raw_text(configuration, "Source", "SourceToken", "Token"))
        is_active = raw_text(configuration, "Mode").lower() == "active"
        if recording and source and (recording not in found or (is_active and not found[recording][0])):
            found[recording] = (is_active, source)
    return {recording: source for recording, (_, source) in found.items()}


def read_source(source: Element | None) -> tuple[str, str]:
    """Return token and name of a tt:RecordingSourceInformation: VideoSourceToken, otherwise SourceId (any text)."""
    token = answers.checked_token(raw_text(source, "VideoSourceToken"))
    return token or answers.checked_token(raw_text(source, "SourceId")), text(source, "Name")


def read_tracks(holder: Element | None) -> Iterator[RecordingTrack]:
    """Yield the tracks of tt:TrackInformation, or of GetRecordings (one level deeper). Skip unknown track types."""
    for item in list(children(holder, "Track"))[:MAX_TRACKS]:
        token = answers.checked_token(raw_text(item, "TrackToken"))
        values = child(item, "Configuration")
        values = item if values is None else values
        try:
            kind = TrackType(raw_text(values, "TrackType").rpartition(":")[2].lower())
        except ValueError:
            continue
        data_from, data_until = in_order(read_hint(raw_text(item, "DataFrom")), read_hint(raw_text(item, "DataTo")))
        if token:
            yield RecordingTrack(token, kind, _codec(kind, text(values, "Description")), data_from, data_until)


def _codec(kind: TrackType, description: str) -> str | None:
    if kind is TrackType.METADATA:
        return None
    return next((codec for words, codec in _CODECS if words.search(description)), None)


def in_order(earliest: datetime | None, latest: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Return both times, swapped if the device has them in the wrong order."""
    return (latest, earliest) if earliest and latest and latest < earliest else (earliest, latest)
