"""Keep-alives: the method that a device wants, and the time that it gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.patience import until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]


@pytest.mark.slow
def test_get_parameter_is_not_sent_unless_public_names_it(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(session="1;timeout=2", public="OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.asked["OPTIONS"] >= 3)
    assert peer.asked["GET_PARAMETER"] == 0
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_a_method_that_ended_a_session_is_not_used_in_the_next(camera: Cameras, gateway: RtspGateway) -> None:
    def close(asked: Asked) -> None:
        asked.writer.transport.abort()

    peer = camera(session="1;timeout=2", answers={"GET_PARAMETER": close})
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED)
    assert peer.asked["GET_PARAMETER"] == 1
    feed = gateway.open_feed(source(peer.uri()))
    options = peer.asked["OPTIONS"]
    until(lambda: peer.asked["OPTIONS"] >= options + 3)
    assert peer.asked["GET_PARAMETER"] == 1
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_a_device_that_closes_at_every_request_is_sent_none(camera: Cameras, gateway: RtspGateway) -> None:
    def close(asked: Asked) -> None:
        asked.writer.transport.abort()

    peer = camera(session="1;timeout=2")
    peer.answers = dict.fromkeys(("OPTIONS", "GET_PARAMETER", "SET_PARAMETER"), close)
    for _ in range(3):
        until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED)
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: feed.status().packets > 100)
    assert [peer.asked[method] for method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER")] == [1, 1, 1]
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_a_method_that_extends_no_session_is_not_used_in_the_next(camera: Cameras, gateway: RtspGateway) -> None:
    """Public names GET_PARAMETER; the device answers it, and ends the session at its timeout all the same."""
    peer = camera(session="1;timeout=2")

    def play(asked: Asked) -> bytes:
        sent = peer.asked["GET_PARAMETER"]

        def end() -> None:
            if peer.asked["GET_PARAMETER"] > sent:
                asked.writer.close()
            else:
                peer._loop.call_later(0.2, end)

        peer._loop.call_later(2.2, end)
        return peer.usual(asked)

    peer.answers["PLAY"] = play
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED)
    before = peer.asked["GET_PARAMETER"]
    feed = gateway.open_feed(source(peer.uri()))
    options = peer.asked["OPTIONS"]
    until(lambda: peer.asked["OPTIONS"] >= options + 3)
    assert peer.asked["GET_PARAMETER"] == before
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-1, 1, 1000])
def test_a_refused_keep_alive_is_replaced_even_if_its_cseq_is_wrong(
    camera: Cameras, gateway: RtspGateway, shift: int
) -> None:
    def refuse(asked: Asked) -> bytes:
        asked.headers["cseq"] = str(int(asked.headers["cseq"]) + shift)
        return asked.reply("400 Bad Request")

    peer = camera(session="1;timeout=2", answers={"GET_PARAMETER": refuse})
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.asked["OPTIONS"] >= 3)
    assert peer.asked["GET_PARAMETER"] == 1
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_the_timeout_of_setup_counts_if_play_names_none(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(session="4711;timeout=2")
    peer.answers["PLAY"] = lambda asked: asked.reply("200 OK", "Session: 4711")
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.asked["OPTIONS"] + peer.asked["GET_PARAMETER"] >= 3)
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_a_session_that_ends_early_gets_an_earlier_keep_alive(camera: Cameras, gateway: RtspGateway) -> None:
    """The device ends each session after four seconds without a keep-alive."""
    peer = camera()
    has_ended: list[bool] = []

    def play(asked: Asked) -> bytes:
        keep_alives = peer.asked["OPTIONS"]

        def end() -> None:
            has_ended.append(peer.asked["OPTIONS"] == keep_alives)
            if has_ended[-1]:
                asked.writer.close()

        peer._loop.call_later(4.0, end)
        return peer.usual(asked)

    peer.answers["PLAY"] = play
    until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED)
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: len(has_ended) == 2)
    assert has_ended == [True, False]
    assert feed.status().state is FeedState.FLOWING


def test_a_device_that_ends_sessions_at_reports_gets_none(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()

    def play(asked: Asked) -> bytes:
        reports = peer.receiver_reports

        def watch() -> None:
            if peer.receiver_reports > reports:
                asked.writer.transport.abort()
            else:
                peer._loop.call_later(0.05, watch)

        watch()
        return peer.usual(asked)

    peer.answers["PLAY"] = play
    for _ in range(2):
        until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED)
    reports = peer.receiver_reports
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: feed.status().packets > 25 * 8)  # eight seconds
    assert feed.status().state is FeedState.FLOWING
    assert peer.receiver_reports == reports
