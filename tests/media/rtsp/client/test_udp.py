"""The UDP ports of a track."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from media.rtsp.client.receiver import MediaReceiver
from media.rtsp.client.udp import UdpTrack
from tests.hand_clock import HandClock


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_cancelled_task_leaves_no_port_open(monkeypatch: pytest.MonkeyPatch, turns: int) -> None:
    """`turns` of the event loop pass before the task is cancelled: it opens two ports one after the other."""
    opened: list[socket.socket] = []
    bound = UdpTrack._bound

    def remember(track: UdpTrack, port: int) -> socket.socket:
        opened.append(bound(track, port))
        return opened[-1]

    async def cancel() -> None:
        track = UdpTrack(0, "127.0.0.1", "127.0.0.1", MediaReceiver(cast(Any, None), HandClock()), HandClock())
        opening = asyncio.ensure_future(track.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    monkeypatch.setattr(UdpTrack, "_bound", remember)
    asyncio.run(cancel())
    assert opened
    assert [one.fileno() for one in opened] == [-1] * len(opened)
