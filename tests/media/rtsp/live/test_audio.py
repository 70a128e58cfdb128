"""Faults of the audio leave the picture alone, and the status gives their reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import impatient, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.patience import LIMIT_S, until

Cameras = Callable[..., PeerCamera]
LINES = b"m=audio 0 RTP/AVP 8\r\na=control:trackID=1"


def describes(peer: PeerCamera, lines: bytes) -> None:
    """Let the camera describe its audio by these lines."""
    sdp = peer.sdp().replace(LINES, lines)
    assert lines in sdp
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", "Content-Type: application/sdp", body=sdp)


REFUSED, UNANSWERED = "the device refuses its track", "the device does not answer the request for its track"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("453 Not Enough Bandwidth", REFUSED),
        ("461 Unsupported Transport", REFUSED),
        ("400 Bad Request", REFUSED),
        ("404 No", REFUSED),
        ("503 Service Unavailable", REFUSED),
        ("", UNANSWERED),
    ],
)
def test_a_refused_audio_track_costs_the_audio_alone(
    camera: Cameras, gateway: RtspGateway, status: str, reason: str
) -> None:
    peer = camera(has_audio=True)

    def set_up(asked: Asked) -> bytes | None:
        if asked.uri.endswith("trackID=1"):
            return asked.reply(status) if status else None
        return peer.usual(asked)

    peer.answers["SETUP"] = set_up
    feed = gateway.open_feed(source(peer.uri()))
    assert feed.wait_described(LIMIT_S).audio is None
    found = until_state(feed, FeedState.FLOWING, FeedState.FAILED)
    assert (found.problem, found.audio_left_out) == (None, reason)


def test_audio_of_another_codec_is_named(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(has_audio=True)
    describes(peer, b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=control:trackID=1")
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING).audio_left_out == "the app does not support AMR"
    assert peer.asked["SETUP"] == 1, "the track is not even set up"


@pytest.mark.slow
def test_audio_that_cannot_be_decoded_is_left_out(camera: Cameras, gateway: RtspGateway) -> None:
    """The camera sends G.711 under the description of AAC."""
    peer = camera(has_audio=True)
    lines = b"m=audio 0 RTP/AVP 8\r\na=rtpmap:8 MPEG4-GENERIC/8000\r\na=fmtp:8 mode=AAC-hbr;config=1588\r\n"
    describes(peer, lines + b"a=control:trackID=1")
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: feed.status().audio_left_out != "")
    assert feed.status().audio is None
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_the_law_of_g711_is_kept_for_the_next_session(camera: Cameras, gateway: RtspGateway) -> None:
    """The camera sends quiet A-law and describes mu-law."""
    peer = camera(has_audio=True, audio=(b"\xd5\x55\xd4\x54\xd7\x57" * 54, 324))
    describes(peer, b"m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMU/8000\r\na=control:trackID=1")
    codecs = []
    for _ in range(2):
        feed = gateway.open_feed(source(peer.uri()))
        audio = feed.wait_described(LIMIT_S).audio
        assert audio
        codecs.append(audio.codec)
        until(lambda: "RTSP: codec" in {check.name for check in gateway.device_checks("camera1")})
        feed.close()
        until(lambda: peer.open_connections == 0)
    assert codecs == ["pcm_mulaw", "pcm_alaw"]


def test_a_play_that_fails_with_audio_is_repeated_without_it(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(has_audio=True)
    with_audio: set[int] = set()

    def set_up(asked: Asked) -> bytes:
        if asked.uri.endswith("trackID=1"):
            with_audio.add(peer.connections)
        return peer.usual(asked)

    def play(asked: Asked) -> bytes:
        is_refused = peer.connections in with_audio
        return asked.reply("500 Internal Server Error") if is_refused else peer.usual(asked)

    peer.answers |= {"SETUP": set_up, "PLAY": play}
    assert until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING, FeedState.FAILED).problem
    feed = gateway.open_feed(source(peer.uri()))
    found = until_state(feed, FeedState.FLOWING, FeedState.FAILED)
    assert (found.problem, found.audio_left_out) == (None, "the device did not play the stream with it")


@pytest.mark.parametrize("answer", ["503 Service Unavailable", ""])
def test_one_play_without_success_does_not_cost_the_audio(camera: Cameras, gateway: RtspGateway, answer: str) -> None:
    """The device is busy, or ends the connection because it starts again."""
    peer = camera(has_audio=True)

    def play(asked: Asked) -> bytes | None:
        if peer.asked["PLAY"] > 1:
            return peer.usual(asked)
        if answer:
            return asked.reply(answer)
        asked.writer.transport.abort()
        return None

    peer.answers["PLAY"] = play
    assert until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING, FeedState.FAILED).problem
    feed = gateway.open_feed(source(peer.uri()))
    found = until_state(feed, FeedState.FLOWING, FeedState.FAILED)
    assert (found.problem, found.audio_left_out) == (None, "")
    assert feed.wait_described(LIMIT_S).audio


@pytest.mark.slow
@impatient
def test_a_session_without_pictures_is_repeated_without_audio(camera: Cameras, gateway: RtspGateway) -> None:
    """The audio has a session of its own, and PLAY starts that one."""
    peer = camera(has_audio=True, stop_after=0)

    def set_up(asked: Asked) -> bytes:
        if asked.uri.endswith("trackID=1"):
            return asked.reply("200 OK", f"Transport: {asked.headers['transport']}", "Session: 4712")
        return peer.usual(asked)

    peer.answers["SETUP"] = set_up
    assert until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING, FeedState.FAILED).problem
    peer.stop_after = None
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING).audio_left_out == "the device sent no picture with it"
