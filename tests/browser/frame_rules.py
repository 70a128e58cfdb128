"""How far a shown frame is behind, by its burnt-in number, while the recorder's streams begin anew."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

from tools.frames import seconds_behind
from tools.running import Recorder

_UNSURE_S = 1.5  # between two looks at the rules, on a busy machine
Key = TypeVar("Key", bound=Hashable)


class FrameRules(Generic[Key]):
    """The time rules of some streams, each with a key. A stream's rule changes with each requested key frame.

    `streams`: channel and role of each stream.
    """

    def __init__(self, recorder: Recorder, streams: Mapping[Key, tuple[int, str]]) -> None:
        self._recorder, self._streams = recorder, streams
        self._rules: dict[Key, list[tuple[float, dict[str, Any]]]] = {key: [] for key in streams}
        self.note()

    def note(self) -> None:
        """Read the rules of all streams, and note the time of each new one. Called about twice a second."""
        for key, (channel, role) in self._streams.items():
            rule = self._recorder.frames(channel, role)
            if not self._rules[key] or rule["offset"] != self._rules[key][-1][1]["offset"]:
                self._rules[key].append((time.time(), rule))

    def behind_s(self, key: Key, at_s: float, number: int) -> float | None:
        """By the rule that held when the frame was sent; None for a frame without a number."""
        rules = self._rules.get(key, [])
        if number < 0 or not rules:
            return None
        ends_s = [*(since_s for since_s, _ in rules[1:]), math.inf]
        found = [
            behind_s
            for (since_s, rule), end_s in zip(rules, ends_s, strict=True)
            for behind_s in [seconds_behind(number, 1000 * at_s, rule)]
            if rule is rules[0][1] or since_s - _UNSURE_S <= at_s - behind_s
            if at_s - behind_s <= end_s
        ]
        return min(found) if found else None
