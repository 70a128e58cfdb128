"""Redirects (RFC 2326 section 11.1): the app follows those to the same host and port, and names the port of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from media.rtsp.client.address import parse_address, redirected
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import PeerCamera

Cameras = Callable[..., PeerCamera]


@pytest.mark.programs
@pytest.mark.parametrize("location", ["/real", "rtsp://127.0.0.1/real"])
def test_a_redirect_without_a_port_is_followed(camera: Cameras, gateway: RtspGateway, location: str) -> None:
    peer = camera(login="md5")
    peer.answers["DESCRIBE"] = lambda asked: (
        peer.usual(asked) if asked.uri.endswith("/real") else asked.reply("302 Moved", f"Location: {location}")
    )
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


@pytest.mark.programs
def test_the_port_of_a_redirect_is_named(camera: Cameras, gateway: RtspGateway) -> None:
    there = camera()
    here = camera()
    here.answers["DESCRIBE"] = lambda asked: asked.reply("302 Moved Temporarily", f"Location: {there.uri('/real')}")
    problem = until_state(gateway.open_feed(source(here.uri())), FeedState.FAILED).problem
    assert problem
    assert f"its port {there.port}" in problem.detail
    assert there.connections == 0


@pytest.mark.programs
@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("rtsp://10.77.0.8:554/real", "to 10.77.0.8, and the app follows no redirect to another host"),
        ("rtsp://<b>:554/real", "redirects to another address"),
        ("", "redirects to another address"),
    ],
)
def test_the_host_of_a_redirect_is_named(camera: Cameras, gateway: RtspGateway, location: str, words: str) -> None:
    here = camera()
    here.answers["DESCRIBE"] = lambda asked: asked.reply("301 Moved Permanently", f"Location: {location}")
    problem = until_state(gateway.open_feed(source(here.uri())), FeedState.FAILED).problem
    assert problem
    assert words in problem.detail


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "rtsp://10.0.0.9:8554/other"),
        ("rtsp://10.0.0.9:8554/other", "rtsp://10.0.0.9:8554/other"),
        ("rtsp://10.0.0.9/other", "rtsp://10.0.0.9:8554/other"),
        ("rtsp://admin:pw@camera.local:8554/other", "rtsp://10.0.0.9:8554/other"),
        ("rtsp://10.0.0.9:1554/other", 1554),
        ("rtsps://10.0.0.9/other", 322),
        ("rtsps://10.0.0.9:8554/other", 8554),
        ("rtsp://10.0.0.8:8554/other", None),
        ("http://10.0.0.9/other", None),
        ("", None),
    ],
)
def test_a_redirect_is_read(location: str, target: str | int | None) -> None:
    assert redirected(parse_address("rtsp://10.0.0.9:8554/live"), location, "camera.local") == target
