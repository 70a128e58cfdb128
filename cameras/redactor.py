"""Some devices send the password back, in a name or a serial number. It is removed before the text is stored or shown.

Tokens stay unchanged, because the device would not accept a changed one.
"""

from __future__ import annotations

from dataclasses import fields, replace

from core.records import Channel, DeviceInfo, ServiceCheck
from core.secrets import Secret

# A shorter password is often part of an ordinary text ("1234" in a serial number); removing it there would reveal it.
_SHORTEST_HIDDEN = 6


class Redactor:
    """Replaces one password in the texts of a device by `[hidden]`."""

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
