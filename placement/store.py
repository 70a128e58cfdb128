"""The leases in the database: one row for each node, and the owner of each camera in the row of the camera.

A node renews one row, its own. All times are of the database's clock, so that the clocks of nodes do not matter:
PostgreSQL's `clock_timestamp()`, and, for several processes on one file, the monotonic clock of their machine.

Each claim raises the camera's `epoch`. A claim is a conditional UPDATE, so of two nodes that claim a camera one gets
nothing; on PostgreSQL it skips rows that another claim has locked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Float, delete, func, literal, literal_column, or_, select, update
from sqlalchemy.orm import Session

from core.clock import Clock
from database import Database, repeated
from placement.records import CameraLease, Failover, NodeIdentity, NodeLease, NodeLoad, Situation
from tables import ArchiveFileRow, CameraRow, ChannelRow, NodeRow
from tables.living_nodes import is_living

_MOST_OF_ONE_CALL = 500  # rows of a transaction; others write in between


class NameTaken(Exception):
    """Another process has the name of this node. `expires`: the end of its lease, by the database's clock."""

    def __init__(self, expires: float) -> None:
        super().__init__("Another process has this node's name.")
        self.expires = expires


def now_s(database: Database, clock: Clock) -> ColumnElement[float]:
    """Return the database's clock, in seconds, as an expression. `clock`: that of this machine."""
    expression = database.dialect.clock_s
    if expression is not None:
        return literal_column(expression, Float)
    # The nodes are processes of one machine. Its monotonic clock stays right when the wall clock is set.
    return literal(clock.monotonic_s(), Float)


class NodeStore:
    """Reads and writes the leases. Each call is one short transaction, and raises Unavailable if that fails."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @repeated
    def join(self, node: NodeIdentity, incarnation: str, *, starts_s: float, dead: str | None = None) -> None:
        """Write the row of this node, which takes cameras after `starts_s`.

        Raise NameTaken if another incarnation holds the row, unless its lease has ended or it is `dead`.
        """
        with self._database.write() as session:
            now = session.scalars(select(now_s(self._database, self._clock))).one()
            row = session.get(NodeRow, node.name, with_for_update=True)
            if row is not None and row.incarnation not in (incarnation, dead) and is_living(row, now):
                raise NameTaken(row.expires)
            if row is None:
                row = NodeRow(name=node.name, draining=False)
                session.add(row)
            row.incarnation, row.address, row.site = incarnation, node.address, node.site
            row.capacity, row.version, row.build, row.lease_s = node.capacity, node.version, node.build, node.lease_s
            row.expires, row.ready_at = now + node.lease_s, now + starts_s

    @repeated
    def renew(self, node: NodeIdentity, incarnation: str, load: NodeLoad = NodeLoad()) -> Situation:  # noqa: B008 - frozen
        """Extend the lease of this node, with its load, and return all leases.

        Raise NameTaken if its row is gone or another's.
        """
        with self._database.write() as session:
            now = session.scalars(
                update(NodeRow)
                .where(NodeRow.name == node.name, NodeRow.incarnation == incarnation)
                .values(
                    expires=now_s(self._database, self._clock) + node.lease_s,
                    lease_s=node.lease_s,
                    streams=load.streams,
                    cpu_share=load.cpu_share,
                )
                .returning(NodeRow.expires - node.lease_s)
            ).one_or_none()
            if now is None:
                row = session.get(NodeRow, node.name)
                raise NameTaken(row.expires if row is not None else 0.0)
            return _situation(session, now)

    @repeated
    def claim(self, node: NodeIdentity, incarnation: str, cameras: Collection[CameraLease]) -> dict[int, int]:
        """Become the owner of cameras that still have the owner and epoch given here.

        Return id and new epoch of those that this node has now: none if its own lease has ended.
        """
        if not cameras:
            return {}
        with self._database.write() as session:
            has_lease = (
                select(NodeRow.name)
                .where(
                    NodeRow.name == node.name,
                    NodeRow.incarnation == incarnation,
                    NodeRow.expires > now_s(self._database, self._clock),
                )
                .exists()
            )
            unchanged = {camera.camera_id: camera.epoch for camera in cameras}
            free = (
                select(CameraRow.id)
                .where(CameraRow.id.in_(unchanged), _has_epoch(unchanged), has_lease)
                .with_for_update(skip_locked=True)
            )
            claimed = session.execute(
                update(CameraRow)
                .where(CameraRow.id.in_(free))
                .values(node=node.name, epoch=CameraRow.epoch + 1)
                .returning(CameraRow.id, CameraRow.epoch)
                .execution_options(synchronize_session=False)
            )
            return dict(claimed.all())

    @repeated
    def give_back(self, node: NodeIdentity, epochs: Mapping[int, int]) -> None:
        """Make cameras free that this node has with these epochs. NEVER ones keep its name, for its return."""
        if epochs:
            with self._database.write() as session:
                _give_back(session, node.name, epochs)

    @repeated
    def leave(self, node: NodeIdentity, incarnation: str, epochs: Mapping[int, int], *, is_done: bool) -> None:
        """Give cameras back, and delete the row of this node if `is_done`. Otherwise its lease ends by itself."""
        with self._database.write() as session:
            _give_back(session, node.name, epochs)
            if is_done:
                session.execute(delete(NodeRow).where(NodeRow.name == node.name, NodeRow.incarnation == incarnation))

    def nodes(self) -> dict[str, NodeLease]:
        """Return all nodes by name, also those that are dead."""
        with self._database.read() as session:
            now = session.scalars(select(now_s(self._database, self._clock))).one()
            return {row.name: _node(row, now) for row in session.scalars(select(NodeRow).order_by(NodeRow.name))}

    def camera_counts(self) -> dict[str | None, int]:
        """Return the number of cameras of each node, dead ones included; None: of those without a node."""
        with self._database.read() as session:
            return dict(session.execute(select(CameraRow.node, func.count()).group_by(CameraRow.node)).all())

    @repeated
    def set_camera(self, camera_id: int, *, failover: Failover | None = None, site: str | None = None) -> bool:
        """Change the fields of a camera that are not None. False if there is no such camera."""
        with self._database.write() as session:
            row = session.get(CameraRow, camera_id)
            if row is not None:
                row.failover = row.failover if failover is None else failover.value
                row.site = row.site if site is None else site or None
            return row is not None

    def forget(self, name: str) -> bool:
        """Delete the row of a dead or stopped node, and those of its archive files, and free cameras that wait for it.

        Rows of files with a copy in the object storage stay. False if the node lives, or is unknown. The rows of files
        go after that of the node, in many transactions; an interrupted call can be repeated.
        """
        is_living, is_known = self._forget_node(name)
        if is_living:
            return False
        while self._forget_files(name):
            is_known = True
        last = self._forget_disk_of_copies(name, "")
        while last is not None:
            is_known, last = True, self._forget_disk_of_copies(name, last)
        return is_known

    @repeated
    def _forget_node(self, name: str) -> tuple[bool, bool]:
        """Return whether the node lives, and whether it had a row."""
        with self._database.write() as session:
            if self._lives(session, name):
                return True, True
            row = session.get(NodeRow, name)
            if row is None:
                return False, False
            session.delete(row)
            session.execute(
                update(CameraRow)
                .where(CameraRow.node == name)
                .values(node=None)
                .execution_options(synchronize_session=False)
            )
            return False, True

    @repeated
    def _forget_files(self, name: str) -> bool:
        """Delete rows of files on disks of a node that will not return. Return False if none is left.

        A node that joins again meanwhile keeps the rest, and writes its other rows anew.
        """
        with self._database.write() as session:
            if self._lives(session, name):
                return False
            some = (
                select(ArchiveFileRow.id)
                .where(ArchiveFileRow.node == name, ArchiveFileRow.object_key.is_(None))
                .limit(_MOST_OF_ONE_CALL)
            )
            gone = session.scalars(
                delete(ArchiveFileRow)
                .where(ArchiveFileRow.id.in_(some))
                .returning(ArchiveFileRow.id)
                .execution_options(synchronize_session=False)
            ).all()
            return bool(gone)

    @repeated
    def _forget_disk_of_copies(self, name: str, after: str) -> str | None:
        """Note that files with a copy are on no disk. Return the key of the last copy, None if none is left."""
        with self._database.write() as session:
            if self._lives(session, name):
                return None
            some = session.execute(
                select(ArchiveFileRow.id, ArchiveFileRow.object_key)
                .where(ArchiveFileRow.node == name, ArchiveFileRow.object_key > after, ArchiveFileRow.is_on_disk)
                .order_by(ArchiveFileRow.object_key)
                .limit(_MOST_OF_ONE_CALL)
            ).all()
            session.execute(
                update(ArchiveFileRow)
                .where(ArchiveFileRow.id.in_([row.id for row in some]))
                .values(is_on_disk=False)
                .execution_options(synchronize_session=False)
            )
            return some[-1].object_key if some else None

    def _lives(self, session: Session, name: str) -> bool:
        now = session.scalars(select(now_s(self._database, self._clock))).one()
        row = session.get(NodeRow, name, with_for_update=True)
        return row is not None and is_living(row, now)

    @repeated
    def set_draining(self, name: str, draining: bool) -> bool:
        """Let a node give its cameras back, or take cameras again. False if there is no such node."""
        with self._database.write() as session:
            row = session.get(NodeRow, name)
            if row is not None:
                row.draining = draining
            return row is not None


def _situation(session: Session, now: float) -> Situation:
    weights = dict(
        session.execute(
            select(ChannelRow.camera_id, func.count()).where(ChannelRow.present).group_by(ChannelRow.camera_id)
        ).all()
    )
    cameras = session.execute(select(CameraRow.id, CameraRow.node, CameraRow.epoch, CameraRow.site, CameraRow.failover))
    return Situation(
        now_s=now,
        nodes={row.name: _node(row, now) for row in session.scalars(select(NodeRow))},
        cameras={
            camera_id: CameraLease(camera_id, node, epoch, weights.get(camera_id, 1), site, _failover(failover))
            for camera_id, node, epoch, site, failover in cameras
        },
    )


def _node(row: NodeRow, now: float) -> NodeLease:
    return NodeLease(
        name=row.name,
        address=row.address,
        site=row.site,
        capacity=row.capacity,
        version=row.version,
        build=row.build,
        load=NodeLoad(row.streams, row.cpu_share),
        is_living=is_living(row, now),
        left_s=row.expires - now,
        is_ready=row.ready_at <= now,
        is_draining=row.draining,
    )


def _failover(stored: str) -> Failover:
    try:
        return Failover(stored)
    except ValueError:
        return Failover.NORMAL


def _has_epoch(epochs: Mapping[int, int]) -> ColumnElement[bool]:
    """A condition for rows of `cameras` that still have the epoch given here."""
    by_epoch: dict[int, list[int]] = {}
    for camera_id, epoch in epochs.items():
        by_epoch.setdefault(epoch, []).append(camera_id)
    return or_(*((CameraRow.epoch == epoch) & CameraRow.id.in_(ids) for epoch, ids in by_epoch.items()))


def _give_back(session: Session, name: str, epochs: Mapping[int, int]) -> None:
    if epochs:
        session.execute(
            update(CameraRow)
            .where(
                CameraRow.node == name,
                CameraRow.id.in_(epochs),
                _has_epoch(epochs),
                CameraRow.failover != Failover.NEVER.value,
            )
            .values(node=None)
            .execution_options(synchronize_session=False)
        )
