"""The meaning of a stream's RTP markers, learned from its packets.

RFC 6184 wants the marker on the last packet of a frame. OpenIPC, HiSilicon encoders and others set it on the last
packet of each slice, others on parameter sets, too, or never.
"""

from __future__ import annotations

_MOST_KNOWN = 256


class KnownMarkers:
    """The proven meaning of a device's marker bits, kept from one device session to the next.

    Streams with the same sps come from encoders of one kind. In the gateway's thread only.
    """

    def __init__(self) -> None:
        self._proven: set[tuple[bytes, bool]] = set()
        self._refuted: set[bytes] = set()

    def end_frames(self, sps: bytes, *, is_key: bool) -> bool:
        """True if frames of this kind have ended with their marker, and no stream with this sps marks slices."""
        return (sps, is_key) in self._proven and sps not in self._refuted

    def prove(self, sps: bytes, *, is_key: bool) -> None:
        """Take note of a marker that was the end of a frame."""
        if sps and len(self._proven) < _MOST_KNOWN:
            self._proven.add((sps, is_key))

    def refute(self, sps: bytes) -> None:
        """Take note of a stream that marks slices."""
        if len(self._refuted) < _MOST_KNOWN:
            self._refuted.add(sps)


class MarkerHabit:
    """The habit of one stream. Depacketizers of one device may share it.

    `is_patient`: until a marker of a kind (key frames, other frames) has proven to be the end of a frame, a marked
    frame waits for the packet after it. Without the wait, a device that marks slices loses its first key frame. A
    normal device waits for one frame's duration, once: `known` remembers it for its other streams and sessions.
    """

    def __init__(self, *, is_patient: bool, known: KnownMarkers | None = None) -> None:
        self.marks_slices = False
        self._is_patient = is_patient
        self._known = known or KnownMarkers()
        self._proven: set[bool] = set()

    def ends_frame(self, sps: bytes, *, is_key: bool) -> bool:
        """True if a marker after a slice ends the frame, as far as it is known."""
        if self.marks_slices:
            return False
        return not self._is_patient or is_key in self._proven or self._known.end_frames(sps, is_key=is_key)

    def prove(self, sps: bytes, *, is_key: bool) -> None:
        """A frame began after a marked one of this kind."""
        if is_key not in self._proven and not self.marks_slices:
            self._proven.add(is_key)
            self._known.prove(sps, is_key=is_key)

    def refute(self, sps: bytes) -> None:
        """A frame went on after its marker."""
        self.marks_slices = True
        self._known.refute(sps)
