"""Requests and answers of the API for accounts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from core.access import Scope
from web.api.models import AnswerModel, Time
from web.fields import BodyId, Moment, Name, PathId, RequestModel, printable

RoleName = Literal["viewer", "reviewer", "operator", "admin"]
PermissionName = Literal["live", "recordings", "export", "operate", "ptz", "recording_pause", "manage"]
UserName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]


class CameraLimit(RequestModel):
    """An allowed camera and its allowed channels (null: all)."""

    camera_id: BodyId
    channels: Annotated[list[BodyId], Field(max_length=1024)] | None = None


Cameras = Annotated[list[CameraLimit], Field(max_length=1024, description="null: all cameras")]


class UserPath(BaseModel):
    user_id: PathId


class SessionPath(BaseModel):
    session_id: PathId


class TokenPath(BaseModel):
    token_id: PathId


class Login(RequestModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Password = Field(repr=False)


class FirstAccount(RequestModel):
    """The first account; it is an admin."""

    name: UserName
    password: Password = Field(repr=False)


class OwnPassword(RequestModel):
    current_password: Password = Field(repr=False)
    new_password: Password = Field(repr=False)


class NewUser(RequestModel):
    """An account to create. The password needs at least 12 characters and must not be easy to guess."""

    name: UserName
    password: Password = Field(repr=False)
    role: RoleName
    cameras: Cameras | None = None


class UserEdit(RequestModel):
    """New values; absent fields keep theirs. `all_cameras`: remove the limit to cameras."""

    name: UserName | None = None
    password: Annotated[Password | None, Field(repr=False)] = None
    role: RoleName | None = None
    cameras: Cameras | None = None
    all_cameras: bool = False
    disabled: bool | None = None


class NewToken(RequestModel):
    """A token for a script. It never has more rights than you have."""

    name: Name
    role: RoleName
    cameras: Cameras | None = None
    expires_at: Moment | None = None


# --- answers


class AllowedCamera(BaseModel):
    camera_id: int
    channels: list[int] | None


def _cameras_of_scope(value: Any) -> Any:
    if not isinstance(value, Scope):
        return value
    if value.cameras is None:
        return None
    return [
        {"camera_id": camera_id, "channels": None if channels is None else sorted(channels)}
        for camera_id, channels in sorted(value.cameras.items())
    ]


AllowedCameras = Annotated[list[AllowedCamera] | None, BeforeValidator(_cameras_of_scope)]


class User(AnswerModel):
    id: int
    name: str
    role: RoleName
    cameras: AllowedCameras = Field(validation_alias="scope")
    disabled: bool
    created_at: Time
    password_changed_at: Time


class UserList(BaseModel):
    users: list[User]


class Session(BaseModel):
    """The own login. `user` null: not logged in. `accounts`: true if any exist. `csrf_token`: for X-CSRF-Token."""

    accounts: bool
    user: str | None
    role: RoleName | None
    permissions: list[PermissionName]
    cameras: AllowedCameras
    csrf_token: str | None


class LoginSession(BaseModel):
    id: int
    user_id: int
    user: str
    created_at: Time
    last_seen_at: Time
    address: str
    agent: str
    is_this: bool


class LoginSessionList(BaseModel):
    sessions: list[LoginSession]


class Token(AnswerModel):
    id: int
    name: str
    user: str = Field(validation_alias="user_name")
    role: RoleName
    cameras: AllowedCameras = Field(validation_alias="scope")
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None


class MadeToken(Token):
    """A new token with its secret, which is not shown again."""

    token: str


class TokenList(BaseModel):
    tokens: list[Token]
