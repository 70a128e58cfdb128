"""Types of request fields. An invalid field is refused with its name and the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from core.errors import FieldError, InvalidRequest

MAX_ID = 2**63 - 1
MAX_NUMBER = 2**31 - 1  # of a column for ids of cameras and numbers of channels
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ID = re.compile(r"[1-9][0-9]{0,18}")

# Words for pydantic's kinds of errors; the others keep pydantic's own.
_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}


def parse_id(text: str) -> int:
    """Return the id in a path: ASCII digits without a leading zero, at most 2^63-1. Raise ValueError otherwise."""
    if _ID.fullmatch(text) is None or int(text) > MAX_ID:
        raise ValueError("a whole number from 1, without leading zeros")
    return int(text)


def _path_id(value: Any) -> Any:
    return parse_id(value) if isinstance(value, str) else value


def printable(value: str) -> str:
    """Return the value. Raise ValueError if it has invisible characters, or characters that control a terminal."""
    if any(not char.isprintable() for char in value):
        raise ValueError("control and invisible characters are not allowed")
    return value


def _stripped(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("must not be empty")
    return value


def _moment(value: Any) -> Any:
    """Read RFC 3339 with an offset, as UTC. A time without an offset is ambiguous."""
    if not isinstance(value, str):
        raise ValueError("a time as text, for example 2026-11-22T10:00:00Z")
    if len(value) > 40 or _RFC_3339.fullmatch(value) is None:
        raise ValueError("a time with its offset from UTC, for example 2026-11-22T10:00:00Z or ...+01:00")
    moment = datetime.fromisoformat(value.upper())
    if not 1970 < moment.year < 2100:
        raise ValueError("a time between 1971 and 2099")
    return moment.astimezone(UTC)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with an offset"}),
]
PathId = Annotated[int, BeforeValidator(_path_id), Field(ge=1, le=MAX_ID)]
BodyId = Annotated[int, Field(ge=1, le=MAX_ID)]
ProfileToken = Annotated[
    str,
    Field(min_length=1, max_length=128, description="ONVIF media profile token"),
    AfterValidator(printable),
]
Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(printable), AfterValidator(_stripped)]
StreamId = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(printable)]
Flag = Annotated[bool, Field(strict=False, description="1 or 0")]


class RequestModel(BaseModel):
    """A request's body: types are not converted, and unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QueryModel(BaseModel):
    """A request's query: text is converted, and unknown names are ignored."""

    model_config = ConfigDict(extra="ignore")


def refuse(error: ValidationError) -> NoReturn:
    """Raise pydantic's errors as one InvalidRequest that names every field."""
    found = _field_errors(error)
    raise InvalidRequest("; ".join(f"{item.field}: {item.message}" for item in found), found) from None


def field_name(parts: Iterable[object]) -> str:
    """Return a field's place in a body, such as `cameras.0.camera_id`; cut and printable, because a client chose it."""
    name = ".".join(str(part)[:60] for part in parts)
    return "".join(char for char in name if char.isprintable()) or "body"


def _field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(field_name(item["loc"]), _message(item["type"], item["msg"], item.get("ctx", {})))
        for item in error.errors(include_url=False, include_input=False)[:20]
    )


def _message(kind: str, message: str, limits: Mapping[str, Any]) -> str:
    """Return the reason of a refusal, in words that fit below a field of a page."""
    if limits.get("min_length") == 1:
        return "must not be empty"
    plain = _MESSAGES.get(kind)
    return plain.format(**limits) if plain else message.removeprefix("Value error, ")
