"""Devices that deviate from RTSP in small ways; docs/DEVICES.md lists them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.media.rtsp.replay.listening import Listener, recording
from tests.patience import until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
METHODS = ("DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER")


def test_answers_without_cseq_are_taken_in_order(camera: Cameras, gateway: RtspGateway) -> None:
    def answer(asked: Asked) -> bytes:
        return re.sub(rb"CSeq: \d+\r\n", b"", asked.camera.usual(asked))

    peer = camera(answers=dict.fromkeys(METHODS, answer))
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING)


def test_stray_lines_between_headers_are_skipped(camera: Cameras, gateway: RtspGateway) -> None:
    def answer(asked: Asked) -> bytes:
        return asked.camera.usual(asked).replace(b"\r\n", b"\r\nno header at all\r\n: x\r\n", 1)

    peer = camera(answers=dict.fromkeys(METHODS, answer))
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING)


@pytest.mark.slow
@pytest.mark.parametrize("length", ["2", "-40", "0", None, "twice"])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_description_with_a_wrong_length_is_read(
    camera: Cameras, gateway: RtspGateway, length: str | None, end: bytes
) -> None:
    """`length`: the number of bytes by which Content-Length is wrong; "0": it is 0; None: none; "twice": two."""

    def describe(asked: Asked) -> bytes:
        sdp = peer.sdp()
        if length == "twice":
            headers = ["Content-Length: 5", f"Content-Length: {len(sdp)}"]
        else:
            named = 0 if length == "0" else len(sdp) + int(length or 0)
            headers = [] if length is None else [f"Content-Length: {named}"]
        return asked.reply("200 OK", "Content-Type: application/sdp", *headers) + sdp + end

    peer = camera(answers={"DESCRIBE": describe})
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


@pytest.mark.slow
def test_a_description_that_comes_slowly_is_awaited(camera: Cameras, gateway: RtspGateway) -> None:
    def describe(asked: Asked) -> bytes:
        sdp = peer.sdp()
        peer._loop.call_later(1.2, asked.writer.write, sdp)  # later than most devices
        return asked.reply("200 OK", f"Content-Length: {len(sdp)}")

    peer = camera(answers={"DESCRIBE": describe})
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"\r\n", b"\n"),
        (rb"RTSP/1.0 200 OK", b"RTSP/1.0 200"),
        (rb"RTSP/1.0 200 OK", b"RTSP/1.0  200\tOK"),
        (rb"CSeq:", b"cseq :"),
        (rb"Session: ", b"SESSION:  "),
        (rb"Session: (\d+);", rb"Session: \1\r\n ;"),
        (rb"Session: (\d+);", rb"Session: \1 , "),
        (rb"Session:", b"X-Odd: \x01\x02\r\nSession:"),
        (rb"Transport: RTP/AVP/TCP;unicast;interleaved=(\d)-(\d)", rb"Transport: RTP/AVP;interleaved=\1-\2"),
        (rb"Session: .*?\r\n", b"Session: \r\n"),
        (rb"Session: .*?\r\n", b"Session: 47 11;timeout=60\r\n"),
        (rb"Session: ", b"Content-Length: 0x1\r\nSession: "),
        (rb"Transport: .*?\r\n", b""),
        (rb"^RTSP/1.0 200", b"RTSP/1.0 100 Continue\r\n\r\nRTSP/1.0 200"),
        (rb"^RTSP/1.0 200", b"$\x05\x00\x0c" + b"\x80" * 12 + b"RTSP/1.0 200"),
        (rb"^RTSP/1.0 200", b"\r\n\r\nRTSP/1.0 200"),
    ],
)
def test_oddly_written_answers_are_read(camera: Cameras, gateway: RtspGateway, old: bytes, new: bytes) -> None:
    def answer(asked: Asked) -> bytes:
        head, mark, body = asked.camera.usual(asked).partition(b"\r\n\r\n")
        return re.sub(old, new, head + mark) + body

    peer = camera(has_audio=True, answers=dict.fromkeys(METHODS, answer))
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    assert feed.status().audio


def test_a_login_repeats_no_algorithm_that_the_challenge_lacks(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING)
    assert b"Authorization: Digest" in peer.received
    assert b"algorithm" not in peer.received


@pytest.mark.slow
def test_a_device_gets_receiver_reports(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.receiver_reports >= 1)
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_the_timeout_in_a_replay_address_counts(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    connection = gateway.open_replay(recording(peer.uri("/recording?session_timeout=2")))
    connection.play(0.0, Listener())
    until(lambda: peer.asked["GET_PARAMETER"] >= 4)  # by the session header, that takes 96 s
    connection.close()
