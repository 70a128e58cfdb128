"""Read streams of a peer many times, without a browser, so that the peer's own cost can be measured.

    python -m bench.peer_readers SECONDS COUNT ADDRESS...

Runs COUNT readers of each address: `rtsp://` (TCP), or `ws://` of go2rtc (MSE fragments). Prints JSON: the bytes of
each reader. It is a separate program, so that its cost does not count as the peer's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

# The codecs that go2rtc's page names in a browser with H.264, H.265, AAC and Opus.
_CODECS = "avc1.640029,avc1.64002A,avc1.640033,hvc1.1.6.L153.B0,mp4a.40.2,mp4a.40.5,flac,opus"
_BLOCK_BYTES = 1 << 16


async def read_mse(address: str, until_s: float, count: list[int]) -> None:
    """Add the bytes of the fragments of go2rtc to `count[0]`."""
    async with connect(address, max_size=None, compression=None) as client:
        await client.send(json.dumps({"type": "mse", "value": _CODECS}))
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(client.recv(), left_s)
            except TimeoutError:
                return
            if isinstance(message, bytes):
                count[0] += len(message)


class RtspReader:
    """Plays all tracks of an address, interleaved in the RTSP connection (RFC 2326 section 10.12)."""

    def __init__(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._address = address
        self._reader = reader
        self._writer = writer
        self._number = 0

    async def play(self) -> None:
        _, sdp = await self._ask("DESCRIBE", self._address, "Accept: application/sdp")
        session = ""
        for place, control in enumerate(controls(sdp, self._address)):
            transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={2 * place}-{2 * place + 1}"
            head, _ = await self._ask("SETUP", control, transport, *([session] if session else []))
            found = re.search(r"(?im)^Session: *([^;\r\n]+)", head)
            session = f"Session: {found[1]}" if found else session
        await self._ask("PLAY", self._address, session)

    async def _ask(self, method: str, address: str, *fields: str) -> tuple[str, str]:
        """Return the head and the body of the answer. Raise RuntimeError for any status but 200."""
        self._number += 1
        lines = [f"{method} {address} RTSP/1.0", f"CSeq: {self._number}", *fields]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?im)^Content-Length: *(\d+)", head)
        body = (await self._reader.readexactly(int(length[1]))).decode() if length else ""
        status, _, _ = head.partition("\r\n")
        if " 200 " not in status:
            raise RuntimeError(f"{method}: {status}")
        return head, body


async def read_rtsp(address: str, until_s: float, count: list[int]) -> None:
    """Add the bytes of the media to `count[0]`."""
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        await RtspReader(address, reader, writer).play()
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                data = await asyncio.wait_for(reader.read(_BLOCK_BYTES), left_s)
            except TimeoutError:
                return
            if not data:
                raise RuntimeError("the peer has closed the connection")
            count[0] += len(data)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def controls(sdp: str, address: str) -> list[str]:
    """Return the address of each track."""
    tracks = [re.search(r"(?m)^a=control:(\S+)", section) for section in sdp.split("\nm=")[1:]]
    names = [found[1] for found in tracks if found]
    return [name if name.startswith("rtsp://") else f"{address.rstrip('/')}/{name}" for name in names]


async def run(seconds: float, viewers: int, addresses: list[str]) -> dict[str, list[int]]:
    until_s = time.monotonic() + seconds
    wanted = [address for address in addresses for _ in range(viewers)]
    counts = [[0] for _ in wanted]
    reads = [
        (read_mse if address.startswith("ws") else read_rtsp)(address, until_s, count)
        for address, count in zip(wanted, counts, strict=True)
    ]
    await asyncio.gather(*reads)
    return {"bytes": [count[0] for count in counts]}


if __name__ == "__main__":
    seconds, viewers, *addresses = sys.argv[1:]
    print(json.dumps(asyncio.run(run(float(seconds), int(viewers), addresses))))
