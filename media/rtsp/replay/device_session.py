"""A device session that replays: opened once, then sent one PLAY after another.

ONVIF Streaming Specification, "Replay": `Require: onvif-replay` on SETUP and PLAY, the time in PLAY's Range,
`Immediate: yes` so that a PLAY replaces the one before it.
"""

from __future__ import annotations

import asyncio
import re

from core.errors import CameraUnreachable, CameraUnsupported, DeviceError
from media.rtsp.client.address import RtspSource
from media.rtsp.client.connection import RtspConnection
from media.rtsp.client.device_requests import Headers
from media.rtsp.client.messages import Request, Response
from media.rtsp.client.sdp import SessionDescription, VideoTrack
from media.rtsp.client.session import ClientContext, DeviceSession
from media.rtsp.replay.answer_filter import AnswerFilter
from media.rtsp.replay.headers import first_video_sequence, start_of_range
from media.rtsp.replay.playback import ReplayPlayback

# ANNOUNCE or SET_PARAMETER with such a notice (2101: "End-of-Stream Reached"), or RTSP 2.0's PLAY_NOTIFY (RFC 7826,
# 13.5.1). The header's name varies: X-Notice, Notice, Event-Type, Notify-Reason.
_NOTICE_HEADERS = ("x-notice", "notice", "event-type", "notify-reason", "x-event", "reason")
_END_NOTICE = re.compile(r"\b2101\b|end[- _]?of[- _]?(?:stream|recording|file|media|playback)|\beos\b", re.IGNORECASE)
_SESSION_TIMEOUT = re.compile(r"[?&]session_timeout=(\d{1,5})\b")


class ReplayDeviceSession(DeviceSession):
    """run() as every session; start_playback() and pause() after until_opened(). In the gateway's thread only."""

    def __init__(self, source: RtspSource, context: ClientContext, *, is_onvif: bool) -> None:
        self._filter = AnswerFilter(context.clock)
        super().__init__(source, self._filter, context, require="onvif-replay" if is_onvif else "")
        self._opened = asyncio.Event()
        self._limited: ReplayPlayback | None = None  # the playback that has set the limit of the connection
        self._first_cseq = 0  # answers to an earlier PLAY may still come
        found = _SESSION_TIMEOUT.search(source.uri)  # Axis puts it into the replay address
        if found and int(found[1]):
            self._keep_alive_most_s = min(self._keep_alive_most_s, max(1.0, int(found[1]) * 0.4))

    async def until_opened(self, run: asyncio.Task[None]) -> None:
        """Wait until SETUP has succeeded. `run`: the task of run(). Raises the DeviceError that it ended with."""
        opened = asyncio.ensure_future(self._opened.wait())
        try:
            await asyncio.wait({run, opened}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
        if run.done():
            error = run.exception()
            raise error if isinstance(error, DeviceError) else CameraUnreachable("The device ended the session.")

    async def start_playback(self, playback: ReplayPlayback, headers: Headers) -> None:
        """PLAY; the packets that answer it go to `playback`. Raises NoSuchRange if nothing is recorded there.

        Some recorders send the media and answer much later, or never. So it also returns when media has come.
        """
        self._filter.wait_for_answer(playback)
        if playback is not self._limited:  # a pause does not renew its limit
            self._limited = playback
            self._connection.set_limit(playback.limit)
        self._first_cseq = self._connection.last_cseq + 1
        request = asyncio.ensure_future(self.play(headers))
        begun = asyncio.ensure_future(self._filter.begun.wait())
        try:
            await asyncio.wait({request, begun}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
            if not self._filter.begun.is_set():
                request.cancel()
        if request.done():
            await request
        else:
            request.add_done_callback(_mark_retrieved)

    async def pause(self) -> None:
        """PAUSE. A recorder that goes on sending nevertheless is not read any more, until set_reading(True)."""
        await super().pause()
        self._filter.paused(lambda: self._connection.set_reading(False))

    @property
    def is_connected(self) -> bool:
        """True until the device's connection ends."""
        return self._connection.is_open

    @property
    def received_bytes(self) -> int:
        return self._connection.received_bytes if self._opened.is_set() else 0

    @property
    def is_sending_old(self) -> bool:
        """True if the recorder has accepted a PLAY and goes on with the one before it."""
        return self._filter.is_sending_old

    def set_reading(self, is_reading: bool) -> None:
        """Stop or continue reading from the connection: for recorders that cannot pause."""
        self._connection.set_reading(is_reading)

    def prepare_end(self) -> None:
        """Drop the packets from now on, and read again, so that the answer to TEARDOWN is seen."""
        self._filter.wait_for_answer(None)
        if self._opened.is_set():
            self._connection.set_reading(True)

    # -- hooks of DeviceSession --------------------------------------------------------------------

    async def _connect(self, way: str) -> RtspConnection:
        connection = await super()._connect(way)
        connection.on_request = self._on_request
        return connection

    def _on_request(self, request: Request) -> None:
        words = [request.headers.get(name) for name in _NOTICE_HEADERS]
        words.append(request.body[:1000].decode("utf-8", "replace"))
        if request.method != "OPTIONS" and any(_END_NOTICE.search(text) for text in words):
            self._filter.on_end_notice()

    async def describe(self) -> tuple[SessionDescription, VideoTrack, dict[str, str]]:
        """Raises CameraUnsupported for MJPEG, too: a replay has no converter for it."""
        described = await super().describe()
        if not described[1].codec.has_fragments:
            raise CameraUnsupported("This recording is MJPEG, which the app cannot play.", service="media")
        return described

    async def _after_setup(self) -> None:
        """Let until_opened() return; start_playback() sends the first PLAY."""
        self._opened.set()

    def _on_answer(self, method: str, answer: Response, cseq: int) -> None:
        if method == "PLAY" and 200 <= answer.status < 300 and cseq >= self._first_cseq:
            self._receiver.begin_play()
            sequence = first_video_sequence(answer.headers.get("rtp-info"))
            self._filter.answered(cseq, sequence, start_of_range(answer.headers.get("range")))

    def _on_goodbye(self) -> None:
        self._receiver.forget_goodbye()
        self._filter.on_goodbye()


def _mark_retrieved(request: asyncio.Future[Response]) -> None:
    """Keep asyncio from reporting the error of a PLAY whose media came before its answer."""
    if not request.cancelled():
        request.exception()
