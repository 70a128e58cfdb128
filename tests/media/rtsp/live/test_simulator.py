"""The gateway with the simulator: times checked by the frame numbers in the video, and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.records import StreamSource
from media.fmp4.live import LiveFragment, LiveInit
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from media.rtsp.live.session_pool import GatewayFeed
from tests.media.rtsp.asking import read, source, until_state
from tests.patience import LIMIT_S, Slowness, until
from tests.simulator.process import PASSWORD, Simulator
from tests.simulator.rtsp_client import RtspClient

Open = Callable[..., GatewayFeed]


@pytest.fixture(scope="module")
def recorder(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir)
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()  # encodes the stream that the tests with short time-outs play
    yield simulator
    simulator.stop()


@pytest.fixture
def open_channel(recorder: Simulator, gateway: RtspGateway) -> Iterator[Open]:
    recorder.clear()

    def open_one(channel: int, role: str = "main") -> GatewayFeed:
        stream: StreamSource = source(recorder.live_url(channel, role), token=f"{channel}{role}", password=PASSWORD)
        return gateway.open_feed(stream)

    yield open_one
    recorder.clear()


def channel_with(recorder: Simulator, codec: str) -> int:
    channels = recorder.get("/state")["channels"]
    fitting = (c["number"] for c in channels if not c["dead"] and c["profiles"]["main"]["codec"] == codec)
    return int(next(fitting))


def frame_number(gray: bytes, width: int, height: int) -> int:
    """Return the number that the simulator draws as 20 cells into the top sixteenth of each frame."""
    row = height // 32 * width
    cells = [gray[row + int((cell + 0.5) * width / 20)] > 128 for cell in range(20)]
    assert cells[:2] == [True, False]
    return sum(int(bit) << (15 - place) for place, bit in enumerate(cells[2:18]))


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_wall_time_of_each_frame_is_when_the_camera_sent_it(
    recorder: Simulator, open_channel: Open, codec: str
) -> None:
    channel = channel_with(recorder, codec)
    feed = open_channel(channel)
    video = feed.wait_described(LIMIT_S).video
    assert video
    assert video.codec == ("hevc" if codec == "h265" else "h264")
    assert video.width
    assert video.height
    until_state(feed, FeedState.FLOWING)
    until(lambda: recorder.frames(channel)["complete"], what="encoding")  # until then the loop may start over
    size = video.width * video.height
    with Slowness() as machine:
        raw = read(feed, "-an", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", seconds=2)
    rule = recorder.frames(channel)
    assert len(raw) >= 40 * size
    apart_s = []
    for index in range(len(raw) // size):
        shown_utc = feed.wall_time_of(index / rule["fps"])
        assert shown_utc
        number = frame_number(raw[index * size : (index + 1) * size], video.width, video.height)
        tick = round(shown_utc.timestamp() * rule["fps"] - rule["phase"])
        off = (number - rule["offset"] - tick) % rule["frames"]
        apart_s.append(min(off, rule["frames"] - off) / rule["fps"])
    assert max(apart_s) <= machine.allowed_s(0.2)


@pytest.mark.parametrize(
    ("fault", "value", "code", "rtsp_timeout_s"),
    [
        ("refuse_password", True, "camera_auth_failed", LIMIT_S),
        ("session_limit", 0, "camera_busy", LIMIT_S),
        ("rtsp_redirect", "rtsp://127.0.0.1:1/", "camera_bad_answer", LIMIT_S),
        ("dead", "not_found", "camera_no_signal", LIMIT_S),
        ("dead", "no_signal", "camera_no_signal", 3.0),
        ("rtsp_silent", True, "camera_unreachable", 3.0),
        ("drop_connections", True, "camera_unreachable", LIMIT_S),
    ],
)
def test_a_fault_at_the_start_is_reported_with_its_code(
    recorder: Simulator, open_channel: Open, fault: str, value: object, code: str
) -> None:
    recorder.fault(fault, value)
    problem = until_state(open_channel(1, "sub"), FeedState.FAILED).problem
    assert problem
    assert problem.code == code


@pytest.mark.parametrize(
    ("fault", "code", "rtsp_timeout_s"),
    [
        ("rtcp_only", "stream_stalled", 3.0),
        ("rtsp_silent", "stream_stalled", 3.0),
        ("drop_connections", "camera_unreachable", LIMIT_S),
    ],
)
def test_a_fault_in_mid_stream_fails_the_feed_and_a_new_one_plays_again(
    recorder: Simulator, open_channel: Open, fault: str, code: str
) -> None:
    feed = open_channel(1, "sub")
    until_state(feed, FeedState.FLOWING)
    recorder.fault(fault)
    problem = until_state(feed, FeedState.FAILED).problem
    assert problem
    assert problem.code == code
    recorder.clear()
    assert until_state(open_channel(1, "sub"), FeedState.FLOWING, FeedState.FAILED).problem is None


def test_a_stream_without_key_frames_starts_with_the_first_one(recorder: Simulator, open_channel: Open) -> None:
    recorder.fault("no_key_frames")
    feed = open_channel(2, "sub")
    until(lambda: feed.status().packets > 20)
    assert feed.status().state is FeedState.WAITING_KEY_FRAME
    recorder.clear()
    until_state(feed, FeedState.FLOWING)


def test_loss_and_corruption_are_survived_and_reported(recorder: Simulator, open_channel: Open) -> None:
    feed = open_channel(2, "sub")
    until_state(feed, FeedState.FLOWING)
    recorder.fault("packet_loss", 10)
    recorder.fault("corrupt", 10)
    until(lambda: feed.status().frames_dropped > 2)
    assert feed.status().damage
    assert feed.status().state is FeedState.FLOWING
    assert read(feed, "-c", "copy", "-f", "h264", seconds=8)  # long enough for one undamaged key frame


@dataclass
class Fragments:
    """Counts the fragments that a viewer would receive."""

    count: int = 0

    def on_init(self, init: LiveInit) -> None:
        pass

    def on_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        self.count += len(fragments)

    def on_end(self) -> None:
        pass


def test_incomplete_frames_are_counted_and_a_clean_stream_has_none(recorder: Simulator, open_channel: Open) -> None:
    feed, fragments = open_channel(2, "main"), Fragments()
    feed.open_fragments(fragments)
    until(lambda: fragments.count > 50)
    assert feed.status().frames_dropped == 0
    recorder.fault("packet_loss", 5)
    until(lambda: feed.status().frames_dropped > 3)
    received = fragments.count
    until(lambda: fragments.count > received + 3)
    recorder.clear()


@pytest.mark.parametrize("packing", ["start_codes", "marked_units", "no_markers", "one_number", "empty_packets"])
def test_unusual_packing_costs_no_frame(recorder: Simulator, open_channel: Open, packing: str) -> None:
    recorder.fault("video_packing", packing)
    feed, fragments = open_channel(2, "main"), Fragments()
    feed.open_fragments(fragments)
    until(lambda: fragments.count > 50)
    assert (feed.status().frames_dropped, feed.status().damage) == (0, "")
    recorder.clear()


def test_nonces_that_go_stale_do_not_end_a_session(recorder: Simulator, open_channel: Open) -> None:
    recorder.fault("stale_nonce", 0.2)
    feeds = [open_channel(channel, "sub") for channel in (1, 2)]
    for feed in feeds:
        until_state(feed, FeedState.FLOWING)
    packets = feeds[0].status().packets
    until(lambda: feeds[0].status().packets > packets + 60)
    assert feeds[0].status().problem is None


@pytest.mark.parametrize("way", ["SHA-256", "both", "MD5"])
def test_every_digest_algorithm_of_the_simulator_works(recorder: Simulator, open_channel: Open, way: str) -> None:
    recorder.fault("digest_algorithm", way)
    assert until_state(open_channel(1, "sub"), FeedState.FLOWING, FeedState.FAILED).problem is None
