"""/api/exports: ranges of recordings as files.

The export manager checks the owners of jobs: for a user, the jobs of others do not exist.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request, send_file, url_for
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from core.errors import NotFound
from exports.gaps import range_gaps
from exports.records import (
    ExportDraft,
    ExportFile,
    ExportJob,
    ExportRange,
    ExportState,
    Rectangle,
    WorkingCopy,
)
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import export_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.api.sending import DownloadableExport, FileToSend, send_download
from web.links import export_link
from web.routing import absence_of
from web.services import services

blueprint = APIBlueprint("api_exports", __name__, url_prefix="/api/exports", abp_tags=[Tag(name="exports")])

_DEVICE_ERRORS = (404, 422, 502, 503, 504)
_TYPES = {".mp4": "video/mp4", ".mkv": "video/x-matroska", ".srt": "application/x-subrip"}
_FILE: dict[str, Any] = {
    "description": "The file, or the requested range of it (206)",
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES.values()},
    "headers": {"ETag": {"description": "Its SHA-256", "schema": {"type": "string"}}},
}
_POSTER: dict[str, Any] = {
    "description": "A JPEG, 320 pixels wide",
    "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
}
_SAME: dict[str, Any] = {"description": "Nothing has changed"}
_UNCHANGED: dict[str, Any] = {"description": "The client has the file already"}


@blueprint.post("", responses=answers_with({202: shapes.Export}, 409, 415, 429, *_DEVICE_ERRORS))
def add_export(body: shapes.ExportRequest) -> Response:
    """Queue an export. May wait for the device.

    404 `nothing_recorded`; 429 `export_limit`, `export_space`; 503 `not_indexed`.
    """
    with services().device_limit:
        job = services().exports.add(current_principal(), _draft(body))
    _audit(job)
    return answer(_export(job), 202)


@blueprint.post("/estimate", responses=answers_with({200: shapes.Estimate}, 415, *_DEVICE_ERRORS))
def estimate_export(body: shapes.ExportRequest) -> Response:
    """Estimate length and size of an export. May wait for the device."""
    with services().device_limit:
        return answer(shapes.Estimate.model_validate(services().exports.estimate(_draft(body))))


@blueprint.get("", responses=answers_with({200: shapes.ExportList, 304: _SAME}))
def list_exports() -> Response:
    """List your exports, the newest first. Admins see all. The answer has an ETag, for clients that ask often."""
    exports = services().exports
    space = exports.space()
    response = answer(
        shapes.ExportList(
            exports=[_export(job) for job in exports.jobs(current_principal())],
            used_bytes=space.used_bytes,
            limit_bytes=space.limit_bytes,
        )
    )
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/<export_id>", responses=answers_with({200: shapes.Export}, 404))
def get_export(path: shapes.ExportPath) -> Response:
    """Get an export with its progress."""
    return answer(_export(services().exports.get(current_principal(), path.export_id)))


@blueprint.patch("/<export_id>", responses=answers_with({200: shapes.Export}, 404, 415, 503))
def change_export(path: shapes.ExportPath, body: shapes.ExportEdit) -> Response:
    """Change the name or the notes, or keep an export beyond its expiry."""
    job = services().exports.change(
        current_principal(), path.export_id, name=body.name, notes=body.notes, kept=body.kept
    )
    _audit(job)
    return answer(_export(job))


@blueprint.delete("/<export_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_export(path: shapes.ExportPath) -> Response:
    """Delete an export and its files."""
    _audit(services().exports.get(current_principal(), path.export_id))
    services().exports.remove(current_principal(), path.export_id)
    return Response(status=204)


@blueprint.post("/<export_id>/pause", responses=answers_with({200: shapes.Export}, 404, 409, 503))
def pause_export(path: shapes.ExportPath) -> Response:
    """Give the recorder's session back until the export is resumed. 409 `export_state`."""
    return _moved(services().exports.pause(current_principal(), path.export_id))


@blueprint.post("/<export_id>/resume", responses=answers_with({200: shapes.Export}, 404, 409, 429, 503))
def resume_export(path: shapes.ExportPath) -> Response:
    """Go on with a paused export. 409 `export_state`; 429 `export_space`."""
    return _moved(services().exports.resume(current_principal(), path.export_id))


@blueprint.post("/<export_id>/cancel", responses=answers_with({200: shapes.Export}, 404, 409, 503))
def cancel_export(path: shapes.ExportPath) -> Response:
    """End an export and delete its files. 409 `export_state`."""
    return _moved(services().exports.cancel(current_principal(), path.export_id))


@blueprint.post("/<export_id>/retry", responses=answers_with({200: shapes.Export}, 404, 409, 429, 503))
def retry_export(path: shapes.ExportPath) -> Response:
    """Queue an export again that failed, was cancelled or is incomplete, or let a waiting one try now.

    Finished files stay, and only the missing parts are read. 409 `export_state`; 429 `export_space`.
    """
    return _moved(services().exports.retry(current_principal(), path.export_id))


@blueprint.get(
    "/<export_id>/files/<file>", responses=answers_with({200: _FILE, 206: _FILE, 304: _UNCHANGED}, 404, 416, 429, 503)
)
def download_export(path: shapes.ExportFilePath) -> Response:
    """Download a file, or a range of it.

    A user may have three downloads at a time (429 `download_limit`), all users eight (503 `busy`). A download breaks
    off when the login or the permission of its user ends.
    """
    exports = services().exports
    found, file = exports.file(current_principal(), path.export_id, path.file)
    audit_about(export_id=path.export_id, file=file.name, camera_id=file.camera_id, channel=file.channel)
    try:
        content = found.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFound("This file is gone.") from None
    sent = FileToSend(file.name, _TYPES[found.suffix], file.sha256, file.size_bytes)
    return send_download(content, sent, DownloadableExport(exports, path.export_id, file.name))


@blueprint.get("/<export_id>/posters/<number>", responses=answers_with({200: _POSTER, 304: _UNCHANGED}, 404, 503))
def get_export_poster(path: shapes.PosterPath) -> Response:
    """Get a small JPEG of a range, which count from 1: its first frame."""
    found = services().exports.poster(current_principal(), path.export_id, path.number - 1)
    try:
        response = send_file(found, mimetype="image/jpeg", conditional=True, max_age=0)
    except FileNotFoundError:
        raise NotFound("This picture is gone.") from None
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _moved(job: ExportJob) -> Response:
    _audit(job)
    return answer(_export(job))


def _audit(job: ExportJob) -> None:
    """Name the export and its first range in the audit log."""
    first = job.draft.ranges[0]
    audit_about(
        export_id=job.id,
        camera_id=first.camera_id,
        channel=first.channel,
        start_time=rfc3339(first.start),
        end_time=rfc3339(first.end),
        ranges=len(job.draft.ranges),
    )


def _draft(body: shapes.ExportRequest) -> ExportDraft:
    ranges = tuple(ExportRange(one.camera_id, one.channel, one.start_time, one.end_time) for one in body.ranges)
    copies = tuple(
        WorkingCopy(
            copy.burn_time, tuple(Rectangle(one.x, one.y, one.width, one.height) for one in copy.blur), copy.height
        )
        for copy in body.copies
    )
    return ExportDraft(ranges, body.format, body.name or "", body.notes, body.subtitles, copies)


def _export(job: ExportJob) -> shapes.Export:
    return shapes.Export.model_validate(
        {
            "id": job.id,
            "owner": job.owner,
            "name": job.draft.name,
            "notes": job.draft.notes,
            "format": job.draft.format,
            "subtitles": job.draft.has_subtitles,
            "copies": job.draft.copies,
            "state": job.state,
            "ranges": [_range(job, index) for index in range(len(job.draft.ranges))],
            "files": [_file(job.id, file) for file in job.files],
            "progress": {
                "done_s": job.progress.done_s + job.progress.encoded_s,
                "total_s": job.progress.total_s + job.progress.to_encode_s,
                "bytes": job.progress.size_bytes,
            },
            "eta_s": job.progress.eta_s if job.state.is_unfinished else None,
            "speed": job.progress.speed,
            "error": absence_of(services(), job.node) or job.problem,
            "created_at": job.created_at,
            "ended_at": job.ended_at,
            "expires_at": job.expires_at,
            "kept": job.is_kept,
            "link": export_link(job.id),
        }
    )


def _range(job: ExportJob, index: int) -> dict[str, Any]:
    wanted = job.draft.ranges[index]
    return {
        "camera_id": wanted.camera_id,
        "channel": wanted.channel,
        "start_time": wanted.start,
        "end_time": wanted.end,
        "poster": url_for("api_exports.get_export_poster", export_id=job.id, number=index + 1)
        if index in job.posters
        else None,
        "gaps": range_gaps(job, index) if job.state is ExportState.DONE else [],
    }


def _file(export_id: int, file: ExportFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "url": url_for("api_exports.download_export", export_id=export_id, file=file.name),
        "camera_id": file.camera_id,
        "channel": file.channel,
        "start_time": file.start,
        "end_time": file.end,
        "kind": file.kind,
        "derived": file.is_derived,
        "codec": file.codec,
        "width": file.width,
        "height": file.height,
        "audio_codec": file.audio_codec,
        "recorded_audio_codec": file.recorded_audio_codec,
        "audio_left_out": file.audio_left_out or None,
        "lead_in_s": round(file.lead_in_s, 3),
        "lead_out_s": round(file.lead_out_s, 3),
        "frames_lost": file.frames_lost,
        "time_confirmed": file.is_time_confirmed,
    }
