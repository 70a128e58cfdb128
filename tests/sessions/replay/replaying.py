"""Helpers of the replay tests: start a replay, and read times, segments and frames from its playlist."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sessions.view import StreamView
from stream_manager import StreamManager
from tests.patience import LIMIT_S

NIGHT = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
NIGHT_S = NIGHT.timestamp()
HOUR_S = 3600.0


def at(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


def play(manager: StreamManager, at_s: float = 0.0) -> StreamView:
    return manager.start_replay(1, "Rec0", at(at_s))[0]


def name_of(view: StreamView) -> str:
    return view.playlist_url.rpartition("/")[2]


def text_of(manager: StreamManager, view: StreamView, wait_s: float = LIMIT_S) -> str:
    return manager.playlist(view.stream_id, name_of(view), wait_s)


def segments_of(text: str) -> list[str]:
    return re.findall(r"^run\d+_\d+\.m4s$", text, re.MULTILINE)


def times_of(text: str) -> list[float]:
    """Return the start of each segment in seconds after NIGHT."""
    return [(datetime.fromisoformat(item) - NIGHT).total_seconds() for item in re.findall("DATE-TIME:(.*)", text)]


def pictures_in_bytes(data: bytes) -> list[float]:
    return [round(float(item) - NIGHT_S, 1) for item in re.findall(rb"[\x65\x41](\d+\.\d)\|", data)]


def pictures_in(path: Path) -> list[float]:
    return pictures_in_bytes(path.read_bytes())
