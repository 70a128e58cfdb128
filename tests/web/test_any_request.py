"""Generated requests, made from the API's own description: no 500, and responses as described.

The camera, recording and account managers are the real ones. The usual run tries the same few requests of each
operation each time, `make stress` many other ones.
"""

from __future__ import annotations

from collections.abc import Callable
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
from tests.events.logged import event
from tests.patience import until
from tests.recordings.recorder import Archive
from tests.web.stand_in_cameras import NOON
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import PASSWORD, WebHarness, log_in
from tests.web.well_formed import PATH_PARTS, VALID, VALID_QUERIES
from web.services import EXTENSION, Services

pytestmark = pytest.mark.generated

ANSWERS = (status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES, MANY_EXAMPLES = 3, 100
# Well-formed requests that fail here: the pretend recorder cannot start, an account exists already, no user has the
# name Nobody, no device has a changed certificate, no export is finished, push.example is no push service, and the sink
# of push stays; the event has no look, the search is done, and there are no several nodes.
REFUSED_HERE = {
    ("POST", "/api/cameras/{camera_id}/certificate"): 409,
    ("POST", "/api/cameras/pretend"): 503,
    ("GET", "/api/cameras/{camera_id}/recordings/iframes.m3u8"): 404,
    ("GET", "/api/cameras/{camera_id}/recordings/iframe.mp4"): 404,
    ("GET", "/api/exports/{export_id}/files/{file}"): 404,
    ("GET", "/api/exports/{export_id}/posters/{number}"): 404,
    ("POST", "/api/cases/{case_id}/package"): 409,
    ("GET", "/api/cases/{case_id}/package"): 404,
    ("POST", "/api/push/subscriptions/{subscription_id}/test"): 409,
    ("DELETE", "/api/notification-sinks/{sink_id}"): 409,
    ("GET", "/api/events/{event_id}/similar"): 404,
    ("POST", "/api/detector/models/{name}/trial"): 404,
    ("POST", "/api/nodes/{name}/drain"): 404,
    ("DELETE", "/api/nodes/{name}/drain"): 404,
    ("POST", "/api/searches/{search_id}/continue"): 409,
    ("DELETE", "/api/searches/{search_id}"): 409,
    ("POST", "/api/setup"): 403,
    ("POST", "/api/setup/postpone"): 403,
    ("POST", "/api/session"): 401,
}

LogIn = Callable[[], dict[str, dict[str, str]]]


@pytest.fixture
def log_in_anew(real_app: OpenAPI, accounts: AccountManager) -> LogIn:
    """Return a function that logs an admin in and returns headers and cookies.

    Other users exist too, so that requests can read and delete their accounts, sessions and tokens.
    """
    accounts.create_first("First", PASSWORD)
    for number in range(2, 7):  # so that the caller's own id is unlikely to be generated
        accounts.add_user(UserDraft(f"user {number}", PASSWORD, Role.VIEWER, EVERYTHING))
    accounts.add_user(UserDraft("Anna", PASSWORD, Role.ADMIN, EVERYTHING))

    def login() -> dict[str, dict[str, str]]:
        client = real_app.test_client()
        token = log_in(client)
        cookie = client.get_cookie("onvif_session")
        assert cookie is not None
        return {"headers": {"Host": "localhost", "X-CSRF-Token": token}, "cookies": {"onvif_session": cookie.value}}

    client = real_app.test_client()
    camera = {"host": "10.0.0.9", "port": 80, "username": "admin", "password": "right"}
    services: Services = real_app.extensions[EXTENSION]
    services.events.log.add(event())
    services.events.log.flush()
    answer = client.post("/api/cameras?wait=1", json=camera, headers={"X-CSRF-Token": log_in(client)})
    assert answer.get_json()["status"] == "online"
    return login


@pytest.fixture
def operations(real_app: OpenAPI, accounts: AccountManager, log_in_anew: LogIn) -> list[Any]:
    """Return every described operation: DELETE after the others and for parts first; logins and password
    changes last.

    Wrong passwords come last because the app then refuses further logins for a while.
    """
    headers = {**WebHarness(real_app, accounts).token_client(Role.VIEWER).headers, "Host": "localhost"}
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", real_app, headers=headers)
    found = [item.ok() for item in schema.get_all_operations() if isinstance(item, Ok)]
    assert len(found) == len(list(schema.get_all_operations())) > 35
    return sorted(found, key=_order)


def _order(operation: Any) -> tuple[int, int]:
    parts = operation.path.count("{") if operation.method.upper() == "DELETE" else 99
    return _of_login(operation.path), -parts


def _of_login(path: str) -> int:
    return {"/api/session": 1, "/api/session/password": 2}.get(path, 0)


def test_a_well_formed_request_gets_the_described_response(
    operations: list[Any], log_in_anew: LogIn, streams: StandInStreams, archive: Archive, real_app: OpenAPI
) -> None:
    client = real_app.test_client()
    log_in(client)
    archive.know_users(99)
    streams.start_hls(1, "MediaProfile00000")
    streams.start_replay(1, "Rec1", NOON)
    for operation in operations:
        key = (operation.method.upper(), operation.path)
        case = operation.Case(
            path_parameters={name: PATH_PARTS[name] for name in PATH_PARTS if f"{{{name}}}" in operation.path},
            query=VALID_QUERIES.get(operation.path, {}),
            **({"body": VALID[operation.path], "media_type": "application/json"} if len(operation.body) else {}),
        )
        answer = case.call(**log_in_anew())
        if key == ("POST", "/api/searches"):
            until(lambda: client.get("/api/searches/1").get_json()["state"] == "done")
        expected = REFUSED_HERE.get(key)
        assert answer.status_code == expected or (expected is None and answer.status_code < 300), (key, answer.text)
        case.validate_response(answer, checks=ANSWERS)


# The threads that connect to cameras draw random pauses meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize(
    "examples",
    [EXAMPLES, pytest.param(MANY_EXAMPLES, marks=[pytest.mark.stress, pytest.mark.timeout(3600)])],
)
def test_any_request_is_answered_as_described(operations: list[Any], log_in_anew: LogIn, examples: int) -> None:
    logins = [log_in_anew() for _ in operations]
    for operation, login in zip(operations, logins, strict=True):
        _try(operation, GenerationMode.POSITIVE, login, examples)
        with suppress(Unsatisfiable):  # an operation without parameters and body has no invalid request
            _try(operation, GenerationMode.NEGATIVE, login, examples)


def _try(operation: Any, mode: GenerationMode, login: dict[str, dict[str, str]], examples: int) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples == EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call(**login)
        # 502 and 504 stand for a device that does not answer, 503 for a reached limit: described, not the app's fault.
        checks = ANSWERS if answer.status_code in (502, 503, 504) else (not_a_server_error, *ANSWERS)
        case.validate_response(answer, checks=checks)

    ask()
