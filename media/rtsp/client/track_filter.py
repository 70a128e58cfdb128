"""Decides which of the packets on a channel belong to its track: by payload type and sender (SSRC) together.

Devices mix in packets of an older session (live555 in Reolink cameras), send another payload type than their SDP says,
change the SSRC in the middle, or announce one in SETUP that never comes.
"""

from __future__ import annotations

from media.rtsp.client.rtp import RtpPacket

_SILENT_S = 1.0
_OTHER_TYPE_S = 0.5
_SWAPPED_WITHIN_S = 0.2
_OTHER_TYPE_PACKETS = 10
_MAX_HELD_PACKETS = 2000
_MAX_HELD_BYTES = 4 * 1024 * 1024
_MAX_SENDERS = 16
RTCP_TYPES = range(72, 80)  # the second byte of RTCP (RFC 5761 section 4)


class TrackFilter:
    """`payload_type` and `ssrc` are those of the present sender, None before its first packet.

    The sender that SETUP announced counts most, then the first one. Another sender's packets are held; they count once
    the present sender has been silent for a second. `accepts_any_sender`: the SSRC does not count.
    """

    def __init__(self, payload_type: int, ssrc: int | None = None) -> None:
        self.payload_type = payload_type
        self.ssrc: int | None = None
        self.arrived_s = float("-inf")
        """Arrival of the last packet that belongs to the track."""
        self._described_type = payload_type
        self._announced_ssrc = ssrc or None  # some devices announce 0
        self._held: list[RtpPacket] = []
        self._held_bytes = 0
        self._senders: set[int] = set()
        self.accepts_any_sender = False

    def accept_any_sender(self) -> None:
        """Take packets of any SSRC from now on: recorders change it with each PLAY."""
        self.accepts_any_sender = True
        self._drop_held()

    def sender_left(self) -> None:
        """The present sender has said goodbye: the next one counts immediately."""
        self.ssrc = None

    def is_next(self, packet: RtpPacket, order: SwappedPackets) -> bool:
        """True if a packet is of the present sender and has the next number; then take() is not needed.

        A shortcut for nearly all packets of a stream.
        """
        if packet.sequence != order.expected or packet.ssrc != self.ssrc or self._held:
            return False
        if packet.payload_type != self.payload_type:
            return False
        self.arrived_s = packet.arrived_s
        order.expected = (packet.sequence + 1) & 0xFFFF
        order.run += 1
        return True

    def take(self, packet: RtpPacket) -> list[RtpPacket]:
        """Return the packets that belong to the track now: this one, or those that were held before it, too."""
        if packet.payload_type == self.payload_type and packet.ssrc == self.ssrc:
            if self._held:
                self._drop_held()
            self.arrived_s = packet.arrived_s
            return [packet]
        if packet.payload_type in RTCP_TYPES:
            return []
        if packet.payload_type != self.payload_type == self._described_type and self.ssrc is not None:
            return []  # another track's: some devices use one channel for all
        self._note_sender(packet.ssrc)
        if self._is_preferred(packet):
            self._drop_held()
            return self._change_to(packet, [packet])
        self._hold(packet)
        if self._is_due(packet):
            held = self._held
            self._drop_held()
            return self._change_to(packet, held)
        return []

    def _is_preferred(self, packet: RtpPacket) -> bool:
        """True if a packet of another sender than the present one counts immediately."""
        if packet.payload_type != self._described_type:
            return self.accepts_any_sender and packet.payload_type == self.payload_type
        if self.ssrc is None or self.accepts_any_sender or self.payload_type != self._described_type:
            return True
        return packet.ssrc == self._announced_ssrc

    def _is_due(self, packet: RtpPacket) -> bool:
        """True if the held packets count now."""
        if self.ssrc is None:  # there were only packets of another type than the SDP's
            waited_s = packet.arrived_s - self._held[0].arrived_s
            return len(self._held) >= _OTHER_TYPE_PACKETS or waited_s >= _OTHER_TYPE_S
        return packet.arrived_s - self.arrived_s >= _SILENT_S

    def _change_to(self, packet: RtpPacket, packets: list[RtpPacket]) -> list[RtpPacket]:
        self.payload_type, self.ssrc, self.arrived_s = packet.payload_type, packet.ssrc, packet.arrived_s
        return packets

    def _note_sender(self, ssrc: int) -> None:
        """A device whose SSRC changes all the time has none."""
        if len(self._senders) < _MAX_SENDERS:
            self._senders.add(ssrc)
            if len(self._senders) == _MAX_SENDERS:
                self.accepts_any_sender = True

    def _hold(self, packet: RtpPacket) -> None:
        first = self._held[0] if self._held else packet
        is_other = (first.payload_type, first.ssrc) != (packet.payload_type, packet.ssrc)
        if is_other or len(self._held) >= _MAX_HELD_PACKETS or self._held_bytes > _MAX_HELD_BYTES:
            self._drop_held()
        self._held.append(packet)
        self._held_bytes += len(packet.payload)

    def _drop_held(self) -> None:
        self._held = []
        self._held_bytes = 0


class SwappedPackets:
    """Puts two neighbouring packets in order that a device sends in the wrong one, although over TCP.

    Numbers are believed here only while they have counted up one by one for a while. A packet that skips one number
    waits for the packet after it.
    """

    _SURE_AFTER = 32

    def __init__(self) -> None:
        self.expected: int | None = None  # the next number; None while a packet waits, or before the first one
        self.run = 0  # packets in a row with the expected number
        self._waiting: RtpPacket | None = None

    def take(self, packet: RtpPacket) -> tuple[RtpPacket, ...]:
        """Return the packets to pass on, in order."""
        waiting = self._waiting
        if waiting is not None:
            self._waiting = None
            if packet.sequence == (waiting.sequence - 1) & 0xFFFF:
                self._expect_after(waiting)
                return (packet, waiting)
            self.run = 0
            self._expect_after(packet)
            return (waiting, packet)
        if packet.sequence == self.expected:
            self.run += 1
        elif self._skips_one(packet):
            self._waiting, self.expected = packet, None
            return ()
        else:
            self.run = 0
        self._expect_after(packet)
        return (packet,)

    def _skips_one(self, packet: RtpPacket) -> bool:
        if self.expected is None or self.run < self._SURE_AFTER:
            return False
        return packet.sequence == (self.expected + 1) & 0xFFFF

    def _expect_after(self, packet: RtpPacket) -> None:
        self.expected = (packet.sequence + 1) & 0xFFFF

    def flush(self, now_s: float) -> tuple[RtpPacket, ...]:
        """Return a packet that has waited long enough."""
        waiting = self._waiting
        if waiting is None or now_s - waiting.arrived_s < _SWAPPED_WITHIN_S:
            return ()
        self._waiting = None
        self.run = 0
        self._expect_after(waiting)
        return (waiting,)
