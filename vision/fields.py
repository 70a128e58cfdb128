"""Checked reading of the JSON header of a message. Both ends of the pipe treat the other end as hostile."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import TypeVar

T = TypeVar("T")

_MOST_MS = 2**53
_MOST_NUMBER = 1e12


class BadMessage(ValueError):
    """The bytes of the pipe are not a valid message. The text names the field and never quotes its value."""


class Fields:
    """The fields of one JSON object. Each method raises BadMessage if the field is missing, or of the wrong kind."""

    def __init__(self, values: object, what: str = "message") -> None:
        if not isinstance(values, dict):
            raise BadMessage(f"{what} is not an object")
        self._values: dict[str, object] = values
        self._what = what

    def text(self, name: str, most: int = 64) -> str:
        """Return a text of 1 to `most` characters."""
        value = self._values.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise self._bad(name, f"is not a text of at most {most} characters")
        return value

    def choice(self, name: str, choices: Collection[str]) -> str:
        value = self._values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self._bad(name, f"is none of {', '.join(sorted(choices))}")
        return value

    def flag(self, name: str) -> bool:
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self._bad(name, "is neither true nor false")
        return value

    def whole(self, name: str, least: int = 0, most: int = 2**31) -> int:
        return self._whole(self._values.get(name), name, least, most)

    def number(self, name: str, least: float = 0.0, most: float = _MOST_NUMBER) -> float:
        return self._number(self._values.get(name), name, least, most)

    def time_ms(self, name: str) -> int:
        return self.whole(name, -_MOST_MS, _MOST_MS)

    def time_ms_or_none(self, name: str) -> int | None:
        return None if self._values.get(name) is None else self.time_ms(name)

    def text_or_none(self, name: str, most: int = 64) -> str | None:
        return None if self._values.get(name) is None else self.text(name, most)

    def list_of(self, name: str, read: Callable[[object], T], most: int) -> tuple[T, ...]:
        """Return the items of a list of at most `most`, each read by `read`."""
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise self._bad(name, f"is not a list of at most {most}")
        return tuple(read(item) for item in value)

    def wholes(self, name: str, most: int) -> tuple[int, ...]:
        return self.list_of(name, lambda item: self._whole(item, name, -(2**31), 2**31), most)

    def shares(self, name: str, count: int) -> tuple[float, ...]:
        """Return exactly `count` numbers from 0 to 1."""
        found = self.list_of(name, lambda item: self._number(item, name, 0.0, 1.0), count)
        if len(found) != count:
            raise self._bad(name, f"does not have {count} numbers")
        return found

    def _whole(self, value: object, name: str, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._bad(name, f"is not a whole number from {least} to {most}")
        return value

    def _number(self, value: object, name: str, least: float, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._bad(name, f"is not a number from {least:g} to {most:g}")
        return float(value)

    def _bad(self, name: str, claim: str) -> BadMessage:
        return BadMessage(f"{name} of {self._what} {claim}")


def point_from(item: object) -> tuple[float, float]:
    """Return [x, y] as shares of the picture's width and height. Raise BadMessage otherwise."""
    x, y = Fields({"point": item}).shares("point", 2)
    return x, y


def json_object(data: bytes) -> Fields:
    """Return the fields of a JSON object in UTF-8. Raise BadMessage if `data` is something else."""
    try:
        values = json.loads(data.decode("utf-8"), parse_constant=lambda _: math.nan)
    except (ValueError, RecursionError) as error:
        raise BadMessage("the header is not JSON in UTF-8") from error
    return Fields(values)
