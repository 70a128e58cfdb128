"""Ports and path of a device's web services, as the standards set them. Those of its streams: `core.stream_address`."""

from __future__ import annotations

WEB_PORTS = {"http": 80, "https": 443}  # RFC 9110, 4.2

DEVICE_PATH = "/onvif/device_service"  # ONVIF Core, "Device service": the fixed entry point
