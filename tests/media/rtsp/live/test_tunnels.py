"""Tunnels through a device's web server, whose answers say little about the RTSP port."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.login_gate import LoginGate
from media.rtsp.client.connecting import Connector
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import Answer, PeerCamera

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
DIGEST = 'Digest realm="web", nonce="n", qop="auth"'


def web_answer(status: str, *headers: str) -> Answer:
    text = "\r\n".join((f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""))
    return lambda asked: text.encode()


def web_server(camera: Cameras, challenge: str) -> PeerCamera:
    """Start a web server that refuses every login."""
    refusal = web_answer("401 Unauthorized", f"WWW-Authenticate: {challenge}")
    return camera(answers={"DESCRIBE": web_answer("400 Bad Request"), "GET": refusal})


def test_a_login_that_the_web_server_refuses_is_no_verdict(
    camera: Cameras, gateway: RtspGateway, gate: LoginGate, closed_port: int
) -> None:
    web = web_server(camera, DIGEST)
    stream = source(f"rtsp://127.0.0.1:{closed_port}/live", web_port=web.port)
    problem = until_state(gateway.open_feed(stream), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_auth_failed"
    assert web.received.count(b"Authorization: Digest") == 1
    gate.begin(stream.device_key, stream.credential).unanswered()  # it is not blocked


def test_another_web_port_follows_one_with_an_unknown_login(camera: Cameras, gateway: RtspGateway) -> None:
    first, second = web_server(camera, "Bearer"), web_server(camera, DIGEST)
    stream = source(first.uri(), web_port=second.port)
    until_state(gateway.open_feed(stream), FeedState.FAILED)
    assert [peer.asked["GET"] for peer in (first, second)] == [1, 2]


def test_a_known_web_port_is_the_only_one(
    camera: Cameras, gateway: RtspGateway, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    connect = Connector._connect_to

    async def remember(connector: Connector, host: str, port: int, *rest: object) -> object:
        tried.append(port)
        return await connect(connector, host, port, *rest)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Connector, "_connect_to", remember)
    web = camera(answers={"GET": web_answer("404 Not Found")})
    until_state(gateway.open_feed(source(f"rtsp://127.0.0.1:{closed_port}/live", web_port=web.port)), FeedState.FAILED)
    assert set(tried) == {closed_port, web.port}
