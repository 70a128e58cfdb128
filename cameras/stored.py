"""Media profiles as JSON text in the database, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from core.records import AudioFormat, MediaProfile, ProfileRole, VideoFormat
from core.stored_lists import read_list


def profiles_to_json(profiles: tuple[MediaProfile, ...]) -> str:
    """A list of objects, one a media profile, with the fields of core.records."""
    return json.dumps([asdict(profile) for profile in profiles], ensure_ascii=True, separators=(",", ":"))


def profiles_from_json(text: str) -> tuple[MediaProfile, ...]:
    """What profiles_to_json wrote; an entry that cannot be read is left out, the device is asked again anyway."""
    return read_list(text, _profile)


def _profile(item: Any) -> MediaProfile:
    video, audio = item.get("video"), item.get("audio")
    return MediaProfile(
        profile_token=str(item["profile_token"]),
        name=str(item["name"]),
        video_source_token=str(item["video_source_token"]),
        video=VideoFormat(**video) if video else None,
        audio=AudioFormat(**audio) if audio else None,
        has_ptz=bool(item.get("has_ptz", False)),
        service=str(item.get("service", "media")),
        role=ProfileRole(item.get("role", "other")),
    )
