"""The parts of this process that talk to other nodes: leases, news, and states of cameras.

`wiring.py` builds a LocalNode only if NODE_NAME is set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sized
from functools import partial
from typing import Protocol

from core.clock import BootClock, Clock
from core.settings import Settings
from database import Database
from placement.bus import ChangeBus, Topic
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement, Watched
from placement.load import LoadMeter, build_word
from placement.pulse import Responsive
from placement.reach import DatabaseReach
from placement.records import PATIENCE_SHARE, NodeIdentity
from placement.states import Cameras, CameraStates
from placement.store import NodeStore


class NodeCameras(Cameras, Protocol):
    """The cameras of the node (OnvifManager)."""

    def on_gained(self, callback: Callable[[int], None]) -> None: ...

    def on_closed(self, callback: Callable[[int], None]) -> None: ...

    def on_edited(self, callback: Callable[[], None]) -> None: ...

    def read_again(self) -> None: ...


class Streams(Watched, Protocol):
    """The streams of the node (StreamManager)."""

    def list_sessions(self) -> Sized: ...


class Logins(Protocol):
    """The accounts (AccountManager)."""

    def on_ended(self, callback: Callable[[frozenset[str]], None]) -> None: ...

    def report_ended_elsewhere(self) -> None: ...


class Events(Protocol):
    """The log of events (EventLog)."""

    def on_news(self, listener: Callable[[], None]) -> None: ...

    def wake(self) -> None: ...


class Sinks(Protocol):
    """The sinks of notifications (NotificationManager)."""

    def on_sinks_changed(self, listener: Callable[[], None]) -> None: ...

    def read_sinks_again(self) -> None: ...


class Models(Protocol):
    """The choice of the model that recognizes objects (ObjectManager)."""

    def on_chosen(self, listener: Callable[[], None]) -> None: ...

    def read_choice_again(self) -> None: ...


class Files(Protocol):
    """The archive files of this node (ArchiveManager)."""

    def publish_again(self) -> None: ...


class LocalNode:
    """This process as one of several nodes. Call the `follow_` methods before start()."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, vitals: Collection[Responsive], version: str
    ) -> None:
        self._database = database.apart(PATIENCE_SHARE * settings.node_lease_s)
        self._clock = clock
        self.bus = ChangeBus(self._database)
        self.placement = LeasePlacement(
            NodeStore(self._database, clock),
            NodeIdentity(
                name=settings.node_name,
                address=settings.address_of_node,
                lease_s=settings.node_lease_s,
                site=settings.site,
                capacity=settings.node_capacity,
                version=version,
                build=build_word(),
            ),
            BootClock(),  # a machine that wakes up knows that its leases have ended meanwhile
            self.bus,
            Incarnation(settings.data_dir),
            vitals,
        )
        self._states: CameraStates | None = None
        self._reach = DatabaseReach(database, self._database, self.placement, settings.node_lease_s)

    def follow_cameras(self, cameras: NodeCameras, streams: Streams) -> None:
        """Exchange states and refused passwords of `cameras`; spare those that users watch when cameras move."""
        self.placement.spare_watched(streams)
        self.placement.report_load(LoadMeter(self._clock, streams.list_sessions).read)
        self._states = CameraStates(self._database, self._clock, self.placement, cameras, self.bus)
        cameras.on_gained(self._states.adopt_camera)
        cameras.on_closed(self._states.release_camera)
        cameras.on_edited(partial(self.bus.publish, Topic.CAMERAS))
        self.bus.subscribe(Topic.CAMERAS, cameras.read_again)

    def follow_logins(self, logins: Logins) -> None:
        """Tell other nodes of ended logins, and look for those that have ended there."""
        logins.on_ended(lambda _: self.bus.publish(Topic.ACCOUNTS))
        self.bus.subscribe(Topic.ACCOUNTS, logins.report_ended_elsewhere)

    def follow_events(self, events: Events) -> None:
        """Tell other nodes of events, so that pages that wait there show them, and wake those that wait here."""
        events.on_news(partial(self.bus.publish, Topic.EVENTS))
        self.bus.subscribe(Topic.EVENTS, events.wake)

    def follow_sinks(self, sinks: Sinks) -> None:
        """Tell other nodes of new, changed and removed sinks, and follow theirs."""
        sinks.on_sinks_changed(partial(self.bus.publish, Topic.SINKS))
        self.bus.subscribe(Topic.SINKS, sinks.read_sinks_again)

    def follow_models(self, models: Models) -> None:
        """Tell other nodes that a user has chosen a model, and follow their choices."""
        models.on_chosen(partial(self.bus.publish, Topic.MODELS))
        self.bus.subscribe(Topic.MODELS, models.read_choice_again)

    def follow_files(self, files: Files) -> None:
        """Tell other nodes of all archive files again after this node was forgotten, because their rows are gone."""
        self.placement.on_rejoined(files.publish_again)

    def start(self) -> None:
        """Join the other nodes. Raise StartRefused if a living node has this name, or the database cannot be used."""
        self._database.open()
        self.bus.start()
        self._reach.start()
        try:
            self.placement.start()
        except BaseException:
            self.stop()
            raise
        if self._states is not None:
            self._states.start()

    def stop(self) -> None:
        """Give all cameras back and leave the other nodes. May be called twice."""
        self.placement.stop()
        if self._states is not None:
            self._states.stop()
        self.bus.stop()
        self._reach.stop()
        self._database.close()
