"""The time of day as text: one line a second with the names of camera and channel.

It becomes a SubRip file and a track of an MP4. SubRip has no standard; players read hours:minutes:seconds,milliseconds,
and the text up to an empty line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from media.mp4.text import TextSamples

_SECOND = timedelta(seconds=1)
_WITHOUT_TAGS = str.maketrans("<>{}", "‹›()")
"""Players read <...> and {...} as tags that hide text or change how it looks."""


@dataclass(frozen=True, slots=True)
class TimeText:
    """The text of a video that shows [start, end). `place`: names of camera and channel.

    `is_confirmed`: the recorder confirms the times of the frames.
    """

    place: tuple[str, str]
    start: datetime
    end: datetime
    is_confirmed: bool = True

    @property
    def names(self) -> str:
        return names_text(self.place)

    def lines(self) -> Iterator[tuple[timedelta, timedelta, str]]:
        """Yield begin and end, since the start, and text. Each one lasts up to the next whole second."""
        doubt = "" if self.is_confirmed else ", not confirmed by the recorder"
        names = self.names.translate(_WITHOUT_TAGS)
        for begins, ends in _seconds(self.start, self.end):
            yield begins - self.start, ends - self.start, f"{names}\n{moment_text(begins)}{doubt}"


def subrip(text: TimeText) -> str:
    """Return the subtitles as a file."""
    return "".join(
        f"{number}\n{_time(begins)} --> {_time(ends)}\n{line}\n\n"
        for number, (begins, ends, line) in enumerate(text.lines(), 1)
    )


def text_track(text: TimeText) -> TextSamples:
    """Return the subtitles as samples of a track."""
    samples = TextSamples()
    for _, ends, line in text.lines():
        samples.add(line, ends.total_seconds())
    return samples


def names_text(place: tuple[str, str]) -> str:
    """Return the names of camera and channel in one line."""
    return ", ".join(" ".join(name.split()) for name in place if name)


def _seconds(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    begins = start
    while begins < end:
        ends = min(end, begins.replace(microsecond=0) + _SECOND)
        yield begins, ends
        begins = ends


def moment_text(moment: datetime) -> str:
    """Return `2026-11-22 10:00:00 UTC (11:00:00 +0100)`: the second part is the local time of this machine."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({moment.astimezone():%H:%M:%S %z})"


def _time(since_start: timedelta) -> str:
    milliseconds = round(since_start / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{milliseconds:03}"
