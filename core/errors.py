"""Everything that can go wrong and that a caller is told about.

AppError                        code                      what happened
├── InvalidRequest              invalid_request           the request itself is wrong; names the fields
├── NotLoggedIn                 login_needed, ...         nobody is logged in, or not with that password
├── Forbidden                   forbidden                 somebody is, and may not do this
├── NotFound                    not_found                 no such camera, channel, media profile, session
├── Conflict                    conflict, already_added   the request clashes with what there is
├── LimitReached                stream_limit, ...         one of our own limits; says who uses it
├── StorageFull                 storage_full              no room left for segments
├── Unavailable                 not_ready, ...            not now; try again after `retry_after_s`
└── DeviceError                                           the device is the reason
    ├── CameraUnreachable       camera_unreachable        no answer, refused, reset, timed out
    ├── CameraAuthFailed        camera_auth_failed        it refuses the user name or password
    ├── CameraUnsupported       camera_unsupported        it lacks a service or an operation
    ├── CameraBadAnswer         camera_bad_answer         its answer is broken, hostile or too large
    ├── CameraBusy              camera_busy               it refuses one more session (RTSP 453)
    └── CameraNoSignal          camera_no_signal          the channel exists and sends nothing

`detail` is written by us for a person. It never holds a device's own text, a credential or a
stack trace; those go to the log (device text quoted and cut) and to the health card.
"""

from __future__ import annotations

from dataclasses import dataclass


class StartRefused(Exception):
    """The app cannot start as things are; the message tells its owner why and what to do about it."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a request that was refused, and why."""

    field: str
    message: str


class AppError(Exception):
    """Base of all errors that reach a user. `code` is for programs, `detail` for people."""

    code = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidRequest(AppError):
    """The request cannot be understood or is not allowed; `errors` names each field."""

    code = "invalid_request"

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors

    @classmethod
    def of_field(cls, field: str, message: str) -> InvalidRequest:
        return cls(f"{field}: {message}", (FieldError(field, message),))


class NotLoggedIn(AppError):
    """Nobody is logged in, or name and password do not belong together."""

    code = "login_needed"


class Forbidden(AppError):
    """The account is not allowed to do this."""

    code = "forbidden"


class NotFound(AppError):
    code = "not_found"


class Conflict(AppError):
    """`existing_id` is the id of what stands in the way, where there is one (a camera)."""

    code = "conflict"

    def __init__(self, detail: str, *, code: str | None = None, existing_id: int | None = None) -> None:
        super().__init__(detail, code=code)
        self.existing_id = existing_id


class LimitReached(AppError):
    """One of our own limits. `used_by` names what holds the places (stream ids)."""

    code = "stream_limit"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        used_by: tuple[str, ...] = (),
        retry_after_s: int = 10,
    ) -> None:
        super().__init__(detail, code=code)
        self.used_by = used_by
        self.retry_after_s = retry_after_s


class StorageFull(AppError):
    code = "storage_full"


class Unavailable(AppError):
    """Not now: the caller may try again after `retry_after_s` seconds."""

    code = "not_ready"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 2) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class DeviceError(AppError):
    """The device is the reason."""

    code = "camera_error"


class CameraUnreachable(DeviceError):
    code = "camera_unreachable"


class CameraAuthFailed(DeviceError):
    code = "camera_auth_failed"


class CameraUnsupported(DeviceError):
    """The device lacks something; `service` names it ("media", "replay", "snapshot", ...)."""

    code = "camera_unsupported"

    def __init__(self, detail: str, *, service: str) -> None:
        super().__init__(detail)
        self.service = service


class CameraBadAnswer(DeviceError):
    code = "camera_bad_answer"


class CameraBusy(DeviceError):
    code = "camera_busy"


class CameraNoSignal(DeviceError):
    code = "camera_no_signal"
