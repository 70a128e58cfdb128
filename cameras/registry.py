"""All cameras in memory: their rows, and the state of this run. No call waits for a device or the disk.

Pages read only from here. An attempt to connect belongs to a `generation`; an edit or a deletion begins a new one,
and late results of older attempts are discarded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cameras.access import address_text
from cameras.certificates import ports_of, shown_certificate
from cameras.channels import shown_channels
from cameras.device import Device
from cameras.records import CameraView
from cameras.redactor import Redactor
from cameras.store import StoredCamera, StoredChannel
from core.certificates import PinnedCertificates
from core.clock import Clock
from core.errors import NotFound
from core.placement import NotOwner, Placement
from core.recordings import ReplayAbilities
from core.records import (
    CameraStatus,
    Channel,
    ClockOffset,
    Credential,
    MediaProfile,
    Problem,
    ServiceCheck,
    channel_of_profile,
)
from core.secrets import Secret

NO_SIGNAL = Problem("camera_no_signal", "The device has no picture from this input.")
_CHANNEL_CODES = frozenset(
    {
        "camera_no_signal",
        "camera_unreachable",
        "camera_bad_answer",
        "camera_unsupported",
        "certificate_changed",
        "stream_stalled",
        "stream_not_found",
    }
)
PASSWORD_LOST = Problem("camera_auth_failed", "The stored password cannot be read. Enter it again.")


@dataclass(slots=True)
class Entry:
    """One camera. Read and change it only while holding the registry's lock; the values in it are frozen."""

    stored: StoredCamera
    channels: tuple[StoredChannel, ...]
    generation: int
    status: CameraStatus = CameraStatus.CONNECTING
    error: Problem | None = None
    device: Device | None = None
    checks: tuple[ServiceCheck, ...] = ()
    failures: int = 0
    attempts: int = 0  # ended attempts of this generation, successful or failed
    attempt_began_s: float | None = None  # None while no attempt runs
    attempt_ended_s: float | None = None
    channels_read_s: float = 0.0
    must_reconnect: bool = False  # the user wants a new connection that reads everything again
    next_try_at: datetime | None = None
    signals_read_s: float = float("-inf")
    problems: dict[str, Problem] = field(default_factory=dict)  # present problems by video source token
    replay_abilities: ReplayAbilities = ReplayAbilities()
    uris: dict[str, tuple[str, float]] = field(default_factory=dict)  # profile_token -> (URI, time of reading)
    ports: frozenset[int] = frozenset()  # of streams and refused certificates, besides the stored ones


class Registry:
    """The cameras by id. The condition `changed` is the lock, and is notified of every change of a camera."""

    def __init__(self, clock: Clock, certificates: PinnedCertificates) -> None:
        self._clock = clock
        self._certificates = certificates
        self._entries: dict[int, Entry] = {}
        self._generations = 0
        self.placement: Placement | None = None  # None: this process owns all cameras
        self.changed = threading.Condition(threading.RLock())
        # Held while database and memory are changed together, so that both get concurrent changes in the same order.
        # Never taken while holding `changed`.
        self.saving = threading.Lock()

    def load(
        self,
        cameras: Iterable[tuple[StoredCamera, tuple[StoredChannel, ...]]],
        replay_abilities: Mapping[int, ReplayAbilities],
    ) -> None:
        with self.changed:
            self._entries = {}
            for stored, channels in cameras:
                self.put(stored, channels, replay_abilities.get(stored.id, ReplayAbilities()))

    def put(
        self,
        stored: StoredCamera,
        channels: tuple[StoredChannel, ...] = (),
        replay_abilities: ReplayAbilities = ReplayAbilities(),  # noqa: B008 - frozen
    ) -> Device | None:
        """Add a camera, or replace it for a new connection: the state of this run is forgotten.

        Return the device of the replaced entry, if any; the caller must close it.
        """
        with self.changed:
            before = self._entries.get(stored.id)
            self._generations += 1
            entry = Entry(stored, channels, self._generations, replay_abilities=replay_abilities)
            if stored.password is None:
                entry.status, entry.error = CameraStatus.AUTH_FAILED, PASSWORD_LOST
            self._entries[stored.id] = entry
            self.changed.notify_all()
            return before.device if before else None

    def remove(self, camera_id: int) -> Device | None:
        """Remove a camera. Return its device, if any; the caller must close it."""
        with self.changed:
            entry = self._entries.pop(camera_id, None)
            self.changed.notify_all()
            return entry.device if entry else None

    def remove_all(self) -> list[Device]:
        with self.changed:
            devices = [entry.device for entry in self._entries.values() if entry.device]
            self._entries = {}
            self.changed.notify_all()
            return devices

    def entry(self, camera_id: int) -> Entry:
        """Return the entry itself: hold `changed` while using it. Raise NotFound if there is none."""
        entry = self.find(camera_id)
        if entry is None:
            raise NotFound(f"There is no camera {camera_id}.")
        return entry

    def find(self, camera_id: int) -> Entry | None:
        """Like entry(), but return None if there is none."""
        with self.changed:
            return self._entries.get(camera_id)

    def entry_of_generation(self, camera_id: int, generation: int) -> Entry | None:
        """Return the entry if it still has this generation, otherwise None."""
        with self.changed:
            entry = self._entries.get(camera_id)
            return entry if entry is not None and entry.generation == generation else None

    def ids(self) -> list[int]:
        with self.changed:
            return list(self._entries)

    def owns(self, camera_id: int) -> bool:
        """True if this process may connect the camera."""
        return self.placement is None or self.placement.owns(camera_id)

    def check_owner(self, camera_id: int) -> None:
        """Raise NotFound for an unknown camera, and NotOwner for one that another node may connect."""
        self.entry(camera_id)
        if not self.owns(camera_id):
            raise NotOwner(camera_id)

    def show_state(self, camera_id: int, status: CameraStatus, error: Problem | None) -> None:
        """Show the state that the owner of a camera has noted. Ignore an unknown camera, and one of this process."""
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is not None and not self.owns(camera_id) and (entry.status, entry.error) != (status, error):
                entry.status, entry.error = status, error
                self.changed.notify_all()

    def states(self) -> dict[int, tuple[CameraStatus, Problem | None]]:
        """Return the states of the cameras that this process owns."""
        with self.changed:
            return {
                camera_id: (entry.status, entry.error)
                for camera_id, entry in self._entries.items()
                if self.owns(camera_id)
            }

    def with_address(self, host: str) -> list[StoredCamera]:
        """Return the cameras of this host, with any port."""
        with self.changed:
            return [entry.stored for entry in self._entries.values() if entry.stored.host == host]

    def pretend(self) -> StoredCamera | None:
        with self.changed:
            return next((entry.stored for entry in self._entries.values() if entry.stored.pretend), None)

    def views(self) -> list[CameraView]:
        """Return all cameras, sorted by id."""
        with self.changed:
            first = self._first_of_each_device()
            return [self._view(entry, first) for _, entry in sorted(self._entries.items())]

    def view(self, camera_id: int) -> CameraView:
        with self.changed:
            return self._view(self.entry(camera_id), self._first_of_each_device())

    def _view(self, entry: Entry, first: dict[tuple[str, ...], int]) -> CameraView:
        stored = entry.stored
        pins = self._certificates.of_host(stored.host)
        certificate = shown_certificate(pins, ports_of(stored, entry.ports), stored.port)
        error = entry.error or _problem_of_plain(entry)
        return replace(_view(entry, first), error=error, certificate=certificate)

    def ports(self, camera_id: int) -> set[int]:
        """Return the ports of its host that the camera uses. Raise NotFound."""
        with self.changed:
            entry = self.entry(camera_id)
            return ports_of(entry.stored, entry.ports)

    def note_port(self, camera_id: int, port: int | None) -> None:
        """Note a port of a stream or of a refused certificate. Ignore None, and an unknown camera."""
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is not None and port is not None and port not in entry.ports:
                entry.ports |= {port}
                self.changed.notify_all()

    def channels(self, camera_id: int) -> tuple[Channel, ...]:
        """Return the present channels, with the user's names, in the user's order. Raise NotFound."""
        with self.changed:
            entry = self.entry(camera_id)
            return shown_channels(entry.channels, entry.problems)

    def channel_of(self, camera_id: int, profile_token: str) -> Channel:
        """Return the channel that has this media profile. Raise NotFound."""
        channel = channel_of_profile(self.channels(camera_id), profile_token)
        if channel is None:
            raise NotFound(f"Camera {camera_id} has no such media profile.")
        return channel

    def profile(self, camera_id: int, profile_token: str) -> MediaProfile:
        """Return a media profile of the camera. Raise NotFound."""
        profiles = self.channel_of(camera_id, profile_token).profiles
        return next(profile for profile in profiles if profile.profile_token == profile_token)

    def set_stored(self, camera_id: int, change: Callable[[StoredCamera], StoredCamera]) -> None:
        with self.changed:
            entry = self.entry(camera_id)
            entry.stored = change(entry.stored)
            self.changed.notify_all()

    def set_channels(self, camera_id: int, channels: tuple[StoredChannel, ...]) -> None:
        with self.changed:
            self.entry(camera_id).channels = channels
            self.changed.notify_all()

    def note_signals(self, camera_id: int, generation: int, signals: Mapping[str, bool]) -> None:
        """Note which inputs have a signal, by video source token, and mark the channels without one."""
        with self.changed:
            entry = self.entry_of_generation(camera_id, generation)
            if entry is None:
                return
            entry.signals_read_s = self._clock.monotonic_s()
            for token, has_signal in signals.items():
                if not has_signal:
                    entry.problems[token] = NO_SIGNAL
                elif entry.problems.get(token) == NO_SIGNAL:
                    del entry.problems[token]
            self.changed.notify_all()

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        """Mark a channel with the problem of an attempt to get a picture of it, or clear its mark (None).

        A problem of the whole device is ignored: a refused password, a session limit, or any problem while the device
        is not online. Unknown cameras and media profiles are ignored, too.
        """
        if problem is not None and problem.code not in _CHANNEL_CODES:
            return
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is None or (problem is not None and entry.status is not CameraStatus.ONLINE):
                return
            for channel in entry.channels:
                if any(profile.profile_token == profile_token for profile in channel.profiles):
                    if problem is None:
                        self._clear_problem(entry, channel)
                    else:
                        entry.problems[channel.video_source_token] = problem
            self.changed.notify_all()

    def _clear_problem(self, entry: Entry, channel: StoredChannel) -> None:
        """Clear the mark of a channel whose picture has come, also the one that was noted when channels were read."""
        entry.problems.pop(channel.video_source_token, None)
        if channel.problem is not None:
            entry.channels = tuple(replace(item, problem=None) if item is channel else item for item in entry.channels)

    def begin_attempt(self, camera_id: int) -> Entry | None:
        """Note that an attempt begins. Return the entry, None if the camera was removed."""
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is not None:
                entry.attempt_began_s = self._clock.monotonic_s()
            return entry

    def reset_for_retry(self, camera_id: int) -> None:
        """Reset the state at the user's request to try again: no problem, no cached addresses, no attempts."""
        with self.changed:
            entry = self.entry(camera_id)
            entry.attempts, entry.must_reconnect = 0, True
            entry.uris.clear()
            entry.problems.clear()
            if entry.stored.password is not None:
                entry.status, entry.error = CameraStatus.CONNECTING, None
            self.changed.notify_all()

    def note_answers(
        self, camera_id: int, generation: int, device: Device, channels: tuple[StoredChannel, ...] | None
    ) -> bool:
        """Note the answers of a device; `channels` is None if they were not read.

        Return False, and ignore the answers, if the generation has ended.
        """
        with self.changed:
            entry = self.entry_of_generation(camera_id, generation)
            if entry is None:
                return False
            now_s = self._clock.monotonic_s()
            if entry.device is not device:
                entry.uris.clear()
            entry.device, entry.status, entry.error, entry.failures = device, CameraStatus.ONLINE, None, 0
            entry.checks = device.checks
            if channels is not None:
                entry.channels, entry.channels_read_s = channels, now_s
            entry.stored = replace(
                entry.stored,
                info=Redactor(entry.stored.password).info(device.info),
                services=device.services,
                clock_offset=device.clock_offset,
                last_seen_at=self._clock.now_utc(),
                access=replace(entry.stored.access, learned=device.learned),
            )
            self._end_attempt(entry)
            return True

    def note_failed_attempt(
        self,
        camera_id: int,
        generation: int,
        status: CameraStatus,
        problem: Problem,
        checks: tuple[ServiceCheck, ...] = (),
    ) -> Device | None:
        """Note a failed attempt. Return the device that was open, if any; the caller must close it."""
        with self.changed:
            entry = self.entry_of_generation(camera_id, generation)
            if entry is None:
                return None
            device, entry.device = entry.device, None
            entry.status, entry.error, entry.failures = status, problem, entry.failures + 1
            if checks:
                entry.checks = checks
            self._end_attempt(entry)
            return device

    def set_next_attempt_in(self, camera_id: int, delay_s: float | None) -> None:
        """Set the time of the next attempt for the health card; None: no attempt is scheduled."""
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is not None:
                entry.next_try_at = None if delay_s is None else self._clock.now_utc() + timedelta(seconds=delay_s)

    def _end_attempt(self, entry: Entry) -> None:
        entry.attempts += 1
        entry.attempt_began_s = None
        entry.attempt_ended_s = self._clock.monotonic_s()
        self.changed.notify_all()

    def _first_of_each_device(self) -> dict[tuple[str, ...], int]:
        first: dict[tuple[str, ...], int] = {}
        for camera_id in sorted(self._entries):
            identity = _identity(self._entries[camera_id].stored)
            if identity is not None:
                first.setdefault(identity, camera_id)
        return first


def credential_of(stored: StoredCamera) -> Credential:
    return Credential(stored.username, stored.password or Secret(""), stored.access.readable_password)


def device_key(camera_id: int) -> str:
    """Return the device's name in the login gate and in the session budgets."""
    return f"camera{camera_id}"


def shown_name(stored: StoredCamera) -> str:
    """Return the user's name for the camera, otherwise make and model, otherwise its address."""
    if stored.name:
        return stored.name
    maker, model = stored.info.manufacturer.strip(), stored.info.model.strip()
    if maker and model.lower().startswith(maker.lower()):
        return model
    return f"{maker} {model}".strip() or stored.host


def clock_offset_s(offset: ClockOffset | None) -> float | None:
    return offset.offset_s if offset else None


def _identity(stored: StoredCamera) -> tuple[str, ...] | None:
    """Return make, model and serial number; None without a serial number.

    Only a hint that two cameras are one device: some makers give one serial number to a whole series.
    """
    info = stored.info
    return (info.manufacturer, info.model, info.serial) if info.serial else None


def _problem_of_plain(entry: Entry) -> Problem | None:
    """Return the problem of the only channel of a camera without ONVIF, which is the problem of the camera."""
    if not entry.stored.is_plain or entry.status is not CameraStatus.ONLINE:
        return None
    return next((channel.problem for channel in shown_channels(entry.channels, entry.problems)), None)


def _view(entry: Entry, first: dict[tuple[str, ...], int]) -> CameraView:
    stored = entry.stored
    identity = _identity(stored)
    twin = first.get(identity, stored.id) if identity else stored.id
    return CameraView(
        id=stored.id,
        name=shown_name(stored),
        host=stored.host,
        port=stored.port,
        username=stored.username,
        status=entry.status,
        error=entry.error,
        info=stored.info,
        channel_count=sum(channel.present for channel in entry.channels),
        services=stored.services,
        clock_offset_s=clock_offset_s(stored.clock_offset),
        last_seen_at=stored.last_seen_at,
        pretend=stored.pretend,
        stream_uris=stored.stream_uris,
        address="" if stored.stream_uris else address_text(stored.host, stored.port, stored.access),
        readable_password=stored.access.readable_password,
        recording_time_zone=stored.access.recording_time_zone,
        same_device_as=twin if twin != stored.id else None,
    )
