"""Lets the replay connections of lower importance give their sessions to those before them (ReplayRank)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from media.rtsp.replay.interface import ReplayRank

GIVES_WAY_WITHIN_S = 1.5


class RankedConnection(Protocol):
    """Implemented by connection.GatewayReplayConnection."""

    rank: ReplayRank

    @property
    def device_key(self) -> str: ...
    @property
    def has_session(self) -> bool:
        """True if it uses one of the device's sessions, or is about to."""
        ...

    def give_way(self, rank: ReplayRank) -> asyncio.Event:
        """End now, for a connection of this rank. Return an event that is set when the device has its session back."""
        ...


class Precedence:
    """The open connections of all devices. In the gateway's thread only."""

    def __init__(self) -> None:
        self._connections: list[RankedConnection] = []

    def add(self, connection: RankedConnection) -> None:
        self._connections.append(connection)

    def remove(self, connection: RankedConnection) -> None:
        self._connections.remove(connection)

    def purposes(self, device_key: str) -> str:
        """Return what the sessions of a device are used for, in words: `a recording that is watched and an export`."""
        ranks = sorted({it.rank for it in self._connections if it.device_key == device_key and it.has_session})
        return " and ".join(rank.purpose for rank in ranks) or "something that ends now"

    def end_backfill(self, device_key: str, rank: ReplayRank) -> None:
        """Let the backfill of a device give way to `rank`, if there is one. Do not wait for its end."""
        for it in tuple(self._connections):
            if it.device_key == device_key and it.rank is ReplayRank.BACKFILL and it.has_session:
                it.give_way(rank)

    async def free_session(self, device_key: str, rank: ReplayRank) -> bool:
        """End the least important connection of the device that comes after `rank`. False if there is none.

        Return when the device has its session back, or after GIVES_WAY_WITHIN_S.
        """
        after = [it for it in self._connections if it.device_key == device_key and it.rank > rank and it.has_session]
        if not after:
            return False
        freed = max(after, key=lambda it: it.rank).give_way(rank)
        try:
            async with asyncio.timeout(GIVES_WAY_WITHIN_S):
                await freed.wait()
        except TimeoutError:
            return False
        return True
