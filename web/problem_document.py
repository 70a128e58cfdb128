"""The form of an error answer: application/problem+json (RFC 9457).

Apart from web.problems because gunicorn's master process needs the form, but must not load the managers.
"""

from __future__ import annotations

from typing import Any

PROBLEM_TYPE = "application/problem+json"


def problem_document(status: int, title: str, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """Return the members of a problem document. `type` links to the explanation of the code."""
    return {"type": f"/api/docs#{code}", "title": title, "status": status, "code": code, "detail": detail, **more}
