"""The states of cameras, which their owners write for the other nodes, with the refused passwords.

A worker writes changes once a second, all in one transaction, and reads those of other nodes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select

from core.clock import Clock
from core.errors import AppError
from core.login_gate import Refusal
from core.own_thread import OwnThread
from core.records import CameraStatus, Problem
from database import Database, repeated
from placement.bus import ChangeBus, Topic
from placement.leases import LeasePlacement
from placement.store import now_s
from tables import CameraRow, CameraStateRow

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_READ_EVERY_S = 10.0  # without news; a node may have died
_WAITING = (CameraStatus.CONNECTING, None)  # of a camera without a living owner


class Cameras(Protocol):
    """The cameras of this node (OnvifManager)."""

    def states(self) -> Mapping[int, tuple[CameraStatus, Problem | None]]: ...

    def show_state(self, camera_id: int, status: CameraStatus, problem: Problem | None) -> None: ...

    def refusal(self, camera_id: int) -> Refusal | None: ...

    def continue_refusal(self, camera_id: int, refusal: Refusal) -> None: ...


@dataclass(frozen=True, slots=True)
class _Written:
    """The last written state of a camera; `logins` and `logins_of_place` are 0 without a refusal."""

    epoch: int
    status: CameraStatus
    problem: Problem | None
    logins: int = 0
    logins_of_place: int = 0


class CameraStates(OwnThread):
    """Writes the states of own cameras, and shows those of others, between start() and stop()."""

    def __init__(
        self, database: Database, clock: Clock, placement: LeasePlacement, cameras: Cameras, bus: ChangeBus
    ) -> None:
        super().__init__("camera-states")
        self._database = database
        self._clock = clock
        self._placement = placement
        self._cameras = cameras
        self._bus = bus
        self._lock = threading.Lock()  # of a transaction that writes, and of `_written`
        self._written: dict[int, _Written] = {}
        self._epochs: dict[int, int] = {}
        self._has_news = threading.Event()
        for topic in (Topic.STATES, Topic.PLACEMENT):
            bus.subscribe(topic, self._has_news.set)

    def adopt_camera(self, camera_id: int) -> None:
        """Continue the block of a password that the owner before this node has tried. Call it before connecting."""
        epoch = self._placement.epoch(camera_id)
        if epoch is not None:
            self._epochs[camera_id] = epoch
        try:
            refusal = self._stored_refusal(camera_id)
        except AppError as error:
            log.warning("camera %d: whether its password was refused cannot be read (%s)", camera_id, error.code)
            return
        if refusal is not None:
            self._cameras.continue_refusal(camera_id, refusal)

    def release_camera(self, camera_id: int) -> None:
        """Write a refused password before the next owner connects. Nothing else of this camera is ours to write."""
        epoch = self._epochs.pop(camera_id, None)
        refusal = self._cameras.refusal(camera_id)
        with self._lock:
            before = self._written.pop(camera_id, None)
        if epoch is None or refusal is None or (before is not None and before.logins):
            return
        problem = Problem("camera_auth_failed", refusal.hint)
        try:
            self._write({camera_id: _written(epoch, CameraStatus.AUTH_FAILED, problem, refusal)})
        except AppError as error:
            log.warning("camera %d: its refused password could not be noted (%s)", camera_id, error.code)

    def write(self) -> None:
        """Write the states that have changed since the last call."""
        owned = self._placement.owned()
        changed: dict[int, _Written] = {}
        with self._lock:
            for camera_id, (status, problem) in self._cameras.states().items():
                if camera_id in owned:
                    refusal = self._cameras.refusal(camera_id) if status is CameraStatus.AUTH_FAILED else None
                    now = _written(owned[camera_id], status, problem, refusal)
                    if self._written.get(camera_id) != now:
                        changed[camera_id] = now
        if changed:
            self._write(changed)
            self._bus.publish(Topic.STATES)

    def read(self) -> None:
        """Show the states that other nodes have written."""
        with self._database.read() as session:
            rows = session.execute(
                select(
                    CameraStateRow.camera_id,
                    CameraStateRow.status,
                    CameraStateRow.problem_code,
                    CameraStateRow.problem_detail,
                )
            ).all()
        for camera_id, status, code, detail in rows:
            if not self._placement.owns(camera_id):
                shown = (CameraStatus(status), Problem(code, detail or "") if code else None)
                has_owner = self._placement.node_of(camera_id) is not None
                self._cameras.show_state(camera_id, *(shown if has_owner else _WAITING))

    @repeated
    def _write(self, states: Mapping[int, _Written]) -> None:
        with self._lock:
            with self._database.write() as session:
                now = session.scalars(select(now_s(self._database, self._clock))).one()
                boxes = dict(
                    session.execute(select(CameraRow.id, CameraRow.password_box).where(CameraRow.id.in_(states))).all()
                )
                rows = {
                    row.camera_id: row
                    for row in session.scalars(
                        select(CameraStateRow).where(CameraStateRow.camera_id.in_(states)).with_for_update()
                    )
                }
                for camera_id in sorted(states.keys() & boxes.keys()):
                    state, row = states[camera_id], rows.get(camera_id)
                    if row is None:
                        row = CameraStateRow(camera_id=camera_id)
                        session.add(row)
                    elif row.epoch > state.epoch:
                        continue  # a later owner has written
                    self._fill(row, state, now, boxes[camera_id])
            self._written.update(states)

    def _fill(self, row: CameraStateRow, state: _Written, now: float, box: bytes) -> None:
        refusal = self._cameras.refusal(row.camera_id) if state.logins else None
        row.node, row.epoch, row.written_at = self._placement.this_node().name, state.epoch, now
        row.status = state.status
        row.problem_code = state.problem.code if state.problem else None
        row.problem_detail = state.problem.detail if state.problem else None
        row.refused_until = now + refusal.left_s if refusal else None
        row.refused_logins, row.refused_of_place = state.logins, state.logins_of_place
        row.refused_box = _box_name(box) if refusal else ""

    def _stored_refusal(self, camera_id: int) -> Refusal | None:
        with self._database.read() as session:
            row = session.get(CameraStateRow, camera_id)
            box = session.scalar(select(CameraRow.password_box).where(CameraRow.id == camera_id))
            now = session.scalars(select(now_s(self._database, self._clock))).one()
        if row is None or row.refused_until is None or row.refused_until <= now or box is None:
            return None
        if row.refused_box != _box_name(box):
            return None  # the user has entered another password since
        return Refusal(row.refused_until - now, row.refused_logins, row.refused_of_place)

    def _work(self) -> None:
        read_at_s = float("-inf")
        while not self._is_stopping.wait(_EVERY_S):
            now = self._clock.monotonic_s()
            try:
                self.write()
                if self._has_news.is_set() or now - read_at_s >= _READ_EVERY_S:
                    self._has_news.clear()
                    self.read()
                    read_at_s = now
            except AppError as error:
                log.info("states of cameras could not be exchanged (%s)", error.code)
            except Exception:
                log.exception("states of cameras could not be exchanged")


def _written(epoch: int, status: CameraStatus, problem: Problem | None, refusal: Refusal | None) -> _Written:
    if refusal is None:
        return _Written(epoch, status, problem)
    return _Written(epoch, status, problem, refusal.logins, refusal.logins_of_place)


def _box_name(box: bytes) -> str:
    """Return a name of a stored password, which changes when a user enters another one."""
    return hashlib.sha256(box).hexdigest()[:32]
