"""Key frames that a search has fetched one by one, for later questions of the same search."""

from __future__ import annotations

from pictures.inbox import KeyFrame

_MOST_BYTES = 16_000_000


class FetchedFrames:
    """The newest key frames, at most 16 MB. For one thread.

    A recorder answers a time with the key frame at or before that time. One answer holds for all times between both.
    """

    def __init__(self) -> None:
        self._frames: dict[tuple[str, float], tuple[int, KeyFrame]] = {}  # with the latest time that it answers
        self._size_bytes = 0

    def add(self, recording_token: str, asked_s: int, at_s: float, frame: KeyFrame) -> None:
        """Note that the recorder has answered `asked_s` with the key frame of `at_s`."""
        key = recording_token, at_s
        known = self._frames.pop(key, None)
        self._frames[key] = (max(asked_s, known[0]) if known else asked_s), frame
        self._size_bytes += frame.data.size - (known[1].data.size if known else 0)
        while self._size_bytes > _MOST_BYTES:
            _, dropped = self._frames.pop(next(iter(self._frames)))
            self._size_bytes -= dropped.data.size

    def find(self, recording_token: str, asked_s: int) -> tuple[float, KeyFrame] | None:
        """Return the key frame that answers a time, with its time; None if that is not known."""
        for (token, at_s), (latest_s, frame) in self._frames.items():
            if token == recording_token and at_s <= asked_s <= latest_s:
                return at_s, frame
        return None
