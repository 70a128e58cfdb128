"""All cameras in memory: what the database knows and what this run has learned. Nothing in it waits.

Pages read from here only, so that no page ever waits for a device or for the disk. An attempt
to connect belongs to a `generation`; an edit or a deletion begins a new one, and what an older
attempt brings home late is thrown away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cameras.channels import shown_channels
from cameras.device import Device, Target
from cameras.records import CameraView
from cameras.redactor import Redactor
from cameras.store import StoredCamera, StoredChannel
from core.clock import Clock
from core.errors import NotFound
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
_CHANNEL_CODES = frozenset({"camera_no_signal", "camera_unreachable", "camera_bad_answer", "camera_unsupported"})
PASSWORD_LOST = Problem("camera_auth_failed", "The stored password cannot be read. Enter it again.")


@dataclass(slots=True)
class Entry:
    """One camera. Read and changed under the registry's lock only; its values are frozen."""

    stored: StoredCamera
    channels: tuple[StoredChannel, ...]
    generation: int
    status: CameraStatus = CameraStatus.CONNECTING
    error: Problem | None = None
    device: Device | None = None
    checks: tuple[ServiceCheck, ...] = ()
    failures: int = 0
    attempts: int = 0  # ended in this generation, well or badly
    attempt_began_s: float | None = None  # None: nobody is at it
    attempt_ended_s: float | None = None
    channels_read_s: float = 0.0
    wants_fresh: bool = False  # the user asked to read everything anew
    next_try_at: datetime | None = None
    signals_read_s: float = float("-inf")
    trouble: dict[str, Problem] = field(default_factory=dict)  # by video source token, as of now
    uris: dict[str, tuple[str, float]] = field(default_factory=dict)  # profile_token -> URI, read at


class Registry:
    """The cameras by id. `changed` is notified whenever one of them does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[int, Entry] = {}
        self._generations = 0
        self.changed = threading.Condition(threading.RLock())
        # Held while database and memory are changed together, so that neither overtakes the other.
        # Never taken while holding `changed`.
        self.saving = threading.Lock()

    def load(self, cameras: Iterable[tuple[StoredCamera, tuple[StoredChannel, ...]]]) -> None:
        with self.changed:
            self._entries = {}
            for stored, channels in cameras:
                self.put(stored, channels)

    def put(self, stored: StoredCamera, channels: tuple[StoredChannel, ...] = ()) -> Device | None:
        """A new camera, or the same one to be connected anew: all this run knew of it is forgotten.

        The device that was held, if any, is the caller's to close.
        """
        with self.changed:
            before = self._entries.get(stored.id)
            self._generations += 1
            entry = Entry(stored, channels, self._generations)
            if stored.password is None:
                entry.status, entry.error = CameraStatus.AUTH_FAILED, PASSWORD_LOST
            self._entries[stored.id] = entry
            self.changed.notify_all()
            return before.device if before else None

    def remove(self, camera_id: int) -> Device | None:
        """Forgets it; the device is the caller's to close."""
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
        """The entry itself: hold `changed` while using it. NotFound if there is none."""
        entry = self.find(camera_id)
        if entry is None:
            raise NotFound(f"There is no camera {camera_id}.")
        return entry

    def find(self, camera_id: int) -> Entry | None:
        """As entry(), None if there is none."""
        with self.changed:
            return self._entries.get(camera_id)

    def entry_of(self, camera_id: int, generation: int) -> Entry | None:
        """The entry if it still is of this generation."""
        with self.changed:
            entry = self._entries.get(camera_id)
            return entry if entry is not None and entry.generation == generation else None

    def ids(self) -> list[int]:
        with self.changed:
            return list(self._entries)

    def target(self, camera_id: int) -> Target:
        """Where the camera is; its port must be known."""
        with self.changed:
            stored = self.entry(camera_id).stored
        if stored.port is None:
            raise RuntimeError("the port is not known yet")
        return Target(camera_id, stored.host, stored.port, credential_of(stored), device_key(camera_id))

    def with_address(self, host: str) -> list[StoredCamera]:
        """The cameras of this host, whatever their port."""
        with self.changed:
            return [entry.stored for entry in self._entries.values() if entry.stored.host == host]

    def pretend(self) -> StoredCamera | None:
        with self.changed:
            return next((entry.stored for entry in self._entries.values() if entry.stored.pretend), None)

    def views(self) -> list[CameraView]:
        """All cameras by id."""
        with self.changed:
            first = self._first_of_each_device()
            return [_view(entry, first) for _, entry in sorted(self._entries.items())]

    def view(self, camera_id: int) -> CameraView:
        with self.changed:
            return _view(self.entry(camera_id), self._first_of_each_device())

    def channels(self, camera_id: int) -> tuple[Channel, ...]:
        """The channels the device has, with the user's names, in the user's order."""
        with self.changed:
            entry = self.entry(camera_id)
            return shown_channels(entry.channels, entry.trouble)

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

    def learn_signals(self, camera_id: int, generation: int, signals: Mapping[str, bool]) -> None:
        """What the device says of its inputs, by video source token: those without a picture are marked."""
        with self.changed:
            entry = self.entry_of(camera_id, generation)
            if entry is None:
                return
            entry.signals_read_s = self._clock.monotonic_s()
            for token, has_signal in signals.items():
                if not has_signal:
                    entry.trouble[token] = NO_SIGNAL
                elif entry.trouble.get(token) == NO_SIGNAL:
                    del entry.trouble[token]
            self.changed.notify_all()

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        """How an attempt to get a picture of a channel ended; marks the channel or clears its mark.

        Only what speaks of the channel is taken: a device that is gone, a refused password or a
        limit says nothing about it. Unknown cameras and media profiles are passed over.
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
                        entry.trouble.pop(channel.video_source_token, None)
                    else:
                        entry.trouble[channel.video_source_token] = problem
            self.changed.notify_all()

    def begin(self, camera_id: int) -> Entry | None:
        """An attempt starts now; None if the camera is gone."""
        with self.changed:
            entry = self._entries.get(camera_id)
            if entry is not None:
                entry.attempt_began_s = self._clock.monotonic_s()
            return entry

    def say_connecting(self, camera_id: int) -> None:
        """The user asked to try again: what was wrong is not known to be so any more."""
        with self.changed:
            entry = self.entry(camera_id)
            entry.attempts, entry.wants_fresh = 0, True
            entry.uris.clear()
            entry.trouble.clear()
            if entry.stored.password is not None:
                entry.status, entry.error = CameraStatus.CONNECTING, None
            self.changed.notify_all()

    def learn(
        self, camera_id: int, generation: int, device: Device, channels: tuple[StoredChannel, ...] | None
    ) -> bool:
        """The device answered; `channels` if they were read. False: too late, nothing was taken."""
        with self.changed:
            entry = self.entry_of(camera_id, generation)
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
            )
            self._end_attempt(entry)
            return True

    def fail(
        self,
        camera_id: int,
        generation: int,
        status: CameraStatus,
        problem: Problem,
        checks: tuple[ServiceCheck, ...] = (),
    ) -> Device | None:
        """The attempt ended badly; the device, if one was held, is the caller's to close."""
        with self.changed:
            entry = self.entry_of(camera_id, generation)
            if entry is None:
                return None
            device, entry.device = entry.device, None
            entry.status, entry.error, entry.failures = status, problem, entry.failures + 1
            if checks:
                entry.checks = checks
            self._end_attempt(entry)
            return device

    def next_try_in(self, camera_id: int, delay_s: float | None) -> None:
        """Kept for the health card; None: it is not tried again by itself."""
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
    return Credential(stored.username, stored.password or Secret(""))


def device_key(camera_id: int) -> str:
    """How the login gate and the session budgets name the device."""
    return f"camera{camera_id}"


def shown_name(stored: StoredCamera) -> str:
    """What the user calls it, else make and model, else its address."""
    if stored.name:
        return stored.name
    maker, model = stored.info.manufacturer.strip(), stored.info.model.strip()
    if maker and model.lower().startswith(maker.lower()):
        return model
    return f"{maker} {model}".strip() or stored.host


def clock_offset_s(offset: ClockOffset | None) -> float | None:
    return offset.offset_s if offset else None


def _identity(stored: StoredCamera) -> tuple[str, ...] | None:
    """Makers give one serial number to a whole series now and then: a hint, never a refusal."""
    info = stored.info
    return (info.manufacturer, info.model, info.serial) if info.serial else None


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
        same_device_as=twin if twin != stored.id else None,
    )
