"""A session from start to end, with real ffmpeg and a real RTSP server."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import InvalidRequest, LimitReached, NotFound, Unavailable
from core.records import StreamKind, StreamState
from core.settings import Settings
from media.commands import AudioHandling, Container, LiveOptions, VideoHandling, live_command
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from sessions.snapshots import FrameGrabber
from stream_manager import StreamManager
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, promised, until
from tests.sessions.thin_device import HEVC, ID, TOKEN, Device, MakeManager, look_again

pytestmark = pytest.mark.gstreamer


def codecs_of(*files: Path) -> list[str]:
    """Return the codecs that ffprobe finds in the concatenated files."""
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "-"],
        input=b"".join(path.read_bytes() for path in files),
        capture_output=True,
        check=True,
    )
    return sorted(set(probe.stdout.decode().replace(",", "").split()))


@pytest.mark.slow
@pytest.mark.parametrize("ffmpeg", [find_ffmpeg(), Path("/usr/bin/ffmpeg")], ids=["bundled", "debian"])
def test_each_kind_of_source_becomes_playable_segments(
    ffmpeg: Path, spawner: Spawner, rtsp_port: int, tmp_path: Path
) -> None:
    copy, transcode = VideoHandling.COPY, VideoHandling.TRANSCODE
    kinds = {
        "plain": ("plain", copy, AudioHandling.NONE, Container.TS, ["h264"]),
        "alaw": ("alaw", copy, AudioHandling.ENCODE, Container.TS, ["aac", "h264"]),
        "aac": ("aac", copy, AudioHandling.COPY, Container.TS, ["aac", "h264"]),
        "hevc": ("hevc", copy, AudioHandling.ENCODE, Container.FMP4, ["aac", "hevc"]),
        "transcoded": ("hevc", transcode, AudioHandling.ENCODE, Container.TS, ["aac", "h264"]),
    }
    children = {}
    for name, (path, video, audio, container, _) in kinds.items():
        (tmp_path / name).mkdir()
        argv = live_command(
            ffmpeg,
            f"rtsp://127.0.0.1:{rtsp_port}/{path}",
            name,
            LiveOptions(video, audio, container, 5, 3, 0.5, 200),  # the first segment stays
        )
        children[name] = spawner.spawn(argv, name=name, cwd=tmp_path)
    for name, (*_, container, codecs) in kinds.items():
        playlist = tmp_path / name / "stream.m3u8"
        assert until(playlist.exists), children[name].stderr_tail()
        # The newest one: ffmpeg deletes the first ones while this test waits for its other processes.
        newest = tmp_path / name / playlist.read_text().split()[-1]
        init = [tmp_path / name / "init_3.mp4"] if container is Container.FMP4 else []
        assert codecs_of(*init, newest) == codecs, name
    assert all(child.poll() is None for child in children.values())


@pytest.mark.slow
def test_a_session_starts_plays_and_stops(
    make_manager: MakeManager, device: Device, settings: Settings, spawner: Spawner
) -> None:
    manager = make_manager()
    device.may_answer.clear()  # start_hls() does not wait for the device
    view, viewer_id, is_new = manager.start_hls(1, TOKEN)
    assert is_new
    assert (view.stream_id, view.status, view.waiting_for) == (ID, StreamState.STARTING, "connecting")
    assert (view.kind, view.playlist_url) == (StreamKind.LIVE, f"/static/streams/{ID}/stream.m3u8")
    with pytest.raises(Unavailable):
        manager.playlist(ID, "stream.m3u8", 0.0, viewer_id)
    device.may_answer.set()

    text = manager.playlist(ID, "stream.m3u8", LIMIT_S, viewer_id)
    first = re.findall(r"DATE-TIME:(.*)\n.*\n(segment_\d+\.ts)", text)[0]
    assert abs((datetime.fromisoformat(first[0]) - device.opened[0].opened_utc).total_seconds()) < 0.01
    path = manager.segment_path(ID, first[1])
    assert path == settings.streams_dir / ID / first[1]
    assert path.read_bytes()[0] == 0x47
    running = manager.session_view(ID)
    assert (running.status, running.error, running.viewers, running.restarts) == (StreamState.RUNNING, None, 1, 0)
    assert (running.transcoding, running.waiting_for, running.source_codec) == (False, None, "h264")
    assert running.video is not None
    assert (running.video.codec, running.video.width, running.video.height) == ("h264", 192, 108)
    assert running.last_segment_age_s is not None
    assert [view.stream_id for view in manager.list_sessions()] == [ID]

    again, other_viewer, is_new = manager.start_hls(1, TOKEN)
    assert (again.stream_id, again.viewers, is_new) == (ID, 2, False)
    assert manager.stop_session(ID, viewer_id) is StreamState.RUNNING
    assert manager.stop_session(ID, other_viewer) is StreamState.STOPPED
    assert not (settings.streams_dir / ID).exists()
    assert not spawner.running()
    assert device.opened[0].is_closed
    assert len(device.opened) == 1
    assert manager.list_sessions() == []
    assert manager.stop_session(ID) is StreamState.STOPPED
    assert manager.session_view(ID).status is StreamState.STOPPED
    for call in (manager.stop_session, manager.session_view):
        with pytest.raises(NotFound):
            call("camera9_never")
    with pytest.raises(NotFound):
        manager.playlist(ID, "stream.m3u8")


@pytest.mark.slow
def test_old_segments_are_deleted(make_manager: MakeManager, device: Device, settings: Settings) -> None:
    manager = make_manager(playlist_segments=3)
    manager.start_hls(1, TOKEN)
    until(lambda: "segment_00005" in (_text(manager) or ""))

    def keeps_three() -> bool:
        """ffmpeg and the session delete and add segments at any moment, so that a single look may see a mixture."""
        listed = re.findall(r"segment_\d+\.ts", _text(manager) or "")
        segments = {path.name for path in (settings.streams_dir / ID).glob("segment_*.ts")}
        is_small = len(segments) <= 3 + 2  # the window, one for late players, one being written
        return len(listed) == 3 and set(listed) <= segments and is_small and "segment_00000.ts" not in segments

    until(keeps_three)


def _text(manager: StreamManager) -> str | None:
    try:
        return manager.playlist(ID, "stream.m3u8")
    except Unavailable:
        return None


@pytest.mark.slow
def test_hevc_is_copied_for_players_with_it_and_transcoded_for_others(
    make_manager: MakeManager, device: Device, settings: Settings
) -> None:
    device.path, device.video = "/hevc", HEVC
    manager = make_manager(known_codec="hevc", max_transcodes=1)
    view, viewer_id, _ = manager.start_hls(1, TOKEN, ("h264", "hevc"))
    plain, plain_viewer, _ = manager.start_hls(1, TOKEN, ("h264",))
    assert (view.stream_id, plain.stream_id) == (f"{ID}.hevc", ID)
    with pytest.raises(LimitReached) as refused:
        manager.start_hls(1, "MediaProfile00100")
    assert (refused.value.code, refused.value.used_by) == ("transcode_limit", (ID,))
    copied = manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S, viewer_id)
    assert '#EXT-X-MAP:URI="init_0.mp4"' in copied
    folder = settings.streams_dir / view.stream_id
    assert codecs_of(folder / "init_0.mp4", folder / re.findall(r"segment_\d+\.m4s", copied)[0]) == ["hevc"]
    assert manager.segment_path(view.stream_id, "init_0.mp4").is_file()
    manager.playlist(ID, "stream.m3u8", LIMIT_S, plain_viewer)
    assert manager.session_view(ID).transcoding
    assert not manager.session_view(view.stream_id).transcoding
    manager.stop_session(ID)
    manager.start_hls(1, "MediaProfile00100")


def test_a_codec_found_late_counts_for_the_transcode_limit(make_manager: MakeManager, device: Device) -> None:
    device.path, device.video = "/hevc", HEVC
    manager = make_manager(max_transcodes=0)
    manager.start_hls(1, TOKEN)
    until(lambda: manager.session_view(ID).status is StreamState.FAILED)
    error = manager.session_view(ID).error
    assert error is not None
    assert error.code == "transcode_limit"
    view, _, _ = manager.start_hls(1, TOKEN, ("hevc",))  # the codec is known now
    assert view.stream_id == f"{ID}.hevc"


def test_sessions_are_limited_and_the_error_names_them(make_manager: MakeManager) -> None:
    manager = make_manager(max_sessions=2)
    manager.start_hls(1, "a")
    manager.start_hls(1, "b")
    manager.start_hls(1, "a")
    with pytest.raises(LimitReached) as refused:
        manager.start_hls(2, "a")
    assert refused.value.code == "stream_limit"
    assert refused.value.used_by == ("camera1_a", "camera1_b")
    manager.stop_session("camera1_a")
    manager.start_hls(2, "a")
    for accept in ((), ("av1",), ("h264", "")):
        with pytest.raises(InvalidRequest):
            manager.start_hls(2, "a", accept)


@pytest.mark.slow
def test_a_session_ends_after_its_last_viewer_has_gone(
    make_manager: MakeManager, device: Device, settings: Settings, spawner: Spawner
) -> None:
    hand = HandClock()
    manager = make_manager(clock=hand, idle_end_s=30.0, unwatched_end_s=1000.0, stall_after_s=100.0)
    _, viewer_id, _ = manager.start_hls(1, TOKEN)
    text = manager.playlist(ID, "stream.m3u8", LIMIT_S, viewer_id)
    newest = re.findall(r"segment_\d+\.ts", text)[-1]
    watches: list[Callable[[], object]] = [
        lambda: manager.playlist(ID, "stream.m3u8", 0.0, viewer_id),
        lambda: manager.segment_path(ID, newest),
    ]
    for watch in watches:
        hand.move(seconds=20)
        watch()
        hand.move(seconds=20)
        look_again(device)
        assert manager.session_view(ID).status is StreamState.RUNNING
        watch()
    hand.move(seconds=31)
    until(lambda: manager.session_view(ID).status is StreamState.STOPPED)
    until(lambda: not (settings.streams_dir / ID).exists() and not spawner.running())
    _, _, is_new = manager.start_hls(1, TOKEN)
    assert is_new


@pytest.mark.slow
def test_a_session_that_was_never_watched_ends(make_manager: MakeManager, spawner: Spawner) -> None:
    manager = make_manager(idle_end_s=0.2, unwatched_end_s=1.0)
    manager.start_hls(1, TOKEN)
    until(lambda: manager.session_view(ID).status is StreamState.STOPPED)
    until(lambda: not spawner.running())


@pytest.mark.slow
def test_a_snapshot_is_one_frame(make_manager: MakeManager, device: Device, spawner: Spawner) -> None:
    source = device.resolve(1, TOKEN)
    jpeg = FrameGrabber(make_manager()._context).grab(source)
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    assert all(feed.is_closed for feed in device.opened)
    until(lambda: not spawner.running())


def test_a_stop_during_a_start_is_no_fault_of_the_channel(make_manager: MakeManager, device: Device) -> None:
    """The next page would say that the device does not answer."""
    manager = make_manager()
    device.may_describe.clear()
    manager.start_hls(1, TOKEN)
    until(lambda: bool(device.opened))
    session = manager._table.running(ID)
    manager.stop_session(ID)
    session.join(LIMIT_S)
    assert device.opened[0].is_closed
    assert device.noted == []


@pytest.mark.slow
def test_a_start_during_a_stop_gives_a_new_session(make_manager: MakeManager, settings: Settings) -> None:
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    manager.playlist(ID, "stream.m3u8", LIMIT_S)
    stopping = threading.Thread(target=manager.stop_session, args=(ID,))
    stopping.start()
    until(lambda: manager.start_hls(1, TOKEN)[2], what="a new session")
    stopping.join()
    assert "segment_00000" in manager.playlist(ID, "stream.m3u8", LIMIT_S)
    assert (settings.streams_dir / ID).is_dir()


def test_the_manager_stops_quickly_and_leaves_nothing_behind(
    make_manager: MakeManager, settings: Settings, spawner: Spawner
) -> None:
    manager = make_manager()
    leftover = settings.streams_dir / "camera7_old"
    leftover.mkdir()
    (leftover / "segment_00001.ts").touch()
    manager.start()
    assert not leftover.exists()
    for token in "abcdefgh":
        manager.start_hls(1, token)
    until(lambda: len(spawner.running()) == 8)
    with promised(5):
        manager.stop()
        manager.stop()
    assert list(settings.streams_dir.iterdir()) == []
    assert not spawner.running()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("session-")])
    with pytest.raises(Unavailable):
        manager.start_hls(1, TOKEN)


def test_times_in_the_status_are_aware_and_the_uptime_grows(make_manager: MakeManager) -> None:
    manager, before = make_manager(), datetime.now(UTC)
    view = manager.start_hls(1, TOKEN)[0]
    assert before <= view.started_at <= datetime.now(UTC)
    until(lambda: manager.session_view(ID).uptime_s > 0.1)
