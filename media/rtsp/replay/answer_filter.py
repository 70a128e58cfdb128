"""Separates the packets of the newest PLAY from those of the PLAY before it.

Between a PLAY and its answer a recorder still sends packets of the old position and may already send those of
the new one. The filter holds them until the answer has come, finds the first packet of the new position and
drops the older ones. Some recorders send the old position after the answer, too, or answer long after the media.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from core.clock import Clock
from media.rtsp.client.onvif_replay_extension import ReplayStamp, read_stamp
from media.rtsp.client.receiver import SessionSink
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.replay.playback import ReplayPlayback

_MAX_HELD_BYTES = 8 * 1024 * 1024
_MAX_OLD_BYTES = 1024 * 1024  # held after the answer, while only the old position comes
_MAX_PAUSED_BYTES = 4 * 1024 * 1024  # less than that is on its way when a recorder pauses
_OLD_PACKETS = 4096
_SORTED_PACKETS = 400
_JUMP_S = 1.5
_JUMP_STEPS = 3.0  # some recordings have a frame every few seconds
_REORDERED_S = 0.2
_EARLY_S, _LATE_S = 60.0, 10.0  # how far from the requested time a recorder may begin
_ANSWER_PATIENCE_S = 1.5
_SORTING_PATIENCE_S = 0.4
_CSEQ_PATIENCE_S = 1.0


class AnswerFilter(SessionSink):
    """The sink of a replay session. Delivers to the playback that the newest PLAY is for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracks: tuple[VideoTrack, AudioTrack | None] | None = None
        self._audio_left_out = ""
        self._playback: ReplayPlayback | None = None
        self._held: list[RtpPacket] = []
        self._held_bytes = 0
        self._answered_at = 0  # number of held packets that came before the answer
        self._cseq = 0  # of the newest PLAY that was answered; 0 before the first
        self._writes_cseq = False  # the stamps were seen to carry the CSeq of their PLAY
        self._leaves_frames_out = False  # the playback or the one before it does
        self._has_times = True  # the stamps tell the times of frames, apart from `_zone_s`
        self._zone_s = 0.0
        self._has_begun = False
        self._first_sequence: int | None = None
        self._start_s = 0.0  # device time at which the new position should begin
        self._last_s: float | None = None  # device time of the newest delivered frame
        self._step_s = 0.0  # from the frame before it
        self._is_last_marked = False  # that frame has the bit D
        self._is_sorting = False
        self._has_dropped_old = False
        self._since_s = 0.0  # our monotonic clock: the newest PLAY or its answer
        self._on_flood: Callable[[], None] | None = None
        self._paused_bytes = 0
        self.is_waiting = True  # for the answer to a PLAY
        self.begun = asyncio.Event()
        """Set when the newest PLAY is answered, by its answer or by media."""

    def wait_for_answer(self, playback: ReplayPlayback | None) -> None:
        """Hold the packets from now on, until answered(). None: drop them, because the session is about to end."""
        old, self._playback = self._playback, playback
        self._leaves_frames_out = any(it is not None and it.leaves_frames_out for it in (old, playback))
        if old is not None and old.is_heard:
            self._has_times, self._zone_s = old.tells_times, old.stamp_zone_s
        self.is_waiting, self._is_sorting, self._on_flood = True, False, None
        self._since_s = self._clock.monotonic_s()
        self._held.clear()
        self._held_bytes = 0
        self.begun.clear()

    def answered(self, cseq: int, first_sequence: int | None, start_s: float | None) -> None:
        """PLAY was accepted. `first_sequence`: of the first video packet by RTP-Info (RFC 2326 section 12.33).

        `start_s`: the start of the answer's Range, in device time.
        """
        self._cseq = cseq
        if self.is_waiting:  # otherwise its media came long before
            self._begin(first_sequence, start_s)

    def paused(self, on_flood: Callable[[], None]) -> None:
        """PAUSE was accepted. Call `on_flood` if the recorder goes on sending nevertheless."""
        self._on_flood, self._paused_bytes = on_flood, 0

    @property
    def is_sending_old(self) -> bool:
        """True if the recorder has answered PLAY and still sends only packets of the old position."""
        if not self._is_sorting or self._last_s is None or not (self._held or self._has_dropped_old):
            return False
        if self._writes_cseq:
            return True
        if self._leaves_frames_out or not self._has_times:
            return False
        times = [stamp.device_s for packet in self._held if (stamp := _stamp_of(packet)) is not None]
        return not self._last_s - _EARLY_S <= self._start_s <= max(times, default=self._last_s) + _LATE_S

    def on_goodbye(self) -> None:
        """RTCP BYE: the recorder has sent all that was requested, unless packets follow."""
        if not self.is_waiting and self._playback is not None:
            self._playback.take_goodbye()

    def on_end_notice(self) -> None:
        """The recorder has announced the end of the recording by a request of its own."""
        if not self.is_waiting and self._playback is not None:
            self._playback.end()

    # -- client.receiver.SessionSink ---------------------------------------------------------------

    def on_description(
        self,
        video: VideoTrack,
        audio: AudioTrack | None,
        delivery: Delivery = Delivery.STREAM,  # noqa: ARG002 - recorders send over TCP
    ) -> None:
        self._tracks = (video, audio)

    def on_audio_left_out(self, reason: str) -> None:
        self._audio_left_out = reason

    def on_opened(self, patience_s: float) -> None:
        """Nothing to do: a playback begins with the answer to its PLAY."""

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if self._playback is None:
            return
        if self.is_waiting or self._is_sorting:
            self._hold(packets)
            return
        if self._on_flood is not None:
            self._paused_bytes += sum(len(packet.payload) for packet in packets)
            if self._paused_bytes > _MAX_PAUSED_BYTES:
                on_flood, self._on_flood = self._on_flood, None
                on_flood()
        self._deliver(packets)

    def on_report(self, track: int, report: SenderReport) -> None:
        if not self.is_waiting and track == VIDEO and self._playback is not None:
            self._playback.take_report(report)

    def on_tick(self) -> None:
        waited_s = self._clock.monotonic_s() - self._since_s
        if self.is_waiting:
            if waited_s > _ANSWER_PATIENCE_S:
                self._begin_without_answer()
            return
        if not self._is_sorting or len(self._held) <= self._answered_at or waited_s < _SORTING_PATIENCE_S:
            return
        if not self.is_sending_old:
            self._release(self._answered_at)
        elif waited_s > _CSEQ_PATIENCE_S and (index := self._index(0, writes_cseq=False)) is not None:
            self._writes_cseq = False  # not any more: time has jumped, and the CSeq has not changed
            self._release(index, is_shown=True)

    # -- inside ------------------------------------------------------------------------------------

    def _hold(self, packets: list[RtpPacket]) -> None:
        self._held_bytes += sum(len(packet.payload) for packet in packets)
        if self._held_bytes > _MAX_HELD_BYTES and self.is_waiting:
            self._begin_without_answer()
            if self.is_waiting:
                return
            if not self._is_sorting:
                self._deliver(packets)
                return
        self._held += packets
        if self._is_sorting:
            self._sort()

    def _begin_without_answer(self) -> None:
        """Take media for the answer to the first PLAY of a session: no older media exists."""
        if not self._has_begun and self._playback is not None and any(packet.track == VIDEO for packet in self._held):
            self._begin(None, None)

    def _begin(self, first_sequence: int | None, start_s: float | None) -> None:
        self.is_waiting, self._is_sorting = False, True
        is_first, self._has_begun, self._has_dropped_old = not self._has_begun, True, False
        self._answered_at = 0 if is_first else len(self._held)  # no packet before the first PLAY's is old
        self._since_s = self._clock.monotonic_s()
        self._first_sequence = None if is_first else first_sequence
        self.begun.set()
        if self._playback is not None and self._tracks is not None:
            self._start_s = self._zone_s + (self._playback.resume_s if start_s is None else start_s)
            self._playback.audio_left_out = self._audio_left_out
            is_doubted = not (is_first or self._has_times)
            self._playback.begin(*self._tracks, self._clock.monotonic_s(), start_s, is_start_doubted=is_doubted)
        self._sort()

    def _sort(self) -> None:
        """Deliver the new packets as soon as the held ones show which is the first of them."""
        index = self._index(self._cseq, writes_cseq=self._writes_cseq)
        if index is not None:
            self._release(index, is_shown=True)
        elif self._last_s is None and len(self._held) > self._answered_at:
            self._release(self._answered_at)  # without stamps, only the place of the answer tells
        elif self._held_bytes > _MAX_OLD_BYTES and self.is_sending_old:
            self._drop_held()
        elif len(self._held) - self._answered_at > _SORTED_PACKETS and not self.is_sending_old:
            self._release(self._answered_at)

    def _index(self, cseq: int, *, writes_cseq: bool) -> int | None:
        has_jumps = self._has_times and not self._leaves_frames_out
        step_s = max(_JUMP_S, _JUMP_STEPS * self._step_s)
        return index_of_answer(
            self._held,
            cseq,
            self._last_s,
            jump_s=step_s if has_jumps else None,
            writes_cseq=writes_cseq,
            is_last_marked=self._is_last_marked,
            start_s=self._start_s if self._has_times else None,
            step_s=step_s,
        )

    def _drop_held(self) -> None:
        """Drop packets of the old position. If only they come, the connection gives the session up."""
        self._note_times(self._held)
        self._held.clear()
        self._held_bytes = self._answered_at = 0
        self._has_dropped_old = True

    def _release(self, index: int, *, is_shown: bool = False) -> None:
        """Deliver the held packets from `index` on. `is_shown`: their stamps show that the new position begins there.

        Without such stamps RTP-Info decides. GStreamer's names a packet after the first key frame if it is in a hurry.
        """
        held, self._held = self._held[index:], []
        self._held_bytes = 0
        self._is_sorting = False
        if not is_shown and self._last_s is None and self._first_sequence is not None:
            held = [packet for packet in held if packet.track != VIDEO or _follows(packet, self._first_sequence)]
        self._deliver(held)

    def _deliver(self, packets: list[RtpPacket]) -> None:
        self._note_times(packets)
        if packets and self._playback is not None:
            self._playback.take(packets, self._clock.monotonic_s())

    def _note_times(self, packets: list[RtpPacket]) -> None:
        """Remember the time of the newest frame, and its step from the frame before."""
        newest: ReplayStamp | None = None
        before_s = self._last_s
        for packet in reversed(packets):
            stamp = _stamp_of(packet)
            if stamp is None:
                continue
            newest = newest or stamp
            if stamp.device_s != newest.device_s:  # some recorders stamp every packet of a frame
                before_s = stamp.device_s
                break
        if newest is None:
            return
        if before_s is not None and newest.device_s != before_s:
            self._step_s = abs(newest.device_s - before_s)
        self._last_s, self._is_last_marked = newest.device_s, newest.is_discontinuous
        low = self._cseq & 0xFF
        self._writes_cseq = self._writes_cseq or (low > 0 and newest.play_cseq == low)


def _stamp_of(packet: RtpPacket) -> ReplayStamp | None:
    return read_stamp(packet.extension) if packet.track == VIDEO and packet.extension else None


def index_of_answer(
    held: Sequence[RtpPacket],
    cseq: int,
    last_s: float | None,
    *,
    jump_s: float | None = _JUMP_S,
    writes_cseq: bool = False,
    is_last_marked: bool = False,
    start_s: float | None = None,
    step_s: float = _JUMP_S,
) -> int | None:
    """Return the index of the first packet that answers the PLAY with this CSeq; None if nothing shows it.

    It is found by the CSeq in the frames' stamps if the device writes it, otherwise by a jump of their times.
    RTP-Info is no help: GStreamer's names a packet somewhat after the first. `last_s`: the device time of the
    newest frame before `held`. `jump_s`: the least step that is a jump; None for a play that leaves frames out, where
    every step is as long. `writes_cseq`: only the CSeq decides. `is_last_marked`: the newest frame before `held` has
    the bit D, which some recorders set on every frame. `start_s`: the time at which the new position begins, if stamps
    tell times. A frame that is far from it and at most `step_s` after the one before belongs to the old position,
    although it has the new CSeq: some recorders change that first.
    """
    jump: int | None = None
    first, timestamp = 0, -1  # of a frame: parameter sets in packets of their own have no stamp
    for index, packet in enumerate(held):
        if packet.track != VIDEO:
            continue
        if packet.timestamp != timestamp:
            first, timestamp = index, packet.timestamp
        stamp = _stamp_of(packet)
        if stamp is None:
            continue
        since_s = None if last_s is None else stamp.device_s - last_s
        was_marked, is_last_marked = is_last_marked, stamp.is_discontinuous
        last_s = stamp.device_s
        if stamp.play_cseq == cseq & 0xFF and (writes_cseq or stamp.play_cseq):
            is_far = start_s is not None and not -_EARLY_S <= stamp.device_s - start_s <= _LATE_S
            if not (is_far and since_s is not None and -_REORDERED_S <= since_s <= step_s):
                return first
        elif not writes_cseq and jump_s is not None and since_s is not None:
            is_again = stamp.is_clean and since_s < 0
            is_marked = stamp.is_discontinuous and not was_marked and since_s != 0
            if is_marked or is_again or since_s > jump_s or since_s < -_REORDERED_S:
                jump = first
    return jump


def _follows(packet: RtpPacket, first_sequence: int) -> bool:
    """True for the packet with this number and later ones.

    Only the 4096 numbers before it count as earlier, so that a wrong RTP-Info drops few packets.
    """
    return (packet.sequence - first_sequence) & 0xFFFF < 0x10000 - _OLD_PACKETS
