"""The gateway between a camera and real readers."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from core.errors import DeviceError, Unavailable
from media.ffmpeg import find_ffmpeg
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from media.rtsp.live.session_pool import GatewayFeed
from tests.media.encoded import encode_h264
from tests.media.rtsp.asking import Reader, read, source, until_state
from tests.media.rtsp.camera_peer import PeerCamera, nal_units
from tests.patience import LIMIT_S, Slowness, promised, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]


def is_piece_of_loop(units: list[bytes], loop: list[bytes]) -> bool:
    start = loop.index(units[0])
    return all(unit == loop[(start + index) % len(loop)] for index, unit in enumerate(units))


@pytest.mark.slow
@pytest.mark.parametrize("ffmpeg", ["bundled", "/usr/bin/ffmpeg"])
def test_ffmpeg_gets_the_cameras_frames_bit_by_bit(camera: Cameras, gateway: RtspGateway, ffmpeg: str) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))
    binary = find_ffmpeg() if ffmpeg == "bundled" else ffmpeg
    units = nal_units(read(feed, "-c", "copy", "-f", "h264", ffmpeg=binary))
    units = [unit for index, unit in enumerate(units) if unit not in units[:index] or unit[0] & 0x1F not in {7, 8}]
    loop = [unit for unit in nal_units(peer.stream) if unit[0] & 0x1F in {1, 5}]
    slices = [unit for unit in units if unit[0] & 0x1F in {1, 5}]
    assert len(slices) >= 24
    assert slices[0][0] & 0x1F == 5
    assert is_piece_of_loop(slices, loop)


@pytest.mark.slow
def test_audio_and_video_reach_ffmpeg_together(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(has_audio=True).uri()))
    description = feed.wait_described(LIMIT_S)
    assert description.video
    assert (description.video.codec, description.video.width, description.video.height) == ("h264", 320, 240)
    assert description.audio
    assert (description.audio.codec, description.audio.sample_rate) == ("pcm_alaw", 8000)
    listing = read(feed, "-c", "copy", "-f", "framecrc", seconds=1.5).decode().splitlines()
    rows = [line.replace(" ", "").split(",") for line in listing if not line.startswith("#")]
    sound_s = [int(row[1]) / 8000 for row in rows if row[0] == "1"]
    assert 0 <= sound_s[0] < 0.2
    assert sound_s[-1] > 1.2


@pytest.mark.slow
def test_a_later_reader_starts_with_the_key_frame_in_memory(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(stream=encode_h264(gop=250, seconds=10))
    first = gateway.open_feed(source(peer.uri()))
    until_state(first, FeedState.FLOWING)
    until(lambda: peer.sent_pictures > 30)
    second = gateway.open_feed(source(peer.uri()))
    with promised(2.0), Reader(second.url).play() as reader:  # the next key frame is nine seconds away
        packets = [reader.packet() for _ in range(4)]
    kinds = [data[12] & 0x1F for channel, data in packets if channel == 0]
    assert packets[0][0] == 1, "a sender report goes first"
    assert kinds[:2] == [7, 8]
    started_utc = second.wall_time_of(0.0)
    assert started_utc
    assert datetime.now(UTC) - started_utc > timedelta(seconds=1)


@pytest.mark.slow
def test_two_feeds_share_one_device_session_that_ends_after_the_last(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feeds = [gateway.open_feed(source(peer.uri())) for _ in range(2)]
    for feed in feeds:
        until_state(feed, FeedState.FLOWING)
    assert peer.connections == peer.playing == gateway.device_sessions() == 1
    assert feeds[0].url != feeds[1].url
    feeds[0].close()
    feeds[0].close()
    time.sleep(0.8)
    assert peer.playing == 1
    feeds[1].close()
    until(lambda: peer.open_connections == 0)
    assert peer.asked["TEARDOWN"] == 1
    until(lambda: gateway.device_sessions() == 0)


@pytest.mark.slow
@pytest.mark.parametrize("linger_s", [2.5])
def test_a_session_without_feeds_is_reused(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    gateway.open_feed(source(peer.uri())).close()
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    time.sleep(2.7)  # longer than the device session lingers without feeds
    assert (feed.status().state, peer.connections) == (FeedState.FLOWING, 1)


@pytest.mark.slow
def test_parameter_sets_may_come_only_in_the_stream(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(names_sets=False).uri()))
    video = feed.wait_described(LIMIT_S).video
    assert video
    assert (video.width, video.height) == (320, 240)
    assert len(read(feed, "-f", "rawvideo", "-pix_fmt", "gray")) >= 24 * 320 * 240


@pytest.mark.slow
def test_parameter_sets_of_the_sdp_are_inserted_into_the_stream(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(sends_sets=False).uri()))
    units = nal_units(read(feed, "-c", "copy", "-f", "h264", seconds=1.5))
    kinds = [unit[0] & 0x1F for unit in units if unit[0] & 0x1F != 6]
    keys = [index for index, kind in enumerate(kinds) if kind == 5]
    assert len(keys) >= 2
    assert all(kinds[index - 2 : index] == [7, 8] for index in keys)


def test_the_wall_time_of_a_frame_is_its_arrival(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))
    assert feed.wall_time_of(0.0) is None
    before_utc = datetime.now(UTC)
    with Reader(feed.url).play() as reader:
        while reader.packet()[0] != 0:
            pass
        started_utc = feed.wall_time_of(0.0)
        assert started_utc
        assert before_utc - timedelta(seconds=0.1) < started_utc < datetime.now(UTC)
        later_utc = feed.wall_time_of(10.0)
        assert later_utc
        assert (later_utc - started_utc).total_seconds() == pytest.approx(10, abs=0.1)


def test_frames_buffered_by_the_camera_have_their_capture_time(camera: Cameras, gateway: RtspGateway) -> None:
    """The camera sends two seconds of frames at once, unless the machine is so busy that they come in several parts."""
    stream = encode_h264(gop=250, seconds=10)

    def is_capture_time() -> bool:
        opened_utc = datetime.now(UTC)
        feed = gateway.open_feed(source(camera(stream=stream, burst=50).uri()))
        with Reader(feed.url).play() as reader:
            reader.packet()
            started_utc = feed.wall_time_of(0.0)
            assert started_utc
            took_s = (datetime.now(UTC) - opened_utc).total_seconds()
            before_s = (opened_utc - started_utc).total_seconds()
            assert before_s < 2.25
        feed.close()
        return 1.75 - took_s < before_s

    assert any(is_capture_time() for _ in range(5))


@pytest.mark.slow
@pytest.mark.parametrize("ticks", [90000 * 40, -90000 * 40])
def test_a_jump_of_the_cameras_clock_does_not_reach_ffmpeg(camera: Cameras, gateway: RtspGateway, ticks: int) -> None:
    feed = gateway.open_feed(source(camera(timestamp_jump=(35, ticks)).uri()))
    options = ("-c", "copy", "-frames:v", "50", "-f", "framecrc")
    with Slowness() as machine:  # a pause before the jump lengthens the step
        listing = read(feed, *options, seconds=LIMIT_S).decode().splitlines()
    times = [int(line.split(",")[2]) / 90000 for line in listing if not line.startswith("#")]
    steps = [b - a for a, b in itertools.pairwise(times[1:])]
    assert len(times) == 50
    assert all(0 < step < machine.allowed_s(0.3) for step in steps)


@pytest.mark.slow
def test_a_new_frame_size_ends_readers_and_updates_the_description(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feed = gateway.open_feed(source(peer.uri()))

    def size() -> tuple[int | None, int | None]:
        video = feed.status().video
        return (video.width, video.height) if video else (None, None)

    until(lambda: size() == (320, 240))
    with Reader(feed.url).play() as reader:
        assert reader.packet()
        peer.switch_to(encode_h264("640x360"))
        reader.read_to_the_end()
    until(lambda: size() == (640, 360))
    with Reader(feed.url).play() as reader:
        assert reader.packet()


@pytest.mark.slow
def test_a_stuck_reader_delays_no_other_and_resumes_at_a_key_frame(
    camera: Cameras, gateway: RtspGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.rtsp.live.loopback._UNSENT_HIGH_BYTES", 200_000)
    monkeypatch.setattr("media.rtsp.live.loopback._UNSENT_LOW_BYTES", 50_000)
    peer = camera(stream=encode_h264("320x240", 25, 2, "-b:v", "8M"), fps=400)
    feeds = [gateway.open_feed(source(peer.uri())) for _ in range(2)]
    with Reader(feeds[0].url).play() as slow, Reader(feeds[1].url).play() as quick:
        taken = 0
        while taken < 8_000_000:
            taken += len(quick.packet()[1])
        sequences: list[int] = []
        kinds: list[int] = []
        while len(sequences) < 6000:
            channel, data = slow.packet()
            if channel == 0:
                sequences.append(int.from_bytes(data[2:4], "big"))
                kinds.append(data[12] & 0x1F)
    holes = [index for index in range(1, len(sequences)) if (sequences[index] - sequences[index - 1]) & 0xFFFF != 1]
    assert holes
    assert all(kinds[index] == 7 for index in holes)
    assert feeds[1].status().lost == 0


def test_a_second_reader_of_a_feed_replaces_the_first(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera().uri()))
    with Reader(feed.url).play() as first:
        first.packet()
        with Reader(feed.url).play() as second:
            assert second.packet()
            first.read_to_the_end()


def test_the_listener_knows_only_its_feeds(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera().uri()))
    base = feed.url.rsplit("/", 1)[0]
    for path in ("/", "/x", "/../etc/passwd", "/" + "a" * 2000):
        with Reader(base + path) as reader:
            assert b" 404 " in reader.ask("DESCRIBE")
    with Reader(feed.url) as reader:
        assert b" 200 " in reader.ask("DESCRIBE")
        udp = "Transport: RTP/AVP;unicast;client_port=5000-5001"
        assert b" 461 " in reader.ask("SETUP", udp, track="/track0")
        assert b" 455 " in reader.ask("PLAY")
        assert b" 405 " in reader.ask("RECORD")
    feed.close()
    with Reader(feed.url) as reader:
        assert b" 404 " in reader.ask("DESCRIBE")


def test_a_reader_that_breaks_the_protocol_is_dropped(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera().uri()))
    with Reader(feed.url) as reader:
        reader.socket.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000)
        with pytest.raises((EOFError, ConnectionResetError)):
            reader.packet()


@pytest.mark.slow
def test_the_statistics_match_the_camera(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera().uri()))
    until(lambda: feed.status().packets > 200)
    status = until(lambda: found if 22 < ((found := feed.status()).fps or 0) < 28 else None)  # not after a pause
    assert status
    assert status.key_frame_interval_s == pytest.approx(1.0, abs=0.05)
    assert status.bitrate_kbps
    assert 100 < status.bitrate_kbps < 3000
    assert status.lost == 0


@pytest.mark.slow
def test_opening_and_closing_feeds_leaks_nothing(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    me = psutil.Process()

    def cycle() -> None:
        feed = gateway.open_feed(source(peer.uri()))
        until_state(feed, FeedState.FLOWING)
        with Reader(feed.url).play() as reader:
            reader.packet()
        feed.close()
        until(lambda: peer.open_connections == 0)

    cycle()
    before = me.num_fds(), threading.active_count()
    for _ in range(3):
        cycle()
    until(lambda: (me.num_fds(), threading.active_count()) <= before)


def test_a_stopped_gateway_has_ended_all_and_opens_nothing(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    feeds: list[GatewayFeed] = [gateway.open_feed(source(peer.uri(), token=str(number))) for number in range(4)]
    for feed in feeds:
        until_state(feed, FeedState.FLOWING)
    with promised(3):
        gateway.stop()
        gateway.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "rtsp-gateway"]
    until(lambda: peer.open_connections == 0)
    assert peer.asked["TEARDOWN"] == 4
    with pytest.raises(Unavailable):
        gateway.open_feed(source(peer.uri()))
    feeds[0].close()


@pytest.mark.slow
def test_ffprobe_reads_audio_and_video_without_errors(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(has_audio=True).uri()))
    command = ["/usr/bin/ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json", feed.url]
    probed = json.loads(subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout)["streams"]
    assert [(stream["codec_name"], stream.get("width")) for stream in probed] == [("h264", 320), ("pcm_alaw", None)]


def test_closing_a_feed_ends_a_wait_for_its_description(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(answers={"DESCRIBE": lambda asked: None}).uri()))
    threading.Timer(0.1, feed.close).start()
    with promised(1), pytest.raises(DeviceError):
        feed.wait_described(LIMIT_S)
