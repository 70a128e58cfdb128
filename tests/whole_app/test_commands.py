"""The app's command line, backups, and the key of the passwords; with the real app."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S, promised, until
from tests.whole_app.accounts import PASSWORD, add_by, add_user, flask, log_in, set_up, users
from tools.leaks import leaks_in

Make = Callable[..., Any]
START = {"camera_id": 1, "profile_token": "MediaProfile00000"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_the_app_refuses_to_listen_beyond_loopback_without_accounts(make_app: Make, host: str) -> None:
    app = make_app(HOST=host).start(is_awaited=False)
    assert app.process.wait(LIMIT_S) == 2
    assert f"HOST={host} is refused" in app.errors()
    assert "flask --app app users add" in app.errors()


def test_a_running_app_knows_a_new_account_within_a_second(make_app: Make) -> None:
    app = make_app().start()
    assert requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 200
    for stdin, reason in (("short\n", "at least 12"), ("password1234\n", "too easy"), ("", "at least 12")):
        refused = users(app, "add", "anna", stdin=stdin)
        assert refused.exit_code == 1
        assert reason in refused.stderr
        assert isinstance(refused.exception, SystemExit), "no other error"
    added = flask(app, "users", "add", "anna", stdin=PASSWORD + "\n")
    assert added.returncode == 0, added.stderr
    with promised(1.5):  # a second, and a request
        until(lambda: requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 401)
    assert "name_taken" not in users(app, "add", "Anna", stdin=PASSWORD).stderr
    assert users(app, "add", "ben", "--role", "viewer", stdin=PASSWORD).exit_code == 0
    assert users(app, "list").stdout == "anna: admin\nben: viewer\n"
    ben = log_in(app.url, "ben")
    assert ben.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 200
    assert users(app, "disable", "BEN").exit_code == 0
    with promised(1.5):
        until(lambda: ben.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 401)
    last = users(app, "remove", "anna")
    assert last.exit_code == 1
    assert "last admin" in last.stderr
    assert PASSWORD not in app.errors()
    assert not leaks_in(app.folder, [PASSWORD])


def test_streams_of_a_login_ended_by_command_stop_within_seconds(make_app: Make, recorder: Any) -> None:
    app = make_app().start()
    recorder.add_to(app)
    anna = set_up(app)
    for command in ("disable", "password", "remove"):
        name = f"ben {command}"
        add_by(anna, app.url, name, "viewer")
        ben = log_in(app.url, name)
        started = ben.post(f"{app.url}/api/streams/start", json=START, timeout=LIMIT_S).json()
        playlist_url = app.url + started["playlist_url"]
        until(lambda: ben.get(playlist_url, timeout=LIMIT_S).status_code == 200)  # noqa: B023 - called in this round
        assert app.ffmpegs()
        done = users(app, command, name, stdin="another-horse-stapled\n")
        assert done.exit_code == 0, done.stderr
        with promised(5):
            until(lambda: not app.ffmpegs())


def test_the_key_is_rotated_while_the_app_is_stopped(make_app: Make, recorder: Any) -> None:
    app = make_app().start()
    recorder.add_to(app)
    running = flask(app, "secrets", "rotate")
    assert running.returncode == 1
    assert "in use by another running app" in running.stderr
    app.close()
    key_file = app.folder / "home" / ".config" / "onvif-web-viewer" / "secret.key"
    before = key_file.read_bytes()
    done = flask(app, "secrets", "rotate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 passwords")
    assert key_file.read_bytes() != before
    assert '"action": "rotate_secrets"' in (app.folder / "data" / "logs" / "audit.jsonl").read_text()
    app.start()
    until(lambda: requests.get(f"{app.url}/api/cameras/1", timeout=LIMIT_S).json()["status"] == "online")


def test_a_backup_of_data_and_key_is_restored_by_copying_both_back(make_app: Make, recorder: Any) -> None:
    first = make_app("first").start()
    recorder.add_to(first)
    add_user(first)
    first.close()
    second = make_app("second")
    shutil.copytree(first.folder / "data", second.folder / "data")
    without_key = second.start(is_awaited=False)
    assert without_key.process.wait(LIMIT_S) == 2
    assert "key file" in second.errors()
    assert "missing" in second.errors()
    keys = second.folder / "home" / ".config" / "onvif-web-viewer"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "secret.key").write_bytes(b"A" * 43 + b"=\n")
    wrong_key = second.start(is_awaited=False)
    assert wrong_key.process.wait(LIMIT_S) == 2
    assert "does not open the stored camera passwords" in second.errors()
    shutil.copy(first.folder / "home" / ".config" / "onvif-web-viewer" / "secret.key", keys / "secret.key")
    second.start()
    session = log_in(second.url)
    until(lambda: session.get(f"{second.url}/api/cameras/1", timeout=LIMIT_S).json()["status"] == "online")
