"""CPU cost of the RTSP gateway alone: sixteen main streams in, sixteen ffmpeg readers on loopback.

    python -m bench.gateway_cpu [seconds] [streams]

Only this process is measured, and it runs only the gateway. The pretend recorder and the readers are
separate processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

import psutil

from bench.meter import measure
from bench.setting import PASSWORD, Recorder, recorder
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import Credential, StreamSource
from core.secrets import Secret
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from media.rtsp.live.session_pool import GatewayFeed


def living_mains(device: Recorder) -> list[tuple[str, str]]:
    """Return (address, codec) of the main stream of each channel that is not dead."""
    with urllib.request.urlopen(f"http://127.0.0.1:{device.control_port}/state", timeout=10) as answer:
        state = json.load(answer)
    mains = [channel["profiles"]["main"] for channel in state["channels"] if not channel["dead"]]
    return [(main["uri"], main["codec"]) for main in mains]


def sources(device: Recorder, count: int) -> list[StreamSource]:
    """Return `count` sources; if the recorder has fewer channels, some of them appear twice."""
    mains = living_mains(device)
    credential = Credential(device.username, Secret(PASSWORD))
    chosen = [mains[number % len(mains)] for number in range(count)]
    return [
        StreamSource(1, str(number), uri.replace("localhost", "127.0.0.1"), "bench", credential)
        for number, (uri, _) in enumerate(chosen)
    ]


def reader(feed: GatewayFeed) -> subprocess.Popen[bytes]:
    quiet = ("-nostdin", "-v", "error", "-rtsp_transport", "tcp")
    command = [str(find_ffmpeg()), *quiet, "-i", feed.url, "-c", "copy", "-f", "null", "-"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(window_s: float, count: int) -> None:
    clock = SystemClock()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=Settings(rtsp_timeout_s=60))
    with recorder() as device:
        gateway.start()
        readers: list[subprocess.Popen[bytes]] = []
        try:
            feeds = [gateway.open_feed(source) for source in sources(device, count)]
            for feed in feeds:
                feed.wait_described(120)
                readers.append(reader(feed))
            while not all(feed.status().state is FeedState.FLOWING for feed in feeds):
                time.sleep(0.5)
            time.sleep(20)  # the recorder may still be encoding its loops
            before = sum(feed.status().packets for feed in feeds)
            cost = measure(lambda: [psutil.Process()], window_s)
            packets = (sum(feed.status().packets for feed in feeds) - before) / window_s
            kbps = sum(feed.status().bitrate_kbps or 0 for feed in feeds)
            print(f"{count} streams, {kbps / 1000:.1f} Mbit/s, {packets:.0f} packets/s in all")
            print(f"gateway: {cost.cpu_percent:.1f} % of a core, {cost.cpu_percent / count:.2f} % a stream")
            print(f"memory of the process: {cost.pss_mb:.0f} MB; lost {sum(feed.status().lost for feed in feeds)}")
        finally:
            for process in readers:
                process.kill()
                process.wait()
            gateway.stop()


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0, int(sys.argv[2]) if len(sys.argv) > 2 else 16)
