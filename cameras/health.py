"""The health card: what is known of a camera and what was tried, without its password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime

from cameras.records import HealthCard
from cameras.registry import Registry
from core.records import Channel, DeviceInfo, ServiceCheck
from core.secrets import Secret

# A shorter password than this is likely to be a part of innocent words ("1234" in a serial number),
# and cutting it out would tell it.
_SHORTEST_HIDDEN = 6


def make_health_card(registry: Registry, camera_id: int, now_utc: datetime) -> HealthCard:
    """The card as of now; a password that the device sends back is cut out. NotFound."""
    with registry.changed:
        entry = registry.entry(camera_id)
        view, channels = registry.view(camera_id), registry.channels(camera_id)
        stored, checks = entry.stored, entry.checks
        if entry.device is not None:
            checks = entry.device.checks
        next_try_at, failures = entry.next_try_at, entry.failures
    hide = _hiding(stored.password)
    return HealthCard(
        camera=replace(view, info=DeviceInfo(*(hide(getattr(view.info, item.name)) for item in fields(DeviceInfo)))),
        made_at=now_utc,
        checks=tuple(_check(check, hide) for check in checks),
        channels=tuple(_channel(channel, hide) for channel in channels),
        clock_measured_at=stored.clock_offset.measured_at if stored.clock_offset else None,
        next_try_at=next_try_at,
        failures=failures,
    )


def _hiding(password: Secret | None) -> Callable[[str], str]:
    plain = password.reveal() if password else ""
    if len(plain) < _SHORTEST_HIDDEN:
        return lambda text: text
    return lambda text: text.replace(plain, "[hidden]")


def _check(check: ServiceCheck, hide: Callable[[str], str]) -> ServiceCheck:
    return replace(check, name=hide(check.name), outcome=hide(check.outcome), detail=hide(check.detail))


def _channel(channel: Channel, hide: Callable[[str], str]) -> Channel:
    profiles = tuple(replace(profile, name=hide(profile.name)) for profile in channel.profiles)
    return replace(channel, name=hide(channel.name), profiles=profiles)
