"""Ports and paths of a device's web services, as the standards set them; see `core.stream_address` for its streams."""

from __future__ import annotations

WEB_PORTS = {"http": 80, "https": 443}  # RFC 9110, 4.2

# Characters that a path or a query keeps unescaped (RFC 3986 pchar, "/", "?", and an existing "%").
UNESCAPED = "/?:@!$&'()*+,;=-._~%[]|"
# Around an address: white space, control characters, byte order marks and marks without a width.
INVISIBLE = "".join(map(chr, (*range(0x21), 0x7F, 0xA0, 0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF)))
DEVICE_PATH = "/onvif/device_service"  # ONVIF Core, "Device service": the fixed entry point
