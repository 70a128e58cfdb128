"""Logins over RTSP: a device gets few wrong ones, and a cut or a busy device is no wrong password."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from core.errors import CameraAuthFailed
from core.login_gate import LoginGate
from core.records import Problem, StreamSource
from media.rtsp.client.habits import DeviceHabits
from media.rtsp.client.login import SessionLogin
from media.rtsp.client.messages import Headers, Response
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.hand_clock import HandClock
from tests.media.rtsp.asking import PASSWORD, impatient, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.media.rtsp.tunnel_peer import TunnelPeer
from tests.patience import promised, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
BETTER = 'WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=SHA-256, qop="auth"'


def problem_of(gateway: RtspGateway, stream: StreamSource) -> Problem:
    problem = until_state(gateway.open_feed(stream), FeedState.FAILED).problem
    assert problem
    return problem


def flows(gateway: RtspGateway, stream: StreamSource) -> bool:
    feed = gateway.open_feed(stream)
    try:
        return until_state(feed, FeedState.FLOWING, FeedState.FAILED).state is FeedState.FLOWING
    finally:
        feed.close()


def plays_and_ends(gateway: RtspGateway, peer: PeerCamera) -> bool:
    """Play a stream, and wait for the TEARDOWN of its session."""
    has_played = flows(gateway, source(peer.uri()))
    until(lambda: peer.asked["TEARDOWN"] and not peer.open_connections)
    return has_played


def logins_left(gate: LoginGate) -> int:
    """Return the number of wrong logins that the device may still get."""
    attempt = gate.begin("camera1", source("", password="never sent").credential)
    attempt.unanswered()
    return attempt.logins_left


def offer_two_kinds(peer: PeerCamera) -> None:
    """Let the device name SHA-256 as well, which it refuses always."""
    plain = PeerCamera.challenge
    peer.challenge = lambda stale=False: f"{BETTER}\r\n{plain(peer)}"  # type: ignore[method-assign]  # one camera's whim
    peer.lets_in = lambda method, given: "SHA-256" not in given and PeerCamera.lets_in(peer, method, given)  # type: ignore[method-assign]  # one camera's whim


def close_at_logins(peer: PeerCamera, *, also_good: bool = False) -> None:
    """Let the device close the connection in place of a refusal, or at each login."""
    plain = PeerCamera._answer

    def answer(asked: Asked) -> bytes | None:
        given = plain(peer, asked)
        if "authorization" in asked.headers and (also_good or b" 401 " in (given or b"")):
            asked.writer.close()
            return None
        return given

    peer._answer = answer  # type: ignore[method-assign]  # one camera's whim


# -- the number of wrong logins --------------------------------------------------------------------


def test_wrong_logins_of_all_kinds_count(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    offer_two_kinds(peer)
    sent = []
    for password in ("wrong 1", "wrong 2", "wrong 3"):
        assert problem_of(gateway, source(peer.uri(), token=password, password=password)).code == "camera_auth_failed"
        sent.append(peer.logins)
    assert sent == [2, 3, 3]


@pytest.mark.parametrize("before", [1, 2, 3])
def test_wrong_logins_over_onvif_count_for_rtsp_too(
    camera: Cameras, gateway: RtspGateway, gate: LoginGate, before: int
) -> None:
    gate.begin("camera1", source("", password="wrong").credential).refused(before)
    peer = camera(login="md5")
    offer_two_kinds(peer)
    stream = source(peer.uri(), password="wrong too")
    assert problem_of(gateway, stream).code == "camera_auth_failed"
    assert peer.logins == min(2, 3 - before)


def test_an_accepted_login_leaves_no_wrong_ones_behind(camera: Cameras, gateway: RtspGateway, gate: LoginGate) -> None:
    peer = camera(login="md5")
    offer_two_kinds(peer)
    assert flows(gateway, source(peer.uri()))
    assert logins_left(gate) == 3


def test_the_last_login_goes_to_an_open_connection(camera: Cameras, gateway: RtspGateway, gate: LoginGate) -> None:
    """The device closes the connection at each refusal; a login on that connection would be lost."""
    gate.begin("camera1", source("", password="wrong").credential).refused(2)
    peer = camera(login="md5")
    peer.close_at_refusals()
    assert flows(gateway, source(peer.uri()))


# -- devices that close the connection in place of a refusal ---------------------------------------


def test_a_device_that_cuts_off_wrong_logins_gets_two(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    close_at_logins(peer)
    for token in ("main", "sub"):
        problem = problem_of(gateway, source(peer.uri(), token=token, password="wrong"))
        assert problem.code == "camera_auth_failed"
    assert peer.logins == 2


def test_cut_logins_of_any_passwords_count(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    close_at_logins(peer)
    for password in ("wrong 1", "wrong 2", "wrong 3"):
        problem_of(gateway, source(peer.uri(), token=password, password=password))
    assert peer.logins == 3


def test_a_proven_login_is_never_blamed_for_a_cut(camera: Cameras, gateway: RtspGateway, gate: LoginGate) -> None:
    peer = camera(login="md5")
    stream = source(peer.uri())
    gate.begin(stream.device_key, stream.credential).accepted()
    close_at_logins(peer, also_good=True)
    for token in ("main", "sub", "third"):
        assert problem_of(gateway, source(peer.uri(), token=token)).code == "camera_unreachable"
    assert logins_left(gate) == 3
    gate.begin(stream.device_key, stream.credential).unanswered()  # it is not blocked


def test_a_device_that_ends_at_a_login_does_not_refuse_it(
    camera: Cameras, gateway: RtspGateway, gate: LoginGate
) -> None:
    """It restarts: without a login it does not answer either."""
    peer = camera(login="md5")
    plain = PeerCamera._answer

    def answer(asked: Asked) -> bytes | None:
        if peer.logins or "authorization" in asked.headers:
            peer.logins += 1
            asked.writer.close()
            return None
        return plain(peer, asked)

    peer._answer = answer  # type: ignore[method-assign]  # one camera's whim
    assert problem_of(gateway, source(peer.uri())).code == "camera_unreachable"
    assert logins_left(gate) == 3


# -- devices that are busy after a session's end ---------------------------------------------------


@pytest.mark.slow
def test_a_busy_device_gets_no_other_kind_of_login(camera: Cameras, gateway: RtspGateway, gate: LoginGate) -> None:
    peer = camera(login="md5")
    assert plays_and_ends(gateway, peer)
    offer_two_kinds(peer)
    refused: list[str] = []

    def lets_in(method: str, given: str) -> bool:
        if not refused:
            refused.append(given)
            return False
        return "SHA-256" not in given and PeerCamera.lets_in(peer, method, given)

    peer.lets_in = lets_in  # type: ignore[method-assign]  # one camera's whim
    assert flows(gateway, source(peer.uri(), token="sub"))
    assert len(refused) == 1
    assert peer.received.count(b"algorithm=SHA-256") == 0
    assert logins_left(gate) == 3


@pytest.mark.slow
def test_a_password_changed_while_the_device_is_busy_is_refused(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    assert plays_and_ends(gateway, peer)
    peer.password = "another"
    offer_two_kinds(peer)
    logins = peer.logins
    assert problem_of(gateway, source(peer.uri(), token="sub")).code == "camera_auth_failed"
    assert peer.logins - logins <= 3


# -- tunnels ---------------------------------------------------------------------------------------


@pytest.fixture
def tunnel(h264_stream: bytes) -> Iterator[Callable[..., TunnelPeer]]:
    started: list[TunnelPeer] = []

    def start(**options: object) -> TunnelPeer:
        started.append(TunnelPeer(h264_stream, **options))  # type: ignore[arg-type]  # as they come
        started[-1].start()
        return started[-1]

    yield start
    for peer in started:
        peer.stop()


def test_a_wrong_password_inside_a_tunnel_is_named(
    tunnel: Callable[..., TunnelPeer], gateway: RtspGateway, closed_port: int
) -> None:
    peer = tunnel(login="md5")
    stream = source(f"rtsp://127.0.0.1:{closed_port}/live", web_port=peer.port, password="wrong")
    assert problem_of(gateway, stream).code == "camera_auth_failed"
    assert peer.logins == 1


@pytest.mark.slow
@impatient
def test_a_wrong_password_of_the_web_port_is_named(
    tunnel: Callable[..., TunnelPeer], gateway: RtspGateway, gate: LoginGate, closed_port: int
) -> None:
    peer = tunnel(web_password=PASSWORD)
    uri = f"rtsp://127.0.0.1:{closed_port}/live"
    for token in ("main", "sub"):
        problem = problem_of(gateway, source(uri, token=token, web_port=peer.port, password="wrong"))
        assert problem.code == "camera_auth_failed"
        assert "web port" in problem.detail
    assert peer.web_logins == 1, "a refused password is not sent again"
    assert logins_left(gate) == 2
    problem_of(gateway, source(uri, token="third", web_port=peer.port))
    assert peer.asked["POST"], "another password is tried immediately"


def test_a_proven_password_is_not_blamed_by_a_web_port(
    tunnel: Callable[..., TunnelPeer], gateway: RtspGateway, gate: LoginGate, closed_port: int
) -> None:
    peer = tunnel(web_password="another")
    stream = source(f"rtsp://127.0.0.1:{closed_port}/live", web_port=peer.port)
    gate.begin(stream.device_key, stream.credential).accepted()
    problem = problem_of(gateway, stream)
    assert problem.code == "camera_unreachable"
    assert "web port refuses" in problem.detail


def test_a_tunnel_is_opened_again_during_a_login(
    tunnel: Callable[..., TunnelPeer], gateway: RtspGateway, closed_port: int
) -> None:
    """The device cuts the login, and its web server wants one again: both share one attempt of the login gate."""
    peer = tunnel(login="md5", web_password=PASSWORD, cuts_at_login=1)
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("404 Not Found")
    with promised(10):  # it would wait 30 s for its own attempt
        problem = problem_of(gateway, source(f"rtsp://127.0.0.1:{closed_port}/live", web_port=peer.port))
    assert problem.code == "camera_no_signal"
    assert peer.logins == 2


@pytest.mark.slow
def test_a_web_port_that_refuses_after_a_teardown_is_busy(
    tunnel: Callable[..., TunnelPeer], gateway: RtspGateway, closed_port: int
) -> None:
    peer = tunnel(web_password=PASSWORD)
    uri = f"rtsp://127.0.0.1:{closed_port}/live"
    feed = gateway.open_feed(source(uri, web_port=peer.port))
    assert until_state(feed, FeedState.WAITING_VIDEO, FeedState.FAILED).problem is None
    feed.close()
    until(lambda: peer.asked["TEARDOWN"] and gateway.device_sessions() == 0)
    peer.web_refusals = 1
    feed = gateway.open_feed(source(uri, token="sub", web_port=peer.port))
    assert until_state(feed, FeedState.WAITING_VIDEO, FeedState.FAILED).problem is None
    assert peer.web_refusals == 0


# -- keep-alives -----------------------------------------------------------------------------------


def test_a_refused_keep_alive_counts_with_its_second_try(gate: LoginGate) -> None:
    """The password was changed: the device refuses the keep-alive, and then its repetition with the new nonce."""
    clock = HandClock()
    login = SessionLogin(source(""), gate, clock, DeviceHabits(clock), is_tls=False)
    refusals = [
        Response(401, "", Headers([("WWW-Authenticate", f'Digest realm="cam", nonce="{nonce}"')])) for nonce in "123"
    ]
    login.take_up(refusals[0])
    assert login.renew(refusals[1])
    with pytest.raises(CameraAuthFailed):
        login.renew(refusals[2])
    assert logins_left(gate) == 1


def test_a_blocked_password_raises_the_gates_error(camera: Cameras, gateway: RtspGateway, gate: LoginGate) -> None:
    peer = camera(login="md5")
    problem_of(gateway, source(peer.uri(), password="wrong"))
    with pytest.raises(CameraAuthFailed):
        gate.begin("camera1", source("", password="wrong").credential)
