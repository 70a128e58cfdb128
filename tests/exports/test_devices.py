"""Jobs whose camera gets another device or address, or is deleted."""

from __future__ import annotations

import pytest

from core.access import LOCAL
from core.records import DeviceInfo
from exports.records import ExportDevice, ExportState
from tests.exports.exporting import Make, recorder_of
from tests.patience import until


def info(serial: str) -> DeviceInfo:
    return DeviceInfo("Maker", "NVR", serial=serial)


def device(host: str = "10.0.0.1", port: int | None = 80, serial: str = "") -> ExportDevice:
    return ExportDevice(1, host, port, "Maker", "NVR", serial)


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        (device(), device(), True),
        (device(), device("10.0.0.2"), False),
        (device(), device(port=8080), False),
        (device(port=None), device(), True),
        (device(serial="A1"), device("10.0.0.2", serial="A1"), True),
        (device(serial="A1"), device(serial="B2"), False),
        (device(serial="A1"), device(), True),
        (device(serial="A1"), device("10.0.0.2"), False),
    ],
)
def test_serial_numbers_decide_before_addresses(before: ExportDevice, now: ExportDevice, is_same: bool) -> None:
    assert before.is_same(now) is is_same


@pytest.mark.parametrize("change", ["address", "device"])
def test_a_job_ends_when_its_camera_has_another_device(make: Make, change: str) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    exporting.cameras.info = info("A1" if change == "device" else "")
    export_id = exporting.add(0, 500)
    exporting.until_held()
    if change == "device":
        exporting.cameras.info = info("B2")
    else:
        exporting.cameras.hosts[1] = "10.0.0.2"
    exporting.manager.camera_changed(1)
    job = exporting.ended(export_id)
    assert job.problem is not None
    assert (job.state, job.problem.code, job.files) == (ExportState.FAILED, "device_changed", ())
    assert len(recorder.plays) == 1  # nothing came from the other device
    exporting.manager.retry(LOCAL, export_id)
    again = exporting.ended(export_id)
    assert again.problem is not None
    assert again.problem.code == "device_changed"


def test_a_job_goes_on_when_the_same_device_has_another_address(make: Make) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    exporting.cameras.info = info("A1")
    export_id = exporting.add(0, 500)
    exporting.until_held()
    exporting.cameras.hosts[1] = "10.0.0.2"
    recorder.holds_at = 10**9
    exporting.manager.camera_changed(1)
    assert exporting.done(export_id).problem is None


def test_a_device_that_was_unknown_at_first_is_noted_later(make: Make) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    exporting.manager.stop()
    exporting.cameras.info = info("")
    export_id = exporting.add(0, 500)
    exporting.cameras.info = info("A1")
    exporting.manager.start()
    exporting.until_held()
    (noted,) = exporting.job(export_id).devices
    assert noted.serial == "A1"


@pytest.mark.parametrize("state", [ExportState.RUNNING, ExportState.PAUSED])
def test_a_job_ends_when_its_camera_is_deleted(make: Make, state: ExportState) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    done, unfinished = exporting.add(0, 5), exporting.add(0, 500)
    exporting.done(done)
    exporting.until_held()
    if state is ExportState.PAUSED:
        exporting.manager.pause(LOCAL, unfinished)
    exporting.cameras.deleted.add(1)
    exporting.manager.camera_deleted(1)
    job = exporting.job(unfinished)
    assert job.problem is not None
    assert (job.state, job.problem.code) == (ExportState.FAILED, "camera_deleted")
    until(lambda: recorder.open_lines() == 0)
    assert exporting.job(done).state is ExportState.DONE
    assert exporting.path(done).is_file()
