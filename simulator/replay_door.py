"""RTSP requests about replay: which are refused, and what a PLAY asks for."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulator.clip import EncodeError
from simulator.live import VIDEO
from simulator.replay import MAX_SESSIONS, Play, ReplayPlayer, clock_range, clock_text, describe
from simulator.rtsp_messages import Reply, Request, interleaved_channels

if TYPE_CHECKING:
    from simulator.rtsp import Connection

_REQUIRED = "onvif-replay"


def is_replay(request: Request) -> bool:
    return urlsplit(request.url).path.split("/")[1:3] == ["cam", "replay"]


class ReplayDoor:
    """The replay side of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._recorder = connection.recorder
        self.player: ReplayPlayer | None = None
        self.session = ""

    def refused(self, request: Request) -> Reply | None:
        """551 for what is not offered. Only replay is, where the make knows it."""
        required = request.headers.get("require")
        if required is None:
            return None
        is_here = is_replay(request) or (self.player is not None and request.method not in ("OPTIONS", "DESCRIBE"))
        if required.strip() == _REQUIRED and is_here and self._recorder.make.replay == "onvif":
            return None
        return Reply(551, (f"Unsupported: {required}",))

    def answers(self, request: Request) -> bool:
        """Whether a request is for this side."""
        if request.method in ("DESCRIBE", "SETUP"):
            return is_replay(request) or (self.player is not None and request.method == "SETUP")
        return self.player is not None and request.method in ("PLAY", "PAUSE", "TEARDOWN")

    async def answer(self, request: Request) -> Reply:
        if request.method in ("DESCRIBE", "SETUP"):
            player = await self._prepared(request)
            if isinstance(player, Reply):
                return player
            if request.method == "DESCRIBE":
                return self._described(request, player)
            return await self._setup(request, player)
        sent = request.headers.get("session", "").partition(";")[0].strip()
        if self.player is None or not self.session or sent != self.session:
            return Reply(454)
        if request.method == "PLAY":
            return await self._play(request, self.player)
        self.player.stop()
        if request.method == "TEARDOWN":
            self.close()
        return Reply(200, (f"Session: {sent}",))

    def close(self) -> None:
        if self.player is not None:
            self.player.stop()
        self.player, self.session = None, ""

    async def _prepared(self, request: Request) -> ReplayPlayer | Reply:
        number = request.number("channel")
        if self.player is not None and number in (None, self.player.channel.number):
            return self.player
        channel = self._recorder.channel(number or 0)
        if self.player is not None:
            return Reply(455)
        if channel is None or channel.dead or not self._recorder.make.has_profile_g:
            return Reply(404)
        token = re.search(r"\brecordingid=(\w+)", request.url)
        player = ReplayPlayer(self._recorder, channel, self._connection.writer, token[1] if token else None)
        try:
            await player.prepare()
        except EncodeError as error:
            self._recorder.log(f"replay of channel {channel.number}: {error}")
            return Reply(503, ("Retry-After: 5",))
        self.player = player
        return player

    def _described(self, request: Request, player: ReplayPlayer) -> Reply:
        headers = ("Content-Type: application/sdp", f"Content-Base: {request.url.rstrip('/')}/")
        return Reply(200, headers, describe(player))

    async def _setup(self, request: Request, player: ReplayPlayer) -> Reply:
        number = request.number("trackID")
        number = VIDEO if number is None else number
        if number not in player.tracks:
            return Reply(404)
        pair = interleaved_channels(request.headers.get("transport", ""), 2 * len(player.channels))
        if pair is None:
            return Reply(461)
        if not self.session:
            if delay_s := self._recorder.faults.number("replay_setup_delay"):
                await asyncio.sleep(delay_s)
            if self._recorder.rtsp.replays() >= MAX_SESSIONS:
                return Reply(453)
            self.session = secrets.token_hex(8)
        player.channels[number] = pair[0]
        ssrc = player.tracks[number].ssrc
        transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={pair[0]}-{pair[1]};ssrc={ssrc:08X}"
        return Reply(200, (transport, self._session_header()))

    def _session_header(self) -> str:
        return f"Session: {self.session};timeout={self._recorder.session_timeout_s:.0f}"

    async def _play(self, request: Request, player: ReplayPlayer) -> Reply:
        make = self._recorder.make
        if not player.channels or (player.plays and "range" in request.headers and not make.seeks_in_session):
            return Reply(455)
        if player.is_playing and "range" not in request.headers:
            return Reply(200, (self._session_header(),))  # no more than a sign of life (RFC 2326, 10.5)
        if player.plays and (delay_s := self._recorder.faults.number("replay_seek_delay")):
            await asyncio.sleep(delay_s)
        asked = clock_range(request.headers["range"]) if "range" in request.headers else (None, None)
        recording = player.recording()
        if asked is None or recording is None:
            return Reply(457)
        start_s = player.key_frame_at(asked[0] if asked[0] is not None else player.position_s or recording.earliest_s)
        if start_s is None or (asked[1] is not None and start_s >= asked[1]):
            return Reply(457)
        headers = request.headers
        is_onvif = headers.get("require", "").strip() == _REQUIRED
        no_control = headers.get("rate-control", "yes").lower() == "no"
        play = Play(
            start_s=start_s,
            end_s=asked[1],
            cseq=int(headers["cseq"]) if headers["cseq"].isdigit() else 0,
            is_onvif=is_onvif,
            fast=is_onvif and no_control and make.honours_rate_control,
            scale=_scale(headers.get("scale", "")),
            key_frames_ms=_key_frames_ms(headers.get("frames", "")) if is_onvif else None,
        )
        base = re.sub(r"/?trackID=\d+$", "", request.url).rstrip("/")
        until = clock_text(asked[1]) if asked[1] is not None else ""
        answer = (self._session_header(), f"Range: clock={clock_text(start_s)}-{until}")
        if player.is_playing and not (is_onvif and headers.get("immediate", "no").lower() == "yes"):
            player.queue(play)
            return Reply(200, answer)  # which packet will be its first is not known yet
        rtp_info = f"RTP-Info: {player.rtp_info(base, start_s)}"
        player.stop()
        asyncio.get_running_loop().call_soon(self._begin, player, play)
        return Reply(200, (*answer, rtp_info))

    def _begin(self, player: ReplayPlayer, play: Play) -> None:
        if player is self.player and not self._connection.writer.is_closing():
            player.start(play)


def _scale(text: str) -> float:
    """Forwards only; what is not understood is 1."""
    found = re.fullmatch(r"\+?(\d{1,3}(?:\.\d{1,3})?)", text.strip())
    return min(max(float(found[1]), 0.1), 32.0) if found else 1.0


def _key_frames_ms(text: str) -> int | None:
    found = re.fullmatch(r"intra(?:/(\d{1,9}))?", text.strip().lower())
    return int(found[1] or 0) if found else None
