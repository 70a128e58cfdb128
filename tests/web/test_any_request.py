"""Requests nobody would think of, made from the API's own description: no 500, and answers as described.

Over the real managers of cameras, recordings and accounts. Bounded in number, so that it ends well within two minutes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from flask_openapi3.openapi import OpenAPI
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

from account_manager import AccountManager
from accounts.records import UserDraft
from core.access import EVERYTHING, Role
from tests.web.conftest import NOON, StandInStreams
from tests.web.house import PASSWORD, House
from tests.web.well_formed import PATH_PARTS, VALID, VALID_QUERIES

ANSWERS = (status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 30
# Well-formed, and answered otherwise here: nothing starts the pretend recorder, there is an account already, a token
# has no password, and nobody is called Nobody.
NOT_GOOD = {
    ("POST", "/api/cameras/pretend"): 503,
    ("POST", "/api/setup"): 403,
    ("POST", "/api/setup/postpone"): 403,
    ("PUT", "/api/session/password"): 400,
    ("POST", "/api/session"): 401,
}


@pytest.fixture
def headers(real_app: OpenAPI, accounts: AccountManager) -> dict[str, str]:
    """An admin's token, behind what the well-formed requests are about: two users, a session and a token of another."""
    accounts.create_first("Anna", PASSWORD)
    accounts.add_user(UserDraft("Ben", PASSWORD, Role.VIEWER, EVERYTHING))
    house = House(real_app, accounts)
    house.door(Role.VIEWER)
    door = house.door(Role.ADMIN)
    camera = {"host": "10.0.0.9", "port": 80, "username": "admin", "password": "right"}
    assert door.ask("POST", "/api/cameras?wait=1", json=camera).get_json()["status"] == "online"
    return {**door.headers, "Host": "localhost"}


@pytest.fixture
def operations(real_app: OpenAPI, headers: dict[str, str]) -> list[Any]:
    """All that is described; what deletes comes last."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", real_app, headers=headers)
    found = [item.ok() for item in schema.get_all_operations() if isinstance(item, Ok)]
    assert len(found) == len(list(schema.get_all_operations())) > 35
    return sorted(found, key=lambda operation: operation.method.upper() == "DELETE")


def test_a_good_request_gets_the_good_answer_that_is_described(
    operations: list[Any], headers: dict[str, str], streams: StandInStreams
) -> None:
    streams.start(1, "MediaProfile00000")
    streams.start_replay(1, "Rec1", NOON)
    for operation in operations:
        key = (operation.method.upper(), operation.path)
        case = operation.Case(
            path_parameters={name: PATH_PARTS[name] for name in PATH_PARTS if f"{{{name}}}" in operation.path},
            query=VALID_QUERIES.get(operation.path, {}),
            **({"body": VALID[operation.path], "media_type": "application/json"} if len(operation.body) else {}),
        )
        answer = case.call(headers=headers)
        expected = NOT_GOOD.get(key)
        assert answer.status_code == expected or (expected is None and answer.status_code < 300), (key, answer.text)
        case.validate_response(answer, checks=ANSWERS)


# Cameras that are being connected to draw their pauses meanwhile, in threads of their own.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_any_request_is_answered_as_described(operations: list[Any], headers: dict[str, str]) -> None:
    for operation in operations:
        _try(operation, GenerationMode.POSITIVE, headers)
        with suppress(Unsatisfiable):  # one without parameters and body cannot be asked wrongly
            _try(operation, GenerationMode.NEGATIVE, headers)


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
        # A device that is not there is 502 or 504, and a full place 503, each as described: not the app's fault.
        checks = ANSWERS if answer.status_code in (502, 503, 504) else (not_a_server_error, *ANSWERS)
        case.validate_response(answer, checks=checks)

    ask()
