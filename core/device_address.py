"""Ports and paths of a device's web services, as the standards set them; see `core.stream_address` for its streams."""

from __future__ import annotations

WEB_PORTS = {"http": 80, "https": 443}  # RFC 9110, 4.2

# Characters that a path or a query keeps unescaped (RFC 3986 pchar, "/", "?", and an existing "%").
UNESCAPED = "/?:@!$&'()*+,;=-._~%[]|"
DEVICE_PATH = "/onvif/device_service"  # ONVIF Core, "Device service": the fixed entry point
