"""The stored form of a device's access, and its address as users write it. Pure functions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cameras.addresses import authority
from core.records import DeviceAccess, LearnedAccess, RtspHabits
from core.stored_json import read_items


def access_to_json(access: DeviceAccess) -> dict[str, Any] | None:
    """Return the stored form; None for the usual access, of which nothing is known."""
    return None if access == DeviceAccess() else asdict(access)


def access_from_json(stored: Any) -> DeviceAccess:
    """Return the access of a stored form; the usual one if its fields do not fit."""
    if not isinstance(stored, dict):
        return DeviceAccess()
    try:
        learned = stored["learned"]
        return DeviceAccess(
            scheme="https" if stored["scheme"] == "https" else "http",
            path=str(stored["path"]),
            readable_password=stored["readable_password"] is True,
            learned=LearnedAccess(
                str(learned["path"]),
                _pairs(learned["logins"]),
                _pairs(learned["places"]),
                float(learned.get("recording_zone_s", 0.0)),
                None if (since_s := learned.get("recording_zone_since_s")) is None else float(since_s),
                str(learned.get("recording_zone_name", "")),
            ),
            recording_time_zone=str(stored.get("recording_time_zone", "")),
            rtsp=read_items(stored.get("rtsp", ()), _habits),
        )
    except (KeyError, TypeError, ValueError):
        return DeviceAccess()


def _habits(item: Any) -> RtspHabits:
    """Return the RTSP habits from their stored fields. Raise an error for fields that do not fit."""
    lifetime = item["lifetime"]
    return RtspHabits(
        str(item["origin"]),
        _pairs(item["worked"]),
        tuple(
            (str(subject), str(guess), None if until_s is None else float(until_s))
            for subject, guess, until_s in item["failed"]
        ),
        None if lifetime is None else (float(lifetime[0]), float(lifetime[1])),
        item["needs_tunnel"] is True,
    )


def _pairs(items: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in items)


def address_text(host: str, port: int | None, access: DeviceAccess) -> str:
    """Return the address of the device service as a user may type it: `https://192.168.1.108:8443/onvif/services`."""
    return f"{access.scheme}://{authority(host, port)}{access.path}"
