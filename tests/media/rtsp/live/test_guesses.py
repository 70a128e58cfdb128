"""Devices that take another form of a request than the first one tried, and what the gateway remembers of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import impatient, source, until_state
from tests.media.rtsp.camera_peer import Answer, Asked, PeerCamera
from tests.patience import until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]


def plays(gateway: RtspGateway, peer: PeerCamera) -> bool:
    """Open a feed, wait for its first frame or its failure, end its session."""
    feed = gateway.open_feed(source(peer.uri()))
    status = until_state(feed, FeedState.FLOWING, FeedState.FAILED)
    feed.close()
    until(lambda: peer.open_connections == 0)
    return status.problem is None


def paths(peer: PeerCamera, method: str) -> list[str]:
    return re.findall(rf"^{method} rtsp://[^/]+(\S*) ", peer.received.decode(), re.MULTILINE)


# -- media that begin late -------------------------------------------------------------------------


@pytest.mark.slow
@impatient
@pytest.mark.parametrize("names_sets", [True, False])
def test_media_that_begin_later_than_the_limit_are_waited_for(
    camera: Cameras, gateway: RtspGateway, names_sets: bool
) -> None:
    peer = camera(media_after_s=3.5, has_audio=True, names_sets=names_sets, sends_reports=False)
    feed = gateway.open_feed(source(peer.uri()))
    problem = until_state(feed, FeedState.FAILED).problem
    feed.close()
    assert problem
    assert problem.code == "camera_no_signal"
    assert "the next try waits longer" in problem.detail
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.WAITING_VIDEO, FeedState.FLOWING)
    assert feed.wait_described(0.5).video, "the description waits as long as the session"
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    until(lambda: feed.status().video is not None)
    feed.close()
    until(lambda: peer.open_connections == 0)
    assert plays(gateway, peer), "the patience is kept"
    assert len(paths(peer, "PLAY")) == 3
    assert peer.asked["SETUP"] >= 4, "the audio was not the reason"


# -- a codec that is not the described one -----------------------------------------------------------


@pytest.mark.slow
def test_a_stream_with_another_codec_than_described_plays(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(names_sets=False)
    sdp = peer.sdp().replace(b"H264/90000", b"H265/90000")
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", body=sdp)
    feed = gateway.open_feed(source(peer.uri()))
    problem = until_state(feed, FeedState.FAILED).problem
    feed.close()
    assert problem
    assert "describes its video as H.265 and sends H.264" in problem.detail
    for _ in range(2):
        assert plays(gateway, peer), "the codec is kept"
    sdp = peer.sdp()
    assert plays(gateway, peer), "a description that was mended counts"


# -- addresses of tracks ---------------------------------------------------------------------------


def at(path: str, method: str = "SETUP", status: str = "404 Not Found") -> dict[str, Answer]:
    """Answer a method at one path only."""
    return {method: lambda asked: asked.camera.usual(asked) if asked.uri.endswith(path) else asked.reply(status)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "session_control", "control", "path"),
    [
        ("rtsp://rtsp://127.0.0.1/live/", "*", "trackID=0", "/live/trackID=0"),
        ("rtsp://10.0.0.7/elsewhere/", "*", "trackID=0", "/live/trackID=0"),
        ("", "rtsp://192.168.1.10:554/media/stream0/", "trackID=0", "/media/stream0/trackID=0"),
        ("", "rtsp://192.168.1.10:554/media/stream0/", "trackID=0", "/live/trackID=0"),
        ("", "*", "trackID=0", ":PORT/trackID=0"),
        ("", "*", "rtsp://10.0.0.7/other/trackID=0", "/live/trackID=0"),
        ("", "trackID=0", "", "/live/trackID=0"),
        ("rtsp://10.0.0.7/live?channel=1", "*", "trackID=0", "/live/trackID=0?channel=1"),
    ],
)
@pytest.mark.parametrize("status", ["404 Not Found", "454 Session Not Found", "400 Bad Request", "405 No", "500 Error"])
def test_a_track_is_found_at_another_address(
    camera: Cameras, gateway: RtspGateway, base: str, session_control: str, control: str, path: str, status: str
) -> None:
    def describe(asked: Asked) -> bytes:
        sdp = peer.sdp().decode().replace("a=control:trackID=0\r\n", f"a=control:{control}\r\n" if control else "")
        sdp = sdp.replace("a=control:*", f"a=control:{session_control}")
        return asked.reply("200 OK", *([f"Content-Base: {base}"] if base else []), body=sdp.encode())

    peer = camera()
    peer.answers |= {"DESCRIBE": describe, **at(path.replace("PORT", str(peer.port)), status=status)}
    assert plays(gateway, peer)
    tries = len(paths(peer, "SETUP"))
    assert plays(gateway, peer)
    assert len(paths(peer, "SETUP")) == tries + 1, "the address is remembered"
    guessed = {check.name for check in gateway.device_checks("camera1") if check.outcome == "guessed"}
    assert ("RTSP: address of a track" in guessed) == (tries > 1)


def test_a_missing_track_ends_in_the_first_refusal(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(answers=at("nowhere"))
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_no_signal"
    assert len(paths(peer, "SETUP")) <= 8


@pytest.mark.slow
@pytest.mark.parametrize("is_video", [True, False])
def test_a_device_that_is_busy_or_slow_keeps_its_track_address(
    camera: Cameras, gateway: RtspGateway, is_video: bool
) -> None:
    """The video is refused with 503, or the audio is never answered: no address is wrong."""
    refused: list[str] = []

    def set_up(asked: Asked) -> bytes | None:
        if not refused and asked.uri.endswith("trackID=0" if is_video else "trackID=1"):
            refused.append(asked.uri)
            return asked.reply("503 Service Unavailable") if is_video else None
        return peer.usual(asked)

    peer = camera(has_audio=True)
    base = f"Content-Base: {peer.uri('/base/')}"
    describe: Answer = lambda asked: asked.reply("200 OK", base, body=peer.sdp())  # noqa: E731  # one answer
    peer.answers |= {"DESCRIBE": describe, "SETUP": set_up}
    assert plays(gateway, peer) is not is_video
    assert plays(gateway, peer)
    assert refused
    assert set(paths(peer, "SETUP")) == {"/base/trackID=0", "/base/trackID=1"}


def test_play_is_found_at_another_address(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    base = f"Content-Base: {peer.uri('/base/')}"
    describe: Answer = lambda asked: asked.reply("200 OK", base, body=peer.sdp())  # noqa: E731  # one answer
    peer.answers |= {"DESCRIBE": describe, **at("/live", "PLAY", "459 Aggregate Operation Not Allowed")}
    assert plays(gateway, peer)
    assert paths(peer, "TEARDOWN") == ["/live"]


@pytest.mark.parametrize("status", [302, 301, 307])
def test_a_redirect_to_the_same_place_is_followed(camera: Cameras, gateway: RtspGateway, status: int) -> None:
    peer = camera(login="md5")
    peer.answers["DESCRIBE"] = lambda asked: (
        peer.usual(asked)
        if asked.uri.endswith("/moved")
        else asked.reply(f"{status} Moved", f"Location: {peer.uri('/moved')}")
    )
    assert plays(gateway, peer)
    assert paths(peer, "SETUP") == ["/moved/trackID=0"]


def test_a_redirect_to_itself_ends(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("302 Moved", f"Location: {asked.uri}")
    assert not plays(gateway, peer)
    assert peer.asked["DESCRIBE"] <= 3


# -- PLAY ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("status", ["457 Invalid Range", "400 Bad Request", "501 Not Implemented"])
def test_live_is_played_without_a_range_if_the_device_refuses_it(
    camera: Cameras, gateway: RtspGateway, status: str
) -> None:
    peer = camera()
    peer.answers["PLAY"] = lambda asked: asked.reply(status) if "range" in asked.headers else peer.usual(asked)
    assert plays(gateway, peer)
    assert peer.asked["PLAY"] == 2
    assert plays(gateway, peer)
    assert peer.asked["PLAY"] == 3, "the habit is remembered"


@pytest.mark.parametrize("is_remembered", [False, True])
def test_play_without_the_slash_follows_a_405(camera: Cameras, gateway: RtspGateway, is_remembered: bool) -> None:
    """PTZOptics names a base with a slash at its end, and does not know it in PLAY."""
    peer = camera()
    base = f"Content-Base: {peer.uri()}/"
    describe: Answer = lambda asked: asked.reply("200 OK", base, body=peer.sdp())  # noqa: E731  # one answer
    peer.answers |= {"DESCRIBE": describe, **at("/live", "PLAY", "405 Method Not Allowed")}
    assert plays(gateway, peer)
    if is_remembered:
        tries = peer.asked["PLAY"]
        assert plays(gateway, peer)
        assert peer.asked["PLAY"] == tries + 1


def test_a_device_that_plays_only_single_tracks_plays_its_video(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(answers=at("/trackID=0", "PLAY", "459 Aggregate Operation Not Allowed"))
    assert plays(gateway, peer)
    tries = peer.asked["PLAY"]
    assert plays(gateway, peer)
    assert peer.asked["PLAY"] == tries + 1, "the address is remembered"


# -- the first request -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["400 Bad Request", "455 Method Not Valid in This State", "551 Invalid Method"])
def test_a_device_that_wants_options_first_gets_it(camera: Cameras, gateway: RtspGateway, status: str) -> None:
    def describe(asked: Asked) -> bytes:
        return peer.usual(asked) if peer.received.count(b"OPTIONS rtsp") == peer.connections else asked.reply(status)

    peer = camera(answers={"DESCRIBE": describe})
    assert plays(gateway, peer)
    assert peer.asked["DESCRIBE"] == 2
    assert plays(gateway, peer)
    assert peer.asked["DESCRIBE"] == 3, "the habit is remembered"


def test_a_device_that_closes_without_options_gets_it_next_time(camera: Cameras, gateway: RtspGateway) -> None:
    def describe(asked: Asked) -> bytes | None:
        if b"OPTIONS rtsp" in peer.received:
            return peer.usual(asked)
        asked.writer.transport.abort()
        return None

    peer = camera(answers={"DESCRIBE": describe})
    assert not plays(gateway, peer)
    assert plays(gateway, peer)


# -- session ids -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("valid", ["1", "2"])
def test_of_two_session_ids_the_valid_one_is_found(camera: Cameras, gateway: RtspGateway, valid: str) -> None:
    def set_up(asked: Asked) -> bytes:
        peer.session = f"{1 + asked.uri.endswith('trackID=1')};timeout=60"
        return peer.usual(asked)

    peer = camera(has_audio=True)
    peer.answers["SETUP"] = set_up
    peer.answers["PLAY"] = lambda asked: (
        peer.usual(asked) if asked.headers["session"] == valid else asked.reply("454 Session Not Found")
    )
    assert plays(gateway, peer)
    tries = peer.asked["PLAY"]
    assert plays(gateway, peer)
    assert peer.asked["PLAY"] == tries + 1, "the habit is remembered"


# -- answers with a wrong number ------------------------------------------------------------------


@pytest.mark.parametrize("cseq", ["0", "7", "abc", '"1"', ""])
def test_a_wrong_cseq_belongs_to_the_outstanding_request(camera: Cameras, gateway: RtspGateway, cseq: str) -> None:
    def answer(asked: Asked) -> bytes:
        return re.sub(rb"CSeq: \d+", f"CSeq: {cseq}".encode(), peer.usual(asked))

    peer = camera(has_audio=True)
    peer.answers = dict.fromkeys(("DESCRIBE", "SETUP", "PLAY", "OPTIONS", "TEARDOWN"), answer)
    assert plays(gateway, peer)


# -- audio that cannot be set up -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("status", ["453 Not Enough Bandwidth", "404 Not Found", "500 Error", "403 Forbidden", ""])
def test_video_plays_without_audio_that_cannot_be_set_up(camera: Cameras, gateway: RtspGateway, status: str) -> None:
    peer = camera(has_audio=True)
    peer.answers["SETUP"] = lambda asked: (
        peer.usual(asked) if not asked.uri.endswith("trackID=1") else asked.reply(status) if status else None
    )
    assert plays(gateway, peer)
    refused = sum(path.endswith("trackID=1") for path in paths(peer, "SETUP"))
    assert plays(gateway, peer)
    assert sum(path.endswith("trackID=1") for path in paths(peer, "SETUP")) == refused, "the next session has no audio"


def test_audio_that_ends_the_connection_is_left_out_next_time(camera: Cameras, gateway: RtspGateway) -> None:
    def close(asked: Asked) -> bytes | None:
        if not asked.uri.endswith("trackID=1"):
            return peer.usual(asked)
        asked.writer.transport.abort()
        return None

    peer = camera(has_audio=True, answers={"SETUP": close})
    assert not plays(gateway, peer)
    assert plays(gateway, peer)


@pytest.mark.slow
@pytest.mark.parametrize("status", ["453 Not Enough Bandwidth", ""])
def test_a_stream_has_audio_although_another_one_gets_none(camera: Cameras, gateway: RtspGateway, status: str) -> None:
    refused: list[str] = []

    def refuse_the_first(asked: Asked) -> bytes | None:
        if "trackID=1" not in asked.uri or refused:
            return peer.usual(asked)
        refused.append(asked.uri)
        return asked.reply(status) if status else None

    peer = camera(has_audio=True, answers={"SETUP": refuse_the_first})
    silent = gateway.open_feed(source(f"{peer.uri()}?channel=1"))
    until(lambda: refused)
    other = gateway.open_feed(source(f"{peer.uri()}?channel=2"))
    until_state(other, FeedState.FLOWING)
    assert other.status().audio
    until_state(silent, FeedState.FLOWING)
    assert silent.status().audio is None


# -- logins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_basic_first", [True, False])
def test_digest_wins_over_basic_in_either_order(camera: Cameras, gateway: RtspGateway, is_basic_first: bool) -> None:
    peer = camera(login="md5")
    lines = ['WWW-Authenticate: Basic realm="cam"', PeerCamera.challenge(peer)]
    peer.challenge = lambda stale=False: "\r\n".join(lines if is_basic_first else lines[::-1])  # type: ignore[method-assign]  # one camera's whim
    assert plays(gateway, peer)
    assert b"Authorization: Basic" not in peer.received


@pytest.mark.slow
def test_each_digest_that_a_device_names_is_tried_once(camera: Cameras, gateway: RtspGateway) -> None:
    """The device offers SHA-256 and understands only MD5."""
    peer = camera(login="md5")
    better = 'WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=SHA-256, qop="auth"'
    plain = PeerCamera.challenge
    peer.challenge = lambda stale=False: f"{better}\r\n{plain(peer)}"  # type: ignore[method-assign]  # one camera's whim
    peer.lets_in = lambda method, given: "SHA-256" not in given and PeerCamera.lets_in(peer, method, given)  # type: ignore[method-assign]  # one camera's whim
    assert plays(gateway, peer)
    shown = peer.received.count(b"algorithm=SHA-256")
    assert shown == 1
    assert plays(gateway, peer)
    assert peer.received.count(b"algorithm=SHA-256") == shown, "the kind that works is remembered"


def test_a_wrong_password_is_tried_once_for_each_digest_only(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5", password="another")
    plain = PeerCamera.challenge
    more = 'WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=SHA-256\r\nWWW-Authenticate: Basic realm="cam"'
    peer.challenge = lambda stale=False: f"{plain(peer)}\r\n{more}"  # type: ignore[method-assign]  # one camera's whim
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_auth_failed"
    assert peer.logins == 2
    assert b"Authorization: Basic" not in peer.received


@pytest.mark.slow
def test_a_refusal_soon_after_a_teardown_means_busy(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    assert plays(gateway, peer)
    refused: list[str] = []

    def lets_in(method: str, given: str) -> bool:
        if not refused:
            refused.append(method)
            return False
        return PeerCamera.lets_in(peer, method, given)

    peer.lets_in = lets_in  # type: ignore[method-assign]  # one camera's whim
    assert plays(gateway, peer)
    assert refused == ["DESCRIBE"]


# -- devices that close, and answers that come twice or never --------------------------------------


def test_a_connection_that_ends_with_a_refusal_is_opened_again(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    peer.close_at_refusals()
    assert plays(gateway, peer)


@pytest.mark.slow
@impatient
def test_a_track_address_that_is_never_answered_is_not_tried_first_again(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    base = f"Content-Base: {peer.uri('/wrong/')}"
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", base, body=peer.sdp())
    peer.answers["SETUP"] = lambda asked: peer.usual(asked) if "/live/" in asked.uri else None
    assert not plays(gateway, peer)
    assert plays(gateway, peer)


@pytest.mark.slow
@impatient
def test_media_counts_even_if_play_is_never_answered(camera: Cameras, gateway: RtspGateway) -> None:
    def play(asked: Asked) -> None:
        peer._loop.create_task(peer._play(asked.writer))

    peer = camera(answers={"PLAY": play})
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


def test_an_answer_that_comes_twice_is_taken_once(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(has_audio=True)
    twice: Answer = lambda asked: peer.usual(asked) * 2  # noqa: E731  # one answer
    peer.answers = dict.fromkeys(("DESCRIBE", "SETUP"), twice)
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    assert feed.status().audio
