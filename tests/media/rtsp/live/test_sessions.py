"""RTSP sessions with a camera: logins, refusals, silence, keep-alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from core.errors import CameraAuthFailed, CameraBusy, DeviceError
from core.login_gate import LoginGate
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import impatient, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.patience import LIMIT_S, settled, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]


@pytest.mark.parametrize("login", ["basic", "md5", "md5-qop", "sha256"])
def test_each_kind_of_login_works(camera: Cameras, gateway: RtspGateway, login: str) -> None:
    peer = camera(login=login)
    feed = gateway.open_feed(source(peer.uri(), may_be_readable=login == "basic"))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    assert peer.received.startswith(b"DESCRIBE")
    assert b"Authorization" not in peer.received.split(b"\r\n\r\n")[0], "nothing is sent before it is asked for"


def test_a_running_session_gives_its_last_key_frame_from_memory(camera: Cameras, gateway: RtspGateway) -> None:
    asked = source(camera().uri())
    assert gateway.held_key_frame(asked.camera_id, asked.profile_token) is None
    feed = gateway.open_feed(asked)
    until_state(feed, FeedState.FLOWING)
    held = gateway.held_key_frame(asked.camera_id, asked.profile_token)
    assert held is not None
    assert (held.codec, len(held.parameter_sets)) == ("h264", 2)
    assert any(part[0] & 31 == 5 for part in held.parts), "an IDR picture (H.264, table 7-1)"
    assert gateway.held_key_frame(asked.camera_id, "another profile") is None
    feed.close()


def test_a_readable_password_is_not_sent_without_permission(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="basic")
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING, FeedState.FAILED).problem
    assert problem
    assert problem.code == "readable_login_needed"
    assert peer.received.count(b"DESCRIBE") == 1
    assert b"Authorization" not in peer.received


def test_sixteen_feeds_with_a_wrong_password_cause_one_login(
    camera: Cameras, gateway: RtspGateway, gate: LoginGate
) -> None:
    peer = camera(login="md5")
    problems: list[str] = []

    def open_one(number: int) -> None:
        feed = gateway.open_feed(source(peer.uri(f"/live{number}"), token=str(number), password="wrong"))
        try:
            feed.wait_described(LIMIT_S)
        except DeviceError as error:
            problems.append(error.code)

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8, 16):
        open_one(number)
    assert problems == ["camera_auth_failed"] * 16
    assert peer.logins == 1
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("camera1", source("", password="wrong").credential)


def test_no_login_is_sent_without_a_user_name(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    feed = gateway.open_feed(source(peer.uri(), username=""))
    with pytest.raises(CameraAuthFailed):
        feed.wait_described(LIMIT_S)
    assert peer.logins == 0


@pytest.mark.parametrize("says_stale", [True, False])
def test_a_stale_nonce_is_replaced(camera: Cameras, gateway: RtspGateway, says_stale: bool) -> None:
    peer = camera(login="md5-qop")
    plain = PeerCamera.challenge
    peer.challenge = lambda stale=False: plain(peer, says_stale and peer.nonce == "n2")  # type: ignore[method-assign]  # one camera's whim

    def describe(asked: Asked) -> bytes:
        peer.nonce = "n2"
        return peer.usual(asked)

    peer.answers["DESCRIBE"] = describe
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


def test_a_refused_session_lowers_the_session_limit(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(most_sessions=2)
    feeds = [gateway.open_feed(source(peer.uri(), token=str(number))) for number in range(2)]
    for feed in feeds:
        until_state(feed, FeedState.FLOWING)
    for connections in (3, 3):
        with pytest.raises(CameraBusy):
            gateway.open_feed(source(peer.uri(), token="more")).wait_described(LIMIT_S)
        assert peer.connections == connections, "the second time it is not even asked"
    feeds[0].close()  # its session is kept for a while, but ends if its slot is needed
    feed = gateway.open_feed(source(peer.uri(), token="instead"))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    assert feeds[1].status().state is FeedState.FLOWING


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("DESCRIBE", "404 Not Found", "camera_no_signal"),
        ("DESCRIBE", "403 Forbidden", "camera_auth_failed"),
        ("DESCRIBE", "500 Internal Server Error", "camera_bad_answer"),
        ("DESCRIBE", "501 Not Implemented", "camera_unsupported"),
        ("DESCRIBE", "503 Service Unavailable", "camera_unreachable"),
        ("SETUP", "453 Not Enough Bandwidth", "camera_busy"),
        ("SETUP", "461 Unsupported Transport", "camera_unsupported"),
        ("PLAY", "454 Session Not Found", "camera_unreachable"),
    ],
)
def test_a_cameras_refusal_becomes_a_problem_code(
    camera: Cameras, gateway: RtspGateway, method: str, status: str, code: str
) -> None:
    peer = camera(answers={method: lambda asked: asked.reply(status)})
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == code


@pytest.mark.slow
@impatient
def test_a_camera_that_plays_nothing_has_no_signal(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(stop_after=0).uri()))
    assert feed.wait_described(LIMIT_S).video, "the description names the picture"
    until_state(feed, FeedState.WAITING_VIDEO)
    problem = until_state(feed, FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_no_signal"


@pytest.mark.slow
@pytest.mark.parametrize("rtsp_timeout_s", [6.0])  # three of them between silence and failure
def test_missing_frames_are_noticed_although_reports_go_on(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(stop_after=20).uri()))
    until_state(feed, FeedState.FLOWING)
    status = until_state(feed, FeedState.SILENT)
    assert status.last_packet_age_s
    assert status.last_packet_age_s >= 1
    problem = until_state(feed, FeedState.FAILED).problem
    assert problem
    assert problem.code == "stream_stalled"


def test_a_lost_camera_fails_its_feeds_and_a_new_feed_works(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    peer.stop()
    assert until_state(feed, FeedState.FAILED).problem
    again = camera()
    later = gateway.open_feed(source(again.uri()))
    until_state(later, FeedState.FLOWING)
    assert feed.status().state is FeedState.FAILED


@pytest.mark.slow
def test_the_session_is_kept_alive_before_its_timeout(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(
        session="1;timeout=2",
        answers={"GET_PARAMETER": lambda asked: asked.reply("501 Not Implemented")},
    )
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.asked["OPTIONS"] >= 3)
    assert peer.asked["GET_PARAMETER"] == 1, "what the camera does not know is not asked again"
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_a_camera_that_forgets_the_session_is_noticed(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(session="1;timeout=2", answers={"GET_PARAMETER": lambda asked: asked.reply("454 Session Not Found")})
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_unreachable"


@pytest.mark.slow
def test_a_nonce_that_goes_stale_while_playing_is_replaced(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5-qop", session="1;timeout=2")
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)

    def others() -> int:
        """Logins of other requests than keep-alives, which have one each; so has the repeated first one."""
        return peer.logins - peer.asked["OPTIONS"] - peer.asked["GET_PARAMETER"]

    logins = settled(others, 0.1)
    peer.nonce = "n2"
    until(lambda: peer.asked["GET_PARAMETER"] >= 4)
    assert feed.status().state is FeedState.FLOWING
    until(lambda: others() == logins, what="one login for each keep-alive")


@pytest.mark.slow
def test_a_password_changed_while_playing_is_tried_once_more(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5-qop", session="1;timeout=2")
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    peer.password = "another"
    logins = peer.logins
    problem = until_state(feed, FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_auth_failed"
    with pytest.raises(CameraAuthFailed):
        gateway.open_feed(source(peer.uri(), token="again")).wait_described(LIMIT_S)
    assert peer.logins - logins <= 3  # two keep-alives and the TEARDOWN


@pytest.mark.slow
def test_a_camera_without_keep_alive_answers_plays_on(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(session="1;timeout=2", answers={"GET_PARAMETER": lambda asked: None})
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: peer.asked["GET_PARAMETER"] >= 3)
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_announced_audio_without_data_is_dropped_from_the_status(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(has_audio=True)
    peer.has_audio = True
    sdp = peer.sdp()
    peer.has_audio = False
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", body=sdp)
    feed = gateway.open_feed(source(peer.uri()))
    assert feed.wait_described(LIMIT_S).audio
    until(lambda: feed.status().audio is None)


def test_the_password_is_in_no_log_repr_or_url(
    camera: Cameras, gateway: RtspGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    peer = camera(login="basic", password="canary-7f3a")
    feed = gateway.open_feed(source(peer.uri(), password="canary-7f3a", may_be_readable=True))
    until_state(feed, FeedState.FLOWING)
    peer.stop()
    until_state(feed, FeedState.FAILED)
    seen = caplog.text + repr(feed) + feed.url + repr(feed.status()) + repr(vars(gateway))
    assert "canary" not in seen
    assert "Y2FuYXJ5" not in seen  # Base64 of "canary"
