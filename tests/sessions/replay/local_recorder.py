"""A thin recorder that keeps Berlin's local time, with ten seconds before and after a change of the clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.recordings import RecordedPlace, ZoneOfTimes
from core.zones import zone_offset_s
from tests.sessions.replay.thin_recorder import ThinRecorder

BERLIN = "Europe/Berlin"
OCTOBER = datetime(2026, 10, 25, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 29, 1, tzinfo=UTC)
LENGTH_S = 10.0


class LocalRecorder(ThinRecorder):
    """`recorded` is in true time, like the answer of the recording manager."""

    change_s: float

    def recorded(
        self, camera_id: int, recording_token: str, moment: datetime, *, prefers_sub: bool = False
    ) -> list[RecordedPlace]:
        del camera_id, prefers_sub
        at_s, change_s = moment.timestamp(), self.change_s
        before = RecordedPlace("Rec0", _utc(max(at_s, change_s - LENGTH_S)), _utc(change_s), hands_over=True)
        begins_s = max(at_s, change_s)
        after = RecordedPlace("Rec0", _utc(begins_s), _utc(change_s + LENGTH_S), is_shifted=begins_s - change_s < 3.0)
        return [replace(place) for place in (before, after) if place.start < place.end]


def local_recorder(change: datetime) -> LocalRecorder:
    """Return a recorder with a recording over this change. Its clock is right."""
    change_s = change.timestamp()
    before_s, after_s = (zone_offset_s(BERLIN, change_s + at_s) for at_s in (-1, 0))
    first = change_s + before_s - LENGTH_S, change_s + before_s
    second = change_s + after_s, change_s + after_s + LENGTH_S
    recorder = LocalRecorder(sorted([first, second]), others={"Elsewhere": []}, crosses_gaps=False)
    recorder.change_s = change_s
    recorder.ahead_s, recorder.zone = before_s, ZoneOfTimes(before_s, name=BERLIN)
    return recorder


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
