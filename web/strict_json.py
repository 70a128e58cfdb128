"""Reads JSON bodies strictly: answers 400 for input that Python's json module accepts but the app cannot use.

Measured with plain Flask: 60 kB of `[`, a number of 30 digits and a lone surrogate each caused a 500, and NaN was
returned as invalid JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from core.errors import FieldError, InvalidRequest
from web.fields import field_name

MAX_BODY_BYTES = 64 * 1024
_MAX_DEPTH = 16
_MAX_INTEGER_DIGITS = 19


class StrictRequest(Request):
    """The app's request class. Its JSON body is an object; other bodies are refused."""

    # One byte more than allowed, because werkzeug silently cuts a chunked body there, and a cut body must be refused.
    max_content_length = MAX_BODY_BYTES + 1

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002 - Flask's signature
        """Return the body as a dict. Without a body it is empty, so that the error names the missing fields."""
        try:
            data = self.get_data(cache=True)
        except (OSError, ParseException, ClientDisconnected):  # too slow, cut off, or invalid chunks
            raise _of_body("The body is incomplete.") from None
        if len(data) > MAX_BODY_BYTES:
            raise RequestEntityTooLarge
        return parse_object(data) if data else {}


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object.

    Raise InvalidRequest with the field for another type, a repeated name, NaN, a too large number, a lone surrogate, or
    deep nesting.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _of_body("The body is not UTF-8.") from None
    if _depth(text) > _MAX_DEPTH:
        raise _of_body(f"The body is nested deeper than {_MAX_DEPTH} levels.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda _: math.nan,  # refused below, where the name of its field is known
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise _of_body(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from None
    if not isinstance(value, dict):
        raise _of_body("The body must be a JSON object.")
    _refuse_unusable(value, ())
    return value


def _of_body(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, (FieldError("body", detail),))


def _depth(text: str) -> int:
    """Return the depth of nesting without brackets in strings. Stops when it is too deep."""
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > _MAX_DEPTH:
                break
        elif char in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise InvalidRequest.of_field("body" if _has_surrogate(name) else field_name([name]), "named twice")
        result[name] = value
    return result


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= _MAX_INTEGER_DIGITS else math.inf


def _refuse_unusable(value: Any, place: tuple[object, ...]) -> None:
    """Refuse values that JSON text allows, but answers, database or headers do not."""
    if isinstance(value, str) and _has_surrogate(value):
        raise InvalidRequest.of_field(field_name(place), "half a character (a lone surrogate)")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequest.of_field(field_name(place), "not a number" if math.isnan(value) else "too large")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_unusable(key, place)
            _refuse_unusable(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unusable(item, (*place, index))


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
