"""Measure the delay with which fragments reach many viewers over sockets, without a browser.

    python -m bench.viewers URL CAMERA_ID SECONDS VIEWERS PROFILE_TOKEN...

This process runs VIEWERS viewers of each stream at the same time. It prints JSON with the delay of the frames in ms
after their arrival at the server: the median, the 95th percentile, and both for the slowest viewer. It is a separate
program, so that its cost does not count as the app's.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import struct
import sys
import time

from websockets.asyncio.client import connect

from bench.figures import percentile

_HEAD = struct.Struct(">BBHdd")
_FRAGMENTS = 2
_SETTLE_S = 3.0


async def watch(address: str, until_s: float, late_ms: list[float]) -> None:
    """Run one viewer. Only key frames have an arrival time; others get theirs from their position in the stream."""
    begun_s = time.monotonic()
    async with connect(address, max_size=None, compression=None) as client:
        origin_ms: float | None = None
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(client.recv(), left_s)
            except TimeoutError:
                return
            if isinstance(message, str):
                continue
            kind, _, _, start_s, taken_ms = _HEAD.unpack_from(message)
            if kind != _FRAGMENTS:
                continue
            if taken_ms == taken_ms:  # not NaN
                origin_ms = taken_ms - 1000 * start_s
            if origin_ms is not None and time.monotonic() - begun_s > _SETTLE_S:
                late_ms.append(time.time() * 1000 - origin_ms - 1000 * start_s)


async def run(url: str, camera_id: str, seconds: float, viewers: int, profile_tokens: list[str]) -> dict[str, float]:
    address = f"{url.replace('http', 'ws', 1)}/live/{camera_id}"
    until_s = time.monotonic() + seconds
    found: list[list[float]] = [[] for _ in range(viewers * len(profile_tokens))]
    addresses = [f"{address}/{token}" for token in profile_tokens for _ in range(viewers)]
    await asyncio.gather(*(watch(place, until_s, late) for place, late in zip(addresses, found, strict=True)))
    return summary(found)


def summary(found: list[list[float]]) -> dict[str, float]:
    """Return statistics of the delays (ms) of each viewer's frames. Raise ValueError if no viewer got any."""
    every = [late for late_ms in found for late in late_ms]
    served = [late_ms for late_ms in found if late_ms]
    return {
        "pictures": len(every),
        "median_ms": round(percentile(every, 0.5), 1),
        "p95_ms": round(percentile(every, 0.95), 1),
        "worst_viewer_ms": round(max(statistics.median(late_ms) for late_ms in served), 1),
        "worst_viewer_p95_ms": round(max(percentile(late_ms, 0.95) for late_ms in served), 1),
        "without_pictures": len(found) - len(served),
    }


if __name__ == "__main__":
    url, camera_id, seconds, viewers, *profile_tokens = sys.argv[1:]
    print(json.dumps(asyncio.run(run(url, camera_id, float(seconds), int(viewers), profile_tokens))))
