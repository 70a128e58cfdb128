"""How a session handles faults of ffmpeg, a full disk and a missing folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.records import StreamState
from core.settings import Settings
from media.ffmpeg import FfmpegMissing, find_ffmpeg
from media.process import Spawner
from sessions.snapshots import FrameGrabber
from tests.patience import LIMIT_S, promised, until
from tests.sessions.thin_device import AAC, ID, TOKEN, Device, MakeManager, is_running, seen

pytestmark = [pytest.mark.gstreamer, pytest.mark.usefixtures("impatient")]

MakeScript = Callable[[str], Path]


@pytest.mark.slow
def test_a_killed_ffmpeg_is_replaced_and_players_go_on(running: MakeManager, spawner: Spawner) -> None:
    manager = running(playlist_segments=30)  # none is dropped meanwhile
    before = [int(number) for number in re.findall(r"segment_(\d+)", manager.playlist(ID, "stream.m3u8"))]
    os.kill(spawner.running()[0].pid, signal.SIGKILL)
    until(lambda: "#EXT-X-DISCONTINUITY\n" in manager.playlist(ID, "stream.m3u8"))
    after = [int(number) for number in re.findall(r"segment_(\d+)", manager.playlist(ID, "stream.m3u8"))]
    assert after[: len(before)] == before  # still there for players
    assert after == list(range(after[0], after[0] + len(after)))
    assert manager.session_view(ID).restarts == 1
    assert is_running(manager)
    for number in after:
        assert manager.segment_path(ID, f"segment_{number:05d}.ts").stat().st_size > 0


@pytest.mark.slow
def test_a_crash_loop_trips_the_breaker(make_manager: MakeManager, script: MakeScript, device: Device) -> None:
    broken = script("echo oh no >&2; exit 1")
    manager = make_manager(ffmpeg=lambda: broken)
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager) == (StreamState.RECONNECTING, "ffmpeg_failed"))
    until(lambda: seen(manager) == (StreamState.FAILED, "ffmpeg_failed"))
    tried = len(device.opened)
    assert tried == 6
    with pytest.raises(Unavailable) as refused:
        manager.playlist(ID, "stream.m3u8", LIMIT_S)
    assert refused.value.code == "ffmpeg_failed"
    time.sleep(0.5)
    assert len(device.opened) == tried
    assert all(feed.is_closed for feed in device.opened)


@pytest.mark.slow
def test_a_missing_ffmpeg_is_reported_and_found_after_a_restart(make_manager: MakeManager, device: Device) -> None:
    present = [False]

    def ffmpeg() -> Path:
        return find_ffmpeg() if present[0] else find_ffmpeg("/no/such/ffmpeg")

    manager = make_manager(ffmpeg=ffmpeg)
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager) == (StreamState.FAILED, "ffmpeg_missing"))
    assert device.resolved == 0  # no request to the device without ffmpeg
    with pytest.raises(FfmpegMissing):
        FrameGrabber(manager._context).grab(device.resolve(1, TOKEN))
    present[0] = True
    manager.restart_camera(1)
    until(lambda: is_running(manager))


def test_an_ffmpeg_that_ignores_signals_and_floods_stderr_ends_at_stop(
    make_manager: MakeManager, script: MakeScript, spawner: Spawner, settings: Settings
) -> None:
    flooding = script("trap '' TERM INT\nyes 'broken' >&2 & touch $folder/up; wait; wait")
    manager = make_manager(ffmpeg=lambda: flooding)
    manager.start_hls(1, TOKEN)
    until(lambda: (settings.streams_dir / ID / "up").exists())
    (settings.streams_dir / ID / "up").unlink()
    pid = spawner.running()[0].pid
    with promised(2.5):
        assert manager.stop_session(ID) is StreamState.STOPPED
    assert not Path(f"/proc/{pid}").exists()
    assert not (settings.streams_dir / ID).exists()


WRITES_A_SEGMENT = """
printf 'x%.0s' $(seq 1000) > $folder/segment_00000.ts
printf '#EXTM3U\\n#EXTINF:0.2,\\nsegment_00000.ts\\n' > $folder/stream.m3u8"""
FREEZES = f"""{WRITES_A_SEGMENT}
trap '' TERM
while :; do sleep 1; done
"""


@pytest.mark.slow
def test_a_frozen_ffmpeg_is_noticed_by_the_age_of_its_last_segment(
    make_manager: MakeManager, script: MakeScript, device: Device
) -> None:
    frozen = script(FREEZES)
    manager = make_manager(ffmpeg=lambda: frozen if len(device.opened) == 0 else find_ffmpeg(), stall_after_s=1.0)
    device.key_frame_interval_s = None
    manager.start_hls(1, TOKEN)
    until(lambda: is_running(manager))
    until(lambda: seen(manager) == (StreamState.STALLED, "stream_stalled"))
    until(lambda: is_running(manager))
    assert "#EXT-X-DISCONTINUITY\n" in manager.playlist(ID, "stream.m3u8")


@pytest.mark.slow
def test_a_full_disk_pauses_the_session_and_free_space_resumes_it(
    running: MakeManager, settings: Settings, spawner: Spawner, monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    manager = running(min_free_bytes=1_000_000_000)
    # The reported free space is replaced: filling a real disk needs rights that a test does not have.
    usage = shutil.disk_usage(settings.streams_dir)
    with monkeypatch.context() as patch:
        patch.setattr("sessions.folders.shutil.disk_usage", lambda _path: usage._replace(free=999_999_999))
        until(lambda: seen(manager) == (StreamState.FAILED, "storage_full"))
        assert not spawner.running()
        assert list((settings.streams_dir / ID).iterdir()) == []  # the session's own files are removed
        with pytest.raises(Unavailable) as refused:
            manager.playlist(ID, "stream.m3u8", LIMIT_S)
        assert refused.value.code == "storage_full"
        opened = len(device.opened)
        time.sleep(0.7)
        assert len(device.opened) == opened
    until(lambda: is_running(manager))


@pytest.mark.slow
@pytest.mark.parametrize("then", ["exit 0", "while :; do sleep 1; done"])
def test_a_full_disk_that_only_ffmpeg_notices_is_reported(
    make_manager: MakeManager, script: MakeScript, then: str
) -> None:
    said = "echo '[hls] Failed to open file: No space left on device' >&2"
    full = script(f"{said}\n{then}")
    manager = make_manager(ffmpeg=lambda: full, stall_after_s=0.3)
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager) == (StreamState.FAILED, "storage_full"))


CANNOT_READ_AUDIO = "echo '[aac] Unsupported sample rate of the audio' >&2"


@pytest.mark.slow
def test_an_ffmpeg_that_cannot_read_the_audio_is_followed_by_one_without(
    make_manager: MakeManager, script: MakeScript, device: Device
) -> None:
    device.path, device.audio = "/aac", AAC
    broken = script(f"{CANNOT_READ_AUDIO}; exit 1")
    manager = make_manager(ffmpeg=lambda: broken if not device.opened else find_ffmpeg())
    manager.start_hls(1, TOKEN)
    until(lambda: is_running(manager))
    view = manager.session_view(ID)
    assert (view.audio, view.audio_left_out) == (None, "ffmpeg cannot read it")


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", ["kill -KILL $$", f"{WRITES_A_SEGMENT}\nexit 1", "exit 0"], ids=["killed", "later", "no error"]
)
def test_a_warning_about_audio_is_no_reason_for_another_end(
    make_manager: MakeManager, script: MakeScript, device: Device, end: str
) -> None:
    device.path, device.audio = "/aac", AAC
    broken = script(f"{CANNOT_READ_AUDIO}\n{end}")
    manager = make_manager(ffmpeg=lambda: broken if not device.opened else find_ffmpeg())
    manager.start_hls(1, TOKEN)
    until(lambda: len(device.opened) >= 2 and is_running(manager))
    view = manager.session_view(ID)
    assert (view.audio, view.audio_left_out) == (AAC, None)


def delete(folder: Path) -> bool:
    """Delete the folder. Return False if ffmpeg wrote a file meanwhile: then it must be deleted once more."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@pytest.mark.slow
def test_a_deleted_streams_folder_is_made_again(running: MakeManager, settings: Settings) -> None:
    manager = running(stall_after_s=1.0)
    until(lambda: delete(settings.streams_dir))
    until(lambda: not is_running(manager))
    until(lambda: is_running(manager))
    assert (settings.streams_dir / ID / "stream.m3u8").is_file()
