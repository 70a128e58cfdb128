"""`flask --app app nodes ...`: the nodes that share the database, also while they run. They follow within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from core.clock import Clock
from core.errors import AppError, StartRefused
from database import Database
from placement.bus import ChangeBus, Topic
from placement.records import Failover, NodeLease
from placement.store import NodeStore


def nodes_commands(database: Database, clock: Clock) -> AppGroup:
    """Return the command group `nodes`. Each command opens the database and closes it again."""
    group = AppGroup("nodes", help="The nodes that share the cameras.")

    @group.command("list", help="List all nodes and their cameras.")
    def show() -> None:
        with _opened(database, clock) as store:
            counts = store.camera_counts()
            for name, node in store.nodes().items():
                click.echo(f"{name}: {_state(node)}, {counts.get(name, 0)} cameras, {node.address}")
            if None in counts:
                click.echo(f"{counts[None]} cameras have no node.")

    @group.command("drain", help="Let a node give all its cameras to the others, for example before an upgrade.")
    @click.argument("name")
    def drain(name: str) -> None:
        _set_draining(database, clock, name, is_draining=True)
        click.echo(f"{name} gives its cameras to the others. 'nodes use {name}' ends that.")

    @group.command("use", help="Let a drained node take cameras again.")
    @click.argument("name")
    def use(name: str) -> None:
        _set_draining(database, clock, name, is_draining=False)
        click.echo(f"{name} takes cameras again.")

    @group.command("forget", help="Remove a node that will not return: frees its cameras, forgets its footage.")
    @click.argument("name")
    def forget(name: str) -> None:
        with _opened(database, clock) as store:
            node = store.nodes().get(name)
            if node is not None and node.is_living:
                raise click.ClickException(f"{name} is alive. Stop it first.")
            _require(store.forget(name), name)
            click.echo(f"{name} is forgotten.")

    @group.command("camera", help="Set the failover and the site of a camera.")
    @click.argument("camera_id", type=int)
    @click.option("--failover", type=click.Choice([one.value for one in Failover]))
    @click.option("--site", help="only nodes of this site take the camera; '' for all nodes")
    def camera(camera_id: int, failover: str | None, site: str | None) -> None:
        with _opened(database, clock) as store:
            if not store.set_camera(camera_id, failover=Failover(failover) if failover else None, site=site):
                raise click.ClickException(f"There is no camera {camera_id}.")
            click.echo(f"Camera {camera_id} is changed.")

    return group


def _set_draining(database: Database, clock: Clock, name: str, *, is_draining: bool) -> None:
    with _opened(database, clock) as store:
        _require(store.set_draining(name, is_draining), name)


def _state(node: NodeLease) -> str:
    if not node.is_living:
        return "dead"
    return "drained" if node.is_draining else "alive"


def _require(is_known: bool, name: str) -> None:
    if not is_known:
        raise click.ClickException(f"There is no node {name}.")


@contextmanager
def _opened(database: Database, clock: Clock) -> Iterator[NodeStore]:
    """Open the database for a command, tell the nodes of the change, and report errors to the person."""
    try:
        database.open()
        try:
            yield NodeStore(database, clock)
            ChangeBus(database).publish(Topic.PLACEMENT)
        finally:
            database.close()
    except AppError as error:
        raise click.ClickException(error.detail) from None
    except StartRefused as error:
        raise click.ClickException(str(error)) from None
