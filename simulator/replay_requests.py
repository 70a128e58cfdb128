"""RTSP requests about replay, for one connection."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from urllib.parse import urlsplit

from simulator.clip import EncodeError
from simulator.console import log
from simulator.faults import Faults
from simulator.layout import Layout, find_channel
from simulator.makes import Make
from simulator.replay import ReplayPlayer, Replays, clock_range, clock_text, describe
from simulator.replay_source import Play
from simulator.rtp import VIDEO
from simulator.rtsp_messages import Reply, Request, interleaved_channels

_REQUIRED = "onvif-replay"
_LATE_S = 4.0


def is_replay(request: Request) -> bool:
    return urlsplit(request.url).path.split("/")[1:3] == ["cam", "replay"]


class ReplayRequests:
    """Answers a connection's requests about replay."""

    def __init__(
        self,
        layout: Layout,
        make: Make,
        replays: Replays,
        faults: Faults,
        writer: asyncio.StreamWriter,
        *,
        session_timeout_s: float,
    ) -> None:
        self._layout, self._make, self._replays, self._faults = layout, make, replays, faults
        self._writer = writer
        self._session_timeout_s = session_timeout_s
        self.player: ReplayPlayer | None = None
        self.session = ""

    def refused(self, request: Request) -> Reply | None:
        """551 to a Require header. Replay is the only option that is offered, by makes that know it."""
        required = request.headers.get("require")
        if required is None:
            return None
        is_here = is_replay(request) or (self.player is not None and request.method not in ("OPTIONS", "DESCRIBE"))
        if required.strip() == _REQUIRED and is_here and self._make.replay == "onvif":
            return None
        return Reply(551, (f"Unsupported: {required}",))

    def answers(self, request: Request) -> bool:
        """True if a request is about replay."""
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
        fault = self._faults.text("replay_requests") if request.method == "PAUSE" else None
        if fault == "no_pause":
            return Reply(405)
        if fault != "never_paused":
            self.player.stop()
        if request.method == "TEARDOWN":
            self.close()
        return Reply(200, (f"Session: {sent}",))

    def close(self) -> None:
        """Stop playing and end the session; may be called twice."""
        if self.player is not None:
            self.player.stop()
        self._replays.close_session(self.session)
        self.player, self.session = None, ""

    async def _prepared(self, request: Request) -> ReplayPlayer | Reply:
        number = request.number("channel")
        if self.player is not None and number in (None, self.player.source.channel.number):
            return self.player
        channel = find_channel(self._layout, number or 0)
        if self.player is not None:
            return Reply(455)
        if channel is None or channel.dead or not self._make.has_profile_g:
            return Reply(404)
        token = re.search(r"\brecordingid=(\w+)", request.url)
        player = self._replays.player(channel, token[1] if token else None, self._writer)
        try:
            await player.prepare()
        except EncodeError as error:
            log(f"replay of channel {channel.number}: {error}")
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
            if delay_s := self._faults.number("replay_setup_delay"):
                await asyncio.sleep(delay_s)
            session = self._replays.open_session()
            if session is None:
                return Reply(453)
            self.session = session
        player.channels[number] = pair[0]
        ssrc = player.tracks[number].ssrc
        transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={pair[0]}-{pair[1]};ssrc={ssrc:08X}"
        return Reply(200, (transport, self._session_header()))

    def _session_header(self) -> str:
        return f"Session: {self.session};timeout={self._session_timeout_s:.0f}"

    async def _play(self, request: Request, player: ReplayPlayer) -> Reply:
        if not player.channels or (player.plays and "range" in request.headers and not self._make.seeks_in_session):
            return Reply(455)
        if player.is_playing and "range" not in request.headers:
            return Reply(200, (self._session_header(),))  # it keeps the session alive (RFC 2326, 10.5)
        if player.plays and (delay_s := self._faults.number("replay_seek_delay")):
            await asyncio.sleep(delay_s)
        fault = self._faults.text("replay_requests")
        if (fault == "whole_seconds" and "." in request.headers.get("range", "")) or (
            fault == "no_options" and {"rate-control", "immediate", "frames", "scale"} & set(request.headers)
        ):
            return Reply(400)
        asked = clock_range(request.headers["range"]) if "range" in request.headers else (None, None)
        recording = player.source.recording()
        if asked is None or recording is None:
            return Reply(457)
        start_s = player.source.key_frame_at(
            asked[0] if asked[0] is not None else player.position_s or recording.earliest_s
        )
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
            fast=is_onvif and no_control and self._make.honours_rate_control,
            scale=_scale(headers.get("scale", "")),
            key_frames_ms=_key_frames_ms(headers.get("frames", "")) if is_onvif and fault != "no_frames" else None,
        )
        base = re.sub(r"/?trackID=\d+$", "", request.url).rstrip("/")
        until = clock_text(asked[1]) if asked[1] is not None else ""
        told_s = asked[0] if fault == "echoes_range" and asked[0] is not None else start_s
        answer = (self._session_header(), f"Range: clock={clock_text(told_s)}-{until}")
        is_immediate = is_onvif and headers.get("immediate", "no").lower() == "yes" and fault != "no_immediate"
        if player.is_playing and not is_immediate:
            player.queue(play)
            return Reply(200, answer)  # without RTP-Info: the number of its first packet is not known yet
        rtp_info = f"RTP-Info: {player.rtp_info(base, start_s)}"
        player.stop()
        if fault == "late":
            player.start(play)
            await asyncio.sleep(_LATE_S)
            return Reply(200, (*answer, rtp_info))
        return Reply(200, (*answer, rtp_info), then=partial(player.start, play))


def _scale(text: str) -> float:
    """The value of a Scale header, forwards only; 1 for anything else."""
    found = re.fullmatch(r"\+?(\d{1,3}(?:\.\d{1,3})?)", text.strip())
    return min(max(float(found[1]), 0.1), 32.0) if found else 1.0


def _key_frames_ms(text: str) -> int | None:
    """Milliseconds between key frames of a Frames header with ``intra`` or ``intra/MS``; otherwise None."""
    found = re.fullmatch(r"intra(?:/(\d{1,9}))?", text.strip().lower())
    return int(found[1] or 0) if found else None
