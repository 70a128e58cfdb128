"""A lens and the settings of its picture; the lamp and the relays. The video ignores them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

RANGES = dict.fromkeys(("Brightness", "ColorSaturation", "Contrast", "Sharpness"), (0.0, 100.0))
IRIS_DB = (-22.0, 0.0)
RELAYS = {"RelayOutput1": "Bistable", "RelayOutput2": "Monostable"}
MONOSTABLE_S = 2.0


@dataclass
class Lens:
    """`values`: settings with a number, by the element of tt:ImagingSettings20. Words are as ONVIF writes them."""

    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(RANGES, 50.0))
    cut_filter: str = "AUTO"
    wide_dynamic_range: str = "OFF"
    dynamic_range_level: float = 50.0
    exposure: str = "AUTO"
    iris_db: float = 0.0
    focus_mode: str = "AUTO"
    focus_speed: float = 0.0
    lamp: str = "Auto"
    _active_until_s: dict[str, float] = field(default_factory=dict)

    def switch(self, relay: str, *, is_active: bool) -> None:
        lasts_s = MONOSTABLE_S if RELAYS[relay] == "Monostable" else float("inf")
        self._active_until_s[relay] = time.monotonic() + lasts_s if is_active else 0.0

    def is_active(self, relay: str) -> bool:
        return time.monotonic() < self._active_until_s.get(relay, 0.0)

    def as_json(self) -> dict[str, object]:
        return {
            "settings": dict(self.values),
            "cut_filter": self.cut_filter,
            "wide_dynamic_range": self.wide_dynamic_range,
            "iris_db": self.iris_db,
            "focus_speed": self.focus_speed,
            "lamp": self.lamp,
            "relays": {relay: self.is_active(relay) for relay in RELAYS},
        }
