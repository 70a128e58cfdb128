"""Access control: roles, permissions, and limits to cameras and channels (scopes).

This module only defines the values. The account manager authenticates; `web.access` maps requests to permissions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Role of a user or token, the least first; each role includes the permissions of the roles before it."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """Permission that a request requires."""

    LIVE = "live"
    RECORDINGS = "recordings"
    EXPORT = "export"
    OPERATE = "operate"
    PTZ = "ptz"
    RECORDING_PAUSE = "recording_pause"
    MANAGE = "manage"


_ORDER = tuple(Role)
_LEAST_ROLES = {
    Permission.LIVE: Role.VIEWER,
    Permission.RECORDINGS: Role.REVIEWER,
    Permission.EXPORT: Role.REVIEWER,
    Permission.OPERATE: Role.OPERATOR,
    Permission.PTZ: Role.OPERATOR,
    Permission.RECORDING_PAUSE: Role.OPERATOR,
    Permission.MANAGE: Role.ADMIN,
}


def permissions_of(role: Role) -> tuple[Permission, ...]:
    """Return all permissions of a role, the least first."""
    return tuple(permission for permission, least in _LEAST_ROLES.items() if _ORDER.index(role) >= _ORDER.index(least))


def lesser(one: Role, other: Role) -> Role:
    """Return the role with fewer permissions."""
    return min(one, other, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class Scope:
    """Allowed cameras by id, each with its allowed channels. None allows all cameras, or all channels of a camera."""

    cameras: Mapping[int, frozenset[int] | None] | None = None

    @property
    def is_limited(self) -> bool:
        return self.cameras is not None

    def has_camera(self, camera_id: int) -> bool:
        return self.cameras is None or camera_id in self.cameras

    def channels_of(self, camera_id: int) -> frozenset[int] | None:
        """Return the allowed channels of a camera: None if all are, an empty set if the camera is not allowed."""
        if self.cameras is None:
            return None
        return self.cameras.get(camera_id, frozenset())

    def has_channel(self, camera_id: int, channel: int | None) -> bool:
        """True if the channel is allowed; an unknown channel (None) only if all channels of the camera are."""
        if not self.has_camera(camera_id):
            return False
        channels = self.channels_of(camera_id)
        return channels is None or (channel is not None and channel in channels)

    def within(self, other: Scope) -> Scope:
        """Return the intersection of both scopes."""
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
    """The sender of a request.

    Kind "local": any user of this machine while there are no accounts. `key` names the login session or the API
    token ("session:7", "token:3"); its streams end when that session or token ends.
    """

    kind: Literal["local", "session", "token"]
    name: str
    role: Role
    scope: Scope = field(default=EVERYTHING)
    user_id: int | None = None
    key: str = ""

    def may(self, permission: Permission) -> bool:
        """True if this principal has the permission.

        MANAGE requires an unlimited scope, because it creates users, tokens and cameras outside of any limit.
        """
        if permission is Permission.MANAGE and self.scope.is_limited:
            return False
        return permission in permissions_of(self.role)


LOCAL = Principal("local", "this machine", Role.ADMIN)


def scope_of(cameras: Collection[tuple[int, Collection[int] | None]] | None) -> Scope:
    """Return the scope of (camera id, channels) pairs. None as channels means all, None as pairs means all cameras."""
    if cameras is None:
        return EVERYTHING
    return Scope({camera_id: None if chosen is None else frozenset(chosen) for camera_id, chosen in cameras})
