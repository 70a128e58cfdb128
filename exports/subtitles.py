"""Subtitles of an export: one line a second with the names of camera and channel, and the time of day.

SubRip has no standard; players read hours:minutes:seconds,milliseconds, and the text up to an empty line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

_SECOND = timedelta(seconds=1)


def subrip(place: tuple[str, str], start: datetime, end: datetime, *, is_confirmed: bool = True) -> str:
    """Return the subtitles of a file that shows [start, end). Each one lasts up to the next whole second.

    `is_confirmed`: the recorder confirms the times of the frames.
    """
    names = ", ".join(" ".join(name.split()) for name in place if name)
    doubt = "" if is_confirmed else ", not confirmed by the recorder"
    return "".join(
        f"{number}\n{_time(begins - start)} --> {_time(ends - start)}\n{names}\n{_moment(begins)}{doubt}\n\n"
        for number, (begins, ends) in enumerate(_seconds(start, end), 1)
    )


def _seconds(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    begins = start
    while begins < end:
        ends = min(end, begins.replace(microsecond=0) + _SECOND)
        yield begins, ends
        begins = ends


def _moment(moment: datetime) -> str:
    """Return `2026-11-22 10:00:00 UTC (11:00:00 +0100)`: the second part is the local time of this machine."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({moment.astimezone():%H:%M:%S %z})"


def _time(since_start: timedelta) -> str:
    milliseconds = round(since_start / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{milliseconds:03}"
