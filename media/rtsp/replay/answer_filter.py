"""Separates the packets of the newest PLAY from those of the PLAY before it.

Between a PLAY and its answer a recorder still sends packets of the old position and may already send those of
the new one. The filter holds them until the answer has come, finds the first packet of the new position and
drops the older ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.clock import Clock
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.replay.playback import ReplayPlayback

_MAX_HELD_BYTES = 8 * 1024 * 1024
_OLD_PACKETS = 4096
_SORTED_PACKETS = 400
_JUMP_S = 1.5
_REORDERED_S = 0.2


class AnswerFilter:
    """The SessionSink of a replay session. Delivers to the playback that the newest PLAY is for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracks: tuple[VideoTrack, AudioTrack | None] | None = None
        self._playback: ReplayPlayback | None = None
        self._held: list[RtpPacket] = []
        self._held_bytes = 0
        self._answered_at = 0  # number of held packets that came before the answer
        self._cseq = 0
        self._first_sequence: int | None = None
        self._last_s: float | None = None  # device time of the newest delivered frame
        self._is_sorting = False
        self.is_waiting = True  # for the answer to a PLAY

    def wait_for_answer(self, playback: ReplayPlayback | None) -> None:
        """Hold the packets from now on, until answered(). None: drop them, because the session is about to end."""
        self._playback = playback
        self.is_waiting, self._is_sorting = True, False
        self._held.clear()
        self._held_bytes = 0

    def answered(self, cseq: int, first_sequence: int | None, start_s: float | None) -> None:
        """PLAY was accepted. `first_sequence`: of the first video packet by RTP-Info (RFC 2326 section 12.33).

        `start_s`: the start of the answer's Range, in device time.
        """
        self.is_waiting, self._is_sorting = False, True
        self._answered_at = len(self._held) if self._cseq else 0  # no packet before the first PLAY's is old
        self._cseq, self._first_sequence = cseq, first_sequence
        if self._playback is not None and self._tracks is not None:
            self._playback.begin(*self._tracks, self._clock.monotonic_s(), start_s)
        self._sort()

    def on_goodbye(self) -> None:
        """RTCP BYE: the recorder has sent all that was requested."""
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

    def on_opened(self) -> None:
        """Nothing to do: a playback begins with the answer to its PLAY."""

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if self._playback is None:
            return
        if self.is_waiting or self._is_sorting:
            self._held_bytes += sum(len(packet.payload) for packet in packets)
            if self._held_bytes > _MAX_HELD_BYTES and self.is_waiting:
                return
            self._held += packets
            if self._is_sorting:
                self._sort()
            return
        self._deliver(packets)

    def on_report(self, track: int, report: SenderReport) -> None:
        if not self.is_waiting and track == VIDEO and self._playback is not None:
            self._playback.take_report(report)

    def on_tick(self) -> None:
        if self._is_sorting and len(self._held) > self._answered_at:
            self._release(self._answered_at)

    # -- inside ------------------------------------------------------------------------------------

    def _sort(self) -> None:
        """Deliver the new packets as soon as the held ones show which is the first of them."""
        index = index_of_answer(self._held, self._cseq, self._last_s)
        if index is not None:
            self._release(index)
        elif self._last_s is None and len(self._held) > self._answered_at:
            self._release(self._answered_at)  # without stamps, only the place of the answer tells
        elif len(self._held) - self._answered_at > _SORTED_PACKETS:
            self._release(self._answered_at)

    def _release(self, index: int) -> None:
        held, self._held = self._held[index:], []
        self._held_bytes = 0
        self._is_sorting = False
        if self._last_s is None and self._first_sequence is not None:
            held = [packet for packet in held if packet.track != VIDEO or _follows(packet, self._first_sequence)]
        self._deliver(held)

    def _deliver(self, packets: list[RtpPacket]) -> None:
        for packet in reversed(packets):
            if packet.track == VIDEO and packet.extension and (stamp := read_stamp(packet.extension)) is not None:
                self._last_s = stamp.device_s
                break
        if packets and self._playback is not None:
            self._playback.take(packets, self._clock.monotonic_s())


def index_of_answer(held: Sequence[RtpPacket], cseq: int, last_s: float | None) -> int | None:
    """Return the index of the first packet that answers the PLAY with this CSeq; None if nothing shows it.

    It is found by the CSeq in the frames' stamps if the device writes it, otherwise by a jump of their times.
    RTP-Info is no help: GStreamer's names a packet somewhat after the first. `last_s`: the device time of the
    newest frame before `held`.
    """
    jump: int | None = None
    first, timestamp = 0, -1  # of a frame: parameter sets in packets of their own have no stamp
    for index, packet in enumerate(held):
        if packet.track != VIDEO:
            continue
        if packet.timestamp != timestamp:
            first, timestamp = index, packet.timestamp
        stamp = read_stamp(packet.extension) if packet.extension else None
        if stamp is None:
            continue
        if stamp.play_cseq and stamp.play_cseq == cseq & 0xFF:
            return first
        if last_s is not None:
            step_s = stamp.device_s - last_s
            is_again = stamp.is_clean and step_s <= 0 and stamp.device_s != last_s
            if stamp.is_discontinuous or step_s > _JUMP_S or step_s < -_REORDERED_S or is_again:
                jump = first
        last_s = stamp.device_s
    return jump


def _follows(packet: RtpPacket, first_sequence: int) -> bool:
    """True for the packet with this number and later ones.

    Only the 4096 numbers before it count as earlier, so that a wrong RTP-Info drops few packets.
    """
    return (packet.sequence - first_sequence) & 0xFFFF < 0x10000 - _OLD_PACKETS
