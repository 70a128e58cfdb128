"""RTP packets into access units of video: H.264 (RFC 6184), H.265 (RFC 7798).

A frame is judged by its content. It ends where the next one begins: with another time stamp, or with a slice that is
the first of a frame. A marker ends it earlier, if the device does not mark every slice (MarkerHabit).

- Over an ordered stream (TCP) nothing is lost on the way, and sequence numbers mean nothing: devices count frames
  instead of packets, skip numbers, or always send the same. A frame is whole if its NAL units are.
- Over datagrams (UDP) the numbers decide: a lost packet damages the frames on both sides of the gap.

A damaged frame is discarded. The frames after it are passed on: decoders cope, and for a viewer a smear is better than
a wait for the key frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.nal import NalKind, has_recovery_point
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.onvif_replay_extension import ReplayStamp, read_stamp
from media.rtsp.client.parameter_sets import ParameterSetStore
from media.rtsp.client.payloads import MAX_NAL_BYTES, NO_BEGINNING, PayloadReader
from media.rtsp.client.rtp import Delivery, RtpPacket
from media.rtsp.client.sdp import VideoTrack
from media.rtsp.client.track_times import DeviceTime, TickCounter

_MAX_PARTS = 4096
_STRONG_KEY_FOR = 300  # frames after an IDR within which a recovery point is not needed as a beginning
# Frames without a beginning, after which any frame is taken for one: so many, or so many seconds and so many frames.
_ANY_FRAME_AFTER = (400, 16.0, 60)  # HLS gives up after 24 s
_ANY_FRAME_AGAIN = (100, 4.5, 15)  # the same once it has happened, so that HLS gets segments
_ANY_INTRA_AFTER = 100  # frames without a beginning, after which each intra frame is taken for one
_NO_FIRST_SLICE = "a frame without its first slice"
_JOINED_LATE = frozenset({_NO_FIRST_SLICE, NO_BEGINNING})  # the first frame of a stream may have begun before it
_SLICES = frozenset({NalKind.SLICE, NalKind.KEY_SLICE})
_OF_NEXT_FRAME = frozenset({NalKind.SET, NalKind.SEI, NalKind.LEADING})


class PlaceFrame(Protocol):
    """Returns the place of a frame on a timeline. `clock_went_back`: its time stamp is a fault of the clock."""

    def __call__(self, ticks: int, arrived_s: float, *, clock_went_back: bool = False) -> float: ...


class VideoDepacketizer:
    """One track of H.264 or H.265, from its first packet on.

    `parameter_sets` also has those that come in band.
    `start_device_s`: the first unit's time if the device sends no stamps.
    `place` returns the time_s of a complete frame (SharedSource._place_frame); it is 0 without one.
    `frames_dropped` counts the frames that came incomplete, `damage` says what the last of them lacked.
    SharedSource.status() reads both for a live source; a replay reads AccessUnit.frames_dropped_before.
    """

    def __init__(
        self,
        track: VideoTrack,
        start_device_s: float | None = None,
        *,
        delivery: Delivery = Delivery.STREAM,
        markers: MarkerHabit | None = None,
        place: PlaceFrame | None = None,
    ) -> None:
        codec = track.codec
        self._codec = codec
        self._functions = codec.functions
        self._header_bytes = codec.functions.HEADER_BYTES
        self._clock_rate = track.clock_rate
        self._place = place
        self._has_loss = delivery is Delivery.DATAGRAMS
        self._markers = markers or MarkerHabit(is_patient=False)
        self._reader = PayloadReader(codec, has_order_numbers=track.has_order_numbers, has_loss=self._has_loss)
        self._ticks = TickCounter()
        self._last_ticks = 0  # of the last complete frame
        self._device_time = DeviceTime(track.clock_rate, start_device_s)
        self._sets = ParameterSetStore(codec, (*track.sets.values(), *track.more_sets))
        self.frames_dropped = 0
        self.damage = ""
        self._is_discontinuity = False
        self._frames_dropped_before = 0  # since the last complete frame
        self._since_idr: int | None = None  # frames
        self._since_key = 0  # frames, from the first one on
        self._key_arrived_s: float | None = None  # the last beginning, or the first frame
        self._any_frame_after = _ANY_FRAME_AFTER
        self._open_key_ticks: int | None = None  # of a key frame that is no IDR, until the first frame shown after it
        self._ended: tuple[int, bool] | None = None  # time stamp and kind of the last frame if a marker ended it
        self._has_new_sets: set[str] = set()
        self._has_recovery = False
        self._following: list[bytes] = []  # units after the slices that may belong to the next frame
        self._sequence = 0
        self._has_joined = False  # a frame was complete, or began
        self._clear()

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """NAL units in sending order: vps, sps, pps; there may be several pps."""
        return self._sets.in_use

    @property
    def is_described(self) -> bool:
        """True once there is a parameter set of each type, as decoding needs."""
        return self._sets.is_complete

    def push(self, packets: Sequence[RtpPacket]) -> list[AccessUnit]:
        """Return the units that these packets complete. Packets of one track, over UDP in the order of their numbers.

        `lost_before` of a packet counts over datagrams only.
        """
        units: list[AccessUnit] = []
        for packet in packets:
            self._take_packet(packet, units)
            if packet.more:
                self._take_more(packet, units)
        return units

    def _take_packet(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """Take a packet without its `more`."""
        reader = self._reader
        is_plain = not (packet.marker or packet.extension or packet.lost_before)
        if is_plain and packet.timestamp == self._timestamp and reader.append((packet.payload,)):
            self._sequence = packet.sequence
            return
        if not packet.payload and not packet.lost_before:  # it carries nothing, except maybe the marker
            if packet.marker and packet.timestamp == self._timestamp:
                self._take_marker(packet, units)
            return
        if packet.timestamp != self._timestamp or packet.lost_before:
            self._before_packet(packet, units)
        if packet.extension and (stamp := read_stamp(packet.extension)) is not None:
            self._take_stamp(stamp)
        for nal in reader.take(packet.payload):
            self._take_nal(nal, packet, units)
        if reader.damage:
            self._take_damage()
        self._sequence = packet.sequence
        if packet.marker:
            self._take_marker(packet, units)

    def _take_more(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """Take the packets in `more`: nearly always further fragments of one NAL unit."""
        place = 0
        while place < len(packet.more):
            if packet.timestamp == self._timestamp:
                place = self._reader.append(packet.more, place)
                self._sequence = (packet.sequence + place) & 0xFFFF
            if place < len(packet.more):
                self._take_packet(packet.joined(place), units)
                place += 1

    def _before_packet(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """End the present frame and begin another one, if a packet's time stamp or a loss says so."""
        has_loss = self._has_loss and packet.lost_before > 0
        if packet.timestamp != self._timestamp:
            if self._timestamp is not None and self._reader.holds_raw:
                self._take_raw(replace(packet, timestamp=self._timestamp, arrived_s=self._arrived_s), units)
            if self._timestamp is not None and not self._continues(packet):
                if has_loss and (not self._is_marked() or self._markers.marks_slices):
                    self._damage("lost packets")  # they may be the end of the frame
                self._end(units)
            if self._timestamp is None:
                self._begin(packet)
        if has_loss:
            self._reader.drop()
            self._damage("lost packets")

    def flush_marked(self) -> list[AccessUnit]:
        """Return a frame that waits after its marker. Call it when no packet has come for longer than usual."""
        return self.flush() if self._is_marked() and not self._markers.marks_slices else []

    def flush(self) -> list[AccessUnit]:
        """Return the present frame if all its NAL units so far are complete: no more packets are expected."""
        units: list[AccessUnit] = []
        if self._slices and not self._reader.is_open and not self._reader.holds_raw:
            ended = (self._timestamp or 0, self._is_key)
            self._end(units)
            self._ended = ended
        return units

    # -- frames ------------------------------------------------------------------------------------

    def _is_marked(self) -> bool:
        """True if the present frame has slices, and a marker after the last one."""
        return self._marked_slices > 0 and self._marked_slices == len(self._slices)

    def _clear(self) -> None:
        self._timestamp: int | None = None
        self._arrived_s = 0.0
        self._parts: list[bytes] = []
        self._bytes = 0
        self._slices: list[bytes] = []
        self._is_key = False
        self._problem = ""
        self._marked_slices = 0  # number of slices up to the last marker
        self._stamp: ReplayStamp | None = None
        self._ends_section = False

    def _begin(self, packet: RtpPacket) -> None:
        self._timestamp = packet.timestamp
        self._arrived_s = packet.arrived_s
        following, self._following = self._following, []
        for nal in following:
            self._add(nal)

    def _continues(self, packet: RtpPacket) -> bool:
        """True if a packet with another time stamp belongs to the present frame: some devices stamp each packet.

        Over datagrams the time stamp alone decides.
        """
        if self._has_loss:
            return False
        if self._reader.is_continuation(packet.payload):
            return self._reader.is_open and packet.sequence == (self._sequence + 1) & 0xFFFF
        if not self._slices or self._is_marked() or self._reader.is_open:
            return False
        head = self._reader.first_bytes(packet.payload)
        if not head or self._kind(head) not in _SLICES or head[self._header_bytes] >= 0x80:
            return False
        return self._functions.slice_position(head) > self._functions.slice_position(self._slices[-1])

    def _take_marker(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """End the frame if the marker says so. Some devices set the marker on leading NAL units, too."""
        if self._reader.holds_raw:
            self._take_raw(packet, units)
        if self._reader.is_open:
            if not self._reader.has_no_ends or self._has_loss:
                return
            for nal in self._reader.finish():
                self._take_nal(nal, packet, units)
        self._marked_slices = len(self._slices)
        is_certain = bool(self._problem) and not self._slices
        if is_certain or (self._slices and self._markers.ends_frame(self._sets.sps, is_key=self._is_key)):
            timestamp, is_key = packet.timestamp, self._is_key
            self._end(units)
            self._ended = (timestamp, is_key)

    def _end(self, units: list[AccessUnit]) -> None:
        """End the present frame: it is complete, damaged, or there was none."""
        if self._timestamp is None:
            return
        if self._reader.is_open:
            self._end_unit()
        if self._reader.watches_frame:
            self._reader.end_frame()
        if self._is_marked() and not self._problem:
            self._markers.prove(self._sets.sps, is_key=self._is_key)
        self._ended = None
        ticks = self._ticks.extend(self._timestamp)
        device_s = self._device_time.of(self._stamp, ticks)
        is_discontinuous = self._is_discontinuity or (self._stamp is not None and self._stamp.is_discontinuous)
        if self._problem and (self._has_joined or self._problem not in _JOINED_LATE):
            self._frames_dropped_before += 1
            self.frames_dropped += 1
            self.damage = self._problem
        self._has_joined = True
        if not self._slices or self._problem:
            self._is_discontinuity = is_discontinuous or self._ends_section  # for the next complete frame
        else:
            self._is_discontinuity = False
            is_key = self._is_beginning()
            if is_key:
                self._sets.use_for(self._slices[0])
            else:
                self._sets.note_slices(self._slices)
            units.append(
                AccessUnit(
                    VIDEO,
                    tuple(self._parts),
                    ticks,
                    self._clock_rate,
                    is_key=is_key,
                    device_s=device_s,
                    is_discontinuous=is_discontinuous,
                    ends_section=self._ends_section,
                    time_s=self._place_frame(ticks),
                    frames_dropped_before=self._frames_dropped_before,
                    arrived_s=self._arrived_s,
                    is_leading=self._is_leading(ticks, is_key=is_key),
                    parameter_sets=self._sets.in_use if is_key and self.is_described else (),
                )
            )
            self._frames_dropped_before = 0
        if self._slices:
            self._has_new_sets = set()
            self._has_recovery = False
        self._clear()

    def _end_unit(self) -> None:
        """End a unit whose fragments had no end, with its frame."""
        if self._reader.has_no_ends and not self._has_loss:
            for nal in self._reader.finish():
                self._add(nal)
        else:
            self._damage("a NAL unit without its end")
            self._reader.drop()

    def _place_frame(self, ticks: int) -> float:
        """Return the place of the present frame. Only B-frames may be shown before the frame that came before them."""
        last, self._last_ticks = self._last_ticks, ticks
        if self._place is None:
            return 0.0
        went_back = ticks < last and not any(map(self._functions.is_bidirectional, self._slices[:1]))
        return self._place(ticks, self._arrived_s, clock_went_back=went_back)

    def _is_beginning(self) -> bool:
        """True if decoding may begin at the present frame.

        Encoders with rolling intra refresh or open groups send one IDR at their start, or none: then a recovery point,
        or an intra frame after parameter sets, is a beginning.
        """
        self._since_key += 1
        if self._since_idr is not None:
            self._since_idr += 1
        is_beginning = self._is_key
        if self._is_key:
            self._since_idr = 0
            self._any_frame_after = _ANY_FRAME_AFTER
        elif self._since_idr is None or self._since_idr > _STRONG_KEY_FOR:
            # Without recovery points the picture of rolling intra refresh becomes right after a while.
            is_late = bool(self._functions.RECOVERY_POINT) and self._is_without_key_too_long()
            is_true = self._has_recovery or self._is_intra_beginning()
            is_beginning = is_true or is_late
            if is_beginning:
                self._any_frame_after = _ANY_FRAME_AFTER if is_true else _ANY_FRAME_AGAIN
            if is_beginning and not self._has_recovery and self._functions.RECOVERY_POINT:
                self._parts.insert(0, self._functions.RECOVERY_POINT)  # ffmpeg and browsers begin there only
        if is_beginning:
            self._since_key = 0
            self._key_arrived_s = self._arrived_s
        return is_beginning

    def _is_without_key_too_long(self) -> bool:
        """True if the frames since the last beginning are too many, or the time since then is too long."""
        if self._key_arrived_s is None:
            self._key_arrived_s = self._arrived_s
        frames, seconds, least = self._any_frame_after
        is_slow = self._since_key > least and self._arrived_s - self._key_arrived_s > seconds
        return self._since_key > frames or is_slow

    def _is_intra_beginning(self) -> bool:
        """True for an intra frame with parameter sets before it, or after a long time without a beginning."""
        has_sets = self._has_new_sets >= set(self._codec.parameter_set_types)
        may_begin = has_sets or self._since_key > _ANY_INTRA_AFTER
        return may_begin and all(map(self._functions.is_intra, self._slices))

    def _is_leading(self, ticks: int, *, is_key: bool) -> bool:
        """True if a frame may refer to frames before the last key frame: it is decoded after it and shown before it."""
        if is_key:
            self._open_key_ticks = None if self._functions.is_idr(self._slices[0]) else ticks
        elif self._open_key_ticks is not None:
            if ticks < self._open_key_ticks:
                return True
            self._open_key_ticks = None
        return False

    def _take_raw(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """Take the NAL units that the reader has held for the end of the frame."""
        for nal in self._reader.take_raw():
            self._take_nal(nal, packet, units)
        if self._reader.damage:
            self._take_damage()

    def _take_damage(self) -> None:
        """Take over the fault that the reader has found."""
        self._damage(self._reader.damage)
        self._reader.damage = ""

    def _damage(self, problem: str) -> None:
        self._problem = self._problem or problem

    def _take_stamp(self, stamp: ReplayStamp) -> None:
        if self._stamp is None:
            self._stamp = stamp
        self._ends_section = self._ends_section or stamp.ends_section or stamp.is_terminal

    # -- NAL units ---------------------------------------------------------------------------------

    def _kind(self, nal: bytes) -> NalKind:
        return self._functions.NAL_KINDS[self._functions.nal_type(nal)]

    def _take_nal(self, nal: bytes, packet: RtpPacket, units: list[AccessUnit]) -> None:
        if len(nal) <= self._header_bytes:
            return
        kind = self._kind(nal)
        if kind is NalKind.IGNORED:
            return
        if kind in _SLICES:
            self._before_slice(nal, packet, units)
        elif kind in _OF_NEXT_FRAME and self._slices:
            self._add_to_next_frame(nal)
            return
        self._add(nal)

    def _add_to_next_frame(self, nal: bytes) -> None:
        """Hold a NAL unit for the next frame. The limit is for a device that never ends the present one."""
        self._bytes += len(nal)
        if self._bytes > MAX_NAL_BYTES or len(self._following) >= _MAX_PARTS:
            self._damage("a frame that is too large")
            self._following.clear()
        else:
            self._following.append(nal)

    def _before_slice(self, nal: bytes, packet: RtpPacket, units: list[AccessUnit]) -> None:
        """Begin a new frame if this slice is the first of one."""
        is_first = nal[self._header_bytes] >= 0x80  # first_mb_in_slice 0, or first_slice_segment_in_pic_flag
        if not self._slices:
            if not is_first:
                if self._ended is not None and self._ended[0] == packet.timestamp:
                    self._markers.refute(self._sets.sps)  # the frame that was ended had more slices
                self._damage(_NO_FIRST_SLICE)
            return
        if is_first and not self._is_second_field(nal):
            self._take_damage()
            self._end(units)
            self._begin(packet)
            return
        if self._is_marked():
            self._markers.refute(self._sets.sps)  # or the fields of a frame
        following, self._following = self._following, []  # GStreamer repeats the parameter sets before every slice
        for leading in following:
            self._add(leading)

    def _is_second_field(self, nal: bytes) -> bool:
        is_short = len(self._slices) < _MAX_PARTS
        return is_short and self._functions.is_second_field(self._slices[0], nal, self._sets.sps)

    def _add(self, nal: bytes) -> None:
        """Add a NAL unit to the present frame."""
        kind = self._kind(nal)
        if kind is NalKind.SET:
            if set_type := self._sets.take(nal):
                self._has_new_sets.add(set_type)
            return
        self._bytes += len(nal)
        if self._bytes > MAX_NAL_BYTES or len(self._parts) >= _MAX_PARTS:
            self._damage("a frame that is too large")
            return
        self._parts.append(nal)
        if kind in _SLICES:
            self._slices.append(nal)
            self._is_key = self._is_key or kind is NalKind.KEY_SLICE
        elif kind is NalKind.SEI and not self._has_recovery:
            self._has_recovery = has_recovery_point(nal, self._header_bytes)
