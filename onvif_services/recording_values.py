"""What devices write of recordings, tracks and their times, read with the distrust that experience teaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from core.recordings import DeviceRecording, RecordingEvent, RecordingTrack, TrackType
from onvif_services import answers
from onvif_services.answers import Element

MAX_RECORDINGS = 4096
_MAX_TRACKS = 64
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9})\d*)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_FIRST_YEAR, _LAST_YEAR = 1971, 2100  # 1970 is a clock that was reset, not a time
_CODECS = {
    "h264": "h264",
    "h265": "hevc",
    "hevc": "hevc",
    "jpeg": "mjpeg",
    "g711": "pcm_mulaw",
    "pcmu": "pcm_mulaw",
    "pcma": "pcm_alaw",
    "g726": "g726",
    "aac": "aac",
}


def read_time(value: str | None) -> datetime | None:
    """xs:dateTime as devices write it, in UTC: without a zone it is UTC, 24:00:00 is the next day's beginning.

    None for what is no time, and for years outside 1971 to 2100: 1970 is a clock that was reset.
    """
    match = _DATE_TIME.fullmatch((value or "").strip()[:64])
    if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        return None
    year, month, day, hour, minute = (int(match[at]) for at in range(1, 6))
    is_midnight = hour == 24 and minute == 0 and int(match[6] or 0) == 0
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    try:
        second = min(int(match[6] or 0), 59)  # a leap second is the second before
        moment = datetime(year, month, day, 0 if is_midnight else hour, minute, second, microsecond, UTC)
        moment += timedelta(days=1 if is_midnight else 0)
        return moment - _zone(match[8])
    except (ValueError, OverflowError):
        return None


def _zone(written: str | None) -> timedelta:
    if not written or written in "Zz":
        return timedelta()
    digits = written[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return ahead if written[0] == "+" else -ahead


def read_track_type(written: str) -> TrackType | None:
    """tt:TrackType; "Extended" and what else there is are None."""
    try:
        return TrackType(written.strip().lower())
    except ValueError:
        return None


def read_recordings(holder: Element | None) -> Iterator[DeviceRecording]:
    """Each tt:RecordingInformation under a result list, or RecordingItem of GetRecordings; unusable ones left out."""
    items = [*answers.descendants(holder, "RecordingInformation"), *answers.descendants(holder, "RecordingItem")]
    for item in items[:MAX_RECORDINGS]:
        token = answers.checked_token(answers.raw_text(item, "RecordingToken"))
        if token:
            yield _recording(item, token)


def _recording(item: Element, token: str) -> DeviceRecording:
    """GetRecordings keeps its source in Configuration; the search service directly."""
    configuration = answers.child(item, "Configuration")
    source = answers.child(item, "Source")
    if source is None:
        source = answers.child(configuration, "Source")
    holder = answers.child(item, "Tracks")
    listed = [*answers.children(item, "Track"), *answers.children(holder, "Track")][:_MAX_TRACKS]
    earliest = read_time(answers.raw_text(item, "EarliestRecording"))
    latest = read_time(answers.raw_text(item, "LatestRecording"))
    tracks = tuple(track for entry in listed if (track := _track(entry)) is not None)
    starts = [track.data_from for track in tracks if track.data_from]
    ends = [track.data_until for track in tracks if track.data_until]
    earliest = earliest or min(starts, default=None)
    latest = latest or max(ends, default=None)
    if earliest and latest and latest < earliest:
        earliest, latest = latest, earliest
    return DeviceRecording(
        token,
        source_id=answers.checked_token(answers.raw_text(source, "SourceId")),
        source_name=answers.text(source, "Name"),
        earliest=earliest,
        latest=latest,
        tracks=tracks,
    )


def _track(item: Element) -> RecordingTrack | None:
    configuration = answers.child(item, "Configuration")
    written = answers.raw_text(item, "TrackType") or answers.raw_text(configuration, "TrackType")
    kind = read_track_type(written)
    token = answers.checked_token(answers.raw_text(item, "TrackToken"))
    if kind is None or not token:
        return None
    description = answers.raw_text(item, "Description") or answers.raw_text(configuration, "Description")
    words = re.sub(r"[^a-z0-9 ]", "", description[:200].lower()).split()
    codec = next((_CODECS[word] for word in words if word in _CODECS), None)
    return RecordingTrack(
        token,
        kind,
        codec,
        read_time(answers.raw_text(item, "DataFrom")),
        read_time(answers.raw_text(item, "DataTo")),
    )


def read_event(result: Element) -> RecordingEvent | None:
    """One tt:FindEventResult; None without a time or a recording."""
    token = answers.checked_token(answers.raw_text(result, "RecordingToken"))
    event = answers.child(result, "Event")
    time = read_time(answers.raw_text(result, "Time"))
    if time is None:
        stamped = next((item for item in answers.descendants(event, "Message") if item.get("UtcTime")), None)
        time = read_time(stamped.get("UtcTime")) if stamped is not None else None
    if not token or time is None:
        return None
    topic = next((answers.text(item) for item in answers.descendants(event, "Topic")), "")
    return RecordingEvent(
        time=time,
        topic="/".join(part.rpartition(":")[2] for part in topic.split("/")),
        recording_token=token,
        track_token=answers.checked_token(answers.raw_text(result, "TrackToken")),
        active=_active(event),
        is_start_state=answers.is_true(answers.raw_text(result, "StartStateEvent")),
    )


def _active(event: Element | None) -> bool | None:
    """The first boolean of the message's data."""
    data = next(answers.descendants(event, "Data"), None)
    for item in list(answers.descendants(data, "SimpleItem"))[:64]:
        value = (item.get("Value") or "").strip().lower()
        if value in {"true", "false", "1", "0"}:
            return value in {"true", "1"}
    return None
