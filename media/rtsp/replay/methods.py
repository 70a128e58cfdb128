"""The methods by which a recording may be requested: ONVIF's replay, plain RTSP, and makers' own addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import CameraBadAnswer, CameraNoSignal, CameraUnsupported, DeviceError
from core.recordings import MakersReplay, ReplaySource
from media.rtsp.client.errors import NotNow, NotOffered

log = logging.getLogger(__name__)

# After these errors another method may work. Others (a password, a limit, no answer) would come there, too.
METHOD_ERRORS = (CameraUnsupported, CameraBadAnswer, CameraNoSignal)
# Those that concern the device and not this one request: they are remembered.
LASTING_ERRORS = (NotOffered, NotNow)


@dataclass(frozen=True, slots=True)
class ReplayMethod:
    """How a recording is requested. `kind` as in ReplayAbilities.method; `makers` is a maker's own address."""

    kind: str
    makers: MakersReplay | None = None

    @property
    def is_onvif(self) -> bool:
        return self.kind == "onvif"


async def replay_methods(source: ReplaySource, worked: str) -> AsyncIterator[ReplayMethod]:
    """Yield the methods in the order to try them, `worked` first. Makers' addresses are looked up when they are due."""
    standard, is_of_maker = [ReplayMethod("onvif"), ReplayMethod("plain")], worked not in ("", "onvif", "plain")
    if is_of_maker:
        for method in await _makers_methods(source):
            yield method
    for method in sorted(standard, key=lambda method: method.kind != worked):
        yield method
    if not is_of_maker:
        for method in await _makers_methods(source):
            yield method


async def _makers_methods(source: ReplaySource) -> list[ReplayMethod]:
    """Return an empty list if the look-up fails: the error of the earlier methods is the one to report."""
    try:
        found = await asyncio.to_thread(source.find_makers_replays)
    except DeviceError as error:
        log.info("%s: its maker's addresses are not known (%s)", source.device_key, error.code)
        return []
    return [ReplayMethod(replay.kind, replay) for replay in found]


def makers_uri(replay: MakersReplay, start_device_s: float, end_device_s: float) -> str:
    """Return a maker's address with the times written as the maker does."""
    pattern = "%Y_%m_%d_%H_%M_%S" if replay.kind == "dahua" else "%Y%m%dT%H%M%SZ"
    is_local = replay.kind == "dahua"
    start, end = (
        datetime.fromtimestamp(int(moment_s + (replay.zone_at(moment_s) if is_local else 0.0)), UTC).strftime(pattern)
        for moment_s in (start_device_s, end_device_s)
    )
    return replay.uri.replace("{start}", start).replace("{end}", end)
