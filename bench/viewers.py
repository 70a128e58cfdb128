"""A hundred pages that watch one channel over sockets, without a browser: when do the pictures reach them?

    python -m bench.viewers URL CAMERA_ID PROFILE_TOKEN VIEWERS SECONDS

Prints JSON: how late the pictures arrived, in ms, by the server's own time of arrival: the median, the 95th percentile
and the worst viewer's median. A program of its own, so that what it costs is not the app's.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import struct
import sys
import time

from websockets.asyncio.client import connect

_HEAD = struct.Struct(">BBHdd")
_FRAGMENTS = 2
_SETTLE_S = 3.0


async def watch(address: str, until_s: float, late_ms: list[float]) -> None:
    """One page. The pictures between key frames are as old as their place on the time line says."""
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


async def run(url: str, camera_id: str, profile_token: str, viewers: int, seconds: float) -> dict[str, float]:
    address = f"{url.replace('http', 'ws', 1)}/live/{camera_id}/{profile_token}"
    until_s = time.monotonic() + seconds
    found: list[list[float]] = [[] for _ in range(viewers)]
    await asyncio.gather(*(watch(address, until_s, late_ms) for late_ms in found))
    every = sorted(late for late_ms in found for late in late_ms)
    return {
        "pictures": len(every),
        "median_ms": round(statistics.median(every), 1),
        "p95_ms": round(every[int(len(every) * 0.95)], 1),
        "worst_viewer_ms": round(max(statistics.median(late_ms) for late_ms in found if late_ms), 1),
        "without_pictures": sum(not late_ms for late_ms in found),
    }


if __name__ == "__main__":
    url, camera_id, profile_token, viewers, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(run(url, camera_id, profile_token, int(viewers), float(seconds)))))
