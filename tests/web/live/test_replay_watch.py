"""A replay over a live socket that is read slowly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.access import Principal
from core.clock import SystemClock
from core.records import VideoFormat
from sessions.replay.broadcast import ReplayInit, ReplayListener, ReplayPart
from tests.patience import until
from tests.web.live.live_peer import Channels, ChannelsBackend, opened
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD

VIDEO = VideoFormat("h264", 640, 360, 25.0, None, 50)
NIGHT = datetime(2026, 11, 22, 2, tzinfo=UTC)
PARTS, PART_BYTES = 100, 20_000


class OneReplay(ChannelsBackend):
    def __init__(self) -> None:
        super().__init__(Channels({}))
        self.listeners: list[ReplayListener] = []

    def watch_replay(self, who: Principal, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        self.listeners.append(listener)
        return True

    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None:
        pass


@pytest.mark.parametrize("loses_connection", [False, True], ids=["seek", "new init section"])
def test_the_next_run_does_not_wait_behind_the_one_before(loses_connection: bool) -> None:
    sockets = Sockets(64, SystemClock())
    sockets.start()
    backend = OneReplay()
    run = 1 if loses_connection else 2
    with opened(sockets, backend, kernel_bytes=16_000) as peer:
        peer.say(type="replay", id=1, stream_id="replay1_0123456789abcdef", viewer_id="me")
        until(lambda: bool(backend.listeners))
        [listener] = backend.listeners
        listener.on_replay_news(ReplayInit(1, "avc1", VIDEO, None, 0.0, b"init"))
        for number in range(PARTS):
            listener.on_replay_news(ReplayPart(1, bytes(PART_BYTES), number / 5, NIGHT, is_key=True))
        until(listener.is_full)
        listener.on_replay_news(ReplayInit(run, "avc1", VIDEO, None, 0.0, b"init"))
        listener.on_replay_news(ReplayPart(run, b"last", 0.0, NIGHT, is_key=True))
        fragments: list[bytes] = []
        while not fragments or fragments[-1] != b"last":
            message = peer.read()
            if isinstance(message, bytes) and HEAD.unpack_from(message)[0] == FRAGMENTS:
                fragments.append(message[HEAD.size :])
    sockets.stop()
    old = len(fragments) - 1
    assert old == PARTS if loses_connection else old < PARTS / 2
