"""Stream ids, which are also the names of folders and a part of addresses.

`camera{id}_{token}`, where a token of letters, digits, '_' and '-' stays as it is, and every other
byte of its UTF-8 is written `~XX`. No two tokens give the same id. '.' is encoded too, because `.hevc`
or `.small` at the end names a variant. A token too long for a file name ends in `~~` and a hash.

A replay is `replay{camera_id}_{random}`: two replays of the same recording are two sessions, because they
play at different times.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

HEVC_SUFFIX = ".hevc"
SMALL_SUFFIX = ".small"
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_MAX_ENCODED = 180
_HEAD = 80
_STREAM_ID = re.compile(r"camera[0-9]{1,20}_[A-Za-z0-9_~-]*(?:\.hevc|\.small)?|replay[0-9]{1,20}_[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class LiveStreamKey:
    """The media profile of a live session.

    `is_hevc_variant`: its HLS copies H.265 instead of transcoding it. `is_small`: it makes small video for thin links,
    over sockets alone.
    """

    camera_id: int
    profile_token: str
    is_hevc_variant: bool = False
    is_small: bool = False

    @property
    def stream_id(self) -> str:
        if self.is_small:
            return stream_id_of(self.camera_id, self.profile_token) + SMALL_SUFFIX
        return stream_id_of(self.camera_id, self.profile_token, is_hevc=self.is_hevc_variant)


def stream_id_of(camera_id: int, profile_token: str, *, is_hevc: bool = False) -> str:
    """Return the id of a live session; `is_hevc`: of the variant that copies H.265."""
    return f"camera{camera_id}_{encode_token(profile_token)}{HEVC_SUFFIX if is_hevc else ''}"


def new_replay_id(camera_id: int) -> str:
    """Return an id for a new replay session."""
    return f"replay{camera_id}_{secrets.token_hex(8)}"


def encode_token(profile_token: str) -> str:
    """Return the token in characters that any folder name may have, at most 180; long tokens end in their SHA-256."""
    raw = profile_token.encode("utf-8", "surrogatepass")
    encoded = "".join(chr(byte) if byte in _PLAIN else f"~{byte:02X}" for byte in raw)
    if len(encoded) <= _MAX_ENCODED:
        return encoded
    head = re.sub(r"~[0-9A-F]?$", "", encoded[:_HEAD])
    return f"{head}~~{hashlib.sha256(raw).hexdigest()}"


def is_stream_id(name: str) -> bool:
    """True for what stream_id_of and new_replay_id return: only such folders are ours to remove."""
    return len(name) < 220 and _STREAM_ID.fullmatch(name) is not None


def camera_of_stream(stream_id: str) -> int | None:
    """Return the id of the camera in a stream's id, or None if this is no id of a stream."""
    if not is_stream_id(stream_id):
        return None
    return int(re.split(r"camera|replay|_", stream_id, maxsplit=2)[1])
