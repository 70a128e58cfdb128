"""The health card of a camera: its state, its attempts and their results, without its password."""

from __future__ import annotations

from datetime import datetime

from cameras.records import HealthCard
from cameras.redactor import Redactor
from cameras.registry import Registry


def make_health_card(registry: Registry, camera_id: int, now_utc: datetime) -> HealthCard:
    """Return the card as of now. Raise NotFound."""
    with registry.changed:
        entry = registry.entry(camera_id)
        view, channels = registry.view(camera_id), registry.channels(camera_id)
        stored, device, checks = entry.stored, entry.device, entry.checks
        failures, abilities = entry.failures, entry.replay_abilities
        next_try_at = None if device is not None else entry.next_try_at
    if device is not None:
        checks = device.checks
    return HealthCard(
        camera=view,
        made_at=now_utc,
        checks=Redactor(stored.password).checks((*checks, *abilities.checks())),
        channels=channels,
        clock_measured_at=stored.clock_offset.measured_at if stored.clock_offset else None,
        next_try_at=next_try_at,
        failures=failures,
    )
