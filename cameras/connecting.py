"""Keep every camera connected, in worker threads that each work on one camera at a time.

`_worker` takes a camera from the schedule and decides when it is due again; `_run_once` connects or checks it once
and raises errors. A refused password is tried again only after `settings.login_retry_s`, a device that does not
answer after growing, jittered pauses.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from cameras.addresses import authority
from cameras.channels import merge_channels
from cameras.device import Device, DeviceAddress, DeviceNetwork
from cameras.redactor import Redactor
from cameras.registry import Entry, Registry, credential_of, device_key
from cameras.schedule import Schedule
from cameras.store import CameraStore, StoredCamera
from core.backoff import growing_wait_s, jittered
from core.clock import Clock
from core.errors import (
    AppError,
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    CertificateChanged,
    Conflict,
    DeviceError,
    ReadableLoginNeeded,
)
from core.records import CameraStatus, LearnedAccess, Problem
from core.settings import Settings

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_INTERNAL = Problem("internal_error", "An unexpected error happened with this camera; the log has the details.")


@dataclass(frozen=True, slots=True)
class Pace:
    """Numbers of workers, and the pauses between attempts in seconds. Tests use shorter pauses."""

    workers: int = 48
    patient_workers: int = 16
    check_s: float = 30.0
    read_again_s: float = 900.0
    signals_again_s: float = 120.0  # while a channel has a problem; otherwise read_again_s
    save_again_s: float = 300.0
    first_retry_s: float = 2.0
    longest_retry_s: float = 60.0
    early_retry_after_s: float = 5.0


class Connector:
    """Connect and check the cameras of a registry in worker threads, between start() and stop()."""

    def __init__(
        self,
        registry: Registry,
        store: CameraStore,
        settings: Settings,
        clock: Clock,
        network: DeviceNetwork,
        pace: Pace,
    ) -> None:
        self._registry = registry
        self._store = store
        self._settings = settings
        self._clock = clock
        self._network = network
        self._pace = pace
        self._schedule = Schedule(clock, patient_workers=pace.patient_workers)
        self._threads: list[threading.Thread] = []
        self._threads_lock = threading.Lock()
        self._is_running = False
        self._saved_s: dict[int, float] = {}
        self._opening: dict[int, Device] = {}  # changed under the registry's lock

    def start(self) -> None:
        self._schedule.open()
        self._is_running = True

    def stop(self, timeout_s: float = 3.0) -> None:
        """Take no more work and end running calls. A thread that does not end within `timeout_s` is left to itself."""
        with self._threads_lock:
            self._is_running = False
            threads, self._threads = self._threads, []
        self._schedule.close()
        for camera_id in self._registry.ids():
            self.abort(camera_id)
        deadline_s = self._clock.monotonic_s() + timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline_s - self._clock.monotonic_s()))

    def connect_now(self, camera_id: int) -> None:
        """Connect as soon as a worker is free.

        The worker skips a camera without a readable password, and the pretend recorder while it has no port. A camera
        of another node is ignored.
        """
        if self._registry.owns(camera_id):
            self._schedule.put_now(camera_id)
            self._add_worker_if_busy()

    def abort(self, camera_id: int) -> None:
        """End a running attempt to open the device, because the camera was changed or removed."""
        with self._registry.changed:
            device = self._opening.get(camera_id)
        if device is not None:
            device.close()

    def forget(self, camera_id: int) -> None:
        self.abort(camera_id)
        self._schedule.remove(camera_id)
        self._saved_s.pop(camera_id, None)

    def wait_idle(self, camera_id: int, timeout_s: float) -> None:
        """Wait until no worker asks the device, at most `timeout_s`."""
        self._schedule.wait_idle(camera_id, timeout_s)

    def device(self, camera_id: int, timeout_s: float) -> Device:
        """Return the open device; wait at most `timeout_s` for it. The call also starts a pending retry early.

        Raise the error of the last attempt if there is no device: CameraAuthFailed without a wait,
        CameraUnreachable, ... Raise NotOwner if another node may connect the camera.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        registry = self._registry
        with registry.changed:
            entry = registry.entry(camera_id)
            if entry.device is not None:
                return entry.device
            registry.check_owner(camera_id)
            if entry.status is CameraStatus.AUTH_FAILED:
                raise error_from_problem(entry.error)
            generation, attempts = entry.generation, entry.attempts
            is_asleep = entry.attempt_began_s is None and entry.status is CameraStatus.OFFLINE
            if is_asleep and not self._retry_early(entry):
                raise error_from_problem(entry.error)
            while True:
                entry = registry.entry(camera_id)
                if entry.device is not None:
                    return entry.device
                registry.check_owner(camera_id)
                if entry.generation != generation or entry.attempts != attempts:
                    raise error_from_problem(entry.error)
                left_s = deadline_s - self._clock.monotonic_s()
                if left_s <= 0:
                    raise CameraUnreachable("The device has not answered yet.")
                registry.changed.wait(left_s)

    def device_of_profile(self, camera_id: int, profile_token: str) -> Device:
        """Like device(), within the time limit of one call. Raise NotFound if the channels are known and have no such
        media profile."""
        if self._registry.channels(camera_id):
            self._registry.channel_of(camera_id, profile_token)
        return self.device(camera_id, self._settings.device_timeout_s)

    def ask(self, camera_id: int, device: Device, call: Callable[[], _T]) -> _T:
        """Return the result of `call` to the open device. Note a DeviceError with note_failure() and raise it."""
        try:
            return call()
        except DeviceError as error:
            self.note_failure(camera_id, device, error)
            raise

    def note_failure(self, camera_id: int, device: Device, error: DeviceError) -> None:
        """Check the camera as soon as possible if a call failed by a refused password or a missing answer."""
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            if entry is None or entry.device is not device:
                return
            if isinstance(error, CertificateChanged):
                self._registry.note_port(camera_id, error.port)
            if isinstance(error, CameraAuthFailed):
                # Read the channels, too: check() sends no credential. Only a call with it shows whether the device
                # refuses it everywhere, or only at one address.
                entry.channels_read_s = float("-inf")
            elif not isinstance(error, CameraUnreachable):
                return
        self._schedule.put_after_failure(camera_id)

    def _add_worker_if_busy(self) -> None:
        """Start one more worker if all are busy: a device that hangs blocks its worker for its whole time limit."""
        with self._threads_lock:
            if self._is_running and len(self._threads) < self._pace.workers and self._schedule.needs_worker():
                thread = threading.Thread(target=self._worker, name=f"cameras-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    # ---- in the workers --------------------------------------------------------------------------

    def _worker(self) -> None:
        while (camera_id := self._schedule.take()) is not None:
            self._add_worker_if_busy()
            try:
                next_in_s = self._work(camera_id)
            except Exception:  # top of a thread: an error in our own code must not end the worker
                log.exception("camera %d: an unexpected error", camera_id)
                next_in_s = self._pace.longest_retry_s
            self._registry.set_next_attempt_in(camera_id, next_in_s)
            self._schedule.done(camera_id, next_in_s, patient=self._is_failing(camera_id))

    def _work(self, camera_id: int) -> float | None:
        """Run once. Return the seconds until this camera is due again; None: only when it is scheduled from outside."""
        entry = self._registry.begin_attempt(camera_id)
        if entry is None or entry.stored.password is None or not self._registry.owns(camera_id):
            return None
        if entry.stored.pretend and entry.stored.port is None:  # it reports its port once it is ready
            return None
        generation = entry.generation
        try:
            self._run_once(camera_id, generation)
        except Conflict as error:
            self._fail(camera_id, generation, error)
            return None
        except AppError as error:
            self._fail(camera_id, generation, error)
        except Exception:
            held = self._registry.note_failed_attempt(camera_id, generation, CameraStatus.OFFLINE, _INTERNAL)
            if held is not None:
                held.close()
            raise
        return self._pause_s(camera_id)

    def _run_once(self, camera_id: int, generation: int) -> None:
        with self._registry.changed:
            entry = self._registry.entry_of_generation(camera_id, generation)
            if entry is None:
                return
            device, stored = entry.device, entry.stored
            is_old = self._clock.monotonic_s() - entry.channels_read_s >= self._pace.read_again_s
            must_read = is_old or not any(channel.present for channel in entry.channels)  # it may have been booting
            must_reconnect, entry.must_reconnect = entry.must_reconnect, False
        if device is not None and not must_reconnect:
            try:
                device.check()
                self._read_device(camera_id, generation, device, read=must_read)
                self._read_signals(camera_id, generation, device)
                return
            except CameraAuthFailed:
                self._close_device(camera_id, generation, device)
                raise
            except DeviceError as error:  # the device may have rebooted: try a new connection
                log.info("camera %d: connecting again (%s)", camera_id, error.code)
        if device is not None:
            self._close_device(camera_id, generation, device)
        if stored.port is None:
            stored = self._find_place(stored, generation)
        self._open(stored, generation)

    def _open(self, stored: StoredCamera, generation: int) -> None:
        if stored.port is None:
            raise CameraUnreachable("No port is known.")
        address = DeviceAddress(
            stored.id,
            stored.host,
            stored.port,
            credential_of(stored),
            device_key(stored.id),
            stored.stream_uris,
            stored.access,
        )
        device = self._network.connect(address)
        taken = False
        try:
            with self._registry.changed:
                if self._registry.entry_of_generation(stored.id, generation) is None:
                    return
                self._opening[stored.id] = device
            device.open()
            taken = self._read_device(stored.id, generation, device, read=True)
        finally:
            with self._registry.changed:
                self._opening.pop(stored.id, None)
            if not taken:
                with self._registry.changed:
                    entry = self._registry.entry_of_generation(stored.id, generation)
                    if entry is not None and device.checks:
                        entry.checks = device.checks
                device.close()
        self._read_signals(stored.id, generation, device)

    def _read_signals(self, camera_id: int, generation: int, device: Device) -> None:
        """Read from time to time which inputs of a recorder have a signal. A device that cannot tell stays online."""
        with self._registry.changed:
            entry = self._registry.entry_of_generation(camera_id, generation)
            if entry is None or entry.device is not device or sum(item.present for item in entry.channels) < 2:
                return
            again_s = self._pace.signals_again_s if entry.problems else self._pace.read_again_s
            if self._clock.monotonic_s() - entry.signals_read_s < again_s:
                return
            entry.signals_read_s = self._clock.monotonic_s()
        try:
            self._registry.note_signals(camera_id, generation, device.signals())
        except DeviceError as error:
            log.info("camera %d: reading which inputs have a signal failed (%s)", camera_id, error.code)

    def _read_device(self, camera_id: int, generation: int, device: Device, *, read: bool) -> bool:
        read_channels = device.channels() if read else None
        with self._registry.saving:  # database and memory must get concurrent changes in the same order
            with self._registry.changed:
                entry = self._registry.entry_of_generation(camera_id, generation)
                if entry is None:
                    return False
                known = entry.channels
                before = entry.stored
            redactor = Redactor(before.password)
            channels = None
            if read_channels is not None:
                channels = merge_channels(known, [redactor.channel(channel) for channel in read_channels])
            if not self._registry.note_answers(camera_id, generation, device, channels):
                return False
            self._save(camera_id, before, channels is not None and channels != known)
        return True

    def _save(self, camera_id: int, before: StoredCamera, channels_changed: bool) -> None:
        """Save the device's answers for the next start. Only log an error: a full disk must not stop a camera."""
        with self._registry.changed:
            entry = self._registry.entry(camera_id)
            stored, channels = entry.stored, entry.channels
        now_s = self._clock.monotonic_s()
        is_news = (before.info, before.services, before.access) != (stored.info, stored.services, stored.access)
        is_due = now_s - self._saved_s.get(camera_id, -self._pace.save_again_s) >= self._pace.save_again_s
        try:
            if is_news or is_due:
                self._store.save_knowledge(
                    camera_id,
                    stored.info,
                    stored.services,
                    stored.clock_offset,
                    stored.last_seen_at,
                    stored.access,
                )
                self._saved_s[camera_id] = now_s
            if channels_changed:
                self._store.save_channels(camera_id, channels)
            if is_news or channels_changed:
                self._store.tell()
        except AppError as error:
            log.warning("camera %d: the device's data could not be saved (%s)", camera_id, error.detail)

    def _find_place(self, stored: StoredCamera, generation: int) -> StoredCamera:
        """Search for the ONVIF place of a camera, and save it. Facts that were learned at an earlier place are dropped.

        Raise Conflict if another camera is there, or the DeviceError.
        """
        place = self._network.find_place(stored.host, self._settings.device_timeout_s)
        port = place.port
        access = replace(stored.access, scheme=place.scheme, path=place.path, learned=LearnedAccess())
        with self._registry.saving:
            if self._registry.entry_of_generation(stored.id, generation) is None:
                raise CameraUnreachable("The address was changed in the meantime.")
            try:
                self._store.set_address(stored.id, stored.host, port, found=True, access=access)
            except Conflict as error:
                raise Conflict(
                    f"The device at {authority(stored.host, port)} is already added as camera "
                    f"{error.existing_id}. Give the port if there is another one at this address.",
                    code=error.code,
                    existing_id=error.existing_id,
                ) from error
            self._registry.set_stored(stored.id, lambda now: replace(now, port=port, port_found=True, access=access))
        self._store.tell()
        return replace(stored, port=port, port_found=True, access=access)

    def _fail(self, camera_id: int, generation: int, error: AppError) -> None:
        refused = isinstance(error, CameraAuthFailed)
        status = CameraStatus.AUTH_FAILED if refused else CameraStatus.OFFLINE
        log.info("camera %d: %s", camera_id, error.code)
        if isinstance(error, CertificateChanged):
            self._registry.note_port(camera_id, error.port)
        held = self._registry.note_failed_attempt(camera_id, generation, status, Problem(error.code, error.detail))
        if held is not None:
            held.close()

    def _close_device(self, camera_id: int, generation: int, device: Device) -> None:
        with self._registry.changed:
            entry = self._registry.entry_of_generation(camera_id, generation)
            if entry is not None and entry.device is device:
                entry.device = None
        device.close()

    def _is_failing(self, camera_id: int) -> bool:
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            return entry is not None and entry.status is not CameraStatus.ONLINE

    def _pause_s(self, camera_id: int) -> float | None:
        """Return the seconds until the next attempt, with jitter, so that cameras that failed at the same time are not
        all tried again at the same time."""
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            if entry is None:
                return None
            status, failures = entry.status, entry.failures
        if status is CameraStatus.ONLINE:
            return jittered(self._pace.check_s, 0.9, 1.1)
        if status is CameraStatus.AUTH_FAILED:
            return jittered(self._settings.login_retry_s + 1.0, 1.0, 1.1)
        return jittered(growing_wait_s(failures, self._pace.first_retry_s, self._pace.longest_retry_s))

    def _retry_early(self, entry: Entry) -> bool:
        """Schedule an offline camera now. Return False if its last attempt has ended too recently."""
        ended_s = entry.attempt_ended_s
        if ended_s is not None and self._clock.monotonic_s() - ended_s < self._pace.early_retry_after_s:
            return False
        self._schedule.put_if_idle(entry.stored.id)
        return True


_ERRORS: Mapping[str, type[DeviceError]] = {
    error.code: error
    for error in (
        CameraUnreachable,
        CameraAuthFailed,
        ReadableLoginNeeded,
        CertificateChanged,
        CameraBadAnswer,
        CameraBusy,
        CameraNoSignal,
    )
} | {"camera_no_answer": CameraUnreachable}


def error_from_problem(problem: Problem | None) -> AppError:
    """Return the error from which `problem` was made."""
    if problem is None:
        return CameraUnreachable("The device has not answered yet.")
    if problem.code == CameraUnsupported.code:
        return CameraUnsupported(problem.detail, service="device")
    if problem.code == "already_added":
        return Conflict(problem.detail, code=problem.code)
    return _ERRORS.get(problem.code, DeviceError)(problem.detail, code=problem.code)
