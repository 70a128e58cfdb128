"""Merges the profiles that Media and Media2 list. Pure functions.

Media lists no profile that is H.265 only, Media2 is missing on older devices, and if both list a profile, Media often
names a wrong codec for H.265. Some devices name a source differently in the two services, or number the profiles of
each service anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onvif_services.inputs import FoundProfile, looks_like_one_input


def merge_services(media: Sequence[FoundProfile], media2: Sequence[FoundProfile]) -> list[FoundProfile]:
    """Return the profiles of Media, then those that only Media2 lists; each source has one token in the result."""
    newer_of = {item.token: item for item in media2 if not item.is_hidden}
    older_of = {item.token: item for item in media if not item.is_hidden}
    pairs = [(item, newer_of[token]) for token, item in older_of.items() if token in newer_of]
    takes_media2 = _has_better_sources([new for _, new in pairs], [old for old, _ in pairs])
    renamed = _renamed_sources(pairs, takes_media2=takes_media2)
    merged = []
    for item in media:
        newer = None if item.is_hidden else newer_of.get(item.token)
        if newer is None:
            merged.append(item.with_source(renamed.get(item.source, item.source)) if takes_media2 else item)
        else:
            both = _merged(item, newer)
            merged.append(both.with_source(newer.source or both.source) if takes_media2 else both)
    for item in media2:
        if item.is_hidden or item.token not in older_of:
            known = item if takes_media2 else item.with_source(renamed.get(item.source, item.source))
            if not any(_is_same_stream(known, other) for other in merged):
                merged.append(known)
    return merged


def _merged(first: FoundProfile, second: FoundProfile) -> FoundProfile:
    """Merge a profile that both services list. Take a differing codec from Media2, which can name more codecs."""
    profile, newer = first.profile, second.profile
    if newer.video and (profile.video is None or profile.video.codec != newer.video.codec):
        profile = replace(profile, video=newer.video, service="media2")
    profile = replace(
        profile,
        audio=profile.audio or newer.audio,
        has_ptz=profile.has_ptz or newer.has_ptz,
        video_source_token=profile.video_source_token or newer.video_source_token,
    )
    return replace(
        first,
        profile=profile,
        source_name=first.source_name or second.source_name,
        source_config=first.source_config or second.source_config,
        encoder=first.encoder or second.encoder,
        has_encoder=first.has_encoder or second.has_encoder,
    )


def _has_better_sources(new: Sequence[FoundProfile], old: Sequence[FoundProfile]) -> bool:
    """True if the sources in Media2 tell the inputs apart better than those in Media.

    More sources are better, unless they are one for each profile, and fewer ones group streams as an input has them.
    """
    new_count, old_count = (len({item.source for item in items} - {""}) for items in (new, old))
    if new_count == old_count or not new_count:
        return False
    fewer = old if new_count > old_count else new
    groups: dict[str, list[FoundProfile]] = {}
    for item in fewer:
        groups.setdefault(item.source, []).append(item)
    is_one_each = max(new_count, old_count) == len(new)
    if min(new_count, old_count) and is_one_each and all(map(looks_like_one_input, groups.values())):
        return fewer is new
    return fewer is old


def _renamed_sources(pairs: Sequence[tuple[FoundProfile, FoundProfile]], *, takes_media2: bool) -> dict[str, str]:
    """Return the kept token for each source of the other service, where the sources stand one for one."""
    both = {(old.source, new.source) for old, new in pairs if old.source and new.source}
    if takes_media2:
        both = {(new, old) for old, new in both}
    kept, other = [pair[0] for pair in both], [pair[1] for pair in both]
    return {second: first for first, second in both if kept.count(first) == 1 and other.count(second) == 1}


def _is_same_stream(item: FoundProfile, other: FoundProfile) -> bool:
    """True for one encoder under two profile tokens, with the same format."""
    return (
        item.token != other.token
        and bool(item.encoder)
        and (item.encoder, item.source) == (other.encoder, other.source)
        and item.profile.video == other.profile.video
    )
