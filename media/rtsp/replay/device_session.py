"""A device session that replays: opened once, then sent one PLAY after another.

ONVIF Streaming Specification, "Replay": `Require: onvif-replay` on SETUP and PLAY, the time in PLAY's Range,
`Immediate: yes` so that a PLAY replaces the one before it.
"""

from __future__ import annotations

import asyncio
import re

from core.errors import CameraUnreachable, DeviceError
from media.rtsp.client.address import RtspSource
from media.rtsp.client.messages import Response
from media.rtsp.client.session import ClientContext, DeviceSession, Headers
from media.rtsp.replay.answer_filter import AnswerFilter
from media.rtsp.replay.headers import first_video_sequence, start_of_range
from media.rtsp.replay.playback import ReplayPlayback

_SESSION_TIMEOUT = re.compile(r"[?&]session_timeout=(\d{1,5})\b")


class ReplayDeviceSession(DeviceSession):
    """run() as every session; start_playback() and pause() after until_opened(). In the gateway's thread only."""

    def __init__(self, source: RtspSource, context: ClientContext, *, is_onvif: bool) -> None:
        self._filter = AnswerFilter(context.clock)
        super().__init__(source, self._filter, context, require="onvif-replay" if is_onvif else "")
        self._opened = asyncio.Event()
        found = _SESSION_TIMEOUT.search(source.uri)  # Axis puts it into the replay address
        self._timeout_in_uri_s = float(found[1]) if found and int(found[1]) else None

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
        """PLAY; the packets that answer it go to `playback`. Raises NoSuchRange if nothing is recorded there."""
        self._filter.wait_for_answer(playback)
        await self.play(headers)

    def set_reading(self, is_reading: bool) -> None:
        """Stop or continue reading from the connection: for recorders that cannot pause."""
        self._connection.set_reading(is_reading)

    def prepare_end(self) -> None:
        """Drop the packets from now on, and read again, so that the answer to TEARDOWN is seen."""
        self._filter.wait_for_answer(None)
        if self._opened.is_set():
            self._connection.set_reading(True)

    # -- hooks of DeviceSession --------------------------------------------------------------------

    async def _after_setup(self) -> None:
        """Let until_opened() return; start_playback() sends the first PLAY."""
        self._opened.set()

    def _on_answer(self, method: str, answer: Response, cseq: int) -> None:
        if method == "PLAY" and 200 <= answer.status < 300:
            self._receiver.begin_play()
            sequence = first_video_sequence(answer.headers.get("rtp-info"))
            self._filter.answered(cseq, sequence, start_of_range(answer.headers.get("range")))

    def _on_goodbye(self) -> None:
        self._receiver.forget_goodbye()
        self._filter.on_goodbye()

    def _keep_alive_every_s(self) -> float:
        every_s = super()._keep_alive_every_s()
        return every_s if self._timeout_in_uri_s is None else min(every_s, max(1.0, self._timeout_in_uri_s * 0.4))
