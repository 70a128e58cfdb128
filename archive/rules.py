"""The rules of the channels: the times that the archive records, and how long it keeps the recordings."""

from __future__ import annotations

import threading
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from archive.schedule import MINUTES_OF_DAY, WeekSchedule, time_zone
from core.archive import RecordedQuality, RecordingMode, RecordingRule, WeekSpan
from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from core.stored_json import read_items
from database import Database
from tables import RecordingRuleRow

OFF = RecordingRule()
MAX_SPANS = 7 * 24
MAX_PRE_S = 60.0
MAX_POST_S = 3600.0
QualityName = Literal["main", "sub", "both"]


class RuleStore:
    """Reads come from memory, changes wait for the disk. Safe between threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changing = threading.Lock()  # held while a change waits for the disk
        self._lock = threading.Lock()  # of `_rules`
        self._rules: dict[tuple[int, int], RecordingRule] = {}

    def load(self) -> None:
        """Read all rules, also after a camera was removed with its rules. The database must be open."""
        with self._changing:
            with self._database.read() as session:
                found = {(row.camera_id, row.channel): _rule(row) for row in session.scalars(select(RecordingRuleRow))}
            with self._lock:
                self._rules = found

    def rule(self, camera_id: int, channel: int) -> RecordingRule:
        """Return the rule of a channel; one that says off if there is none."""
        return self.stored_rule(camera_id, channel) or OFF

    def stored_rule(self, camera_id: int, channel: int) -> RecordingRule | None:
        """Return the rule of a channel, or None."""
        with self._lock:
            return self._rules.get((camera_id, channel))

    def rules(self) -> dict[tuple[int, int], RecordingRule]:
        """Return all stored rules, by camera and channel."""
        with self._lock:
            return dict(self._rules)

    def set_rule(self, camera_id: int, channel: int, rule: RecordingRule) -> None:
        """Raise InvalidRequest, which names the field, or NotFound if the camera was removed."""
        check_rule(rule)
        values = {
            "mode": rule.mode.value,
            "quality": quality_name(rule.qualities),
            "schedule": [[one.weekday, one.from_minute, one.until_minute] for one in rule.schedule],
            "time_zone": rule.time_zone,
            "pre_s": rule.pre_s,
            "post_s": rule.post_s,
            "keep_days": rule.keep_days,
            "keep_bytes": rule.keep_bytes,
            "limit_days": rule.limit_days,
            "backfills": rule.backfills,
            "changed_at": self._clock.now_utc(),
        }
        with self._changing:
            try:
                with self._database.write() as session:
                    session.merge(RecordingRuleRow(camera_id=camera_id, channel=channel, **values))
            except IntegrityError:
                raise NotFound("There is no such camera.") from None
            with self._lock:
                self._rules[camera_id, channel] = rule


def schedule_of(rule: RecordingRule) -> WeekSchedule:
    """Return the schedule of a rule with this mode. A zone that no longer exists counts as the server's."""
    try:
        zone = time_zone(rule.time_zone)
    except ValueError:
        zone = None
    return WeekSchedule(rule.schedule, zone)


def quality_name(qualities: tuple[RecordedQuality, ...]) -> QualityName:
    """Return main, sub or both."""
    if len(qualities) > 1:
        return "both"
    return "sub" if RecordedQuality.SUB in qualities else "main"


def qualities_of(name: str) -> tuple[RecordedQuality, ...]:
    """Return the streams of main, sub or both. Raise ValueError for another name."""
    return tuple(RecordedQuality) if name == "both" else (RecordedQuality(name),)


def check_rule(rule: RecordingRule) -> None:
    """Raise InvalidRequest, which names the field."""
    if not rule.qualities and rule.mode is not RecordingMode.OFF:
        raise InvalidRequest.of_field("quality", "main, sub or both")
    if not 0 <= rule.pre_s <= MAX_PRE_S:
        raise InvalidRequest.of_field("pre_s", f"from 0 to {MAX_PRE_S:.0f}")
    if not 0 <= rule.post_s <= MAX_POST_S:
        raise InvalidRequest.of_field("post_s", f"from 0 to {MAX_POST_S:.0f}")
    if len(rule.schedule) > MAX_SPANS:
        raise InvalidRequest.of_field("schedule", f"at most {MAX_SPANS} items")
    for one in rule.schedule:
        if not (0 <= one.weekday <= 6 and 0 <= one.from_minute < one.until_minute <= MINUTES_OF_DAY):
            raise InvalidRequest.of_field("schedule", "weekday from 0 to 6, and from_minute before until_minute")
    if rule.mode is RecordingMode.SCHEDULE and not rule.schedule:
        raise InvalidRequest.of_field("schedule", "a schedule needs at least one item")
    try:
        time_zone(rule.time_zone)
    except ValueError:
        raise InvalidRequest.of_field("time_zone", 'an IANA name such as Europe/Berlin, or "" for the server') from None


def _rule(row: RecordingRuleRow) -> RecordingRule:
    return RecordingRule(
        mode=RecordingMode(row.mode),
        qualities=qualities_of(row.quality),
        schedule=read_items(row.schedule, _span),
        time_zone=row.time_zone,
        pre_s=row.pre_s,
        post_s=row.post_s,
        keep_days=row.keep_days,
        keep_bytes=row.keep_bytes,
        limit_days=row.limit_days,
        backfills=row.backfills,
    )


def _span(item: Any) -> WeekSpan:
    weekday, from_minute, until_minute = item
    return WeekSpan(int(weekday), int(from_minute), int(until_minute))
