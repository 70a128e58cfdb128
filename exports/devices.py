"""The devices that a job reads from. A camera's address may change, and the job must not mix footage of two devices."""

from __future__ import annotations

from cameras.records import CameraView
from core.errors import Conflict, NotFound
from core.records import Problem
from exports.records import ExportDevice, ExportJob
from exports.store import ExportStore
from onvif_manager import OnvifManager

DEVICE_CHANGED = "device_changed"
CAMERA_DELETED = Problem("camera_deleted", "The camera of this export was deleted before the export was done.")


def device_of(camera: CameraView) -> ExportDevice:
    """Return what identifies the device of a camera, as far as it is known."""
    info = camera.info
    return ExportDevice(camera.id, camera.host, camera.port, info.manufacturer, info.model, info.serial)


def deletion_problem(cameras: OnvifManager, job: ExportJob) -> Problem | None:
    """Return the problem of a job one of whose cameras is deleted."""
    for camera_id in job.cameras:
        try:
            cameras.get_camera(camera_id)
        except NotFound:
            return CAMERA_DELETED
    return None


class JobDevices:
    """The devices of one job, kept with it in the database."""

    def __init__(self, store: ExportStore, cameras: OnvifManager, job: ExportJob) -> None:
        self._store = store
        self._cameras = cameras
        self._export_id = job.id
        self._known = {device.camera_id: device for device in job.devices}

    def require_same(self, camera_id: int) -> None:
        """Raise Conflict (device_changed) if the camera has another device than when the job first met it.

        Raise NotFound for a deleted camera.
        """
        now = device_of(self._cameras.get_camera(camera_id))
        before = self._known.get(camera_id)
        if before is not None and not before.is_same(now):
            raise Conflict(
                "This camera has another device or address since the export began, so that the export would mix two "
                "devices. Make a new export.",
                code=DEVICE_CHANGED,
            )
        if before is None or (now.serial and not before.serial):
            self._known[camera_id] = now
            self._store.note_device(self._export_id, now)
