"""The type of the fixture `connect`."""

from __future__ import annotations

from collections.abc import Callable

from onvif_services.connection import DeviceConnection

Connect = Callable[..., DeviceConnection]
