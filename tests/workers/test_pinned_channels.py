"""Favourite channels stay connected."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import CameraUnreachable, NotFound
from core.records import Channel, Credential, MediaProfile, Problem, ProfileRole, StreamSource
from core.secrets import Secret
from media.rtsp.gateway import RtspGateway
from tests.placement.owning import OwningCameras
from workers.pinned_channels import PinnedChannel, PinnedChannels, parse_pinned_channels


@dataclass
class Feed:
    source: StreamSource
    failed: bool = False
    closed: bool = False

    def is_failed(self) -> bool:
        return self.failed

    def close(self) -> None:
        self.closed = True


@dataclass
class Cameras:
    """Two cameras, a clock that the test moves, and the feeds that were opened."""

    now_s: float = 1000.0
    opened: list[Feed] = field(default_factory=list)
    problem: Problem | None = None
    is_away: bool = False

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return self.now_s

    def owns(self, camera_id: int) -> bool:
        return True

    def channels(self, camera_id: int) -> list[Channel]:
        if camera_id > 2:
            raise NotFound("no such camera")
        return [
            Channel(
                number=number,
                name=f"Cam {number}",
                video_source_token=f"V{number}",
                profiles=(
                    MediaProfile(f"m{number}", "main", f"V{number}", None, role=ProfileRole.MAIN),
                    MediaProfile(f"s{number}", "sub", f"V{number}", None, role=ProfileRole.SUB),
                ),
                problem=self.problem if number == 2 else None,
            )
            for number in (1, 2)
        ]

    def source(self, camera_id: int, profile_token: str) -> StreamSource:
        if self.is_away:
            raise CameraUnreachable("It is off.")
        return StreamSource(camera_id, profile_token, "rtsp://192.0.2.1/", "x", Credential("a", Secret("b")))

    def open_feed(self, source: StreamSource) -> Feed:
        self.opened.append(Feed(source))
        return self.opened[-1]

    def pinned_channels(self, text: str) -> PinnedChannels:
        return PinnedChannels(parse_pinned_channels(text), self, KnownCameras(self), CountedGateway(self))

    def held(self) -> list[tuple[int, str]]:
        return [(feed.source.camera_id, feed.source.profile_token) for feed in self.opened if not feed.closed]


class KnownCameras(OwningCameras):
    def __init__(self, cameras: Cameras) -> None:
        self.cameras = cameras

    def channels(self, camera_id: int) -> list[Channel]:
        return self.cameras.channels(camera_id)

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        return self.cameras.source(camera_id, profile_token)


class CountedGateway(RtspGateway):
    def __init__(self, cameras: Cameras) -> None:
        self.cameras = cameras

    def open_feed(self, stream: StreamSource) -> Any:
        return self.cameras.open_feed(stream)


def test_a_favourite_is_a_channel_with_the_sub_stream_as_default() -> None:
    assert parse_pinned_channels("1:3, 2:*/main") == (
        PinnedChannel(1, 3, ProfileRole.SUB),
        PinnedChannel(2, None, ProfileRole.MAIN),
    )
    for odd in ("1", "1:0", "x:1", "1:1/other", "1:1:1", "01:1"):
        with pytest.raises(ValueError, match="not a pinned channel"):
            parse_pinned_channels(odd)


def test_each_favourite_is_opened_once_and_held() -> None:
    cameras = Cameras()
    pinned_channels = cameras.pinned_channels("1:1 2:*/main 3:1")
    pinned_channels.look()
    pinned_channels.look()
    assert cameras.held() == [(1, "s1"), (2, "m1"), (2, "m2")]
    pinned_channels.stop()
    assert cameras.held() == []


def test_a_failed_feed_is_opened_again_with_growing_pauses() -> None:
    cameras = Cameras()
    pinned_channels = cameras.pinned_channels("1:1")
    pinned_channels.look()
    for pause_s in (5.0, 10.0, 20.0):
        cameras.opened[-1].failed = True
        count = len(cameras.opened)
        pinned_channels.look()
        cameras.now_s += pause_s - 0.1
        pinned_channels.look()
        assert len(cameras.opened) == count
        cameras.now_s += 0.2
        pinned_channels.look()
        assert len(cameras.opened) == count + 1
    cameras.now_s += 1000
    cameras.opened[-1].failed = True
    pinned_channels.look()
    cameras.now_s += 5.1
    pinned_channels.look()
    assert len(cameras.held()) == 1, "after a long healthy time the first pause is short again"


def test_an_unreachable_device_is_not_asked_at_every_look() -> None:
    cameras = Cameras(is_away=True)
    pinned_channels = cameras.pinned_channels("1:1")
    pinned_channels.look()
    cameras.is_away = False
    pinned_channels.look()
    assert cameras.held() == []
    cameras.now_s += 5.1
    pinned_channels.look()
    assert cameras.held() == [(1, "s1")]


def test_a_dead_channel_stays_closed_and_an_edited_camera_reconnects() -> None:
    cameras = Cameras()
    pinned_channels = cameras.pinned_channels("1:*")
    pinned_channels.look()
    cameras.problem = Problem("camera_no_signal", "no camera there")
    pinned_channels.look()
    assert cameras.held() == [(1, "s1")]
    pinned_channels.forget_camera(1)
    assert cameras.held() == []
    pinned_channels.look()
    assert cameras.held() == [(1, "s1")]


def test_an_empty_list_of_favourites_starts_no_thread() -> None:
    pinned_channels = Cameras().pinned_channels("")
    pinned_channels.start()
    assert pinned_channels._thread is None
    pinned_channels.stop()
