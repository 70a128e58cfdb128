"""Requests and answers of the API for the servers (nodes) that share the cameras."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from core.placement import NodeState
from web.api.models import AnswerModel, Tenths


class NodePath(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=63, pattern="^[A-Za-z0-9][A-Za-z0-9.-]*$")]


# --- answers


class Node(AnswerModel):
    """A server. `leaving`: it gives its cameras to the others and takes none. `gone`: it does not answer."""

    name: str = Field(description="from NODE_NAME; empty for a single server")
    address: str = Field(description="address at which the front door reaches it; empty for a single server")
    place: str = Field(description="the `place` of its cameras in /api/cameras")
    state: NodeState
    is_this: bool = Field(description="true for the server that answers this request")
    cameras: int = Field(description="that it has; those of one that is gone wait for another")
    channels: int
    capacity: int | None = Field(description="most channels that it takes (NODE_CAPACITY); null: no limit")
    site: str = Field(description="from SITE; empty: it takes cameras without a site only")
    version: str = Field(description="of its API; empty for a single server")
    build: str = Field(description="a word that differs if the files of the program do; empty for a single server")
    streams: int | None = Field(description="running streams; null for one that is gone")
    cpu_share: float | None = Field(
        description="processor time of its process, of one core: near 1, it can take no more. null for one that is "
        "gone, and for a single server"
    )
    lease_left_s: Tenths | None = Field(
        description="until the others take its cameras, unless it renews its lease, which it does each third of "
        "`lease_s`; null for one that is gone, and for a single server"
    )


class NodeList(AnswerModel):
    """All known servers by name. A server that stops properly is not in the list any more."""

    is_alone: bool = Field(description="a single server has all cameras, because it has no NODE_NAME")
    lease_s: float | None = Field(description="life of a lease without a renewal (NODE_LEASE_S)")
    nodes: list[Node]
