"""Records of where the files of an export come from, and their form in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from core.clock import rfc3339

Interval = tuple[datetime, datetime]


class IntervalReason(NamedTuple):
    """`server`: the name of another server that has the recording; "" if none has it, or if that is not known."""

    start: datetime
    end: datetime
    reason: str
    server: str = ""


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """Origin of a file with the recorder's frames, and of its copies. Times are true UTC.

    The device's own time is later by `correction_s`; `zone_s`: the part of it that is a time zone, which the recorder
    writes into its times and marks as UTC; None if that is not known. `delivered_start` and `delivered_end`: of all
    frames in the file, of which a player shows fewer. `sources`: pairs of recording token and replay method.
    `is_signed`: the camera has put signatures into the video. `is_audio_converted`: see AccessUnit.is_converted.
    `fetched`: the parts of a recording of the server that it had copied from the recorder's own disks.
    """

    frames: int
    delivered_start: datetime
    delivered_end: datetime
    correction_s: float
    sources: tuple[tuple[str, str], ...] = ()
    is_signed: bool = False
    zone_s: float | None = None
    is_audio_converted: bool = False
    fetched: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class RangeOrigin:
    """Device of one range. `clock_offset_s`: its time minus ours, as measured at `clock_measured_at`.

    `recorded` and `not_recorded`: the stretches of the range for which the list of recordings says so. `reasons`: why
    stretches have no recording that can be read, as far as that is known (core.archive.GapReason, or "away").
    """

    camera: str
    channel_name: str
    manufacturer: str
    model: str
    firmware: str
    serial: str
    noted_at: datetime
    clock_offset_s: float | None = None
    clock_measured_at: datetime | None = None
    recorded: tuple[Interval, ...] = ()
    not_recorded: tuple[Interval, ...] = ()
    reasons: tuple[IntervalReason, ...] = ()


def stored_file_origin(origin: FileOrigin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {
        "frames": origin.frames,
        "from": rfc3339(origin.delivered_start),
        "until": rfc3339(origin.delivered_end),
        "correction_s": origin.correction_s,
        "sources": [list(source) for source in origin.sources],
        "signed": origin.is_signed,
        "zone_s": origin.zone_s,
        "audio_converted": origin.is_audio_converted,
        "fetched": _stored_intervals(origin.fetched),
    }


def read_file_origin(stored: Any) -> FileOrigin | None:
    """Return None for files of older versions of the app."""
    if not stored:
        return None
    return FileOrigin(
        frames=stored["frames"],
        delivered_start=datetime.fromisoformat(stored["from"]),
        delivered_end=datetime.fromisoformat(stored["until"]),
        correction_s=stored["correction_s"],
        sources=tuple((str(token), str(method)) for token, method in stored["sources"]),
        is_signed=stored["signed"],
        zone_s=stored.get("zone_s"),
        is_audio_converted=stored.get("audio_converted", False),
        fetched=_intervals(stored.get("fetched", [])),
    )


def stored_range_origin(origin: RangeOrigin) -> dict[str, Any]:
    return {
        "camera": origin.camera,
        "channel_name": origin.channel_name,
        "manufacturer": origin.manufacturer,
        "model": origin.model,
        "firmware": origin.firmware,
        "serial": origin.serial,
        "noted_at": rfc3339(origin.noted_at),
        "clock_offset_s": origin.clock_offset_s,
        "clock_measured_at": rfc3339(origin.clock_measured_at) if origin.clock_measured_at else None,
        "recorded": _stored_intervals(origin.recorded),
        "not_recorded": _stored_intervals(origin.not_recorded),
        "reasons": [[rfc3339(start), rfc3339(end), *names] for start, end, *names in origin.reasons],
    }


def read_range_origins(stored: Any) -> dict[int, RangeOrigin]:
    """Return the origins by the index of their range; those that cannot be read are left out."""
    found: dict[int, RangeOrigin] = {}
    for index, item in stored.items() if isinstance(stored, dict) else ():
        try:
            found[int(index)] = _read_range_origin(item)
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
    return found


def _read_range_origin(item: Any) -> RangeOrigin:
    measured = item["clock_measured_at"]
    return RangeOrigin(
        camera=item["camera"],
        channel_name=item["channel_name"],
        manufacturer=item["manufacturer"],
        model=item["model"],
        firmware=item["firmware"],
        serial=item["serial"],
        noted_at=datetime.fromisoformat(item["noted_at"]),
        clock_offset_s=item["clock_offset_s"],
        clock_measured_at=datetime.fromisoformat(measured) if measured else None,
        recorded=_intervals(item["recorded"]),
        not_recorded=_intervals(item["not_recorded"]),
        reasons=tuple(
            IntervalReason(datetime.fromisoformat(start), datetime.fromisoformat(end), *map(str, names))
            for start, end, *names in item.get("reasons", [])
        ),
    )


def _stored_intervals(intervals: tuple[Interval, ...]) -> list[list[str]]:
    return [[rfc3339(start), rfc3339(end)] for start, end in intervals]


def _intervals(stored: list[list[str]]) -> tuple[Interval, ...]:
    return tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in stored)
