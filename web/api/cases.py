"""/api/cases: exports under one name, and their evidence packages. /api/evidence/key: the key that signs them.

The evidence manager checks the owners of cases: for a user, the cases of others do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, url_for
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.errors import AppError
from evidence.records import Case, PackageState
from exports.finish import file_stem
from exports.records import ExportJob
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import case_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.api.sending import DownloadablePackage, FileToSend, send_download
from web.routing import absence_of
from web.services import services

blueprint = APIBlueprint("api_cases", __name__, url_prefix="/api/cases", abp_tags=[Tag(name="cases")])
evidence = APIBlueprint("api_evidence", __name__, url_prefix="/api/evidence", abp_tags=[Tag(name="cases")])

_ZIP: dict[str, Any] = {
    "description": "The package, or the requested range of it (206)",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {"ETag": {"description": "Identifies its content", "schema": {"type": "string"}}},
}
_UNCHANGED: dict[str, Any] = {"description": "The client has the package already"}


@blueprint.get("", responses=answers_with({200: shapes.CaseList}))
def list_cases() -> Response:
    """List your cases, the newest first. Admins see all."""
    cases = services().evidence.cases(current_principal())
    return answer(shapes.CaseList(cases=[_case(case) for case in cases]))


@blueprint.post("", responses=answers_with({201: shapes.Case}, 404, 415, 429, 503))
def add_case(body: shapes.CaseRequest) -> Response:
    """Make a case of exports, which do not expire then. 429 `case_limit`."""
    case = services().evidence.add(current_principal(), body.name, body.notes, body.exports)
    _audit(case)
    return answer(_case(case), 201)


@blueprint.get("/<case_id>", responses=answers_with({200: shapes.Case}, 404))
def get_case(path: shapes.CasePath) -> Response:
    """Get a case with the state of its package."""
    return answer(_case(services().evidence.get(current_principal(), path.case_id)))


@blueprint.patch("/<case_id>", responses=answers_with({200: shapes.Case}, 404, 409, 415, 503))
def change_case(path: shapes.CasePath, body: shapes.CaseEdit) -> Response:
    """Change the name or the notes, and delete the package. 409 `package_state` while it is made."""
    case = services().evidence.change(current_principal(), path.case_id, name=body.name, notes=body.notes)
    _audit(case)
    return answer(_case(case))


@blueprint.delete("/<case_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_case(path: shapes.CasePath) -> Response:
    """Delete a case and its package. Its exports stay."""
    _audit(services().evidence.get(current_principal(), path.case_id))
    services().evidence.remove(current_principal(), path.case_id)
    return Response(status=204)


@blueprint.put("/<case_id>/exports/<export_id>", responses=answers_with({200: shapes.Case}, 404, 409, 429, 503))
def add_export_to_case(path: shapes.CaseExportPath) -> Response:
    """Add an export, which does not expire then, and delete the package. 409 `package_state`, `other_owner`."""
    case = services().evidence.add_export(current_principal(), path.case_id, path.export_id)
    _audit(case, export_id=path.export_id)
    return answer(_case(case))


@blueprint.delete("/<case_id>/exports/<export_id>", responses=answers_with({200: shapes.Case}, 404, 409, 503))
def remove_export_from_case(path: shapes.CaseExportPath) -> Response:
    """Take an export out of a case, and delete the package. 409 `package_state` while it is made."""
    case = services().evidence.remove_export(current_principal(), path.case_id, path.export_id)
    _audit(case, export_id=path.export_id)
    return answer(_case(case))


@blueprint.post("/<case_id>/package", responses=answers_with({202: shapes.Case}, 404, 409, 429, 503))
def make_package(path: shapes.CasePath) -> Response:
    """Begin to make the evidence package. 409 `case_empty`, `export_unfinished`; 429 `case_limit`."""
    case = services().evidence.make_package(current_principal(), path.case_id)
    _audit(case)
    return answer(_case(case), 202)


@blueprint.get(
    "/<case_id>/package", responses=answers_with({200: _ZIP, 206: _ZIP, 304: _UNCHANGED}, 404, 416, 429, 503)
)
def download_package(path: shapes.CasePath) -> Response:
    """Download the package, or a range of it. 404 `no_package`; 429 `download_limit` and 503 `busy` as for exports."""
    case, etag, content = services().evidence.open_package(current_principal(), path.case_id)
    _audit(case)
    file = FileToSend(_file_name(case), "application/zip", etag, content.size_bytes)
    return send_download(content, file, DownloadablePackage(services().evidence, case.id, file.name))


@evidence.get("/key", responses=answers_with({200: shapes.EvidenceKey}, 503))
def evidence_key() -> Response:
    """Get the public key that signs evidence packages."""
    return answer(shapes.EvidenceKey.model_validate(services().evidence.key()))


def _file_name(case: Case) -> str:
    """Return a name in ASCII that tells case and time."""
    return f"{file_stem('evidence', case.name, case.package.made_at or case.created_at)}.zip"


def _audit(case: Case, export_id: int | None = None) -> None:
    """Name the case in the audit log, and the channel of its first export."""
    details: dict[str, Any] = {"case_id": case.id, "exports": list(case.export_ids)}
    if export_id is not None:
        details["export_id"] = export_id
    jobs = services().evidence.exports_of(current_principal(), case)
    if jobs:
        first = jobs[0].draft.ranges[0]
        details |= {"camera_id": first.camera_id, "channel": first.channel}
    audit_about(**details)


def _absence(jobs: Sequence[ExportJob]) -> AppError | None:
    """Return the reason why files of the case cannot be read now."""
    return next(filter(None, (absence_of(services(), job.node) for job in jobs)), None)


def _case(case: Case) -> shapes.Case:
    jobs = services().evidence.exports_of(current_principal(), case)
    package = case.package
    is_ready = package.state is PackageState.READY
    return shapes.Case.model_validate(
        {
            "id": case.id,
            "owner": case.owner,
            "name": case.name,
            "notes": case.notes,
            "created_at": case.created_at,
            "exports": list(case.export_ids),
            "package": {
                "state": package.state,
                "bytes": package.size_bytes,
                "url": url_for("api_cases.download_package", case_id=case.id) if is_ready else None,
                "made_at": package.made_at,
                "made_by": package.made_by,
                "done_bytes": package.done_bytes,
                "total_bytes": sum(file.size_bytes for job in jobs for file in job.files),
                "error": _absence(jobs) or package.problem,
            },
        }
    )
