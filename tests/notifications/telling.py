"""The notification manager over a real database, log of events and accounts; cameras have channels, no devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from account_manager import AccountManager
from accounts.passwords import Passwords
from accounts.records import User, UserDraft
from cameras.records import CameraView
from cameras.vault import Vault
from core.access import EVERYTHING, LOCAL, Principal, Role, Scope
from core.clock import SystemClock
from core.errors import NotFound
from core.events import EventKind, EventSource, LoggedEvent, severity_of
from core.records import CameraStatus, Channel, DeviceInfo
from core.secrets import Secret
from core.settings import Settings
from event_manager import EventManager
from notification_manager import NotificationManager
from notifications.records import Delivery, DeliveryState, RuleDraft, SinkDraft
from notifications.sink_settings import WebhookSettings
from notifications.sinks import Notice, Sink
from tests.accounts.hashing import CHEAP
from tests.events.logged import stored_camera
from tests.patience import until
from tests.placement.owning import OwningCameras
from tests.prepared_database import prepared_database
from workers.notifier import Notifier

PASSWORD = Secret("correct-horse-battery")


class NamedCameras(OwningCameras):
    """Two cameras with two channels each."""

    def __init__(self) -> None:
        self.views = {
            number: CameraView(number, f"Yard {number}", f"10.0.0.{number}", 80, "admin", CameraStatus.ONLINE)
            for number in (1, 2)
        }
        self.channel_names = {1: "Gate", 2: "Door"}
        self.removed: list[Callable[[int], None]] = []

    @property
    def vault(self) -> Vault:
        return Vault(b"k" * 32)

    def on_delete(self, callback: Callable[[int], None]) -> None:
        self.removed.append(callback)

    def list_cameras(self) -> list[CameraView]:
        return list(self.views.values())

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id not in self.views:
            raise NotFound("There is no such camera.")
        return self.views[camera_id]

    def channels(self, camera_id: int) -> list[Channel]:
        self.get_camera(camera_id)
        return [Channel(number, name, f"V{number}", ()) for number, name in self.channel_names.items()]

    def clock_offset_s(self, camera_id: int) -> float | None:
        return None

    def rename(self, camera_id: int, name: str, info: DeviceInfo | None = None) -> None:
        view = self.views[camera_id]
        self.views[camera_id] = replace(view, name=name, info=info or view.info)

    def remove(self, camera_id: int) -> None:
        del self.views[camera_id]
        for callback in self.removed:
            callback(camera_id)


class PushBox(Sink):
    """A push sink that keeps the notices."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)

    def close(self) -> None:
        pass


class Telling:
    """A running app as far as notifications need it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data_dir=folder / "data", secret_key_file=folder / "secret.key", **settings)
        self.clock = SystemClock()
        self.database = prepared_database(self.settings.database_file)
        self.accounts = AccountManager(self.database, self.settings, self.clock, passwords=Passwords(CHEAP))
        self.cameras = NamedCameras()
        self.push = PushBox()
        self.events: EventManager
        self.manager: NotificationManager
        self._notifier: Notifier

    def start(self) -> None:
        self.accounts.start()
        self.events = EventManager(self.database, self.settings, self.clock, self.cameras)
        self.manager = NotificationManager(
            self.database, self.settings, self.clock, self.cameras, self.events, self.accounts
        )
        self.manager.use_push(self.push)
        self.events.start()
        self.manager.start()
        self._notifier = Notifier(self.manager)
        self._notifier.start()

    def stop(self) -> None:
        self._notifier.stop()
        self.manager.stop()
        self.events.stop()
        self.accounts.stop()

    def close(self) -> None:
        self.database.close()

    def store_cameras(self) -> None:
        with self.database.write() as session:
            session.add_all([stored_camera(1), stored_camera(2)])

    def user(self, name: str, role: Role = Role.ADMIN, scope: Scope = EVERYTHING) -> tuple[User, Principal]:
        user = self.accounts.add_user(UserDraft(name, PASSWORD, role, scope))
        return user, Principal("session", name, role, scope, user.id, "session:1")

    def webhook(self, url: str, secret: str | None = None, **more: Any) -> int:
        settings = WebhookSettings(url, **more)
        return self.manager.add_sink(SinkDraft("Hook", settings, None if secret is None else Secret(secret))).id

    def rule(self, who: Principal = LOCAL, **wanted: Any) -> int:
        return self.manager.add_rule(who, RuleDraft(**{"name": "Rule", "cool_down_s": 0.0, **wanted})).id

    def event(self, kind: EventKind = EventKind.PERSON, **more: Any) -> LoggedEvent:
        """Return an event that begins now and goes on."""
        values: dict[str, Any] = {
            "camera_id": 1,
            "channel": 1,
            "kind": kind,
            "source": EventSource.DEVICE,
            "start_at": self.clock.now_utc(),
            "severity": severity_of(kind),
        }
        return LoggedEvent(**{**values, **more})

    def begin(self, event: LoggedEvent, key: str = "event") -> None:
        """Log an event now, without waiting for the batch."""
        self.events.log.begin(key, event)
        self.events.log.flush()

    def end(self, key: str = "event") -> None:
        self.events.log.end(key, self.clock.now_utc())
        self.events.log.flush()

    def deliveries(self, state: DeliveryState | None = None) -> list[Delivery]:
        found, _ = self.manager.deliveries(LOCAL, limit=200)
        return [one for one in found if state in (None, one.state)]

    def settled(self, count: int) -> list[Delivery]:
        """Return the deliveries, once so many have an outcome, the oldest first."""
        done = until(lambda: _done(self.deliveries(), count), what=f"{count} deliveries")
        return sorted(done, key=lambda one: one.id)


def _done(found: list[Delivery], count: int) -> list[Delivery]:
    done = [one for one in found if one.state is not DeliveryState.WAITING]
    return done if len(done) >= count else []


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Telling]:
    """Yield a running app with two stored cameras."""
    made = Telling(folder, **settings)
    made.accounts.start()
    made.store_cameras()
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made.close()
