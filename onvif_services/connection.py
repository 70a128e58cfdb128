"""The connection with one device: created once and shared by many threads. The constructor sends nothing."""

from __future__ import annotations

from onvif_services.device_calls import DeviceCalls
from onvif_services.opening import open_device
from onvif_services.places import OnvifAddress
from onvif_services.slots import CALLS_AT_ONCE

__all__ = ["CALLS_AT_ONCE", "DeviceConnection", "OnvifAddress"]


class DeviceConnection(DeviceCalls):
    """One device. Thread-safe; at most four calls at a time.

    Call `open()` first. Then `info`, `services`, `clock_offset` and `checks` contain its findings, and the functions of
    the other modules use `call()`.
    """

    def open(self) -> None:
        """Read clock, services and device information, and check the login.

        May be called again to read everything anew. Raise a DeviceError, or InvalidRequest if the user name or the host
        has unprintable characters; earlier findings stay.
        """
        open_device(self)
