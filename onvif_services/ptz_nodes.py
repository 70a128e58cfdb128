"""The abilities of a head, from the nodes of the PTZ service (ONVIF PTZ, 5.1 and 5.2).

Spaces that are missing, or whose limits are equal, do not mean that the head cannot move: heads that turn in all eight
directions list none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.errors import CameraBadAnswer, CameraUnsupported
from core.ptz import NO_HEAD, HeadAbilities, HeadPlace, Span
from core.records import Channel
from onvif_services import answers
from onvif_services.answers import Element, child, children, is_true, raw_text, whole
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer, SoapFault

_MOST_COMMANDS = 64
_MOST_PRESETS = 10_000
# The part of its whole range that a head covers with one picture, if it does not list a space that is measured in
# pictures: a lens of 60 by 34 degrees, 360 degrees of pan, and 180 degrees of tilt.
_PICTURE_OF_PAN, _PICTURE_OF_TILT = 60 / 360, 34 / 180
_REFUSALS = (SoapFault, CameraUnsupported, CameraBadAnswer, NoAnswer)
OPTIONAL_S = 4.0
"""Limit of a request about abilities: a head without an answer to it is moved all the same."""


@dataclass(frozen=True, slots=True)
class _Space:
    """A space of a node, and its limits in both directions; those of a zoom have only x."""

    uri: str
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def is_usable(self) -> bool:
        return self.x[1] > self.x[0]


def read_abilities(conn: DeviceConnection, channel: Channel, channels: Sequence[Channel]) -> HeadAbilities:
    """Return the abilities of a channel's head; NO_HEAD without one. Raise NotConnected or CameraAuthFailed."""
    place = HeadPlace(_profiles_to_try(channel), channel.video_source_token)
    without = replace(NO_HEAD, place=place)
    if "ptz" not in conn.services or not place.profile_tokens:
        return without
    has_configuration = any(profile.has_ptz for profile in channel.profiles)
    if not has_configuration and any(profile.has_ptz for other in channels for profile in other.profiles):
        return without
    nodes = _read_nodes(conn)
    if not has_configuration and not _belongs_to(conn, nodes, channel, channels):
        return without
    node = nodes[0] if len(nodes) == 1 else _node_of(conn, nodes, place, channel, channels)
    return abilities_of(node, place)


def _profiles_to_try(channel: Channel) -> tuple[str, ...]:
    """Return the tokens of the media profiles, those with a PTZ configuration first."""
    return tuple(profile.profile_token for profile in sorted(channel.profiles, key=lambda profile: not profile.has_ptz))


def _read_nodes(conn: DeviceConnection) -> tuple[Element, ...]:
    try:
        return tuple(children(conn.call("ptz", "GetNodes", timeout_s=OPTIONAL_S), "PTZNode"))
    except _REFUSALS:
        return ()


def _belongs_to(
    conn: DeviceConnection, nodes: tuple[Element, ...], channel: Channel, channels: Sequence[Channel]
) -> bool:
    """True if a channel whose profiles have no PTZ configuration has a head nevertheless."""
    if not nodes:
        return False
    return len(channels) == 1 or len(nodes) == len(channels) or _compatible_node(conn, channel) is not None


def _node_of(
    conn: DeviceConnection,
    nodes: tuple[Element, ...],
    place: HeadPlace,
    channel: Channel,
    channels: Sequence[Channel],
) -> Element | None:
    """Return the node of a channel, if the device has several; None if it cannot be told."""
    wanted = _compatible_node(conn, channel) if nodes else None
    for node in nodes:
        if wanted and answers.token(node) == wanted:
            return node
    if len(nodes) == len(channels) and 1 <= channel.number <= len(nodes):
        return nodes[channel.number - 1]
    del place
    return nodes[0] if nodes else None


def _compatible_node(conn: DeviceConnection, channel: Channel) -> str | None:
    """Return the node token of the first PTZ configuration that fits the channel's profile; None if there is none."""
    profile_token = _profiles_to_try(channel)[0]
    try:
        params = {"ProfileToken": profile_token}
        found = conn.call("ptz", "GetCompatibleConfigurations", params, timeout_s=OPTIONAL_S)
    except _REFUSALS:
        return None
    return next((token for item in children(found, "PTZConfiguration") if (token := raw_text(item, "NodeToken"))), None)


def abilities_of(node: Element | None, place: HeadPlace) -> HeadAbilities:
    """Return the abilities that a node states; without a node, those that every head may have."""
    spaces = child(node, "SupportedPTZSpaces")
    turning = list(_spaces(spaces, "PanTilt"))
    zooming = list(_spaces(spaces, "Zoom"))
    usable = [space for _, space in (*turning, *zooming) if space.is_usable]
    # One axis without any space is missing only if the other one has a usable space.
    pan_tilt, zoom = bool(turning) or not usable, bool(zooming) or not usable
    continuous = [space for name, space in (*turning, *zooming) if name.startswith("Continuous") and space.is_usable]
    relative = _best_relative(turning)
    absolute = next((space for name, space in turning if name.startswith("Absolute") and space.is_usable), None)
    max_presets = whole(raw_text(node, "MaximumNumberOfPresets"), high=_MOST_PRESETS) if node is not None else None
    home = node is None or child(node, "HomeSupported") is None or is_true(raw_text(node, "HomeSupported"))
    is_home_fixed = node is not None and is_true(node.get("FixedHomePosition"))
    return HeadAbilities(
        place=place,
        pan_tilt=pan_tilt,
        zoom=zoom,
        is_certain=bool(continuous),
        continuous=True,
        absolute=_span(absolute) if absolute else None,
        relative=_span(relative) if relative else None,
        is_fov_relative=relative is not None and _is_fov(relative),
        home=home,
        home_settable=home and not is_home_fixed,
        presets=True,
        max_presets=max_presets or None,
        auxiliary=auxiliary_commands(node),
    )


def _spaces(spaces: Element | None, axis: str) -> Iterator[tuple[str, _Space]]:
    """Yield name and space of the spaces to move in: absolute, relative and continuous, without those of speeds."""
    for item in spaces if spaces is not None else ():
        name = answers.local_name(item)
        if name.startswith(("Absolute", "Relative", "Continuous")) and axis in name:
            yield name, _Space(raw_text(item, "URI"), _limits(item, "XRange"), _limits(item, "YRange"))


def _limits(space: Element, name: str) -> tuple[float, float]:
    low, high = (answers.number(raw_text(space, name, end), low=-1e6, high=1e6) or 0.0 for end in ("Min", "Max"))
    return low, high


def _is_fov(space: _Space) -> bool:
    return space.uri.rpartition("/")[2] == "TranslationSpaceFov"


def _best_relative(turning: list[tuple[str, _Space]]) -> _Space | None:
    """Return the space of relative moves, the one that is measured in pictures first."""
    usable = [space for name, space in turning if name.startswith("Relative") and space.is_usable]
    return next((space for space in usable if _is_fov(space)), usable[0] if usable else None)


def _span(space: _Space) -> Span:
    """Return the distance of one picture. In the space of pictures, the middle of an edge is at a limit."""
    y = space.y if space.y[1] > space.y[0] else space.x
    pan, tilt = space.x[1] - space.x[0], y[1] - y[0]
    if not _is_fov(space):
        pan, tilt = pan * _PICTURE_OF_PAN, tilt * _PICTURE_OF_TILT
    return Span(pan, tilt, space.x, y)


def auxiliary_commands(node: Element | None) -> tuple[str, ...]:
    """Return the commands of tt:AuxiliaryCommands, each once."""
    found = dict.fromkeys(text for item in children(node, "AuxiliaryCommands") if (text := raw_text(item)))
    return tuple(command for command in found if len(command) <= 128 and command.isprintable())[:_MOST_COMMANDS]


def device_auxiliary_commands(conn: DeviceConnection) -> tuple[str, ...]:
    """Return the commands of the device service (ONVIF Core, GetServiceCapabilities, Misc), such as tt:IRLamp|On."""
    try:
        found = conn.call("device", "GetServiceCapabilities", timeout_s=OPTIONAL_S)
    except _REFUSALS:
        return ()
    listed = [item.get("AuxiliaryCommands", "") for item in answers.descendants(found, "Misc")]
    commands = dict.fromkeys(word for text in listed for word in text.split())
    return tuple(command for command in commands if len(command) <= 128 and command.isprintable())[:_MOST_COMMANDS]
