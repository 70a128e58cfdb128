"""Which cameras a node takes, and which it gives back. Pure functions: each node decides for itself.

The weight of a camera is the number of its channels. Each node claims cameras without a living owner up to its fair
share: the same for all nodes of a site, less for those whose capacity is below it. A node with more than 1.2 times
its share gives cameras back, one at a time, until it has its share.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from placement.records import CameraLease, Failover, NodeLease, Situation

_TOO_MUCH = 1.2  # times the share. Below that, moving a camera costs its viewers more than it gains.


@dataclass(frozen=True, slots=True)
class Decision:
    """`claims`: cameras to take, in this order. `gives`: cameras to give back. `is_shedding`: more will follow."""

    claims: tuple[CameraLease, ...] = ()
    gives: tuple[int, ...] = ()
    is_shedding: bool = False


def fair_shares(situation: Situation) -> dict[str, float]:
    """Return the fair number of channels of each node that takes cameras."""
    shares: dict[str, float] = {}
    nodes = [node for node in situation.nodes.values() if node.takes_cameras]
    for site in {node.site for node in nodes}:
        here = [node for node in nodes if node.site == site]
        own = sum(camera.weight for camera in situation.cameras.values() if camera.site == site and site)
        anywhere = sum(camera.weight for camera in situation.cameras.values() if not camera.site)
        shares.update(_divided(here, own + anywhere * len(here) / len(nodes)))
    return shares


def _divided(nodes: Collection[NodeLease], total: float) -> dict[str, float]:
    """Divide a weight equally, but give no node more than its capacity."""
    shares: dict[str, float] = {}
    left = sorted(nodes, key=lambda node: node.capacity or float("inf"))
    while left:
        equal = total / len(left)
        node = left.pop(0)
        shares[node.name] = min(equal, node.capacity or equal)
        total -= shares[node.name]
    return shares


def decide(
    situation: Situation,
    me: str,
    *,
    held: Collection[int],
    watched: Collection[int] = (),
    may_take_over: bool = True,
    was_shedding: bool = False,
) -> Decision:
    """Return what the node `me` does now. `held`: the cameras that it has, or is giving back.

    `may_take_over`: False leaves cameras alone whose last owner seems dead.
    """
    node = situation.nodes[me]
    mine = [situation.cameras[it] for it in held if situation.cameras[it].failover is not Failover.NEVER]
    if node.is_draining:
        return Decision(gives=_unwatched_first(mine, watched))
    shares, loads = fair_shares(situation), situation.loads()
    loads[me] = sum(situation.cameras[it].weight for it in held)
    free = [
        camera
        for camera in situation.cameras.values()
        if camera.camera_id not in held and _is_free(situation, camera, me, may_take_over=may_take_over)
    ]
    claims = _claims(situation, me, free, shares, loads) if node.is_ready else ()
    if missing := _capacity_for_high(situation, me, free, claims, loads):
        normal = [camera for camera in mine if camera.failover is Failover.NORMAL]
        return Decision(claims, _enough(normal, watched, missing))
    limit = shares[me] * (1 if was_shedding else _TOO_MUCH)
    gives = _shed(situation, me, mine, watched, shares, loads) if loads[me] > limit and not claims else ()
    return Decision(claims, gives, is_shedding=bool(gives))


def _is_free(situation: Situation, camera: CameraLease, me: str, *, may_take_over: bool) -> bool:
    """True if the node may claim the camera: it has no owner, or its row names this node, which has lost it."""
    if not situation.nodes[me].may_own(camera):
        return False
    if camera.node is None or camera.node == me:
        return True
    return camera.failover is not Failover.NEVER and may_take_over and not situation.is_owned(camera)


def _claims(
    situation: Situation, me: str, free: Collection[CameraLease], shares: Mapping[str, float], loads: Mapping[str, int]
) -> tuple[CameraLease, ...]:
    node, load, claims = situation.nodes[me], loads[me], []
    for camera in sorted(free, key=lambda it: (it.failover is not Failover.HIGH, -it.weight, it.camera_id)):
        if not node.has_capacity(camera.weight, load):
            continue
        is_named = camera.node == me  # so no other node may claim it
        fits = is_named or load + camera.weight <= shares[me]
        if fits or not _has_better_node(situation, me, camera, {**loads, me: load}):
            claims.append(camera)
            load += camera.weight
    return tuple(claims)


def _has_better_node(situation: Situation, me: str, camera: CameraLease, loads: Mapping[str, int]) -> bool:
    """True if another node with fewer channels has capacity for the camera. Names decide between equal nodes."""
    return any(
        node.may_own(camera)
        and node.has_capacity(camera.weight, loads[node.name])
        and (loads[node.name], node.name) < (loads[me], me)
        for node in situation.nodes.values()
        if node.takes_cameras
    )


def _shed(
    situation: Situation,
    me: str,
    mine: Collection[CameraLease],
    watched: Collection[int],
    shares: Mapping[str, float],
    loads: Mapping[str, int],
) -> tuple[int, ...]:
    """Return one camera that another node below its share can take, if that makes the two more equal."""
    for camera_id in _unwatched_first(mine, watched):
        camera = situation.cameras[camera_id]
        if any(
            node.name != me
            and node.is_ready
            and node.may_own(camera)
            and loads[node.name] < shares[node.name]
            and loads[node.name] + camera.weight < loads[me]
            and node.has_capacity(camera.weight, loads[node.name])
            for node in situation.nodes.values()
            if node.takes_cameras
        ):
            return (camera_id,)
    return ()


def _capacity_for_high(
    situation: Situation,
    me: str,
    free: Collection[CameraLease],
    claims: Collection[CameraLease],
    loads: Mapping[str, int],
) -> int:
    """Return the weight that this node must give back for a HIGH camera for which no node of its site has capacity.

    Of the nodes that have enough NORMAL channels to give back, the one with the most of them does it.
    """
    takers = [node for node in situation.nodes.values() if node.takes_cameras]
    normal = {node.name: 0 for node in takers}
    for camera in situation.cameras.values():
        if camera.node in normal and camera.failover is Failover.NORMAL:
            normal[camera.node] += camera.weight
    waiting = [camera for camera in free if camera.failover is Failover.HIGH and camera not in claims]
    for camera in sorted(waiting, key=lambda it: (it.weight, it.camera_id)):
        owners = [node for node in takers if node.may_own(camera)]
        if any(node.has_capacity(camera.weight, loads[node.name]) for node in owners):
            continue
        missing = {node.name: camera.weight - (node.capacity - loads[node.name]) for node in owners}
        able = [name for name, weight in missing.items() if weight <= normal[name]]
        if able and max(able, key=lambda name: (normal[name], name)) == me:
            return missing[me]
    return 0


def _enough(cameras: Collection[CameraLease], watched: Collection[int], weight: int) -> tuple[int, ...]:
    """Return the first cameras, unwatched ones first, with at least this weight together."""
    weights = {camera.camera_id: camera.weight for camera in cameras}
    chosen: list[int] = []
    for camera_id in _unwatched_first(cameras, watched):
        if sum(weights[it] for it in chosen) >= weight:
            break
        chosen.append(camera_id)
    return tuple(chosen)


def _unwatched_first(cameras: Collection[CameraLease], watched: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted((it.camera_id for it in cameras), key=lambda it: (it in watched, it)))
