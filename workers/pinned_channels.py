"""Keep pinned channels connected, so that their video starts immediately.

Each pinned channel has an open feed of the gateway: the RTSP session with the device, and the media since the
last key frame, without ffmpeg or fragments. A feed that fails is opened again after a growing pause. After a refused
password, the login gate lets only one attempt in five minutes pass.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError
from core.records import ProfileRole
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from onvif_manager import OnvifManager
from workers.repeated_work import RepeatedWork

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_PINNED = re.compile(r"([1-9]\d{0,9}):([1-9]\d{0,3}|\*)(?:/(main|sub))?")


@dataclass(frozen=True, slots=True)
class PinnedChannel:
    """A channel of a camera (None: all of them) and the role of the media profile to open, sub or main."""

    camera_id: int
    channel: int | None
    role: ProfileRole


def parse_pinned_channels(text: str) -> tuple[PinnedChannel, ...]:
    """Parse `1:3 2:*/main`: camera and channel, and the role, which is sub unless given.

    Raise ValueError, which names the word that is invalid.
    """
    found = []
    for word in text.replace(",", " ").split():
        match = _PINNED.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is not a pinned channel; write 1:3, 1:*, or 1:3/main")
        found.append(
            PinnedChannel(int(match[1]), None if match[2] == "*" else int(match[2]), ProfileRole(match[3] or "sub"))
        )
    return tuple(found)


@dataclass(slots=True)
class _PinnedFeed:
    backoff: Backoff
    feed: GatewayFeed | None = None
    not_before_s: float = 0.0


def _new_backoff() -> Backoff:
    """Without jitter: one thread opens all pinned channels, one after another."""
    return Backoff(
        first_s=_FIRST_PAUSE_S,
        longest_s=_LONGEST_PAUSE_S,
        healthy_after_s=_LONGEST_PAUSE_S,
        jitter=lambda pause_s: pause_s,
    )


class PinnedChannels(RepeatedWork):
    """Opens the feeds and reopens them, in a thread. Without a pinned channel, no thread is started."""

    def __init__(
        self,
        pinned: Sequence[PinnedChannel],
        clock: Clock,
        cameras: OnvifManager,
        gateway: RtspGateway,
    ) -> None:
        super().__init__("pinned_channels", _LOOK_EVERY_S, stop_s=2.0)
        self._pinned = pinned
        self._clock = clock
        self._cameras = cameras
        self._gateway = gateway
        self._feeds: dict[tuple[int, str], _PinnedFeed] = {}

    def start(self) -> None:
        if self._pinned:
            super().start()

    def stop(self) -> None:
        super().stop()
        self._close_feeds(set(self._feeds))

    def forget_camera(self, camera_id: int) -> None:
        """Close the feeds of a camera that was edited or removed; the next look opens them again if it still exists."""
        self._close_feeds({key for key in self._feeds if key[0] == camera_id})

    def look(self) -> None:
        """Open missing feeds, reopen failed ones, and close those of channels that are gone."""
        wanted = {(item.camera_id, token) for item in self._pinned for token in self._tokens_of(item)}
        self._close_feeds(set(self._feeds) - wanted)
        for key in sorted(wanted):
            if not self._is_stopping.is_set():
                self._open_if_due(key)

    def _tokens_of(self, item: PinnedChannel) -> list[str]:
        """Return the media profiles to open; none while the camera or channel does not exist or has a problem,
        and none of a camera of another node."""
        if not self._cameras.owns(item.camera_id):
            return []
        try:
            channels = [one for one in self._cameras.channels(item.camera_id) if item.channel in (None, one.number)]
        except AppError:
            return []
        tokens = []
        for channel in channels:
            by_role = {profile.role: profile.profile_token for profile in channel.profiles}
            token = by_role.get(item.role) or by_role.get(ProfileRole.MAIN)
            if token and channel.problem is None:
                tokens.append(token)
        return tokens

    def _open_if_due(self, key: tuple[int, str]) -> None:
        pinned = self._feeds.setdefault(key, _PinnedFeed(_new_backoff()))
        now_s = self._clock.monotonic_s()
        if pinned.feed is not None:
            if not pinned.feed.is_failed():
                return
            pinned.feed.close()
            pinned.feed = None
            self._pause(pinned, now_s)
        if now_s < pinned.not_before_s:
            return
        try:
            pinned.feed = self._gateway.open_feed(self._cameras.stream_source(*key))
        except AppError as error:
            log.debug("camera %d: the pinned media profile %s cannot be opened (%s)", *key, error.code)
            self._pause(pinned, now_s)

    def _pause(self, pinned: _PinnedFeed, now_s: float) -> None:
        pinned.not_before_s = now_s + pinned.backoff.failed_after(now_s - pinned.not_before_s)

    def _close_feeds(self, keys: set[tuple[int, str]]) -> None:
        for key in keys:
            pinned = self._feeds.pop(key, None)
            if pinned is not None and pinned.feed is not None:
                pinned.feed.close()
