"""The presets that a user has made, among the slots and functions that a device lists. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from core.ptz import Preset

_MANY = 64  # a device that lists so many presets lists its empty slots, too
# Names of empty slots: "Preset 17", "preset_017", "17", and the same in Chinese.
_FACTORY_NAME = re.compile(
    r"(?:pre-?set|preset ?point|position|point|预置点|预置位|预设点)?[\s_#:.-]*\d{1,3}", re.IGNORECASE
)
# Functions that Hikvision, Dahua and others reach as presets.
_FUNCTION_NAME = re.compile(
    r"auto[- ]?flip|back to origin|(?:call |run |start |stop )?(?:patrol|pattern|cruise)s?[ -]?\d*|(?:day|night) ?mode"
    r"|one[- ]touch.*|remote reboot|(?:manual|set|stop|start)? ?(?:manual )?limits?|(?:auto|random|frame|panorama|tilt)"
    r"[ -]?scan|stop a? ?scan|(?:stop a )?scan|wiper.*|(?:ir|lamp|light|heater|fan).{0,8}(?:on|off)|osd menu|menu"
    r"|3d positioning|zero calibration|(?:call|set) ?scan.*|auto(?:matic)? ?(?:tracking|track)",
    re.IGNORECASE,
)


def with_names(presets: Sequence[Preset], names: Mapping[str, str]) -> tuple[Preset, ...]:
    """Return the presets with the users' names in place of the device's."""
    return tuple(replace(preset, name=names.get(preset.preset_token, preset.name)) for preset in presets)


def made_by_users(presets: Sequence[Preset], own: Collection[str]) -> tuple[Preset, ...]:
    """Return the presets without empty slots and functions. A short list is returned unchanged.

    A slot has a name with a number and the position that most others have. `own`: tokens of presets that the app has
    set or that users have named, which are always kept.
    """
    if len(presets) < _MANY:
        return tuple(presets)
    made_up, _ = Counter(preset.position for preset in presets).most_common(1)[0]
    return tuple(preset for preset in presets if preset.preset_token in own or _is_used(preset, made_up))


def first_slot(presets: Sequence[Preset], own: Collection[str]) -> str | None:
    """Return the token of the first empty slot of a long list, which a new preset may take; None if there is none.

    Only a position shows that a slot is empty: a preset of another program may have kept the name of its slot.
    """
    used = {preset.preset_token for preset in made_by_users(presets, own)}
    empty = (preset for preset in presets if preset.preset_token not in used and not _is_function(preset))
    return next((preset.preset_token for preset in empty if preset.position is not None), None)


def _is_used(preset: Preset, made_up: tuple[float, float, float] | None) -> bool:
    if _is_function(preset):
        return False
    is_factory_name = preset.name == preset.preset_token or _FACTORY_NAME.fullmatch(preset.name) is not None
    return not is_factory_name or preset.position != made_up


def _is_function(preset: Preset) -> bool:
    return _FUNCTION_NAME.fullmatch(preset.name.strip()) is not None
