"""Holds the media since the last key frame, for consumers that join."""

from __future__ import annotations

from media.codecs.access_unit import VIDEO, AccessUnit

MAX_HELD_BYTES = 12 * 1024 * 1024
_OVERHEAD_BYTES = 200  # memory of a unit besides its contents

Media = AccessUnit  # of video or audio


class GopBuffer:
    """`media` begins with the last key frame once `has_key` is True."""

    def __init__(self) -> None:
        self.media: list[Media] = []
        self.has_key = False
        self._held_bytes = 0

    @property
    def is_too_large(self) -> bool:
        """True if more is held than we keep."""
        return self._held_bytes > MAX_HELD_BYTES

    def hold_frame(self, unit: AccessUnit) -> None:
        """Keep a frame. A key frame replaces the group before it.

        Leading frames are left out: a consumer that begins at the key frame cannot decode them.
        """
        if self.has_key and not unit.is_key:
            if not unit.is_leading:
                self._append(unit)
            return
        # Audio that came before the frame was complete belongs to it by its time.
        later = [item for item in self.media if item.track != VIDEO and item.time_s >= unit.time_s]
        self.clear()
        self.has_key = unit.is_key
        if unit.is_key:
            self._append(unit)
        for item in later:
            self._append(item)

    def hold_audio(self, unit: AccessUnit) -> None:
        """Keep a unit of audio."""
        self._append(unit)

    def _append(self, item: Media) -> None:
        self.media.append(item)
        self._held_bytes += sum(map(len, item.parts)) + _OVERHEAD_BYTES

    def clear(self) -> None:
        """Forget everything: consumers that join wait for the next key frame."""
        self.media.clear()
        self._held_bytes = 0
        self.has_key = False
