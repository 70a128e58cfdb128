"""/api/searches: when has something moved in a part of the picture, or changed for good?

The search manager checks the owners of searches: for a user, the searches of others do not exist.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.archive import Origin
from core.clock import rfc3339
from motion_manager import INSTALL_COMMAND
from searches.records import Search, SearchDraft, SearchKind, SearchResult
from searches.region import polygon_of
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import search_models as shapes
from web.api.answers import answer, require_recordings
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_searches", __name__, url_prefix="/api/searches", abp_tags=[Tag(name="searches")])

_WIDTH = 320
_PLAYED_BEFORE = timedelta(seconds=2)


@blueprint.post("", responses=answers_with({202: shapes.Search}, 404, 415, 422, 429, 503))
def add_search(body: shapes.SearchRequest) -> Response:
    """Begin a search. It answers immediately; repeat GET for its results, which come as they are found.

    A search ends after a minute without a request. 429 `search_limit`: you have four that are not finished.
    """
    require_recordings(body.camera_id)
    draft = SearchDraft(
        body.camera_id,
        body.channel,
        body.start_time,
        body.end_time,
        polygon_of(body.points or None, body.box or None),
        SearchKind(body.kind),
        None if body.source is None else Origin(body.source),
    )
    search = services().searches.add(current_principal(), draft)
    _audit(search)
    return answer(_search(search), 202)


@blueprint.get("", responses=answers_with({200: shapes.SearchList}, 503))
def list_searches() -> Response:
    """List your searches of the last day, the newest first. Admins see all."""
    manager = services().searches
    found = [_search(search) for search in manager.searches(current_principal())]
    return answer(shapes.SearchList(can_compare=manager.can_compare, install_command=INSTALL_COMMAND, searches=found))


@blueprint.get("/<search_id>", responses=answers_with({200: shapes.Search}, 404, 503))
def get_search(path: shapes.SearchPath) -> Response:
    """Get a search with its progress and its results so far. Repeat it about once a second while the search runs."""
    return answer(_search(services().searches.get(current_principal(), path.search_id)))


@blueprint.post("/<search_id>/continue", responses=answers_with({200: shapes.Search}, 404, 409, 503))
def continue_search(path: shapes.SearchPath) -> Response:
    """Look at all that the quick steps left out; `estimate` tells the cost. 409 `search_state`."""
    search = services().searches.go_on(current_principal(), path.search_id)
    _audit(search)
    return answer(_search(search))


@blueprint.delete("/<search_id>", responses=answers_with({200: shapes.Search}, 404, 409, 503))
def cancel_search(path: shapes.SearchPath) -> Response:
    """End a search that is not finished. Its results so far stay for a day. 409 `search_state`."""
    search = services().searches.cancel(current_principal(), path.search_id)
    _audit(search)
    return answer(_search(search))


# --- inside


def _audit(search: Search) -> None:
    draft = search.draft
    audit_about(
        search_id=search.id,
        camera_id=draft.camera_id,
        channel=draft.channel,
        start_time=rfc3339(draft.start),
        end_time=rfc3339(draft.end),
    )


def _search(search: Search) -> shapes.Search:
    draft, progress, estimate = search.draft, search.progress, search.estimate
    return shapes.Search.model_validate(
        {
            "id": search.id,
            "camera_id": draft.camera_id,
            "channel": draft.channel,
            "start_time": draft.start,
            "end_time": draft.end,
            "points": [list(point) for point in draft.points],
            "kind": draft.kind,
            "source": None if draft.source is None else draft.source.value,
            "state": search.state,
            "waits_for": search.waits_for,
            "progress": progress.share,
            "recorded_s": progress.total_s,
            "key_frames": progress.key_frames,
            "bytes": progress.size_bytes,
            "estimate": None
            if estimate is None
            else {"key_frames": estimate.key_frames, "bytes": estimate.size_bytes, "seconds": estimate.seconds},
            "problem": search.problem,
            "is_small": search.is_small,
            "results": [_result(draft, result) for result in search.results],
            "by": search.owner,
            "created_at": search.created_at,
            "ended_at": search.ended_at,
        }
    )


def _result(draft: SearchDraft, result: SearchResult) -> dict[str, object]:
    return {
        "start_time": result.start,
        "end_time": result.end,
        "score": result.score,
        "picture_time": result.picture_at,
        "picture_url": _picture_url(draft, result.picture_at),
        "before_picture_url": None if result.before_at is None else _picture_url(draft, result.before_at),
        "play_url": _play_url(draft, result.start - _PLAYED_BEFORE),
    }


def _picture_url(draft: SearchDraft, moment: datetime) -> str:
    """Return the address of the recording's picture at the next whole second, under which a search keeps it."""
    at = datetime.fromtimestamp(math.ceil(moment.timestamp()), UTC)
    query = urlencode({"channel": draft.channel, "time": rfc3339(at), "width": _WIDTH}, safe=":")
    return f"/api/cameras/{draft.camera_id}/recordings/picture?{query}"


def _play_url(draft: SearchDraft, moment: datetime) -> str:
    at = rfc3339(max(moment, draft.start))
    return f"/recordings/{draft.camera_id}?{urlencode({'channel': draft.channel, 't': at}, safe=':')}"
