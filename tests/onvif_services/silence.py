"""Requests without an answer, whose time ends as soon as they are sent."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from onvif_services.device_socket import DeviceSocket
from tests.onvif_services.soap_device import HANG, SoapDevice

_WAIT_S = 0.05  # nothing comes


@dataclass
class Silence:
    """Lets operations of `device` hang. Their requests time out soon, and no other does on a slow machine.

    `limits_s` has the seconds that the app gave the last request of each of them.
    """

    device: SoapDevice
    limits_s: dict[str, float] = field(default_factory=dict)
    _operations: set[str] = field(default_factory=set)

    def __call__(self, *operations: str) -> None:
        self._operations.update(operations)
        self.device.answers |= dict.fromkeys(operations, HANG)

    def end(self, operation: str) -> None:
        """Let the test answer this operation again."""
        self._operations.discard(operation)

    def note_sent(self, sock: DeviceSocket, data: bytes) -> None:
        for operation in self._operations:
            if re.search(rb"[<:]%s[\s/>]" % operation.encode(), data):
                now_s = time.monotonic()
                self.limits_s[operation] = sock._deadline_s - now_s
                sock._deadline_s = now_s + _WAIT_S
