"""Tracks as JSON text in the database, and back. Read leniently: our own older versions wrote it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core.recordings import RecordingTrack, TrackType


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
    try:
        items = json.loads(text)
    except ValueError:
        return ()
    if not isinstance(items, list):
        return ()
    return tuple(track for item in items if (track := _track(item)) is not None)


def _track(item: Any) -> RecordingTrack | None:
    try:
        times = [datetime.fromisoformat(value) if (value := item.get(key)) else None for key in _TIMES]
        codec = item.get("codec")
        return RecordingTrack(str(item["track_token"]), TrackType(item["type"]), codec and str(codec), *times)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


_TIMES = ("data_from", "data_until")
