"""/api/backfills: gaps of the server's recordings are filled from the recorders' own disks."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backfill.records import Backfill, BackfillProposal
from core.clock import rfc3339
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import backfill_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_backfills", __name__, url_prefix="/api/backfills", abp_tags=[Tag(name="recording")])

_DEVICE_ERRORS = (404, 422, 502, 503, 504)


@blueprint.get("", responses=answers_with({200: shapes.BackfillList}))
def list_backfills() -> Response:
    """List all backfills, the newest first, and gaps of the last week that the recorders can fill."""
    manager = services().backfills
    return answer(
        shapes.BackfillList(
            backfills=[_backfill(job) for job in manager.jobs()],
            proposals=[_proposal(found) for found in manager.proposals()],
        )
    )


@blueprint.post("", responses=answers_with({202: shapes.Backfill}, 415, 429, *_DEVICE_ERRORS))
def add_backfill(body: shapes.BackfillRequest) -> Response:
    """Queue a backfill of everything in a range that the recorder has and the server lacks. May wait for the device.

    404 `nothing_to_fetch`, `unsure_channel`; 429 `backfill_limit`.
    """
    name = current_principal().name
    with services().device_limit:
        job = services().backfills.add(body.camera_id, body.channel, body.start_time, body.end_time, name)
    return _moved(job, 202)


@blueprint.post("/estimate", responses=answers_with({200: shapes.BackfillEstimate}, 415, *_DEVICE_ERRORS))
def estimate_backfill(body: shapes.BackfillRequest) -> Response:
    """Estimate time and size of a backfill. May wait for the device. 404 `unsure_channel`."""
    with services().device_limit:
        found = services().backfills.estimate(body.camera_id, body.channel, body.start_time, body.end_time)
    return answer(
        shapes.BackfillEstimate.model_validate(
            {
                "seconds": found.seconds,
                "bytes": found.size_bytes,
                "about": not found.is_certain,
                "missing_s": found.missing_s,
                "spans": [{"start_time": it.start, "end_time": it.end} for it in found.stretches],
            }
        )
    )


@blueprint.get("/<backfill_id>", responses=answers_with({200: shapes.Backfill}, 404))
def get_backfill(path: shapes.BackfillPath) -> Response:
    """Get a backfill with its progress."""
    return answer(_backfill(services().backfills.get(path.backfill_id)))


@blueprint.delete("/<backfill_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_backfill(path: shapes.BackfillPath) -> Response:
    """Delete a backfill from the list, and end it if it runs. Its fetched recordings stay."""
    _audit(services().backfills.get(path.backfill_id))
    services().backfills.remove(path.backfill_id)
    return Response(status=204)


@blueprint.post("/<backfill_id>/pause", responses=answers_with({200: shapes.Backfill}, 404, 409, 503))
def pause_backfill(path: shapes.BackfillPath) -> Response:
    """Give the recorder's session back until the backfill is resumed. 409 `backfill_state`."""
    return _moved(services().backfills.pause(path.backfill_id))


@blueprint.post("/<backfill_id>/resume", responses=answers_with({200: shapes.Backfill}, 404, 409, 503))
def resume_backfill(path: shapes.BackfillPath) -> Response:
    """Go on with a paused backfill. 409 `backfill_state`."""
    return _moved(services().backfills.resume(path.backfill_id))


@blueprint.post("/<backfill_id>/cancel", responses=answers_with({200: shapes.Backfill}, 404, 409, 503))
def cancel_backfill(path: shapes.BackfillPath) -> Response:
    """End a backfill. Its fetched recordings stay. 409 `backfill_state`."""
    return _moved(services().backfills.cancel(path.backfill_id))


@blueprint.post("/<backfill_id>/retry", responses=answers_with({200: shapes.Backfill}, 404, 409, 503))
def retry_backfill(path: shapes.BackfillPath) -> Response:
    """Queue a backfill again that failed or was cancelled, or let a waiting one try now. 409 `backfill_state`."""
    return _moved(services().backfills.retry(path.backfill_id))


def _moved(job: Backfill, status: int = 200) -> Response:
    _audit(job)
    return answer(_backfill(job), status)


def _audit(job: Backfill) -> None:
    audit_about(
        backfill_id=job.id,
        camera_id=job.camera_id,
        channel=job.channel,
        start_time=rfc3339(job.start),
        end_time=rfc3339(job.end),
    )


def _proposal(found: BackfillProposal) -> shapes.BackfillProposal:
    return shapes.BackfillProposal.model_validate(
        {
            "camera_id": found.camera_id,
            "channel": found.channel,
            "start_time": found.stretch.start,
            "end_time": found.stretch.end,
            "seconds": found.stretch.length_s,
            "bytes": found.size_bytes,
        }
    )


def _backfill(job: Backfill) -> shapes.Backfill:
    return shapes.Backfill.model_validate(
        {
            "id": job.id,
            "camera_id": job.camera_id,
            "channel": job.channel,
            "start_time": job.start,
            "end_time": job.end,
            "state": job.state,
            "progress": {"done_s": job.done_s, "total_s": job.total_s, "bytes": job.size_bytes},
            "eta_s": services().backfills.eta_s(job),
            "lacking_s": job.lacking_s,
            "frames_lost": job.frames_lost,
            "automatic": job.is_automatic,
            "by": job.by,
            "error": job.problem,
            "created_at": job.created_at,
            "ended_at": job.ended_at,
        }
    )
