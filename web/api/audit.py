"""/api/audit: the audit log of all servers. Each writes its own files; nothing here changes one."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from web.api import audit_models as shapes
from web.api.answers import answer
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_audit", __name__, url_prefix="/api/audit", abp_tags=[Tag(name="accounts")])

_FIELDS = {"time": "time", "who": "who", "kind": "kind", "from": "address", "action": "action", "outcome": "outcome"}


@blueprint.get("", responses=answers_with({200: shapes.AuditList}, 503))
def list_audit(query: shapes.AuditQuery) -> Response:
    """List actions of users and scripts, the newest first, on all servers.

    A page may have more lines than `limit`, if many have the same time.
    """
    asked: dict[str, str | int] = {"limit": query.limit, "strangers": int(query.strangers)}
    if query.before is not None:
        asked["before"] = rfc3339(query.before)
    others = services().other_nodes.ask(f"/api/internal/audit?{urlencode(asked)}", shapes.AuditPage)
    pages = [own_audit(query), *others.found.values()]
    lines = sorted((line for page in pages for line in page.lines), key=lambda line: line.time, reverse=True)
    end = query.limit
    while 0 < end < len(lines) and lines[end].time == lines[end - 1].time:
        end += 1
    has_more = len(lines) > end or any(len(page.lines) >= query.limit for page in pages)
    shown = lines[:end]
    return answer(
        shapes.AuditList(
            lines=shown,
            next_before=shown[-1].time if shown and has_more else None,
            silent_nodes=others.silent,
        )
    )


def own_audit(query: shapes.AuditQuery) -> shapes.AuditPage:
    """Return the lines of this server."""
    node = services().placement.this_node().name
    found = services().accounts.audit.newest(limit=query.limit, before=query.before, are_strangers=query.strangers)
    return shapes.AuditPage(
        lines=[
            shapes.AuditLine(
                node=node,
                **{field: str(line.get(name, "")) for name, field in _FIELDS.items()},
                about={name: value for name, value in line.items() if name not in _FIELDS},
            )
            for line in found
        ]
    )
