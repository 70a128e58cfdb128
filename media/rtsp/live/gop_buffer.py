"""Holds the media since the last key frame, for consumers that join."""

from __future__ import annotations

from media.codecs.access_unit import AccessUnit
from media.rtsp.client.rtp import RtpPacket

MAX_HELD_BYTES = 12 * 1024 * 1024
_OVERHEAD_BYTES = 200  # memory of a frame or a packet besides its contents

Media = AccessUnit | RtpPacket  # a frame, or a packet of audio


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
        later = [item for item in self.media if isinstance(item, RtpPacket) and item.time_s >= unit.time_s]
        self.clear()
        self.has_key = unit.is_key
        if unit.is_key:
            self._append(unit)
        for packet in later:
            self._append(packet)

    def hold_audio(self, packet: RtpPacket) -> None:
        """Keep a packet of audio."""
        self._append(packet)

    def _append(self, item: Media) -> None:
        self.media.append(item)
        contents = item.parts if isinstance(item, AccessUnit) else (item.payload,)
        self._held_bytes += sum(map(len, contents)) + _OVERHEAD_BYTES

    def clear(self) -> None:
        """Forget everything: consumers that join wait for the next key frame."""
        self.media.clear()
        self._held_bytes = 0
        self.has_key = False
