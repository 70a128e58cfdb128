"""The methods in which a recording may be asked for: ONVIF's, plain RTSP, and makers' own addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import CameraBadAnswer, CameraNoSignal, CameraUnsupported, DeviceError
from core.recordings import PlainReplay, ReplaySource
from media.rtsp.client.session import NotNow, NotOffered

log = logging.getLogger(__name__)

# What may go another way; anything else (a password, a limit, no answer) would happen there, too.
CANNOT = (CameraUnsupported, CameraBadAnswer, CameraNoSignal)
# Of these, what speaks of the device and not of this one request: it is remembered.
NEVER = (NotOffered, NotNow)


@dataclass(frozen=True, slots=True)
class ReplayMethod:
    """How a recording is asked for. `kind` as in ReplayAbilities.method; `plain` for a maker's own address."""

    kind: str
    plain: PlainReplay | None = None

    @property
    def is_onvif(self) -> bool:
        return self.kind == "onvif"


async def replay_methods(source: ReplaySource, worked: str) -> AsyncIterator[ReplayMethod]:
    """In the order to be tried, what `worked` before first. Makers' addresses are looked up once it is their turn."""
    ours, of_maker = [ReplayMethod("onvif"), ReplayMethod("plain")], worked not in ("", "onvif", "plain")
    if of_maker:
        for method in await _plain_methods(source):
            yield method
    for method in sorted(ours, key=lambda method: method.kind != worked):
        yield method
    if not of_maker:
        for method in await _plain_methods(source):
            yield method


async def _plain_methods(source: ReplaySource) -> list[ReplayMethod]:
    """None where they cannot be found out: that is no reason for another failure than what came before."""
    try:
        found = await asyncio.to_thread(source.find_plain)
    except DeviceError as error:
        log.info("%s: its maker's addresses are not known (%s)", source.device_key, error.code)
        return []
    return [ReplayMethod(plain.kind, plain) for plain in found]


def plain_uri(plain: PlainReplay, start_device_s: float, end_device_s: float) -> str:
    """A maker's address with its times written as the maker does."""
    pattern = "%Y_%m_%d_%H_%M_%S" if plain.kind == "dahua" else "%Y%m%dT%H%M%SZ"
    zone_s = plain.zone_s if plain.kind == "dahua" else 0.0
    start, end = (
        datetime.fromtimestamp(int(moment_s + zone_s), UTC).strftime(pattern)
        for moment_s in (start_device_s, end_device_s)
    )
    return plain.uri.replace("{start}", start).replace("{end}", end)
