"""Who may do what: roles, permissions, and the cameras and channels somebody is limited to.

The values only. Who somebody is, is known by the account manager; which request needs what, by `web.access`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What a user is for; each may do what those before it may."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a request needs."""

    LIVE = "live"
    RECORDINGS = "recordings"
    OPERATE = "operate"
    MANAGE = "manage"


_ORDER = tuple(Role)
_NEEDS = {
    Permission.LIVE: Role.VIEWER,
    Permission.RECORDINGS: Role.REVIEWER,
    Permission.OPERATE: Role.OPERATOR,
    Permission.MANAGE: Role.ADMIN,
}


def permissions_of(role: Role) -> tuple[Permission, ...]:
    """All that the role may do, the least first."""
    return tuple(permission for permission, least in _NEEDS.items() if _ORDER.index(role) >= _ORDER.index(least))


def lesser(one: Role, other: Role) -> Role:
    """The one of two roles that may do less."""
    return min(one, other, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class Scope:
    """Cameras by id, each with its channels; None in the place of either: all of them."""

    cameras: Mapping[int, frozenset[int] | None] | None = None

    @property
    def is_limited(self) -> bool:
        return self.cameras is not None

    def has_camera(self, camera_id: int) -> bool:
        return self.cameras is None or camera_id in self.cameras

    def channels_of(self, camera_id: int) -> frozenset[int] | None:
        """The channels of a camera that may be seen; None: all. Empty where the camera may not be seen."""
        if self.cameras is None:
            return None
        return self.cameras.get(camera_id, frozenset())

    def has_channel(self, camera_id: int, channel: int | None) -> bool:
        """Whether a channel may be seen; one that nobody knows (None) only where all are allowed."""
        if not self.has_camera(camera_id):
            return False
        channels = self.channels_of(camera_id)
        return channels is None or (channel is not None and channel in channels)

    def within(self, other: Scope) -> Scope:
        """What both allow."""
        if self.cameras is None or other.cameras is None:
            return other if self.cameras is None else self
        both: dict[int, frozenset[int] | None] = {}
        for camera_id in self.cameras.keys() & other.cameras.keys():
            both[camera_id] = _both(self.cameras[camera_id], other.cameras[camera_id])
        return Scope(both)


def _both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    if one is None:
        return other
    return one if other is None else one & other


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from.

    `local`: somebody on this machine while there are no accounts. `key` names the session or the token
    ("session:7", "token:3"): what is watched with it ends when it ends.
    """

    kind: Literal["local", "session", "token"]
    name: str
    role: Role
    scope: Scope = field(default=EVERYTHING)
    user_id: int | None = None
    key: str = ""

    def may(self, permission: Permission) -> bool:
        """Managing is for all cameras or not at all: it makes users, tokens and cameras that no limit would hold."""
        if permission is Permission.MANAGE and self.scope.is_limited:
            return False
        return permission in permissions_of(self.role)


LOCAL = Principal("local", "this machine", Role.ADMIN)


def scope_of(cameras: Collection[tuple[int, Collection[int] | None]] | None) -> Scope:
    """A scope from pairs of camera id and channels (None: all of them)."""
    if cameras is None:
        return EVERYTHING
    return Scope({camera_id: None if chosen is None else frozenset(chosen) for camera_id, chosen in cameras})
