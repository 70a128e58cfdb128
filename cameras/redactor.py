"""A device that sends its password back (in a name, a serial number): cut out before it is kept or shown.

Tokens are left as they are: they would not work any more.
"""

from __future__ import annotations

from dataclasses import fields, replace

from core.records import Channel, DeviceInfo, ServiceCheck
from core.secrets import Secret

# A shorter password than this is likely to be a part of innocent words ("1234" in a serial number),
# and cutting it out would tell it.
_SHORTEST_HIDDEN = 6


class Redactor:
    """Cuts one password out of what a device says."""

    def __init__(self, password: Secret | None) -> None:
        plain = password.reveal() if password else ""
        self._secret = Secret(plain if len(plain) >= _SHORTEST_HIDDEN else "")

    def text(self, text: str) -> str:
        return text.replace(self._secret.reveal(), "[hidden]") if self._secret else text

    def info(self, info: DeviceInfo) -> DeviceInfo:
        return DeviceInfo(*(self.text(getattr(info, item.name)) for item in fields(DeviceInfo)))

    def channel(self, channel: Channel) -> Channel:
        profiles = tuple(replace(profile, name=self.text(profile.name)) for profile in channel.profiles)
        return replace(channel, name=self.text(channel.name), profiles=profiles)

    def checks(self, checks: tuple[ServiceCheck, ...]) -> tuple[ServiceCheck, ...]:
        return tuple(
            replace(check, name=self.text(check.name), outcome=self.text(check.outcome), detail=self.text(check.detail))
            for check in checks
        )
