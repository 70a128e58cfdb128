"""The index of recordings in the database, so that a device is asked only once for a stretch of time.

The tables hold the recordings, the intervals that were asked for each of them, and all events in those intervals.
Spans are not stored but computed from the events (spans.py), because a change that is found later may explain an
interval that was asked earlier. Times are UTC by the device's clock. Only this file of the package writes SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select
from sqlalchemy.orm import Session

from core.recordings import DeviceRecording, RecordingEvent, RecordingTrack, TrackType
from core.stored_json import read_items
from database import Database
from onvif_services.recording_search import is_history
from recordings.intervals import Interval, united, without
from recordings.spans import History, history_of
from tables import CameraRow, RecordingAskedRow, RecordingEventRow, RecordingRow

_EDGE_EVENTS = 16  # that many events before or after a window contain the nearest one of every track
_Event = RecordingEventRow
_COLUMNS = (_Event.recording_token, _Event.time, _Event.topic, _Event.track_token, _Event.active, _Event.is_start_state)

Asked = dict[str, list[Interval]]


class RecordingStore:
    """Thread-safe. Every call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- reading ---------------------------------------------------------------------------------

    def recordings(self, camera_id: int) -> tuple[DeviceRecording, ...]:
        """Return the last list of recordings, in the device's order."""
        query = select(RecordingRow).where(RecordingRow.camera_id == camera_id).order_by(RecordingRow.position)
        with self._database.read() as session:
            return tuple(_recording(row) for row in session.scalars(query))

    def asked_intervals(self, camera_id: int) -> Asked:
        """Return the intervals that were asked, by recording token: sorted, without overlap."""
        found: Asked = {}
        with self._database.read() as session:
            for row in session.scalars(_asked_rows(camera_id)):
                found.setdefault(row.recording_token, []).append((row.start, row.end))
        return found

    def first_recorded(self, camera_id: int, recording_tokens: Sequence[str]) -> datetime | None:
        """Return the earliest time at which one of these recordings is known to have data, None if there is none."""
        query = select(func.min(_Event.time)).where(
            _Event.camera_id == camera_id,
            _Event.recording_token.in_(recording_tokens),
            _Event.is_history.is_(True),
            _Event.active.is_(True),
        )
        with self._database.read() as session:
            return session.scalar(query)

    def histories(
        self, camera_id: int, recordings: Sequence[DeviceRecording], asked: Asked, window: Interval
    ) -> dict[str, History]:
        """Return the history of each recording inside the window, by recording token, from the `asked` intervals."""
        with self._database.read() as session:
            inside: dict[str, list[RecordingEvent]] = {}
            query = _events_of(camera_id, _Event.is_history.is_(True), *_within(window)).order_by(_Event.time)
            for row in session.execute(query):
                inside.setdefault(row.recording_token, []).append(_event(row))
            return {
                recording.recording_token: _recording_history(
                    session, camera_id, recording, inside.get(recording.recording_token, []), asked, window
                )
                for recording in recordings
            }

    def detections(
        self, camera_id: int, window: Interval, recording_tokens: Sequence[str], limit: int
    ) -> list[RecordingEvent]:
        """Return the first `limit` events of detections (such as motion) in the window, sorted by time."""
        query = _events_of(
            camera_id,
            ~_Event.is_history,
            ~_Event.is_start_state,
            _Event.recording_token.in_(recording_tokens),
            _Event.time >= window[0],
            _Event.time < window[1],
        )
        with self._database.read() as session:
            return [_event(row) for row in session.execute(query.order_by(_Event.time, _Event.id).limit(limit))]

    # ---- writing ---------------------------------------------------------------------------------

    def save_recordings(self, camera_id: int, recordings: Sequence[DeviceRecording]) -> None:
        """Replace the list of recordings. The time before a recording's new `earliest` counts as not asked, because the
        device has overwritten it since."""
        with self._database.write() as session:
            if session.get(CameraRow, camera_id) is None:
                return
            known = {row.recording_token: row for row in session.scalars(_recording_rows(camera_id))}
            for recording in recordings:
                before = known.get(recording.recording_token)
                if before is None or not before.earliest or not recording.earliest:
                    continue
                if recording.earliest > before.earliest:
                    _forget_interval(
                        session, camera_id, recording.recording_token, (before.earliest, recording.earliest)
                    )
            gone = known.keys() - {recording.recording_token for recording in recordings}
            for table in (RecordingAskedRow, RecordingEventRow):
                session.execute(delete(table).where(table.camera_id == camera_id, table.recording_token.in_(gone)))
            session.execute(delete(RecordingRow).where(RecordingRow.camera_id == camera_id))
            session.add_all(_row(camera_id, position, recording) for position, recording in enumerate(recordings))

    def save_events(
        self, camera_id: int, recording_tokens: Sequence[str], window: Interval, events: Iterable[RecordingEvent]
    ) -> None:
        """Replace all events of these recordings in the window, and note the window as asked."""
        start, end = window
        with self._database.write() as session:
            if session.get(CameraRow, camera_id) is None:  # the camera was deleted in the meantime
                return
            session.execute(
                delete(_Event).where(
                    _Event.camera_id == camera_id, _Event.recording_token.in_(recording_tokens), *_within(window)
                )
            )
            wanted = frozenset(recording_tokens)
            rows = [
                {
                    "camera_id": camera_id,
                    "recording_token": event.recording_token,
                    "time": min(max(event.time, start), end),
                    "topic": event.topic,
                    "track_token": event.track_token,
                    "active": event.active,
                    "is_history": is_history(event.topic),
                    "is_start_state": event.is_start_state,
                }
                for event in events
                if event.recording_token in wanted
            ]
            if rows:
                session.execute(insert(_Event), rows)
            asked: Asked = {token: [] for token in recording_tokens}
            for row in session.scalars(_asked_rows(camera_id)):
                if row.recording_token in asked:
                    asked[row.recording_token].append((row.start, row.end))
            for token, intervals in asked.items():
                _set_asked(session, camera_id, token, united([*intervals, window]))

    def forget(self, camera_id: int) -> None:
        """Delete everything of this camera, which may be another device now."""
        with self._database.write() as session:
            for table in (RecordingRow, RecordingAskedRow, RecordingEventRow):
                session.execute(delete(table).where(table.camera_id == camera_id))


def _recording_history(
    session: Session,
    camera_id: int,
    recording: DeviceRecording,
    inside: Sequence[RecordingEvent],
    asked: Asked,
    window: Interval,
) -> History:
    """Return the history of one recording inside the window.

    Each interval that was asked is read separately: the state before a hole tells nothing about the time after it.
    """
    recorded: list[Interval] = []
    unknown: list[Interval] = []
    token = recording.recording_token
    if not inside and _is_outside(recording, window):
        return History()  # devices with a recording for every stretch have thousands of them
    for start, end in asked.get(token, []):
        part = max(start, window[0]), min(end, window[1])
        if part[0] >= part[1]:
            continue
        of_it = (_Event.recording_token == token, _Event.is_history.is_(True))
        query = _events_of(camera_id, *of_it, _Event.time >= start, _Event.time < part[0])
        before = session.execute(query.order_by(_Event.time.desc(), _Event.id.desc()).limit(_EDGE_EVENTS))
        query = _events_of(camera_id, *of_it, ~_Event.is_start_state, _Event.time > part[1], _Event.time <= end)
        after = session.execute(query.order_by(_Event.time).limit(_EDGE_EVENTS))
        events = [
            *(_event(row, is_start_state=True) for row in reversed(_first_per_track(before))),
            *(event for event in inside if part[0] <= event.time <= part[1]),
            *(_event(row) for row in _first_per_track(after)),
        ]
        found = history_of(recording, events, part)
        recorded += found.recorded
        unknown += found.unknown
    return History(tuple(united(recorded)), tuple(united(unknown)))


def _is_outside(recording: DeviceRecording, window: Interval) -> bool:
    if recording.earliest is None or recording.latest is None:
        return False
    return recording.latest < window[0] or recording.earliest > window[1]


def _first_per_track(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Return the first row of every track and topic."""
    found: dict[tuple[str, str], Row[Any]] = {}
    for row in rows:
        found.setdefault((row.track_token, row.topic), row)
    return list(found.values())


def _forget_interval(session: Session, camera_id: int, token: str, window: Interval) -> None:
    rows = session.scalars(_asked_rows(camera_id).where(RecordingAskedRow.recording_token == token))
    kept = [part for row in rows for part in without((row.start, row.end), [window])]
    _set_asked(session, camera_id, token, kept)
    session.execute(
        delete(_Event).where(
            _Event.camera_id == camera_id,
            _Event.recording_token == token,
            _Event.time >= window[0],
            _Event.time < window[1],
        )
    )


def _set_asked(session: Session, camera_id: int, token: str, intervals: Sequence[Interval]) -> None:
    row = RecordingAskedRow
    session.execute(delete(row).where(row.camera_id == camera_id, row.recording_token == token))
    if intervals:
        values = [
            {"camera_id": camera_id, "recording_token": token, "start": start, "end": end} for start, end in intervals
        ]
        session.execute(insert(row), values)


def _asked_rows(camera_id: int) -> Select[RecordingAskedRow]:
    return select(RecordingAskedRow).where(RecordingAskedRow.camera_id == camera_id).order_by(RecordingAskedRow.start)


def _recording_rows(camera_id: int) -> Select[RecordingRow]:
    return select(RecordingRow).where(RecordingRow.camera_id == camera_id)


def _events_of(camera_id: int, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS).where(_Event.camera_id == camera_id, *conditions)


def _within(window: Interval) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _Event.time >= window[0], _Event.time <= window[1]


def _event(row: Row[Any], *, is_start_state: bool | None = None) -> RecordingEvent:
    is_start = row.is_start_state if is_start_state is None else is_start_state
    return RecordingEvent(row.time, row.topic, row.recording_token, row.track_token, row.active, is_start)


def _recording(row: RecordingRow) -> DeviceRecording:
    return DeviceRecording(
        recording_token=row.recording_token,
        source_id=row.source_id,
        source_name=row.source_name,
        earliest=row.earliest,
        latest=row.latest,
        tracks=read_items(row.tracks, _track),
        job_source=row.job_source,
    )


def _row(camera_id: int, position: int, recording: DeviceRecording) -> RecordingRow:
    return RecordingRow(
        camera_id=camera_id,
        recording_token=recording.recording_token,
        position=position,
        source_id=recording.source_id,
        source_name=recording.source_name,
        job_source=recording.job_source,
        earliest=recording.earliest,
        latest=recording.latest,
        tracks=[_stored_track(track) for track in recording.tracks],
    )


def _stored_track(track: RecordingTrack) -> dict[str, Any]:
    return {
        "track_token": track.track_token,
        "type": track.type,
        "codec": track.codec,
        "data_from": track.data_from and track.data_from.isoformat(),
        "data_until": track.data_until and track.data_until.isoformat(),
    }


def _track(item: Any) -> RecordingTrack:
    codec = item.get("codec")
    return RecordingTrack(
        str(item["track_token"]),
        TrackType(item["type"]),
        codec and str(codec),
        _moment(item.get("data_from")),
        _moment(item.get("data_until")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
