"""Long loads: thousands of cycles leak no resources."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import psutil
import pytest

from core.settings import Settings
from media.process import Spawner
from stream_manager import StreamManager
from tests.memory import held_bytes
from tests.patience import LIMIT_S, until
from tests.sessions.over_gateway import GatewayHarness
from tests.sessions.replay.replaying import at, play, text_of
from tests.sessions.replay.thin_recorder import ThinRecorder

pytestmark = [pytest.mark.gstreamer, pytest.mark.stress]

CYCLES = 2000
PARALLEL = 4


def left_open() -> tuple[int, int, int]:
    """Return the number of descriptors, threads and children of this process."""
    here = psutil.Process()
    return here.num_fds(), threading.active_count(), len(here.children())


def test_two_thousand_starts_and_stops_leak_no_resources(
    harness: GatewayHarness, settings: Settings, spawner: Spawner
) -> None:
    # Through the gateway, because hundreds of readers killed in mid-stream lock up GStreamer's server (1.22).
    manager = harness.manager
    faults: list[BaseException] = []

    def cycle(number: int, count: int = CYCLES // PARALLEL) -> None:
        chance = random.Random(number)
        try:
            for _ in range(count):
                view, viewer_id, _ = manager.start_hls(number, "plain")
                if chance.random() < 0.05:
                    manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S, viewer_id)
                else:
                    time.sleep(chance.random() * 0.1)
                manager.stop_session(view.stream_id, viewer_id)
                assert not (settings.streams_dir / view.stream_id).exists()
        except BaseException as fault:  # noqa: BLE001 - carried to the test's own thread
            faults.append(fault)

    cycle(99, 10)  # warm-up: opens everything that is kept afterwards
    before = left_open()
    memory_before = held_bytes()
    workers = [threading.Thread(target=cycle, args=(number,)) for number in range(PARALLEL)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults, faults[0]
    assert until(lambda: all(now <= then for now, then in zip(left_open(), before, strict=True))), (
        before,
        left_open(),
    )
    assert list(settings.streams_dir.iterdir()) == []
    assert not spawner.running()
    assert held_bytes() - memory_before < 20_000_000
    names = [folder.name for folder in Path("/proc").iterdir()]
    assert not [name for name in names if name.isdigit() and _is_our_zombie(name)]


def _is_our_zombie(pid: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] == "Z" and int(fields[1]) == os.getpid()


def test_two_thousand_seeks_leak_no_resources(replays: StreamManager, recorder: ThinRecorder) -> None:
    recorder.picture_bytes = 5000
    view = play(replays)
    here = psutil.Process()
    chance = random.Random(7)

    def seek(count: int) -> tuple[int, int]:
        for _ in range(count):
            second = chance.randrange(3500)
            moved = replays.seek_replay(view.stream_id, at(second))
            assert moved.start_time == at(second)
            if chance.random() < 0.2:
                text_of(replays, moved)
            time.sleep(chance.random() * 0.02)
        return here.num_fds(), held_bytes()

    fds, rss = seek(200)
    fds_after, rss_after = seek(1800)
    print(f"descriptors {fds} -> {fds_after}, memory +{rss_after - rss}")
    assert fds_after <= fds + 2
    assert rss_after - rss < 20_000_000  # the media that is read ahead after the last seek varies by some MB
    assert len(recorder.lines) == 1
    until(lambda: threading.active_count() < 10)
