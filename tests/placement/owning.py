"""The base of cameras that stand in for OnvifManager: this process owns all of them."""

from __future__ import annotations

from cameras.records import CameraView
from onvif_manager import OnvifManager


class OwningCameras(OnvifManager):
    def owns(self, camera_id: int) -> bool:
        return True

    def check_owner(self, camera_id: int) -> None:
        """Raise nothing, also for an unknown camera."""

    def owned_cameras(self) -> list[CameraView]:
        return self.list_cameras()

    def living_nodes(self) -> frozenset[str]:
        return frozenset({""})
