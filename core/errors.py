"""Errors that reach a user or an API client.

AppError                        code                      meaning
├── InvalidRequest              invalid_request           the request itself is wrong; names the fields
├── NotLoggedIn                 login_needed, ...         no login, or a wrong user name or password
├── Forbidden                   forbidden                 the user has no permission to do this
├── NotFound                    not_found                 no such camera, channel, media profile, session
├── Conflict                    conflict, already_added   the request conflicts with the present state
│   └── PtzInUse                ptz_in_use                another user moves the head
├── LimitReached                stream_limit, ...         a limit of the app; names the sessions that use it up
├── StorageFull                 storage_full              no disk space left for segments
├── Unavailable                 not_ready, ...            not now; try again after `retry_after_s`
│   └── NotOwner                not_owner                 another node owns the camera (core/placement.py)
└── DeviceError                                           the device is the reason
    ├── CameraUnreachable       camera_unreachable        no answer, refused, reset, timed out
    ├── CameraAuthFailed        camera_auth_failed        the device refuses the user name or password
    │   └── ReadableLoginNeeded readable_login_needed     it accepts only a readable password, which is not allowed
    ├── CameraUnsupported       camera_unsupported        the device lacks a service or an operation
    ├── CameraBadAnswer         camera_bad_answer         the answer is broken, hostile or too large
    ├── CertificateChanged      certificate_changed       the device shows another certificate than the pinned one
    ├── CameraBusy              camera_busy               the device refuses one more session (RTSP 453)
    ├── CameraNoSignal          camera_no_signal          the channel exists and sends nothing
    ├── StreamStalled           stream_stalled            the device is connected and sends no more video
    ├── ArchiveUnreadable       archive_unreadable        a recording of this server cannot be read from its disk
    └── StreamNotFound          stream_not_found          a camera without ONVIF has no stream at the given address

Packages define subclasses of these, such as `onvif_services.faults.SoapFault`.

`detail` is our own text for a person. Text of the device is in it only as a quoted reason of a refused request, which
`onvif_services.fault_reasons` has cut and cleaned; other text of the device (quoted and cut) and stack traces go to the
log. Credentials go nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass


class StartRefused(Exception):
    """The app cannot start; the message tells its owner the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """A refused field of a request, and the reason."""

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
    """The request is malformed or has values that are not allowed; `errors` names each such field."""

    code = "invalid_request"

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors

    @classmethod
    def of_field(cls, field: str, message: str) -> InvalidRequest:
        return cls(f"{field}: {message}", (FieldError(field, message),))


class NotLoggedIn(AppError):
    """The request has no valid login, or the user name or password is wrong."""

    code = "login_needed"


class Forbidden(AppError):
    """The user has no permission to do this."""

    code = "forbidden"


class NotFound(AppError):
    code = "not_found"


class Conflict(AppError):
    """The request conflicts with the present state; `existing_id` is the id of the conflicting camera, if any."""

    code = "conflict"

    def __init__(self, detail: str, *, code: str | None = None, existing_id: int | None = None) -> None:
        super().__init__(detail, code=code)
        self.existing_id = existing_id


class PtzInUse(Conflict):
    """Another user moves the head: `moved_by`, for `moving_for_s` seconds. It is free after `free_in_s` seconds."""

    code = "ptz_in_use"

    def __init__(self, moved_by: str, *, moving_for_s: float, free_in_s: float) -> None:
        super().__init__(f"{moved_by} has been moving this camera for {max(1, round(moving_for_s))} s.")
        self.moved_by = moved_by
        self.moving_for_s = moving_for_s
        self.free_in_s = free_in_s


class LimitReached(AppError):
    """The app reached one of its own limits; `used_by` lists the ids of the streams that use it up."""

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
    """The request cannot be served now; the caller may try again after `retry_after_s` seconds."""

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


class ReadableLoginNeeded(CameraAuthFailed):
    """The device accepts only logins that send the password readable, and the user has not allowed them."""

    code = "readable_login_needed"


class CameraUnsupported(DeviceError):
    """The device lacks a service or an operation; `service` names it ("media", "replay", "snapshot", ...)."""

    code = "camera_unsupported"

    def __init__(self, detail: str, *, service: str) -> None:
        super().__init__(detail)
        self.service = service


class CameraBadAnswer(DeviceError):
    code = "camera_bad_answer"


class CertificateChanged(DeviceError):
    """The device shows another TLS certificate at `port` than the pinned one. No request was sent."""

    code = "certificate_changed"

    def __init__(self, detail: str, *, code: str | None = None, port: int | None = None) -> None:
        super().__init__(detail, code=code)
        self.port = port


class CameraBusy(DeviceError):
    code = "camera_busy"


class CameraNoSignal(DeviceError):
    code = "camera_no_signal"


class StreamNotFound(DeviceError):
    """A camera without ONVIF has no stream at the address that the user gave."""

    code = "stream_not_found"


class StreamStalled(DeviceError):
    """The device has sent video, its connection is open, and no more video comes."""

    code = "stream_stalled"


class ArchiveUnreadable(DeviceError):
    """A recording of this server cannot be read: its disk is not there or fails. A replay treats it like a recorder
    that fails."""

    code = "archive_unreadable"
