"""A device session that replays: opened once, then told again and again where to play.

ONVIF Streaming Specification, "Replay": Require: onvif-replay on SETUP and PLAY, the time in PLAY's
Range, Immediate to make it take effect at once. Between a PLAY and its answer the device still
sends what it was asked for before, and may send the new already: what comes meanwhile is held, and
sorted once the answer is there.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from core.clock import Clock
from core.errors import CameraUnreachable, DeviceError
from core.login_gate import LoginGate
from core.records import StreamSource
from media.rtsp.client.messages import Response
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import VIDEO, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.client.session import DeviceSession, PlayRequest

ONVIF_REPLAY = PlayRequest(headers=(), require="onvif-replay")
PLAIN = PlayRequest(headers=())
_MAX_HELD_BYTES = 8 * 1024 * 1024
_OLD_PACKETS = 4096
_SORTED_PACKETS = 400
_JUMP_S = 1.5
_REORDERED_S = 0.2
_FLOAT_NOISE_MS = 0.001  # 0.449 s since 1970 is a little less in a float
_SEQUENCE = re.compile(r";\s*seq=(\d{1,5})\b")
_CLOCK_RANGE = re.compile(r"\s*clock\s*=\s*(\d{8}T\d{6})(\.\d{1,9})?Z?\s*-", re.IGNORECASE | re.ASCII)
_NO_TIME = datetime(1971, 1, 1, tzinfo=UTC)
_SESSION_TIMEOUT = re.compile(r"[?&]session_timeout=(\d{1,5})\b")


class ReplaySink(Protocol):
    """Where it delivers; all calls come from the gateway's thread."""

    def on_tracks(self, video: VideoTrack, audio: AudioTrack | None) -> None: ...
    def on_play_answered(self, begins_s: float | None) -> None:
        """What comes from now on belongs to the newest PLAY, which begins then as the answer has it."""
        ...

    def on_packets(self, packets: list[RtpPacket]) -> None: ...
    def on_report(self, track: int, report: SenderReport) -> None: ...
    def on_goodbye(self) -> None: ...
    def on_tick(self) -> None: ...


class _Relay:
    """DeviceSession's sink, which passes on only what belongs to the newest PLAY."""

    def __init__(self, sink: ReplaySink) -> None:
        self._sink = sink
        self._held: list[RtpPacket] = []
        self._held_bytes = 0
        self._answered_at = 0  # how many of those held came before the answer
        self._cseq = 0
        self._first_sequence: int | None = None
        self._last_s: float | None = None  # the newest picture's time that was passed on
        self._is_sorting = False
        self.is_waiting = True

    def wait_for_answer(self) -> None:
        """What comes from now on may be of the old position or of the new one."""
        self.is_waiting, self._is_sorting = True, False
        self._held.clear()
        self._held_bytes = 0

    def answered(self, cseq: int, first_sequence: int | None, begins_s: float | None) -> None:
        """`first_sequence`: of the first video packet, as RTP-Info says (RFC 2326 section 12.33)."""
        self.is_waiting, self._is_sorting = False, True
        self._answered_at = len(self._held) if self._cseq else 0  # before the first PLAY nothing is old
        self._cseq, self._first_sequence = cseq, first_sequence
        self._sink.on_play_answered(begins_s)
        self._sort()

    def on_description(self, video: VideoTrack, audio: AudioTrack | None) -> None:
        self._sink.on_tracks(video, audio)

    def on_playing(self) -> None:
        return

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if self.is_waiting or self._is_sorting:
            self._held_bytes += sum(len(packet.payload) for packet in packets)
            if self._held_bytes > _MAX_HELD_BYTES and self.is_waiting:
                return
            self._held += packets
            if self._is_sorting:
                self._sort()
            return
        self._pass_on(packets)

    def on_report(self, track: int, report: SenderReport) -> None:
        if not self.is_waiting:
            self._sink.on_report(track, report)

    def on_tick(self) -> None:
        if self._is_sorting and len(self._held) > self._answered_at:
            self._release(self._answered_at)
        self._sink.on_tick()

    def _sort(self) -> None:
        """Passes on what is new, once it shows where that begins."""
        index = first_of_answer(self._held, self._cseq, self._last_s)
        if index is not None:
            self._release(index)
        elif self._last_s is None and len(self._held) > self._answered_at:
            self._release(self._answered_at)  # nothing is stamped: only the answer tells
        elif len(self._held) - self._answered_at > _SORTED_PACKETS:
            self._release(self._answered_at)

    def _release(self, index: int) -> None:
        held, self._held = self._held[index:], []
        self._held_bytes = 0
        self._is_sorting = False
        if self._last_s is None and self._first_sequence is not None:
            held = [packet for packet in held if packet.track != VIDEO or _is_from(packet, self._first_sequence)]
        self._pass_on(held)

    def _pass_on(self, packets: list[RtpPacket]) -> None:
        for packet in reversed(packets):
            if packet.track == VIDEO and packet.extension and (stamp := read_stamp(packet.extension)) is not None:
                self._last_s = stamp.device_s
                break
        if packets:
            self._sink.on_packets(packets)


def first_of_answer(held: Sequence[RtpPacket], cseq: int, last_s: float | None) -> int | None:
    """Where in these packets the answer to the PLAY with this CSeq begins; None where nothing shows it.

    By the CSeq in the pictures' stamps where the device writes it, else by a jump in their times.
    RTP-Info is no help: GStreamer's names a packet somewhat after the first. `last_s`: the time of
    the newest picture before these.
    """
    jump: int | None = None
    begins, timestamp = 0, -1  # of a picture: parameter sets in packets of their own have no stamp
    for index, packet in enumerate(held):
        if packet.track != VIDEO:
            continue
        if packet.timestamp != timestamp:
            begins, timestamp = index, packet.timestamp
        stamp = read_stamp(packet.extension) if packet.extension else None
        if stamp is None:
            continue
        start = begins
        if stamp.play_cseq and stamp.play_cseq == cseq & 0xFF:
            return start
        if last_s is not None:
            step_s = stamp.device_s - last_s
            is_again = stamp.is_clean and step_s <= 0 and stamp.device_s != last_s
            if stamp.is_discontinuous or step_s > _JUMP_S or step_s < -_REORDERED_S or is_again:
                jump = start
        last_s = stamp.device_s
    return jump


def begin_of_range(text: str) -> float | None:
    """Seconds since 1970 at which `clock=20261122T100000.5Z-...` begins (RFC 2326, 3.7); None where it says none.

    1970 is what recorders say that do not know.
    """
    found = _CLOCK_RANGE.match(text)
    try:
        moment = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else _NO_TIME
    except ValueError:
        return None
    return moment.timestamp() + float(f"0{found[2] or ''}") if found and moment > _NO_TIME else None


def _is_from(packet: RtpPacket, first_sequence: int) -> bool:
    """Whether it is that one or a later one; a wrong RTP-Info holds nothing up for long."""
    return (packet.sequence - first_sequence) & 0xFFFF < 0x10000 - _OLD_PACKETS


def first_video_sequence(rtp_info: str) -> int | None:
    """`url=...;seq=123;rtptime=456,url=...`: the first entry's, which is the first track set up."""
    found = _SEQUENCE.search(rtp_info.split(",", maxsplit=1)[0])
    return int(found[1]) & 0xFFFF if found else None


class ReplayDeviceSession(DeviceSession):
    """run() as every session; play() and pause() once `opened` is set. In the gateway's thread only."""

    def __init__(
        self,
        source: StreamSource,
        sink: ReplaySink,
        *,
        login_gate: LoginGate,
        clock: Clock,
        timeout_s: float,
        play: PlayRequest = ONVIF_REPLAY,
    ) -> None:
        self._relay = _Relay(sink)
        super().__init__(source, self._relay, login_gate=login_gate, clock=clock, timeout_s=timeout_s, play=play)
        self._replay_sink = sink
        self.opened = asyncio.Event()
        found = _SESSION_TIMEOUT.search(source.uri)
        self._said_timeout_s = float(found[1]) if found and int(found[1]) else None

    async def play(self, headers: list[tuple[str, str]]) -> Response:
        """Raises the DeviceError that says why the device does not; NoSuchRange where nothing is recorded."""
        self._relay.wait_for_answer()
        return await self._request("PLAY", self._control, [*headers, *self._require()])

    async def pause(self) -> None:
        await self._request("PAUSE", self._control, self._require())

    def set_reading(self, is_reading: bool) -> None:
        """Holds the device up by not taking what it sends; for those that cannot pause."""
        self._connection.set_reading(is_reading)

    def release(self) -> None:
        """Before it ends while it is held up: its answer to that is read, and what it has sent before is dropped."""
        self._relay.wait_for_answer()
        self._connection.set_reading(True)

    async def _begin(self) -> None:
        self.opened.set()

    def _on_answer(self, method: str, answer: Response, number: int) -> None:
        if method == "PLAY" and 200 <= answer.status < 300:
            self._goodbye = False
            sequence = first_video_sequence(answer.headers.get("rtp-info"))
            self._relay.answered(number, sequence, begin_of_range(answer.headers.get("range")))

    def _take_goodbye(self) -> None:
        self._goodbye = False
        if not self._relay.is_waiting:
            self._replay_sink.on_goodbye()

    def _keep_alive_every_s(self) -> float:
        every_s = super()._keep_alive_every_s()
        return every_s if self._said_timeout_s is None else min(every_s, max(1.0, self._said_timeout_s * 0.4))


async def run_until_opened(session: ReplayDeviceSession, begin: Callable[[], asyncio.Task[None]]) -> asyncio.Task[None]:
    """Starts its run() and waits until it is open. Raises the DeviceError it ended with instead."""
    task = begin()
    opened = asyncio.ensure_future(session.opened.wait())
    try:
        await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        opened.cancel()
    if task.done():
        error = task.exception()
        raise error if isinstance(error, DeviceError) else CameraUnreachable("The device ended the session.")
    return task


def play_headers(
    start_device_s: float, *, fast: bool, key_frames_only: bool, scale: float, is_onvif: bool
) -> list[tuple[str, str]]:
    """PLAY's own headers; times as RFC 2326 section 3.7 writes them."""
    headers = [("Range", f"clock={clock_time(start_device_s)}-")]
    if scale != 1.0:
        headers.append(("Scale", f"{scale:.3f}"))
    if is_onvif:
        headers += [("Rate-Control", "no" if fast else "yes"), ("Immediate", "yes")]
        if key_frames_only:
            headers.append(("Frames", "intra"))
    return headers


def clock_time(device_s: float) -> str:
    """`20261122T100000.250Z`: UTC, to the millisecond, never later than was asked."""
    whole_s, milliseconds = divmod(math.floor(device_s * 1000 + _FLOAT_NOISE_MS), 1000)
    return f"{datetime.fromtimestamp(whole_s, UTC):%Y%m%dT%H%M%S}.{milliseconds:03d}Z"
