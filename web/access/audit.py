"""Lines of the audit log about requests. A route's rule names its action; views and targets add details."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Response, g, request

from web.access.principal import current_principal_or_none
from web.client import client
from web.services import services

# The seconds between two lines. Pages fetch snapshots every few seconds, leave and join streams, and repeat moves while
# a button is held. Players fetch a file in many ranges.
_FREQUENT = {
    **dict.fromkeys(("snapshot", "see_pictures", "watch", "ptz_move", "ptz_focus"), 60.0),
    "download_export": 3600.0,
    "download_package": 3600.0,
}


@dataclass(slots=True)
class RequestAudit:
    """The audit line of one request. With an empty `action` there is none, unless the request is refused."""

    endpoint: str
    action: str
    name: str = ""  # of the sender, for a request that logs in
    details: dict[str, Any] = field(default_factory=dict)
    is_out_of_scope: bool = False


def begin_audit(action: str) -> None:
    """Set the action of the current request's rule."""
    g.audit = RequestAudit(request.endpoint or "", action)


def leave_audit() -> None:
    """Write no line about the current request."""
    g.audit = None


def audit_about(**details: object) -> None:
    """Add details to the current request's audit line."""
    _current().details.update(details)


def audit_as(action: str, **details: object) -> None:
    """Give the current request an audit line, or another action than its rule names."""
    _current().action = action
    audit_about(**details)


def audit_who(name: str) -> None:
    """Set the name of the sender, for a request without a login or token, such as the login itself."""
    _current().name = name


def audit_out_of_scope() -> None:
    """Mark the request as refused: its 404 hides a camera or channel that the sender may not see."""
    _current().is_out_of_scope = True


def write_audit(response: Response) -> Response:
    """Write the audit line after a request that has an action or was refused."""
    audit: RequestAudit | None = g.get("audit")
    if audit is None:
        return response
    is_refused = response.status_code == 403 or audit.is_out_of_scope
    if not (audit.action or is_refused):
        return response
    who = current_principal_or_none()
    log = services().accounts.audit
    write = log.write
    if is_refused or audit.action in _FREQUENT:
        write = partial(log.write_seldom, every_s=_FREQUENT.get("" if is_refused else audit.action, 60.0))
    write(
        audit.action or audit.endpoint,
        who=audit.name or (who.name if who else ""),
        kind=who.kind if who else "nobody",
        address=client().address,
        outcome="ok" if response.status_code < 400 else g.get("problem_code", str(response.status_code)),
        **{"camera_id": None, **audit.details},
    )
    return response


def _current() -> RequestAudit:
    audit: RequestAudit = g.audit
    return audit
