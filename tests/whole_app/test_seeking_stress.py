"""Two hundred seeks in one replay through the whole app."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.patience import settled, until
from tools.running import App, running_recorder

pytestmark = [pytest.mark.stress, pytest.mark.cold_start]
SEEKS = 200


def test_two_hundred_seeks_leak_no_resources(tmp_path: Path) -> None:
    rng = random.Random(5)
    with running_recorder("--channels", "4", "--profile", "small", "--dead", "none") as recorder:
        app = App(tmp_path)
        app.start()
        try:
            camera_id = app.add_camera(recorder, name="Recorder")
            now = datetime.now(UTC)
            token = app.call("GET", f"/api/cameras/{camera_id}/recordings/summary")["recordings"][0]["recording_token"]
            body = {
                "camera_id": camera_id,
                "recording_token": token,
                "start_time": (now - timedelta(hours=3)).isoformat(),
            }
            stream_id = app.call("POST", "/api/playback/start", body)["stream_id"]
            sizes: list[tuple[int, int, int, int]] = []
            for number in range(SEEKS + 20):
                at = now - timedelta(seconds=rng.uniform(600, 5 * 86_400))
                wanted = {"stream_id": stream_id, "time": at.isoformat()}
                sought = app.call("POST", "/api/playback/seek", wanted)
                assert sought["playlist_url"].endswith(f"run{number + 2}.m3u8")
                if number in (19, SEEKS + 19):
                    sizes.append(settled(lambda: _sizes(app)[:3]) + _sizes(app)[3:])
                    [session] = recorder.control("GET", "/replay")["sessions"]
                    assert session["plays"] >= number
            (files, threads, children, memory), (files_after, threads_after, children_after, memory_after) = sizes
            print(f"descriptors {files} -> {files_after}, threads {threads} -> {threads_after}")
            print(f"memory {memory_after - memory:+} bytes")
            assert files_after <= files + 3
            assert threads_after <= threads + 2
            assert children_after == children
            assert memory_after - memory < 20_000_000
            app.call("POST", "/api/streams/stop", {"stream_id": stream_id})
            until(lambda: recorder.control("GET", "/replay")["sessions"] == [])
        finally:
            app.stop()


def _sizes(app: App) -> tuple[int, int, int, int]:
    """Return descriptors, threads, processes and memory in bytes of the app and its children."""
    master = psutil.Process(app.pid)
    family = [master, *master.children(recursive=True)]
    return (
        sum(item.num_fds() for item in family),
        sum(item.num_threads() for item in family),
        len(family),
        sum(item.memory_info().rss for item in family),
    )
