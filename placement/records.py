"""Records of the leases: nodes and cameras as the shared database has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

FENCE_SHARE = 0.8  # a node lets go of its cameras after this share of its lease without a renewal
ROUND_SHARE = 1 / 3  # a node renews its lease this often

PATIENCE_SHARE = 1 / 3  # the longest wait of a node for the database: a second try must fit before the fence


class Failover(Enum):
    """The order in which cameras get a new node: HIGH ones first, and NEVER ones only return to their last node."""

    HIGH = "high"
    NORMAL = "normal"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node as its settings describe it. `capacity`: most channels, 0 for no limit. `lease_s`: life of its lease."""

    name: str
    address: str
    lease_s: float
    site: str = ""
    capacity: int = 0
    version: str = ""
    build: str = ""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """`streams`: number of running streams. `cpu_share`: processor time of the node's process, of one core."""

    streams: int = 0
    cpu_share: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeLease:
    """A row of `nodes`. `is_ready`: the node has been alive long enough to take cameras.

    `left_s`: seconds until the lease ends, unless the node renews it.
    """

    name: str
    address: str = ""
    site: str = ""
    capacity: int = 0
    version: str = ""
    build: str = ""
    load: NodeLoad = NodeLoad()
    is_living: bool = True
    left_s: float = 0.0
    is_ready: bool = True
    is_draining: bool = False

    @property
    def takes_cameras(self) -> bool:
        return self.is_living and not self.is_draining

    def may_own(self, camera: CameraLease) -> bool:
        """True if the site of the camera, if it has one, is the site of this node."""
        return camera.site in (None, "", self.site)

    def has_capacity(self, weight: int, load: int) -> bool:
        return self.capacity == 0 or load + weight <= self.capacity


@dataclass(frozen=True, slots=True)
class CameraLease:
    """The lease of a camera. `node`: the owner, or the last one; `weight`: number of its channels, at least 1."""

    camera_id: int
    node: str | None = None
    epoch: int = 0
    weight: int = 1
    site: str | None = None
    failover: Failover = Failover.NORMAL


@dataclass(frozen=True, slots=True)
class Situation:
    """All nodes and cameras at `now_s` of the database's clock."""

    now_s: float
    nodes: Mapping[str, NodeLease]
    cameras: Mapping[int, CameraLease]

    def is_owned(self, camera: CameraLease) -> bool:
        """True if a living node owns the camera."""
        node = self.nodes.get(camera.node) if camera.node is not None else None
        return node is not None and node.is_living

    def loads(self) -> dict[str, int]:
        """Return the channels of each living node."""
        loads = {name: 0 for name, node in self.nodes.items() if node.is_living}
        for camera in self.cameras.values():
            if camera.node in loads:
                loads[camera.node] += camera.weight
        return loads
