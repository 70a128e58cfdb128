"""The words of a search for events as filters: "person red gate yesterday 18:00-20:00".

Words that are not understood are returned as such. Nothing is guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.events import EventKind
from events.words_lists import COLOUR_WORDS, IGNORED, KIND_PHRASES, LABEL_PHRASES, NEGATIONS
from events.words_times import Days, Since, Times, read_time, start_of

MOST_CHARACTERS = 200
_LONGEST_NAME = 8  # words
_PUNCTUATION = ".,;!?\"'()[]"


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names that a search may use. `cameras`: by id. `channels`: by camera and number."""

    cameras: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[tuple[int, int], str] = field(default_factory=dict)
    zones: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """The filters that the words mean.

    An event matches if it has one of `kinds` or of `labels`, one of `colours`, one of `zones`, and belongs to one of
    `camera_ids` or `channels`; an empty one allows all. `times`: of each day in [start, end); None if `start` and `end`
    already tell it.
    """

    kinds: tuple[EventKind, ...] = ()
    labels: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    camera_ids: tuple[int, ...] = ()
    channels: tuple[tuple[int, int], ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    times: Times | None = None
    named_times: Times | None = None
    not_understood: tuple[str, ...] = ()


def parse_words(text: str, names: KnownNames, now: datetime) -> Understood:
    """Return the filters of a search. `now`: in the server's time zone."""
    reader = _Reader(text, names, now)
    while reader.has_more:
        reader.read_one()
    return reader.understood()


class _Reader:
    """Reads words from left to right; of several meanings the one of most words wins, and a name before a word."""

    def __init__(self, text: str, names: KnownNames, now: datetime) -> None:
        self._given = [word for word in text.replace(",", " ").split() if word.strip(_PUNCTUATION)]
        self._words = [_plain(word) for word in self._given]
        self._now = now
        self._names = _phrases_of(names)
        self._found: dict[str, dict[object, None]] = {}
        self._days: Days | Since | None = None
        self._times: Times | None = None
        self._unknown: list[str] = []
        self._at = 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._words)

    def read_one(self) -> None:
        """Read one phrase."""
        if self._words[self._at] in NEGATIONS:  # without it, the next phrase would mean the opposite
            self._strike(1)
            if self.has_more:
                self._strike(max(1, self._phrase()[1]))
            return
        meanings, used = self._phrase()
        if used == 0:
            if self._words[self._at] in IGNORED:
                self._at += 1
            else:
                self._strike(1)
            return
        if self._take(meanings):
            self._at += used
        else:
            self._strike(used)

    def understood(self) -> Understood:
        def found(name: str) -> tuple[object, ...]:
            return tuple(self._found.get(name, ()))

        cameras = tuple(int(str(one)) for one in found("camera"))
        channels = tuple(one for one in found("channel") if isinstance(one, tuple))
        if inner := tuple(one for one in channels if one[0] in cameras):  # "recorder gate" means the recorder's gate
            channels, cameras = inner, tuple(one for one in cameras if one not in {camera for camera, _ in inner})
        start, end, times = self._window()
        return Understood(
            kinds=tuple(EventKind(str(one)) for one in found("kind")),
            labels=tuple(map(str, found("label"))),
            colours=tuple(map(str, found("colour"))),
            zones=tuple(map(str, found("zone"))),
            camera_ids=cameras,
            channels=channels,
            start=start,
            end=end,
            times=times,
            named_times=self._times,
            not_understood=tuple(self._unknown),
        )

    # ---- inside ----------------------------------------------------------------------------------

    def _strike(self, count: int) -> None:
        self._unknown += self._given[self._at : self._at + count]
        self._at += count

    def _phrase(self) -> tuple[Sequence[tuple[str, object]] | Days | Times | Since, int]:
        """Return the meaning of the longest phrase at this place, and the number of its words; 0 if there is none."""
        rest = self._words[self._at :]
        timed = read_time(rest, self._now)
        for count in range(min(len(rest), _LONGEST_NAME), 0, -1):
            if timed is not None and timed[1] >= count and tuple(rest[:count]) not in self._names:
                return timed
            phrase = tuple(rest[:count])
            if (meanings := self._names.get(phrase)) is not None:
                return meanings, count
            if (meant := _word_of(phrase)) is not None:
                return [meant], count
        return (timed[0], timed[1]) if timed is not None else ([], 0)

    def _take(self, meanings: Sequence[tuple[str, object]] | Days | Times | Since) -> bool:
        """Note what a phrase means. Return False for a second day or time."""
        if isinstance(meanings, Times):
            if self._times is not None:
                return False
            self._times = meanings
        elif isinstance(meanings, Days | Since):
            if self._days is not None:
                return False
            self._days = meanings
        else:
            for kind, value in meanings:
                self._found.setdefault(kind, {})[value] = None
        return True

    def _window(self) -> tuple[datetime | None, datetime | None, Times | None]:
        days, times = self._days, self._times
        if isinstance(days, Since):
            return days.start, None, times
        if days is None:
            return None, None, times
        if times is not None and days.start is not None and days.start == days.end:
            last = days.start if times.end > times.start else days.start + timedelta(days=1)
            return start_of(days.start, times.start), start_of(last, times.end), None
        start = None if days.start is None else start_of(days.start)
        return start, None if days.end is None else start_of(days.end + timedelta(days=1)), times


def _plain(word: str) -> str:
    """Return a word for comparisons. The dot of a date stays."""
    folded = unicodedata.normalize("NFKC", word).casefold().lstrip(_PUNCTUATION)
    bare = folded.rstrip(_PUNCTUATION)
    has_dot_of_date = folded.startswith(f"{bare}.") and bare.replace(".", "").isdigit()
    return f"{bare}." if has_dot_of_date else bare


def _name_words(name: str) -> tuple[str, ...]:
    return tuple(_plain(word) for word in name.replace(",", " ").split() if word.strip(_PUNCTUATION))[:_LONGEST_NAME]


def _phrases_of(names: KnownNames) -> dict[tuple[str, ...], list[tuple[str, object]]]:
    """Return the meanings of names. A camera or channel with the name of a zone means itself, not the zone."""
    found: dict[tuple[str, ...], list[tuple[str, object]]] = {}
    for camera_id, name in names.cameras.items():
        found.setdefault(_name_words(name), []).append(("camera", camera_id))
    for channel, name in names.channels.items():
        meanings = found.setdefault(_name_words(name), [])
        if ("camera", channel[0]) not in meanings:
            meanings.append(("channel", channel))
    places = frozenset(found)
    for zone in names.zones:
        if (words := _name_words(zone)) not in places:
            found.setdefault(words, []).append(("zone", zone))
    found.pop((), None)
    return found


def _word_of(phrase: tuple[str, ...]) -> tuple[str, object] | None:
    if phrase in KIND_PHRASES:
        return "kind", KIND_PHRASES[phrase]
    if phrase in LABEL_PHRASES:
        return "label", LABEL_PHRASES[phrase]
    if len(phrase) == 1 and phrase[0] in COLOUR_WORDS:
        return "colour", COLOUR_WORDS[phrase[0]]
    return None
