"""Live sessions over the real gateway, as in the app."""

from __future__ import annotations

import io
import re
import statistics
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from core.records import StreamState
from media.process import Spawner
from sessions.snapshots import FrameGrabber
from tests.archive.collecting import CollectingTarget
from tests.patience import LIMIT_S, Slowness, promised_median, until
from tests.sessions.over_gateway import CANARY, GatewayHarness

pytestmark = pytest.mark.gstreamer


@pytest.mark.slow
def test_a_stream_has_the_arrival_times_of_its_frames(harness: GatewayHarness, spawner: Spawner) -> None:
    began_utc = datetime.now(UTC)
    view, viewer_id, _ = harness.manager.start_hls(1, "alaw")
    text = harness.manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S, viewer_id)
    assert (began_of_last(text) - began_utc).total_seconds() > -3  # no older than the GOP kept in memory
    late_s: list[float] = []
    with Slowness() as machine:
        for _ in range(5):
            text = until(partial(newer_playlist, harness, view.stream_id, text))
            length_s = float(re.findall(r"EXTINF:([\d.]+)", text)[-1])
            late_s.append((datetime.now(UTC) - began_of_last(text)).total_seconds() - length_s)
    assert -1.0 < statistics.median(late_s) < machine.factor(), "served as soon as the segment was complete"
    status = harness.manager.session_view(view.stream_id)
    assert status.status is StreamState.RUNNING
    assert status.video is not None
    assert (status.video.codec, status.video.width, status.video.height) == ("h264", 192, 108)
    assert status.audio is not None
    assert status.audio.codec == "aac"
    for process in spawner.running():
        assert CANARY not in Path(f"/proc/{process.pid}/cmdline").read_text()
        assert CANARY not in Path(f"/proc/{process.pid}/environ").read_text()
        assert CANARY not in process.stderr_tail()


def began_of_last(playlist: str) -> datetime:
    return datetime.fromisoformat(re.findall("DATE-TIME:(.*)", playlist)[-1])


def newer_playlist(harness: GatewayHarness, stream_id: str, than: str) -> str:
    """Return the playlist if its last segment is another one, otherwise an empty text."""
    text = harness.manager.playlist(stream_id, "stream.m3u8", LIMIT_S)
    return text if began_of_last(text) != began_of_last(than) else ""


@pytest.mark.slow
def test_segments_follow_each_other_without_a_gap(harness: GatewayHarness) -> None:
    view, _, _ = harness.manager.start_hls(1, "plain")

    def listed() -> list[tuple[datetime, float]]:
        text = harness.manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S)
        rows = re.findall(r"DATE-TIME:(.*)\n#EXTINF:([\d.]+),", text)
        return [(datetime.fromisoformat(moment), float(length)) for moment, length in rows]

    until(lambda: len(listed()) >= 8)
    entries = listed()
    gaps_s = [(after - began).total_seconds() - length_s for (began, length_s), (after, _) in pairwise(entries)]
    # A first frame that came late moves the time of a later segment, once.
    assert sorted(map(abs, gaps_s))[-2] < 0.05, gaps_s
    lengths_s = [length_s for _, length_s in entries]
    assert statistics.median(lengths_s) == pytest.approx(0.5, abs=0.11)
    assert max(lengths_s) < 1.2, "a key frame that comes some milliseconds early does not end a segment"


@pytest.mark.slow
def test_a_restarted_session_shows_its_first_segment_within_two_seconds(harness: GatewayHarness) -> None:
    harness.manager.start_hls(1, "plain")
    until(lambda: harness.manager.session_view("camera1_plain").status is StreamState.RUNNING)
    with promised_median(2.0) as measured:
        for _ in range(3):
            harness.manager.stop_session("camera1_plain")
            with measured():  # the gateway keeps the device session for a while, with its last GOP
                view, _, _ = harness.manager.start_hls(1, "plain")
                harness.manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S)


def test_a_recording_is_no_viewer_and_outlives_the_session(harness: GatewayHarness) -> None:
    recorded = CollectingTarget()
    feed = harness.gateway.open_feed(harness.source(1, "plain"))
    feed.open_units(recorded)
    view, viewer_id, _ = harness.manager.start_hls(1, "plain")
    until(lambda: harness.manager.session_view(view.stream_id).status is StreamState.RUNNING)
    assert harness.manager.session_view(view.stream_id).viewers == 1
    assert harness.gateway.device_sessions() == 1
    assert harness.manager.leave_session(view.stream_id, [viewer_id]) is StreamState.STOPPED, "no viewer is left"
    frames = recorded.frames
    until(lambda: recorded.frames > frames + 5, what="the recording goes on")
    assert len(recorded.stretches) == 1
    feed.close()


@pytest.mark.slow
def test_a_snapshot_is_taken_from_the_running_session(harness: GatewayHarness) -> None:
    harness.manager.start_hls(1, "plain")
    until(lambda: harness.manager.session_view("camera1_plain").status is StreamState.RUNNING)
    assert FrameGrabber(harness.manager._context).grab(harness.source(1, "plain")).startswith(b"\xff\xd8")


def test_a_small_snapshot_is_320_pixels_wide(harness: GatewayHarness) -> None:
    grabber = FrameGrabber(harness.manager._context)
    large = io.BytesIO()
    Image.effect_noise((1280, 720), 80).convert("RGB").save(large, "JPEG", quality=90)
    small = grabber.shrink(large.getvalue())
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.size == (320, 180)
    assert grabber.shrink(small[:5000]) == small[:5000], "it is small already"
    broken = large.getvalue()[:100] + bytes(20_000)
    assert grabber.shrink(broken) == broken


def test_an_unknown_channel_gets_an_error_and_leaves_nothing(harness: GatewayHarness, spawner: Spawner) -> None:
    view, _, _ = harness.manager.start_hls(1, "nothing-here")
    until(lambda: harness.manager.session_view(view.stream_id).error is not None)
    error = harness.manager.session_view(view.stream_id).error
    assert error is not None
    assert error.code.startswith("camera_")
    assert not spawner.running()
    harness.manager.stop_session(view.stream_id)


def test_stop_ends_a_session_that_is_still_connecting(harness: GatewayHarness) -> None:
    with promised_median(1.0) as measured:
        for _ in range(3):
            for path in ("plain", "alaw", "aac"):
                harness.manager.start_hls(1, path)
            with measured():
                harness.manager.stop_camera(1)
            assert harness.manager.list_sessions() == []
