"""Tracks as JSON text in the database, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core.recordings import RecordingTrack, TrackType
from core.stored_lists import read_list


def tracks_to_json(tracks: tuple[RecordingTrack, ...]) -> str:
    """A list of objects, one a track, with the fields of core.recordings."""
    return json.dumps(
        [
            {
                "track_token": track.track_token,
                "type": track.type,
                "codec": track.codec,
                "data_from": track.data_from and track.data_from.isoformat(),
                "data_until": track.data_until and track.data_until.isoformat(),
            }
            for track in tracks
        ],
        separators=(",", ":"),
    )


def tracks_from_json(text: str) -> tuple[RecordingTrack, ...]:
    """What tracks_to_json wrote; an entry that cannot be read is left out."""
    return read_list(text, _track)


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
