"""The app on a PostgreSQL database: accounts and cameras outlive restarts of the app and of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S, until
from tests.postgres import PASSWORD as DATABASE_PASSWORD
from tests.postgres import PostgresMissing, PostgresServer
from tests.whole_app.accounts import log_in, set_up, users
from tools.leaks import leaks_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests alone, which end and start it."""
    try:
        made = PostgresServer.made()
    except PostgresMissing as missing:
        skip_outside_ci(missing)
    yield made
    made.remove()


def health(url: str) -> int:
    return requests.get(f"{url}/api/health", timeout=LIMIT_S).status_code


def test_accounts_and_cameras_outlive_a_restart_of_the_app(
    make_app: Callable[..., Any], server: PostgresServer, recorder: Any
) -> None:
    app = make_app(DATABASE_URL=server.copy("kept")).start()
    recorder.add_to(app)
    anna = set_up(app)
    answer = anna.patch(f"{app.url}/api/cameras/1", json={"name": "Gate \0 é"}, timeout=LIMIT_S)
    assert answer.status_code == 400, "control characters are refused on every database"
    assert anna.patch(f"{app.url}/api/cameras/1", json={"name": "Gate é"}, timeout=LIMIT_S).ok
    assert anna.get(f"{app.url}/api/cameras/{2**31}", timeout=LIMIT_S).status_code == 404
    app.process.terminate()
    assert app.process.wait(LIMIT_S) == 0
    assert not (app.folder / "data" / "cameras.sqlite3").exists()
    app.start()
    (camera,) = log_in(app.url).get(f"{app.url}/api/cameras", timeout=LIMIT_S).json()["cameras"]
    assert (camera["id"], camera["name"]) == (1, "Gate é")
    assert users(app, "list").stdout == "anna: admin\n"
    assert not leaks_in(app.folder, [DATABASE_PASSWORD])
    assert "Traceback" not in app.errors()


def test_the_app_goes_on_after_a_restart_of_the_server(make_app: Callable[..., Any], server: PostgresServer) -> None:
    app = make_app(DATABASE_URL=server.copy("restarted")).start()
    anna = set_up(app)
    wall = {"name": "all", "layout": 1, "tiles": [None]}
    server.stop()
    try:
        refused = anna.get(f"{app.url}/api/walls", timeout=LIMIT_S)
        assert refused.status_code == 503
        assert refused.json()["code"] == "database_unreachable"
        assert refused.headers["Retry-After"] == "5"
        assert health(app.url) == 503
    finally:
        server.start()
    until(lambda: health(app.url) == 200, what="the app on the new server")
    assert anna.post(f"{app.url}/api/walls", json=wall, timeout=LIMIT_S).status_code == 201
    assert app.process.poll() is None
    assert "the database answers again" in app.errors()
    assert app.errors().count("the database cannot be reached") < 5, "each request repeats it"
    assert "Traceback" not in app.errors()


def test_an_app_with_a_wrong_password_refuses_to_start(make_app: Callable[..., Any], server: PostgresServer) -> None:
    url = server.url("postgres").replace("viewer:", "viewer:wrong")
    app = make_app(DATABASE_URL=url).start(is_awaited=False)
    assert app.process.wait(LIMIT_S) == 2
    assert "password authentication failed" in app.errors()
    assert DATABASE_PASSWORD not in app.errors()
    assert "Traceback" not in app.errors()


def test_without_accounts_in_the_server_it_listens_on_loopback_only(
    make_app: Callable[..., Any], server: PostgresServer
) -> None:
    app = make_app(DATABASE_URL=server.copy("open"), HOST="0.0.0.0").start(is_awaited=False)
    assert app.process.wait(LIMIT_S) == 2
    assert "is refused: without an account" in app.errors()
