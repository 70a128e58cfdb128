"""The recorder's description of itself: names, serial number, endpoint reference, scopes."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from simulator.faults import Faults
from simulator.layout import Layout
from simulator.makes import Make

MANUFACTURER, MODEL, FIRMWARE, HARDWARE = "Pretend", "XVR-16P", "1.0.0", "P1"
_ID_NAMESPACE = uuid.UUID("5f0c7a52-6d2b-4f0e-9a43-2f1f6a0e7b1d")


class Identity:
    """The same seed and number of channels give the same recorder, so that a restart is recognized."""

    def __init__(self, layout: Layout, make: Make, faults: Faults, *, seed: int) -> None:
        self._make, self._faults = make, faults
        self.serial = f"PRETEND{seed:04d}{len(layout):02d}"

    @property
    def endpoint_reference(self) -> str:
        """The device's permanent identifier (ONVIF Core Specification, 7.3.1)."""
        return f"urn:uuid:{uuid.uuid5(_ID_NAMESPACE, self.serial)}"

    def shown_name(self, name: str) -> str:
        """A name as answers carry it; the fault `names` replaces all names by its text."""
        return self._faults.text("names") or name

    def scopes(self) -> list[str]:
        """Scopes, as GetScopes and WS-Discovery give them."""
        name = quote(self.shown_name(f"{MANUFACTURER} {MODEL}"), safe="")
        kinds = ("type/video_encoder", "type/audio_encoder", "type/ptz", "type/Network_Video_Transmitter")
        profile_g = ("Profile/G",) if self._make.has_profile_g else ()
        parts = (*kinds, "Profile/Streaming", *profile_g, "Profile/T")
        parts = (*parts, f"hardware/{MODEL}", f"name/{name}", "location/loopback")
        return [f"onvif://www.onvif.org/{part}" for part in parts]
