"""Requests nobody would think of, made from the API's own description: no 500, and answers as described.

Bounded in number, so that it ends well within two minutes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cameras.records import CameraDraft
from core.access import Role
from tests.web.conftest import StandInCameras
from tests.web.house import House

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

EXAMPLES = 40


def test_any_request_is_answered_as_described(house: House, cameras: StandInCameras) -> None:
    cameras.add_camera(CameraDraft("127.0.0.7"))
    headers = {**house.door(Role.ADMIN).headers, "Host": "localhost"}
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", house.app, headers=headers)
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        _try(found.ok(), GenerationMode.POSITIVE, headers)
        with suppress(Unsatisfiable):  # one without parameters and body cannot be asked wrongly
            _try(found.ok(), GenerationMode.NEGATIVE, headers)
        asked += 1
    assert asked > 35


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS)

    ask()
