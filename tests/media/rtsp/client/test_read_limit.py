"""The limits for a device that may send anything: of bytes, which end the connection, and of pace."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from core.clock import SystemClock
from core.errors import DeviceError
from media.rtsp.client.connection import ReadLimit, RtspConnection
from media.rtsp.client.errors import TooManyBytes
from media.rtsp.client.framing import Frame
from media.rtsp.client.receiver import MediaReceiver
from tests.patience import LIMIT_S, PATIENCE

_FRAME = b"$\0" + (1400).to_bytes(2, "big") + bytes(1400)


class FrameCounter(MediaReceiver):
    """Counts the bytes of all frames. `is_over`: as many frames came as are wanted."""

    def __init__(self, wanted: int) -> None:
        super().__init__(cast(Any, None), SystemClock())
        self.taken_bytes = 0
        self.is_over: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._wanted_bytes = wanted * len(_FRAME)

    def take_frames(self, frames: list[Frame]) -> None:
        self.taken_bytes += len(_FRAME) * len(frames)
        if self.taken_bytes == self._wanted_bytes:
            self.is_over.set_result(None)


async def flooded(
    count: int, limit: ReadLimit | None, act: Callable[[RtspConnection], None] = lambda _: None
) -> tuple[int, DeviceError | None, float]:
    """Read `count` frames from a device that sends them as fast as it can.

    Return the bytes of all frames that came out, the error that ended the connection before, and the duration.
    """
    loop = asyncio.get_running_loop()
    receiver = FrameCounter(count)
    ours, of_device = socket.socketpair()

    def send() -> None:
        with of_device, contextlib.suppress(ConnectionError):
            of_device.sendall(count * _FRAME)

    device = threading.Thread(target=send)
    device.start()
    _, connection = await loop.create_connection(lambda: RtspConnection(receiver), sock=ours)
    begun_s = time.monotonic()
    connection.set_limit(limit)
    act(connection)
    ends: set[asyncio.Future[Any]] = {receiver.is_over, connection.ended}
    await asyncio.wait(ends, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    took_s, error = time.monotonic() - begun_s, connection.ended.result() if connection.ended.done() else None
    connection.close()
    await asyncio.to_thread(device.join)
    return receiver.taken_bytes, error, took_s


def test_a_device_that_sends_too_much_loses_its_connection() -> None:
    taken, error, _ = asyncio.run(flooded(2000, ReadLimit(1_000_000, 1e9)))
    assert isinstance(error, TooManyBytes)
    assert 0 < taken <= 1_000_000


def test_a_device_without_a_limit_may_send_on() -> None:
    assert asyncio.run(flooded(2000, None))[0] == 2000 * len(_FRAME)


def test_no_device_is_read_faster_than_its_limit() -> None:
    taken, _, took_s = asyncio.run(flooded(2000, ReadLimit(10_000_000, 2e6)))
    assert taken == 2000 * len(_FRAME)
    assert 0.8 < took_s < 5.0 * PATIENCE, "2.8 MB at 2 MB/s, and the first tenth of a second"


def test_the_pace_does_not_read_what_must_not_be_read() -> None:
    async def stopped_and_resumed() -> tuple[int, DeviceError | None, float]:
        def act(connection: RtspConnection) -> None:
            connection.set_reading(False)
            asyncio.get_running_loop().call_later(0.5, connection.set_reading, True)

        return await flooded(100, ReadLimit(10_000_000, 2e6), act)

    taken, _, took_s = asyncio.run(stopped_and_resumed())
    assert taken == 100 * len(_FRAME)
    assert took_s >= 0.5
