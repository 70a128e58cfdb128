"""CPU cost of recording: main streams received, then also recorded, without a viewer.

    python -m bench.recording_cpu [seconds] [streams]

Only this process is measured: the gateway, the recorder and the archive's writer. The pretend recorder is a separate
process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil

from archive.index import ArchiveIndex
from archive.pre_roll import PreRoll, PreRollBudget
from archive.stream_recorder import Flow
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from bench.gateway_cpu import sources
from bench.meter import Cost, measure
from bench.setting import recorder
from core.archive import GapReason, RecordedQuality, StreamKey
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from media.rtsp.live.session_pool import GatewayFeed


def run(window_s: float, count: int) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, recorder() as device:
        settings = Settings(rtsp_timeout_s=60, device_live_sessions=64, data_dir=Path(folder), archive_min_free_bytes=0)
        gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)
        index = ArchiveIndex(settings.archive_index_file)
        writer = ArchiveWriter(settings, clock, Volumes(settings), index)
        index.open()
        gateway.start()
        try:
            feeds = [gateway.open_feed(source) for source in sources(device, count)]
            for feed in feeds:
                feed.wait_described(120)
            while not all(feed.status().state is FeedState.FLOWING for feed in feeds):
                time.sleep(0.5)
            device.prepare("main")
            _show("received", measure(lambda: [psutil.Process()], window_s), feeds)
            writer.start(is_new_index=True)
            targets = [writer.open_stream(StreamKey(1, number, RecordedQuality.MAIN)) for number in range(1, count + 1)]
            budget = PreRollBudget(max_bytes=512_000_000)
            for feed, target in zip(feeds, targets, strict=True):
                pre_roll = PreRoll(target, budget, 10.0)
                pre_roll.begin()
                feed.open_units(Flow(pre_roll))
            while not all(target.written_until_utc_s() for target in targets):
                time.sleep(0.5)
            _show("recorded", measure(lambda: [psutil.Process()], window_s), feeds)
            for target in targets:
                target.finish(GapReason.SWITCHED_OFF)
        finally:
            writer.stop()
            index.close()
            gateway.stop()


def _show(name: str, cost: Cost, feeds: list[GatewayFeed]) -> None:
    kbps = sum(feed.status().bitrate_kbps or 0 for feed in feeds)
    share = cost.cpu_percent / len(feeds)
    print(
        f"{name}: {len(feeds)} streams, {kbps / 1000:.1f} Mbit/s: {cost.cpu_percent:.1f} % of a core, "
        f"{share:.2f} % a stream, {cost.pss_mb:.0f} MB"
    )


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0, int(sys.argv[2]) if len(sys.argv) > 2 else 16)
