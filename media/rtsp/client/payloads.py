"""RTP payloads into NAL units: H.264 (RFC 6184) and H.265 (RFC 7798), and what devices make of them.

A unit is judged by its content: a fragmented unit is whole when it has a beginning and an end. Sequence numbers do not
matter here. Payloads are untrusted: every length is checked, and the size of a unit is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from media.codecs.nal import split_at_lengths, split_at_start_codes, starts_with_start_code, without_start_code
from media.codecs.video import VideoCodec
from media.rtsp.client.raw_pieces import RawPieces

MAX_NAL_BYTES = 16 * 1024 * 1024
NO_BEGINNING = "a NAL unit without its beginning"
_STARTS, _ENDS = 0x80, 0x40
_VPS = 32
_TRUST_MISSING_STARTS_AFTER = 3  # units with an end and no beginning, or frames with neither
_DOUBT_STARTS_AFTER = 3  # fragments that begin a unit while one of the same type is open
_DOUBT_ENDS_AFTER = 3  # further fragments of one unit that are ends, too


# How devices write the sizes in aggregation packets: byte order, and the bytes of the field that they count, too.
_SIZE_FORMS: tuple[tuple[Literal["big", "little"], int], ...] = (("big", 0), ("big", 2), ("little", 0))


def cut_at_sizes(
    payload: bytes, position: int, skipped: int, between: int, form: tuple[Literal["big", "little"], int]
) -> tuple[list[bytes], bool]:
    """Return the units of an aggregation packet whose sizes have this form, and whether they fit into it."""
    order, counted = form
    units: list[bytes] = []
    while position + 2 < len(payload):
        start = position + 2 + skipped
        stop = start + int.from_bytes(payload[position : position + 2], order) - counted
        if stop > len(payload) or stop + counted < start:
            return units, False
        if stop > start:
            units.append(payload[start:stop])
        position = max(stop, start) + between
    return units, True


class PayloadReader:
    """Call take() with the payloads of one track, in order. `damage` names the last fault; the caller clears it.

    `has_order_numbers`: packets of H.265 have the decoding order numbers of RFC 7798 (DONL, DOND). They are skipped,
    as ffmpeg does: cameras send in decoding order.
    """

    def __init__(self, codec: VideoCodec, *, has_order_numbers: bool = False, has_loss: bool = False) -> None:
        self._is_h264 = codec.name == "h264"
        self._header_bytes = codec.functions.HEADER_BYTES
        self._type_mask, self._fragment_type = (0x1F, 28) if self._is_h264 else (0x7E, 49 << 1)
        self._order_bytes = 2 if has_order_numbers and not self._is_h264 else 0
        self._fragments: list[bytes] = []  # of a unit that has begun; the first one is its header
        self._bytes = 0
        self._has_loss = has_loss
        self._starts = 0
        self._ends = 0
        self._ended_header = b""  # of the unit that the last fragment has ended
        self._false_starts = 0
        self._false_ends = 0  # fragments that go on after it and are marked as ends, too
        self._has_lengths: bool | None = None  # before each unit, as in MP4; None before the first unit that shows it
        self._has_unmarked = False  # the present frame has fragments without a mark
        self._unmarked_frames = 0  # frames of such fragments, while no fragment has had a mark
        self._raw = RawPieces(codec)
        self._is_raw = False  # payloads are held, or belong together although they are no fragments
        self.holds_raw = False
        """True if payloads wait for the rest of their frame; take_raw() returns their units."""
        self.watches_frame = False
        """True if end_frame() must be called at the end of the present frame."""
        self.damage = ""

    @property
    def is_open(self) -> bool:
        """True if a fragmented unit has begun and not ended."""
        return bool(self._fragments)

    def append(self, payloads: Sequence[bytes], first: int = 0) -> int:
        """Take payloads, from the place `first` on, as long as they are further fragments of the present unit.

        Return the place of the first payload that is none, or the last fragment: call take() for it.
        """
        if not self._fragments:
            return first
        mask, kind, at = self._type_mask, self._fragment_type, self._header_bytes
        for place in range(first, len(payloads)):
            payload = payloads[place]
            if len(payload) <= at or payload[0] & mask != kind or payload[at] & (_STARTS | _ENDS):
                return place
            if self._bytes > MAX_NAL_BYTES:
                return place
            self._false_starts = 0
            self._bytes += len(payload)
            self._fragments.append(payload[at + 1 :])
        return len(payloads)

    def take(self, payload: bytes, *, is_packet: bool = False) -> list[bytes]:
        """Return the NAL units that a payload completes. `is_packet`: it is one of RFC 6184 or 7798."""
        if payload[:2] == b"\0\0" or self._is_raw:  # no header begins like this
            if not is_packet:
                return self._take_odd(payload)
            payload = without_start_code(payload)  # some cameras put one into each packet, before the header
        if len(payload) <= self._header_bytes:
            return []
        kind = payload[0] & 0x1F if self._is_h264 else payload[0] >> 1 & 0x3F
        if kind == (28 if self._is_h264 else 49):
            return self._take_fragment(payload, self._order_bytes)
        finished = self._end_early() if self._fragments else []
        if kind < (24 if self._is_h264 else 48):
            return finished + split_at_start_codes(self._without_order(payload, kind))
        return finished + self._take_rare(payload, kind)

    # -- payloads in pieces ------------------------------------------------------------------------

    def _take_odd(self, payload: bytes) -> list[bytes]:
        """Take a payload that begins with a start code or a length, or that continues one with a start code."""
        if self._is_raw and not starts_with_start_code(payload):
            return self._take_raw_piece(payload)
        if (units := self._units_with_lengths(payload)) is not None:
            return (self._end_early() if self._fragments else []) + units
        if self._raw.is_cut is not False and starts_with_start_code(payload):
            return self._begin_raw(payload)
        return self.take(payload, is_packet=True)

    def _begin_raw(self, payload: bytes) -> list[bytes]:
        """Hold a payload with a start code, unless it is a packet by itself. Return the units before it."""
        finished = self.take_raw() if self.holds_raw else []
        if self._fragments:
            finished += self._end_early()
        if not self._raw.begin(payload):
            self._is_raw = False
            return finished + self.take(payload, is_packet=True)
        self._is_raw = self.holds_raw = True
        self.watches_frame = True
        return finished

    def _take_raw_piece(self, payload: bytes) -> list[bytes]:
        if not self.holds_raw:
            self.damage = NO_BEGINNING
        elif not self._raw.add(payload):
            self.damage = "a NAL unit that is too large"
            self._drop_raw()
        elif self._raw.is_cut is False:
            return self.take_raw()
        return []

    def take_raw(self) -> list[bytes]:
        """Return the units of the payloads that are held."""
        self._is_raw, self.holds_raw = bool(self._raw.is_cut), False
        if self._raw.is_one:
            return self._raw.units()
        return [unit for payload in self._raw.take() for unit in self.take(payload, is_packet=True)]

    def _drop_raw(self) -> None:
        self._raw.take()
        self._is_raw, self.holds_raw = bool(self._raw.is_cut), False

    def end_frame(self) -> None:
        """Take note of the end of a frame, which shows the habits of devices that mark nothing else."""
        self.watches_frame = False
        if self._has_unmarked:
            self._has_unmarked = False
            self._unmarked_frames += 1
        if self._raw.is_cut is None and self._raw.has_begun:
            self._raw.end_frame()

    # -- rare packets ------------------------------------------------------------------------------

    def _units_with_lengths(self, data: bytes) -> list[bytes] | None:
        """Return the NAL units of a device that sends them as MP4 holds them, without start codes. Otherwise None.

        A length of 256 to 511 bytes looks like a start code: the units before it decide.
        """
        if self._has_lengths is False:
            return None
        units = split_at_lengths(data)
        if not self._has_lengths and starts_with_start_code(data):
            if units is None:
                self._has_lengths = False
            return None
        if units is not None:
            self._has_lengths = True
        return units

    def _take_rare(self, payload: bytes, kind: int) -> list[bytes]:
        """Take the types of payload that most devices never send."""
        if not self._is_h264:
            if kind == 48:
                return self._take_aggregate(payload, 2 + self._order_bytes, 0, between=self._order_bytes // 2)
            if kind == 50:
                return self._take_paci(payload)
        elif kind == 24:  # STAP-A
            return self._take_aggregate(payload, 1, 0)
        elif kind == 25:  # STAP-B: a decoding order number is before the units
            return self._take_aggregate(payload, 3, 0)
        elif kind in {26, 27}:  # MTAP16, MTAP24: each unit has its own order number and time offset
            return self._take_aggregate(payload, 3, kind - 23)
        elif kind == 29:  # FU-B
            return self._take_fragment(payload, 2)
        self.damage = f"packets of the unknown type {kind}"
        return []

    def _without_order(self, payload: bytes, kind: int) -> bytes:
        """Return a single NAL unit without its order number.

        A VPS shows whether there is one: its third field is 16 ones (ITU-T H.265 section 7.3.2.1).
        """
        if self._order_bytes and kind == _VPS and payload[4:6] == b"\xff\xff":
            self._order_bytes = 0
        return payload[:2] + payload[4:] if self._order_bytes else payload

    def _take_aggregate(self, payload: bytes, position: int, skipped: int, *, between: int = 0) -> list[bytes]:
        """Take units with a 16-bit length each. Some devices count the length itself, or swap its bytes.

        `skipped`: bytes between the length and the unit; `between`: bytes between two of them.
        """
        readings = (cut_at_sizes(payload, position, skipped, between, form) for form in _SIZE_FORMS)
        pieces, is_whole = next(readings)
        if not is_whole:
            pieces, is_whole = next((other for other in readings if other[1]), (pieces, False))
        if not is_whole:
            self.damage = "an aggregation packet that is cut off"
        return [unit for piece in pieces for unit in self._split(piece)]

    def _take_paci(self, payload: bytes) -> list[bytes]:
        """Take a packet with extensions in its header (RFC 7798 section 4.4.4)."""
        if len(payload) < 5:
            return []
        head = bytes([payload[0] & 0x01 | payload[2] & 0x80 | payload[2] & 0x7E, payload[1]])
        extension_bytes = (payload[2] & 0x01) << 4 | payload[3] >> 4
        kind = head[0] >> 1 & 0x3F
        inner = head + payload[4 + extension_bytes :]
        return self.take(inner) if kind != 50 else []

    # -- fragments ---------------------------------------------------------------------------------

    def _take_fragment(self, payload: bytes, order_bytes: int) -> list[bytes]:
        """Take an FU-A or FU-B (RFC 6184 section 5.8), or an FU (RFC 7798 section 4.4.3).

        Some devices end a unit with a fragment without bytes.
        """
        head = self._header_bytes + 1
        if len(payload) < head:
            return []
        flags = payload[head - 1]
        if flags & _STARTS and self._is_false_start(self._header_of(payload, flags)):
            flags &= ~_STARTS
        units: list[bytes] = []
        if flags & _STARTS or (not self._fragments and self._has_no_starts):
            self._starts += flags >> 7
            if self._fragments:
                units = self._end_early()
            self._fragments = [self._header_of(payload, flags)]
            self._bytes = 0
            head += order_bytes
        elif not self._fragments:
            self._note_end_without_beginning(self._header_of(payload, flags), flags)
            self.damage = NO_BEGINNING
            return units
        elif not payload[head - 1] & (_STARTS | _ENDS):
            self._false_starts = 0  # a device that marks each fragment as a beginning sends no such fragment
        self._bytes += len(payload)
        if self._bytes > MAX_NAL_BYTES:
            self.damage = "a NAL unit that is too large"
            self._fragments = []
            return units
        self._fragments.append(payload[head:])
        if flags & _ENDS:
            self._ends += 1
            self._ended_header = self._fragments[0]
            if not self.has_no_ends:
                self._false_ends = 0
                units += self.finish()
        return units

    def _is_false_start(self, header: bytes) -> bool:
        """True for a device that marks each fragment as a beginning, and the ends truly."""
        if self._has_loss or self.has_no_ends:
            return False
        is_false = bool(self._fragments) and self._fragments[0] == header
        if self._false_starts < _DOUBT_STARTS_AFTER:
            self._false_starts = self._false_starts + 1 if is_false else 0
            return False
        return is_false

    def _note_end_without_beginning(self, header: bytes, flags: int) -> None:
        """Count the ends that may be false: some devices mark each fragment as an end, which ffmpeg ignores."""
        if not flags & (_STARTS | _ENDS):
            self._has_unmarked = self.watches_frame = True
        self._ends += flags >> 6 & 1
        is_false = bool(flags & _ENDS) and header == self._ended_header
        if not self._has_loss:  # otherwise the first fragments of frames may be lost
            self._false_ends = self._false_ends + 1 if is_false else 0

    def _header_of(self, payload: bytes, flags: int) -> bytes:
        if self._is_h264:
            return bytes([payload[0] & 0xE0 | flags & 0x1F])
        return bytes([payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]])

    @property
    def _has_no_marks(self) -> bool:
        """True for a device that marks neither beginnings nor ends: only frames part its units."""
        return self._unmarked_frames >= _TRUST_MISSING_STARTS_AFTER and not self._starts and not self._ends

    @property
    def _has_no_starts(self) -> bool:
        """True for a device that never marks the beginning of a unit, but the ends, or neither."""
        if self._starts:
            return False
        unmarked = 0 if self._ends or self._has_loss else self._unmarked_frames
        return max(self._ends, unmarked) >= _TRUST_MISSING_STARTS_AFTER

    @property
    def has_no_ends(self) -> bool:
        """True if the device marks beginnings of units, and no ends, or each fragment as one."""
        return self._ends == 0 or self._false_ends >= _DOUBT_ENDS_AFTER

    def _end_early(self) -> list[bytes]:
        """The next unit begins before the end of the present one."""
        if self.has_no_ends:
            return self.finish()
        self.damage = "a NAL unit without its end"
        self._fragments = []
        return []

    def finish(self) -> list[bytes]:
        """Return the units in the fragments."""
        nal = b"".join(self._fragments)
        self._fragments = []
        return self._split(nal)

    def _split(self, data: bytes) -> list[bytes]:
        """Return the NAL units in the place of one."""
        if data[:2] != b"\0\0":
            return split_at_start_codes(data)
        units = self._units_with_lengths(data)
        return split_at_start_codes(without_start_code(data)) if units is None else units

    def drop(self) -> None:
        """Forget the fragments: packets after them were lost."""
        self._fragments = []
        if self.holds_raw:
            self._drop_raw()

    # -- look ahead --------------------------------------------------------------------------------

    def is_continuation(self, payload: bytes) -> bool:
        """True if a payload is a further fragment of a unit."""
        if len(payload) <= self._header_bytes or payload[0] & self._type_mask != self._fragment_type:
            return False
        return not (payload[self._header_bytes] & _STARTS or self._has_no_marks)

    def first_bytes(self, payload: bytes) -> bytes:
        """Return the first bytes of the NAL unit that begins with a payload; empty for aggregates."""
        payload = payload[:64]
        if payload[:2] == b"\0\0":
            payload = payload[4:] if self._has_lengths else without_start_code(payload)
        if len(payload) <= self._header_bytes + 2 + self._order_bytes:
            return b""
        kind = payload[0] & 0x1F if self._is_h264 else payload[0] >> 1 & 0x3F
        if kind == (28 if self._is_h264 else 49):
            flags = payload[self._header_bytes]
            skipped = self._order_bytes if flags & _STARTS else 0
            return self._header_of(payload, flags) + payload[self._header_bytes + 1 + skipped :]
        if kind >= (24 if self._is_h264 else 48):
            return b""
        return payload[: self._header_bytes] + payload[self._header_bytes + self._order_bytes :]
