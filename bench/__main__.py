"""`make bench`: this app beside plain ffmpeg, on the pretend recorder, as a Markdown table.

Figures hold for the machine and the moment; what counts are medians and the ratios of what ran in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import urllib.request

import psutil

from bench import live, recordings
from bench.load import app_cost, plain_cost, ratio, start_times_ms, stream_urls
from bench.meter import family, measure, median_and_range
from bench.pictures import app_pictures, browser, plain_pictures
from bench.setting import App, Recorder, app, recorder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement (default 3)")
    parser.add_argument(
        "--only", choices=["pictures", "live", "load", "list", "recordings"], help="one part instead of all"
    )
    parser.add_argument("--window", type=float, default=20, help="seconds of load measured a run (default 20)")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| What | Plain ffmpeg | This app |\n|---|---|---|", flush=True)
    if options.only not in ("list", "recordings"):
        with recorder("--channels", "16", "--dead", "none") as device, app(MAX_SESSIONS="64") as running:
            camera_id = running.add_recorder(device)
            prepare(device, "main")
            if options.only in (None, "pictures"):
                print_first_pictures(device, running, camera_id, options.runs)
            if options.only in (None, "live"):
                print_behind(device, running, camera_id, options.runs)
                print_sockets(running, camera_id, options.runs, options.window)
            if options.only in (None, "load"):
                print_load(device, running, camera_id, options.runs, options.window)
    if options.only in (None, "list"):
        print_list_with_dead_cameras()
    if options.only in (None, "recordings"):
        print_recordings(options.runs)


def print_first_pictures(device: Recorder, running: App, camera_id: int, runs: int) -> None:
    channel, token, _ = next(item for item in running.profiles(camera_id, "main") if item[2] == "h264")
    [url] = stream_urls(device, [token])
    with browser() as context:
        plain = plain_pictures(context, url, runs)
        ours = app_pictures(context, running, camera_id, channel, token, runs)
    for name, baseline, times in zip(("cold", "warm"), plain, ours, strict=True):
        print(
            f"| first picture, {name} | {median_and_range(baseline, 'ms')} | {median_and_range(times, 'ms')} |",
            flush=True,
        )
    times = start_times_ms(running, camera_id, token, 20)
    print(f"| POST /api/streams/start, new session | - | {median_and_range(times, 'ms')} |", flush=True)


def print_behind(device: Recorder, running: App, camera_id: int, runs: int) -> None:
    channel, token, _ = next(item for item in running.profiles(camera_id, "main") if item[2] == "h264")
    rule = live.timing(device, channel, "main")
    [url] = stream_urls(device, [token])
    address = f"{running.url}/viewer/{camera_id}?channel={channel}&quality=main"
    plain, sockets, hls = [], [], []
    with browser() as context:
        for _ in range(runs):
            plain.append(live.plain_behind(context, url, rule, 150))
            sockets.append(live.app_behind(context, address, rule, 150))
            hls.append(live.app_behind(context, f"{address}&way=hls", rule, 150))
    for name, ours in (("behind reality, over the socket", sockets), ("behind reality, HLS", hls)):
        print(f"| {name}; median of {runs} runs | {middle(plain)} | {middle(ours)} |", flush=True)


def middle(found: list[live.Behind]) -> live.Behind:
    return live.Behind(
        statistics.median(item.median_ms for item in found), statistics.median(item.p95_ms for item in found)
    )


def print_sockets(running: App, camera_id: int, runs: int, window_s: float) -> None:
    tokens = [token for _, token, _ in running.profiles(camera_id, "main")]
    idle = measure(lambda: family(psutil.Process(running.pid)), 5)
    costs = [live.sockets_cost(running, camera_id, tokens, window_s, settle_s=6) for _ in range(runs)]
    cpu = statistics.median(cost.cpu_percent for cost in costs)
    memory = statistics.median(cost.pss_mb for cost in costs) - idle.pss_mb
    each = f"{cpu / len(tokens):.2f} % of a core and {memory / len(tokens):.1f} MB each"
    print(f"| {len(tokens)} main streams over sockets, no ffmpeg | - | {cpu:.0f} % of a core: {each} |", flush=True)
    token = running.profiles(camera_id, "sub")[0][1]
    crowds = [live.crowd(running, camera_id, token, 100, window_s) for _ in range(runs)]
    cpu = statistics.median(crowd.cost.cpu_percent for crowd in crowds)
    late = statistics.median(crowd.late["median_ms"] for crowd in crowds)
    worst = statistics.median(crowd.late["worst_viewer_ms"] for crowd in crowds)
    requests = [ms for crowd in crowds for ms in crowd.request_ms]
    print(
        f"| 100 viewers of one sub stream | - | {cpu:.0f} % of a core; pictures reach them {late:.0f} ms after they "
        f"reached the app (worst viewer {worst:.0f}); a plain request {median_and_range(requests, 'ms')} |",
        flush=True,
    )


def print_load(device: Recorder, running: App, camera_id: int, runs: int, window_s: float) -> None:
    tokens = [token for _, token, _ in running.profiles(camera_id, "main")]
    urls = stream_urls(device, tokens)
    plain, ours = [], []
    for _ in range(runs):
        plain.append(plain_cost(urls, window_s, settle_s=8))
        ours.append(app_cost(running, camera_id, tokens, window_s, settle_s=4))
    cpu = [f"{statistics.median(cost.cpu_percent for cost in costs):.0f} %" for costs in (plain, ours)]
    print(f"| {len(tokens)} main streams, CPU of one core | {cpu[0]} | {cpu[1]} (ratio {ratio(ours, plain):.2f}) |")
    memory = [f"{statistics.median(cost.pss_mb for cost in costs) / len(tokens):.1f} MB" for costs in (plain, ours)]
    print(f"| the same, proportional memory a stream | {memory[0]} | {memory[1]} |", flush=True)


def print_list_with_dead_cameras() -> None:
    with recorder("--channels", "2", "--dead", "none", "--profile", "small") as device, app() as running:
        for number in range(64):
            host = "127.0.0.1" if number % 2 == 0 else f"127.0.9.{number}"
            port = device.onvif_port if number == 0 else 1 + number
            running.call("POST", "/api/cameras", {"host": host, "port": port, "username": "a", "password": "b"})
        times = []
        for _ in range(20):
            begun_s = time.monotonic()
            running.call("GET", "/api/cameras")
            times.append(1000 * (time.monotonic() - begun_s))
        print(f"| GET /api/cameras with 64 cameras that do not answer | - | {median_and_range(times, 'ms')} |")


def print_recordings(runs: int) -> None:
    for make in recordings.MAKES:
        with (
            recorder("--channels", "16", "--dead", "none", "--make", make) as device,
            app() as running,
            browser() as context,
        ):
            recordings.set_delays(device)
            camera_id = running.add_recorder(device)
            if make == "conformant":
                took_s, events = recordings.month_s(running, camera_id)
                print(f"| a month of 16 channels ({events} events) known | - | {took_s:.1f} s |")
                times = recordings.day_ms(running, camera_id, 20)
                print(f"| a day that is known, over HTTP | - | {median_and_range(times, 'ms')} |", flush=True)
            found = recordings.seek_times(context, running, camera_id, runs, 10)
            print(
                f"| click to picture, {make} | - | first {median_and_range(found.first_ms, 'ms')}, "
                f"open session {median_and_range(found.open_ms, 'ms')} |",
                flush=True,
            )


def prepare(device: Recorder, role: str) -> None:
    """Has the recorder encode its loops now, so that no measurement waits for its encoder."""
    control = f"http://127.0.0.1:{device.control_port}"
    request = urllib.request.Request(f"{control}/prepare?role={role}", method="POST")
    urllib.request.urlopen(request, timeout=60).close()
    while True:
        with urllib.request.urlopen(f"{control}/state", timeout=60) as answer:
            if json.load(answer)["clips"]["pending"] == 0:
                return
        time.sleep(1)


if __name__ == "__main__":
    main()
