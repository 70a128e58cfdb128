"""Requests and answers of the API for cases and their evidence packages."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from evidence.records import PackageState
from web.api.export_models import Notes
from web.api.models import AnswerModel, Problem, Time
from web.fields import BodyId, Name, PathId, RequestModel


class CasePath(BaseModel):
    case_id: PathId


class CaseExportPath(CasePath):
    export_id: PathId


class CaseRequest(RequestModel):
    """A new case. Its exports do not expire."""

    name: Name
    notes: Notes = ""
    exports: Annotated[list[BodyId], Field(max_length=100, description="ids of exports")] = Field(default_factory=list)


class CaseEdit(RequestModel):
    """New values; absent fields and null keep the old ones. A change deletes the package."""

    name: Name | None = None
    notes: Notes | None = None


# --- answers


class EvidencePackage(BaseModel):
    """The signed ZIP of a case. `error`: why it `failed`.

    `none`: it was not made yet, or the case was changed since.
    """

    state: PackageState
    bytes: int = Field(description="size of the ZIP; 0 until it is ready")
    url: str | None = Field(description="with Range and ETag; null until it is ready")
    made_at: Time | None
    made_by: str = Field(description="the user whom the manifest names")
    done_bytes: int = Field(description="bytes of the exports read so far, while it is made")
    total_bytes: int = Field(description="bytes of all exports of the case")
    error: Problem | None


class Case(BaseModel):
    """Exports under one name."""

    id: int
    owner: str
    name: str
    notes: str
    created_at: Time
    exports: list[int] = Field(description="ids, in the order in which they were added")
    package: EvidencePackage


class CaseList(BaseModel):
    cases: list[Case]


class EvidenceKey(AnswerModel):
    """The key that signs evidence packages. Give its fingerprint to the recipient separately from the package."""

    installation_id: str
    fingerprint: str = Field(description="SHA-256 of the public key (SubjectPublicKeyInfo): 3A:0F:...")
    public_key: str = Field(description="PEM; ECDSA P-256 with SHA-256")
