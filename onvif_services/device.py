"""The Device service (ver10/device): make and model, time and time zone, services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from core.records import DeviceInfo
from core.zones import LONGEST_NAME
from onvif_services.answers import Element, child, children, local_name, raw_text, text, whole
from onvif_services.device_times import POSIX_TZ, posix_zone_offset_s
from onvif_services.wsdl import BY_NAMESPACE

_QUARTER_S = 900.0
_FIRST_YEAR = 2000


def read_information(answer: Element) -> DeviceInfo:
    """Read GetDeviceInformation; every field is cleaned."""
    return DeviceInfo(
        manufacturer=text(answer, "Manufacturer"),
        model=text(answer, "Model"),
        firmware=text(answer, "FirmwareVersion"),
        serial=text(answer, "SerialNumber"),
        hardware=text(answer, "HardwareId"),
    )


def read_time_utc(answer: Element) -> datetime | None:
    """Return the device's time from GetSystemDateAndTime, or None if it is missing or invalid.

    Some devices give only their local time, or 1970 as UTC. The local time is converted to UTC with the device's time
    zone (a POSIX TZ, as ONVIF demands), or taken as UTC if that is unreadable; `quarter_hours_s` of the offset then
    gives the possible error.
    """
    found = child(answer, "SystemDateAndTime")
    utc, local = _moment(child(found, "UTCDateTime")), _moment(child(found, "LocalDateTime"))
    is_utc_set = utc is not None and (utc.year >= _FIRST_YEAR or local is None or local.year < _FIRST_YEAR)
    if is_utc_set or local is None:
        return utc
    return local - timedelta(seconds=posix_zone_offset_s(raw_text(found, "TimeZone", "TZ")))


def read_zone_s(answer: Element) -> float:
    """Return the device's local time minus UTC in seconds, from GetSystemDateAndTime.

    Use its two clocks, which include summer time, if it tells both; otherwise its POSIX TZ, without summer time; 0 if
    neither is readable. For makers' own addresses, which take local time.
    """
    return read_known_zone_s(answer) or 0.0


def read_known_zone_s(answer: Element) -> float | None:
    """Return the same as `read_zone_s`, but None if neither is readable."""
    told_s = read_told_zone_s(answer)
    if told_s is not None:
        return told_s
    found = child(answer, "SystemDateAndTime")
    zone = raw_text(found, "TimeZone", "TZ")
    return posix_zone_offset_s(zone) if POSIX_TZ.match(zone) else None


def read_told_zone_s(answer: Element) -> float | None:
    """Return the difference of the device's two clocks, None if it does not tell both."""
    found = child(answer, "SystemDateAndTime")
    utc, local = _moment(child(found, "UTCDateTime")), _moment(child(found, "LocalDateTime"))
    return quarter_hours_s((local - utc).total_seconds()) if utc is not None and local is not None else None


def read_zone_name(answer: Element) -> str:
    """Return the device's time zone as its POSIX TZ names it, "" for none."""
    return raw_text(child(answer, "SystemDateAndTime"), "TimeZone", "TZ")[:LONGEST_NAME]


def _moment(found: Element | None) -> datetime | None:
    date, time = child(found, "Date"), child(found, "Time")
    values = [whole(raw_text(date, name), high=9999) for name in ("Year", "Month", "Day")]
    values += [whole(raw_text(time, name), high=99) for name in ("Hour", "Minute", "Second")]
    year, month, day, hour, minute, second = values
    if year is None or month is None or day is None or hour is None or minute is None or second is None:
        return None
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # 60: a leap second
    except ValueError:
        return None


def read_http_date(header: str | None) -> datetime | None:
    """Read the Date header of an HTTP answer, the only time of a device that tells its clock only after a login."""
    if not header:
        return None
    try:
        found = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def quarter_hours_s(offset_s: float) -> float:
    """Return the time zone that an offset looks like: a multiple of 15 min up to 14 h within 2 min, otherwise 0.

    Some firmware sends local time in the place of UTC, and still checks tokens against true UTC.
    """
    nearest = round(offset_s / _QUARTER_S) * _QUARTER_S
    return nearest if 0 < abs(nearest) <= 14 * 3600 and abs(offset_s - nearest) < 120 else 0.0


def read_services(answer: Element) -> Iterator[tuple[str, str]]:
    """Yield short name and address of each known service in GetServices, in the device's order."""
    for service in children(answer, "Service"):
        name = BY_NAMESPACE.get(raw_text(service, "Namespace").rstrip("/").lower())
        if name and (address := raw_text(service, "XAddr")):
            yield name, address


# Element names of GetCapabilities (tt:Capabilities and tt:CapabilitiesExtension) to our short names.
_CAPABILITIES = {
    "analytics": "analytics",
    "device": "device",
    "events": "events",
    "imaging": "imaging",
    "media": "media",
    "ptz": "ptz",
    "deviceio": "deviceio",
    "recording": "recording",
    "search": "search",
    "replay": "replay",
    "receiver": "receiver",
}


def read_capabilities(answer: Element) -> Iterator[tuple[str, str]]:
    """Yield short name and address of each known service in GetCapabilities.

    Its Extension is included: old devices list recording, search and replay there.
    """
    capabilities = child(answer, "Capabilities")
    for holder in (capabilities, child(capabilities, "Extension")):
        for item in holder if holder is not None else ():
            name = _CAPABILITIES.get(local_name(item).lower())
            if name and (address := raw_text(item, "XAddr")):
                yield name, address
