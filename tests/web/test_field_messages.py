"""The words for an invalid field, which pages show below the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from core.errors import InvalidRequest
from core.events import Severity
from web.fields import Name, RequestModel, refuse


class Body(RequestModel):
    name: Name = "Gate"
    sender: Annotated[str, Field(min_length=3, max_length=5)] = "abc"
    numbers: Annotated[tuple[int, ...], Field(strict=False, min_length=1, max_length=2)] = (1,)
    port: Annotated[int, Field(ge=1, le=65535)] = 1
    pause_s: Annotated[float, Field(gt=0, lt=9)] = 1.0
    security: Literal["tls", "none"] = "tls"
    severity: Annotated[Severity, Field(strict=False)] = Severity.ALERT
    is_on: bool = True


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "must not be empty"),
        ("name", "  ", "must not be empty"),
        ("name", 5, "must be text"),
        ("sender", "a", "must have at least 3 characters"),
        ("sender", "abcdef", "must have at most 5 characters"),
        ("numbers", [], "must not be empty"),
        ("numbers", [1, 2, 3], "must have at most 2 items"),
        ("port", 0, "must be at least 1"),
        ("port", 65536, "must be at most 65535"),
        ("port", "80", "must be a whole number"),
        ("pause_s", 0, "must be more than 0.0"),
        ("pause_s", "x", "must be a number"),
        ("security", "ssl", "must be 'tls' or 'none'"),
        ("severity", "loud", "must be 'alert' or 'notice'"),
        ("is_on", 1, "must be true or false"),
        ("colour{x}", 1, "is not known here"),
    ],
)
def test_an_invalid_field_is_refused_in_plain_words(field: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        _read({field: value})
    (error,) = refused.value.errors
    assert (error.field, error.message) == (field, message)


def _read(values: dict[str, Any]) -> None:
    try:
        Body.model_validate(values)
    except ValidationError as error:
        refuse(error)
