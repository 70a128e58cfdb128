"""The inputs of a device: finds the media profiles that show the same picture in other sizes. Pure functions.

The SourceToken of a profile names its input, and on most devices it does so correctly. On others it is the same for
all inputs, or another one for each profile of an input, or missing. So source, configuration, encoder, size and names
of the profiles count together. Groups by other facts than the SourceToken are accepted only if each group looks like
one input: a main stream with smaller ones, made by encoders that no other group uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.records import MediaProfile
from onvif_services.channel_names import is_generic
from onvif_services.profile_names import Label, grid_labels, label_of
from onvif_services.profile_roles import natural_key, pixels_of

_ONLY_SOURCE = "video"  # our token for the source of a device that names none
_MOST_STREAMS = 6  # of one input
_MOST_INPUTS = 256
_ENCODERS_OF_ONE_SENSOR = 4  # a camera with one sensor may have so many, all of one size


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """A media profile as a service lists it, with the name and the tokens of its configurations.

    `is_hidden`: another input has a profile with the same token, so that this one cannot be requested.
    """

    profile: MediaProfile
    source_name: str = ""
    source_config: str = ""
    encoder: str = ""
    has_encoder: bool = False
    is_hidden: bool = False

    @property
    def token(self) -> str:
        return self.profile.profile_token

    @property
    def source(self) -> str:
        return self.profile.video_source_token

    def with_source(self, token: str) -> FoundProfile:
        """Return the profile as one of this source."""
        return replace(self, profile=replace(self.profile, video_source_token=token))


_Group = list[FoundProfile]


def without_shared_tokens(found: Iterable[FoundProfile]) -> list[FoundProfile]:
    """Mark profiles whose token another input has already; drop repetitions of the same profile."""
    first: dict[str, FoundProfile] = {}
    kept = []
    for item in found:
        before = first.setdefault(item.token, item)
        if before is item:
            kept.append(item)
        elif item.source and item.source != before.source:
            kept.append(replace(item, is_hidden=True))
    return kept


def group_by_input(found: Sequence[FoundProfile], listed: Sequence[str]) -> tuple[list[FoundProfile], list[str]]:
    """Return the profiles in the same order, with one source token for each input; and the rest of `listed`.

    `listed`: the tokens of GetVideoSources; empty if the device lists none. The rest has no joined or split sources.
    """
    named = _with_sources(found)
    grouped = _split_sources(_join_sources(named, listed), listed)
    replaced = {item.source for item in named} - {item.source for item in grouped}
    return grouped, [token for token in listed if token not in replaced]


# -- profiles without a source -----------------------------------------------------------------


def _with_sources(found: Sequence[FoundProfile]) -> list[FoundProfile]:
    """Give each profile without a SourceToken a source: the only one, or that of a profile that belongs to it."""
    named = [item for item in found if item.source]
    sources = {item.source for item in named}
    configs = {item.source_config for item in found if not item.source} - {""}

    def source_of(item: FoundProfile) -> str:
        if len(sources) > 1:
            return _source_of_relative(item, named) or item.token
        if sources:
            return next(iter(sources))
        return item.source_config if len(configs) > 1 and item.source_config else _ONLY_SOURCE

    return [item if item.source else item.with_source(source_of(item)) for item in found]


def _source_of_relative(item: FoundProfile, named: Sequence[FoundProfile]) -> str:
    """Return the source of a profile with the same source configuration, or with the same name but for the quality."""
    for other in named:
        if item.source_config and item.source_config == other.source_config:
            return other.source
    for text in (_name, _token):
        label = label_of(text(item))
        sources = {other.source for other in named if label.has_quality and label_of(text(other)).key == label.key}
        if len(sources) == 1:
            return sources.pop()
    return ""


# -- a source for each profile -----------------------------------------------------------------


def _join_sources(found: list[FoundProfile], listed: Sequence[str]) -> list[FoundProfile]:
    """Give the profiles of an input one source if the device names another one for each profile."""
    sources = list(dict.fromkeys(item.source for item in found))
    is_one_each = len(sources) == len(found) > 1
    if not is_one_each or any(item.is_hidden for item in found):
        return found
    are_listed = set(sources) <= set(listed)
    if len(set(listed)) == 1:
        joined = [item.with_source(listed[0]) for item in found]
        if looks_like_one_input(found) or _inputs_of(joined, 0):
            return joined
    for keys in _keys_of_streams(found, are_listed=are_listed):
        groups = _grouped(found, keys)
        if len(groups) < len(found) and all(looks_like_one_input(group) for group in groups):
            source = {item.token: group[0].source for group in groups for item in group}
            return [item.with_source(source[item.token]) for item in found]
    return found


def _keys_of_streams(found: Sequence[FoundProfile], *, are_listed: bool) -> Iterator[Sequence[str]]:
    """Yield keys that streams of one input share: the source configuration, or a name but for the quality.

    Names of source configurations do not count: they are often the same for all inputs. If GetVideoSources lists all
    sources (`are_listed`), only names count.
    """
    configs = [item.source_config for item in found]
    if all(configs) and not are_listed:
        yield configs
    for text in (_name, _token):
        labels = [label_of(text(item)) for item in found]
        if all(label.has_quality for label in labels):
            yield [label.key for label in labels]
        numbers = grid_labels([text(item) for item in found])
        if numbers and not are_listed:
            yield numbers


def looks_like_one_input(group: Sequence[FoundProfile]) -> bool:
    """True for streams of different sizes or codecs, as one sensor gives them."""
    is_known = all(pixels_of(item.profile) for item in group) or len(group) == 1
    return is_known and len({_format(item) for item in group}) == len(group) <= _MOST_STREAMS


# -- one source for several inputs -------------------------------------------------------------


def _split_sources(found: list[FoundProfile], listed: Sequence[str]) -> list[FoundProfile]:
    """Give each input a source of its own if the device names one source for several inputs."""
    sources = dict.fromkeys(item.source for item in found)
    tokens: dict[str, str] = {}
    for source in sources:
        members = [item for item in found if item.source == source and not item.is_hidden]
        groups = _inputs_of(members, len(listed) if len(sources) == 1 else 0)
        has_listed = len(sources) == 1 and len(groups) == len(listed)
        for number, group in enumerate(groups):
            token = listed[number] if has_listed else f"{source}:{group[0].token}"
            tokens |= {item.token: token for item in group}
    return [item if item.is_hidden else item.with_source(tokens.get(item.token, item.source)) for item in found]


def is_split(source: str, members: Sequence[FoundProfile]) -> bool:
    """True for the source token of an input that group_by_input() made of a part of a source."""
    return any(source.endswith(f":{item.token}") for item in members)


def _inputs_of(members: Sequence[FoundProfile], listed_count: int) -> list[_Group]:
    """Return the profiles of one source by input; empty if they belong to one input."""
    for groups, is_numbered in _groupings(members):
        if len(members) < 3 and not is_numbered:
            continue  # a main and a sub stream
        if 1 < len(groups) <= _MOST_INPUTS and _are_inputs(groups, listed_count, is_numbered=is_numbered):
            return groups
    return _inputs_by_size(members)


def _are_inputs(groups: Sequence[_Group], listed_count: int, *, is_numbered: bool) -> bool:
    """True if each group looks like an input. `is_numbered`: the groups' names are numbers of channels."""
    if any(len(group) > _MOST_STREAMS for group in groups):
        return False
    if len({all(_is_mjpeg(item) for item in group) for group in groups}) > 1:
        return False  # a profile for JPEG is no input of its own
    if not is_numbered and not _have_own_encoders(groups):
        return False
    if all(len(group) == 1 for group in groups):
        has_one_format = len({_format(group[0]) for group in groups}) == 1
        has_names = len(groups) > 2 and all(name_of_input(group) for group in groups)
        return has_one_format and (is_numbered or has_names or len(groups) > _ENCODERS_OF_ONE_SENSOR)
    has_one_size = len({max(pixels_of(item.profile) for item in group) for group in groups}) == 1
    has_main_and_sub = all(len({pixels_of(item.profile) for item in group}) > 1 for group in groups)
    return has_one_size or has_main_and_sub or is_numbered or len(groups) == listed_count


def name_of_input(group: Sequence[FoundProfile]) -> str:
    """Return the name that the profiles of an input have in common, but for the quality; "" if a maker gave it."""
    labels = [label_of(item.profile.name) for item in group]
    tokens = {token for item in group for token in (item.token, item.source, item.source_config, item.encoder)}
    is_common = len({label.key for label in labels}) == 1
    name = labels[0].text
    return name if is_common and not is_generic(name, tokens) else ""


def _have_own_encoders(groups: Sequence[_Group]) -> bool:
    """True if no encoder is in two groups. Profiles that a user made for a recorder share the camera's encoders."""
    users = Counter(encoder for group in groups for encoder in {item.encoder for item in group} - {""})
    return all(count == 1 for count in users.values())


def _inputs_by_size(members: Sequence[FoundProfile]) -> list[_Group]:
    """Return the inputs of profiles whose names tell nothing: main, sub, main, sub ..., or many streams of one size."""
    encoders = {item.encoder for item in members} - {""}
    ordered = sorted(members, key=lambda item: natural_key(item.token))
    sizes = [pixels_of(item.profile) for item in ordered]
    if len(members) < 3 or len(encoders) != len(members) or not all(sizes):
        return []
    formats = [_format(item) for item in ordered]
    for period in (2, 3):
        is_falling = sizes[:period] == sorted(set(sizes[:period]), reverse=True)
        is_repeated = len(sizes) >= 2 * period and formats == formats[:period] * (len(sizes) // period)
        if is_falling and is_repeated:
            return [ordered[start : start + period] for start in range(0, len(ordered), period)]
    if _ENCODERS_OF_ONE_SENSOR < len(ordered) <= _MOST_INPUTS and len(set(formats)) == 1:
        return [[item] for item in ordered]
    return []


# -- groups by configuration and names ---------------------------------------------------------


def _groupings(members: Sequence[FoundProfile]) -> Iterable[tuple[list[_Group], bool]]:
    """Yield groups by source configuration, then by names and tokens; with True if the names number channels."""
    configs = [item.source_config for item in members]
    if all(configs):
        yield _grouped(members, configs), False
    config_names = [item.source_name for item in members]
    if all(config_names):
        yield _grouped(members, config_names), _is_numbered([label_of(name) for name in config_names])
    for text in (_name, _token, _encoder):
        labels = [label_of(text(item)) for item in members]
        yield _grouped(members, [label.key for label in labels]), _is_numbered(labels)
    for text in (_name, _token, _encoder):
        if numbers := grid_labels([text(item) for item in members]):
            yield _grouped(members, numbers), False


def _grouped(members: Sequence[FoundProfile], keys: Sequence[str]) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for item, key in zip(members, keys, strict=True):
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def _is_numbered(labels: Sequence[Label]) -> bool:
    """True if all labels are the same words, among them one for a channel, with different numbers."""
    return all(label.has_channel for label in labels) and len({label.skeleton for label in labels}) == 1


def _name(item: FoundProfile) -> str:
    return item.profile.name


def _token(item: FoundProfile) -> str:
    return item.token


def _encoder(item: FoundProfile) -> str:
    return item.encoder


def _is_mjpeg(item: FoundProfile) -> bool:
    return item.profile.video is not None and item.profile.video.codec == "mjpeg"


def _format(item: FoundProfile) -> tuple[int, str]:
    video = item.profile.video
    return pixels_of(item.profile), video.codec if video else ""
