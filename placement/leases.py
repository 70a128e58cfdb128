"""Placement by leases: several nodes share a database, and each owns a fair share of the cameras.

A worker renews the lease of the node each third of its life, gives cameras back that are over the fair share, and
claims those without a living owner. A fence in a thread of its own lets go of all cameras when the lease was not
renewed for 0.8 of its life: the worker may hang in a socket.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from core.clock import Clock
from core.errors import AppError, NotFound, StartRefused
from core.placement import CameraCallback, Node, NodeView, Placement
from core.stop_signal import StopSignal
from placement.addresses import AddressCheck
from placement.announcer import Announcer
from placement.bus import ChangeBus, Topic
from placement.fence import Fence
from placement.incarnation import Incarnation
from placement.pulse import Responsive
from placement.records import ROUND_SHARE, NodeIdentity, NodeLease, NodeLoad, Situation
from placement.shares import Decision, decide
from placement.store import NameTaken, NodeStore

log = logging.getLogger(__name__)

_START_S = 2.0  # three nodes that start together would otherwise take everything, and give most of it back
_SHED_EVERY_S = 1.0
_RETRY_SHARE = 0.1  # of the lease, after a failure
_GIVE_SHARE = 0.2  # of the lease: the longest wait of a round until cameras are free to be given back
_STOP_S = 5.0
_LEAST_WAIT_S = 0.05
_LOOK_S = 0.5  # of the fence: a wait does not count the time for which the machine is suspended
_AFTER_END_S = 0.02
_JUMP_SHARE = 0.1  # of the lease: a larger difference between two clocks is a jump of the database's


class Watched(Protocol):
    """Knows which cameras have viewers now."""

    def watched_cameras(self) -> Collection[int]: ...


def node_of_lease(node: NodeLease | NodeIdentity) -> Node:
    """Return the node for other parts of the app. Its place is the same word in each run."""
    return Node(node.name, node.address, hashlib.sha256(node.name.encode()).hexdigest()[:12])


class LeasePlacement(Placement):
    """Owns the cameras of this node's leases, between start() and stop(). `vitals` must answer before each renewal."""

    def __init__(
        self,
        store: NodeStore,
        node: NodeIdentity,
        clock: Clock,
        bus: ChangeBus,
        incarnation: Incarnation,
        vitals: Collection[Responsive] = (),
    ) -> None:
        self._store = store
        self._identity = node
        self._clock = clock
        self._bus = bus
        self._incarnation = incarnation
        self._vitals = vitals
        self._watched: Watched | None = None
        self._rejoined: list[Callable[[], None]] = []
        self._load: Callable[[], NodeLoad] = NodeLoad
        self._this = node_of_lease(node)
        self._announcer = Announcer()
        self._address_check = AddressCheck(node)
        self._fence = Fence(clock, node.lease_s)
        self._lock = threading.Lock()  # of the two dictionaries; never held in a call of another part
        self._held: dict[int, int] = {}  # camera -> epoch
        self._returning: dict[int, int] = {}  # cameras that this node is giving back
        self._owners: Mapping[int, Node] = {}
        self._views: list[NodeView] = [NodeView(self._this, cameras=0)]
        self._ready_at_s = float("-inf")
        self._settled_at_s = float("-inf")  # no cameras of dead nodes before that
        self._has_joined = False
        self._is_away = False
        self._is_shedding = False
        self._shed_at_s = float("-inf")
        self._last_clocks: tuple[float, float, float] | None = None
        self._wake = threading.Event()
        self._is_stopping = StopSignal()
        self._threads: list[threading.Thread] = []
        for topic in (Topic.PLACEMENT, Topic.CAMERAS):
            bus.subscribe(topic, self.wake)

    # ---- what other parts ask ----------------------------------------------------------------------

    def owns(self, camera_id: int) -> bool:
        return camera_id in self._held and self._fence.is_open()

    def node_of(self, camera_id: int) -> Node | None:
        if self.owns(camera_id):
            return self._this
        owner = self._owners.get(camera_id) if self._fence.is_open() else None
        return None if owner == self._this else owner

    def is_cut_off(self) -> bool:
        return self._has_joined and not self._fence.is_open()

    def is_away(self) -> bool:
        """True if the last renewal of the lease failed."""
        return self._is_away

    def epoch(self, camera_id: int) -> int | None:
        """Return the number of this node's lease of a camera, which rises with each owner; None if it has none."""
        return self._held.get(camera_id) if self._fence.is_open() else None

    def owned(self) -> dict[int, int]:
        """Return id and epoch of the cameras that this node owns."""
        with self._lock:
            return dict(self._held) if self._fence.is_open() else {}

    def this_node(self) -> Node:
        return self._this

    def nodes(self) -> list[NodeView]:
        return self._views

    def set_draining(self, name: str, is_draining: bool) -> None:
        if not self._store.set_draining(name, is_draining):
            raise NotFound(f"There is no node {name}.")
        self._bus.publish(Topic.PLACEMENT)
        self.wake()

    def on_gained(self, callback: CameraCallback) -> None:
        self._announcer.gained.append(callback)

    def on_lost(self, callback: CameraCallback) -> None:
        self._announcer.lost.append(callback)

    def on_rejoined(self, callback: Callable[[], None]) -> None:
        """Call `callback` after this node joined again because its row had vanished. It must not wait for anything."""
        self._rejoined.append(callback)

    def wait_told(self, timeout_s: float) -> bool:
        """Wait until all callbacks have returned. Return False if some still run after `timeout_s`."""
        return not self._announcer.wait_told(None, timeout_s)

    def spare_watched(self, watched: Watched) -> None:
        """Give back cameras without viewers first."""
        self._watched = watched

    def report_load(self, load: Callable[[], NodeLoad]) -> None:
        """Tell the other nodes the load of this one with each renewal."""
        self._load = load

    def wake(self) -> None:
        """Look at the leases now: another node may have changed them."""
        self._wake.set()

    # ---- start and stop ----------------------------------------------------------------------------

    def start(self) -> None:
        """Join the nodes. Raise StartRefused if a living node has this name, or the database cannot be used.

        A row whose process is not known to be dead makes this wait for the end of its lease.
        """
        if self._threads:
            return
        self._is_stopping.begin()
        try:
            self._join_when_free()
            self._incarnation.save()
        except (AppError, OSError) as error:
            raise StartRefused(f"The node {self._identity.name!r} cannot join the others: {error}") from error
        for name, work in (("leases", self._work), ("fence", self._watch_fence)):
            self._threads.append(threading.Thread(target=self._is_stopping.bound(work), name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Let go of all cameras, give them back, and leave the nodes. May be called twice."""
        threads, self._threads = self._threads, []
        if not threads:
            return
        self._is_stopping.set()
        self._wake.set()
        for thread in threads:
            thread.join(_STOP_S)
        self.leave()

    def leave(self) -> None:
        """Let go of all cameras, give them back, and delete the row of this node; stop() does that, too."""
        with self._lock:
            epochs = {**self._held, **self._returning}
            self._returning.clear()
        self._let_go(list(epochs), "this node stops")
        untold = self._announcer.wait_told(epochs, _STOP_S)
        self._announcer.stop()
        free = {camera_id: epoch for camera_id, epoch in epochs.items() if camera_id not in untold}
        try:
            self._store.leave(self._identity, self._incarnation.word, free, is_done=not untold)
            self._bus.publish(Topic.PLACEMENT)
        except AppError as error:
            log.warning("this node could not give its cameras back, its lease ends by itself: %s", error)
        self._fence.close()

    def _join_when_free(self) -> None:
        known: float | None = None
        while True:
            try:
                self.join()
                return
            except NameTaken as taken:
                if known not in (None, taken.expires):
                    raise StartRefused(
                        f"A node with the name {self._identity.name!r} runs already. Give each node a NODE_NAME of its "
                        "own, and a DATA_DIR of its own."
                    ) from None
                known = taken.expires
            self._is_stopping.wait(min(0.25, self._identity.lease_s / 4))

    def join(self) -> None:
        """Write the row of this node; start() does that, too. Raise NameTaken if another process has the name."""
        self._announcer.start()
        began_s = self._clock.monotonic_s()
        starts_s = max(_START_S, ROUND_SHARE * self._identity.lease_s)
        self._store.join(self._identity, self._incarnation.word, starts_s=starts_s, dead=self._incarnation.dead())
        self._fence.renew(began_s)
        self._has_joined = True
        self._ready_at_s = self._clock.monotonic_s() + starts_s

    # ---- one round ---------------------------------------------------------------------------------

    def run_once(self) -> float:
        """Renew the lease, take and give back cameras. Return the seconds until the next round."""
        began_s = self._clock.monotonic_s()
        self.let_go_if_fenced()
        retry_s = _RETRY_SHARE * self._identity.lease_s
        answers = [vital.is_responsive() for vital in self._vitals]  # ask each
        if not all(answers):
            log.warning("a part of this node does not answer, so the node does not renew its lease")
            return retry_s
        try:
            situation = self._store.renew(self._identity, self._incarnation.word, self._load())
            self._note_renewal(began_s, situation)
            self._change_owners(situation, began_s)
        except NameTaken:
            return self._join_again()
        except AppError as error:
            if not self._is_away:
                log.warning("this node cannot renew its lease: %s", error)
            self._is_away = True
            return retry_s
        return self._wait_s(situation, began_s)

    def let_go_if_fenced(self) -> None:
        """Let go of all cameras if the lease has not been renewed for 0.8 of its life."""
        if not self._fence.is_open():
            self._let_go(list(self._held), "its lease was not renewed in time")

    def _join_again(self) -> float:
        """Return after the row of this node vanished, or another process took it. Its cameras are gone in any case."""
        self._fence.close()
        self._let_go(list(self._held), "its row is gone, or another process has its name")
        try:
            self.join()
            for callback in self._rejoined:
                callback()
        except NameTaken:
            log.error("another process has the name %r of this node, which owns no camera", self._identity.name)
        except AppError as error:
            log.warning("this node cannot join the others again: %s", error)
        return ROUND_SHARE * self._identity.lease_s

    def _note_renewal(self, began_s: float, situation: Situation) -> None:
        ended_s = self._clock.monotonic_s()
        if self._is_away or self._has_jumped(situation.now_s, began_s, ended_s):
            self._settled_at_s = ended_s + self._identity.lease_s
            log.warning("the database is back, or its clock was set: no camera of another node is taken over for now")
        self._is_away = False
        self._last_clocks = (situation.now_s, began_s, ended_s)
        self.let_go_if_fenced()  # the request itself may have lasted too long
        self._fence.renew(began_s)
        living = {name: node_of_lease(node) for name, node in situation.nodes.items() if node.is_living}
        self._owners = {it.camera_id: living[it.node] for it in situation.cameras.values() if it.node in living}
        self._views = _views(situation)
        self._address_check.look_at(situation.nodes.values())
        with self._lock:
            self._returning = {
                it: epoch for it, epoch in self._returning.items() if self._is_ours(situation, it, epoch)
            }
            lost = [it for it, epoch in self._held.items() if not self._is_ours(situation, it, epoch)]
        self._let_go(lost, "they have other owners, or were deleted")

    def _has_jumped(self, now_s: float, began_s: float, ended_s: float) -> bool:
        """True if the database's clock and that of this machine differ in the time since the last renewal."""
        if self._last_clocks is None:
            return False
        then_s, then_began_s, then_ended_s = self._last_clocks
        least_s, most_s = began_s - then_ended_s, ended_s - then_began_s
        tolerance_s = _JUMP_SHARE * self._identity.lease_s
        return not least_s - tolerance_s <= now_s - then_s <= most_s + tolerance_s

    def _is_ours(self, situation: Situation, camera_id: int, epoch: int) -> bool:
        row = situation.cameras.get(camera_id)
        return row is not None and row.node == self._identity.name and row.epoch == epoch

    def _change_owners(self, situation: Situation, began_s: float) -> None:
        with self._lock:
            held, returning = set(self._held), set(self._returning)
        decision = decide(
            situation,
            self._identity.name,
            held=held | returning,
            watched=self._watched.watched_cameras() if self._watched is not None else (),
            may_take_over=began_s >= self._settled_at_s,
            was_shedding=self._is_shedding,
        )
        self._claim(decision)
        self._is_shedding = decision.is_shedding
        gives = [camera_id for camera_id in decision.gives if camera_id in held]
        if decision.is_shedding and began_s - self._shed_at_s < _SHED_EVERY_S:
            gives = []
        elif gives:
            self._shed_at_s = began_s
        self._give_back(gives)

    def _claim(self, decision: Decision) -> None:
        if not decision.claims:
            return
        claimed = self._store.claim(self._identity, self._incarnation.word, decision.claims)
        if not claimed:
            return
        with self._lock:
            if not self._fence.is_open():
                return  # the next round claims them again
            self._held.update(claimed)
            for camera_id in claimed:
                self._announcer.announce(camera_id, is_gained=True)
        log.info("this node has taken %d cameras", len(claimed))
        self._bus.publish(Topic.PLACEMENT)

    def _give_back(self, gives: Collection[int]) -> None:
        with self._lock:
            self._returning.update({it: self._held[it] for it in gives if it in self._held})
        self._let_go(gives, "other nodes have fewer, or this one is drained")
        with self._lock:
            returning = dict(self._returning)
        if not returning:
            return
        untold = self._announcer.wait_told(returning, _GIVE_SHARE * self._identity.lease_s)
        free = {camera_id: epoch for camera_id, epoch in returning.items() if camera_id not in untold}
        self._store.give_back(self._identity, free)
        with self._lock:
            for camera_id in free:
                self._returning.pop(camera_id, None)
        if free:
            self._bus.publish(Topic.PLACEMENT)

    def _let_go(self, camera_ids: Iterable[int], reason: str) -> None:
        with self._lock:
            lost = [camera_id for camera_id in camera_ids if self._held.pop(camera_id, None) is not None]
            for camera_id in lost:
                self._announcer.announce(camera_id, is_gained=False)
        if lost:
            log.info("this node lets go of %d cameras: %s", len(lost), reason)

    def _wait_s(self, situation: Situation, began_s: float) -> float:
        """Return the time until the next renewal, or until another node's lease ends, whichever comes first."""
        wait_s = ROUND_SHARE * self._identity.lease_s - (self._clock.monotonic_s() - began_s)
        others = [it.left_s for it in situation.nodes.values() if it.is_living and it.name != self._identity.name]
        wait_s = min([wait_s, *(left_s + _AFTER_END_S for left_s in others)])
        if self._is_shedding:
            wait_s = min(wait_s, _SHED_EVERY_S)
        if not situation.nodes[self._identity.name].is_ready:
            wait_s = min(wait_s, self._ready_at_s - self._clock.monotonic_s())
        if self._settled_at_s > began_s:
            wait_s = min(wait_s, self._settled_at_s - began_s)
        return max(wait_s, _LEAST_WAIT_S)

    # ---- threads -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._is_stopping.is_set():
            self._wake.clear()
            try:
                wait_s = self.run_once()
            except Exception:
                log.exception("a round of the leases failed")
                wait_s = _RETRY_SHARE * self._identity.lease_s
            self._wake.wait(wait_s)
            self._is_stopping.wait(_LEAST_WAIT_S)  # many changes at a time take one round

    def _watch_fence(self) -> None:
        while not self._is_stopping.wait(min(max(self._fence.left_s(), _LEAST_WAIT_S), _LOOK_S)):
            self.let_go_if_fenced()


def _views(situation: Situation) -> list[NodeView]:
    cameras = {name: [it for it in situation.cameras.values() if it.node == name] for name in situation.nodes}
    return [
        NodeView(
            node_of_lease(node),
            is_alive=node.is_living,
            cameras=len(cameras[name]),
            channels=sum(camera.weight for camera in cameras[name]),
            capacity=node.capacity,
            site=node.site,
            version=node.version,
            build=node.build,
            streams=node.load.streams if node.is_living else None,
            cpu_share=node.load.cpu_share if node.is_living else None,
            is_draining=node.is_draining,
            lease_left_s=node.left_s if node.is_living else None,
        )
        for name, node in sorted(situation.nodes.items())
    ]
