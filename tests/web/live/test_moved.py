"""Messages of a page's socket when another node gets a camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clock import SystemClock
from core.placement import NotOwner
from sessions.live.broadcast import FragmentBroadcaster
from tests.web.live.live_peer import Channels, ChannelsBackend, init_of, opened
from web.live.sockets import Sockets


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets(64)
    made.start()
    yield made
    made.stop()


def watch(number: int, camera_id: int) -> dict[str, object]:
    return {"type": "watch", "id": number, "camera_id": camera_id, "profile_token": "main"}


def test_a_watch_of_a_lost_camera_ends_with_moved_and_others_stay(sockets: Sockets) -> None:
    broadcaster = FragmentBroadcaster(SystemClock())
    with opened(sockets, Channels({"main": broadcaster}).backend()) as peer:
        for number, camera_id in ((1, 7), (2, 8)):
            peer.say(**watch(number, camera_id))
            assert peer.message("watching")["id"] == number
        sockets.leave_camera(7)
        assert peer.message("moved") == {"type": "moved", "id": 1}
        broadcaster.on_init(init_of())
        assert peer.message("init")["id"] == 2


def test_a_camera_of_another_node_is_answered_with_moved(sockets: Sockets) -> None:
    class Elsewhere(ChannelsBackend):
        def watch_live(self, *_: object, **__: object) -> tuple[str, str]:
            raise NotOwner(7)

        def watch_replay(self, *_: object) -> bool:
            raise NotOwner(7)

    with opened(sockets, Elsewhere(Channels({}))) as peer:
        peer.say(**watch(1, 7))
        assert peer.message("moved") == {"type": "moved", "id": 1}
        peer.say(type="replay", id=2, stream_id="replay7_00000000000000ff", viewer_id="v")
        assert peer.message("moved") == {"type": "moved", "id": 2}
