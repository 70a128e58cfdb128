"""Devices that deviate from RTSP in small ways; docs/DEVICES.md lists them."""

from __future__ import annotations

import re
from collections.abc import Callable

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.media.rtsp.replay.listening import Listener, recording
from tests.patience import until

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


def test_a_login_repeats_no_algorithm_that_the_challenge_lacks(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING)
    assert b"Authorization: Digest" in peer.received
    assert b"algorithm" not in peer.received


def test_a_device_gets_receiver_reports(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.receiver_reports >= 1)
    assert feed.status().state is FeedState.FLOWING


def test_the_timeout_in_a_replay_address_counts(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    connection = gateway.open_replay(recording(peer.uri("/recording?session_timeout=2")))
    connection.play(0.0, Listener())
    until(lambda: peer.asked["GET_PARAMETER"] >= 4)  # by the session header, that takes 96 s
    connection.close()
