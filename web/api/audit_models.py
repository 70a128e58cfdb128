"""Requests and answers of the API for the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from web.api.models import SilentNodes, Time
from web.fields import Flag, Moment, QueryModel


class AuditQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    before: Annotated[Moment | None, Field(description="`next_before` of the previous answer")] = None
    strangers: Annotated[Flag, Field(description="failed requests without a login, instead of those of users")] = False


class AuditLine(BaseModel):
    """An action of a user or script."""

    node: str = Field(description="the server (node) that wrote the line; empty for a single server")
    time: Time
    who: str = Field(description="name of the user; empty for none")
    kind: str = Field(description="`local`, `session`, `token`, or `nobody` without a login")
    address: str = Field(description="of the client")
    action: str
    outcome: str = Field(description="`ok`, or the code of the error")
    about: dict[str, Any] = Field(description="the object of the action, such as `camera_id`")


class AuditPage(BaseModel):
    """Lines of one server, the newest first."""

    lines: list[AuditLine]


class AuditList(AuditPage):
    """Lines of all servers, the newest first."""

    next_before: Time | None = Field(description="null if there are no older lines")
    silent_nodes: SilentNodes
