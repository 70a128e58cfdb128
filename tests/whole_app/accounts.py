"""Accounts made by the app's command line or its API, and logins with them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import requests
from click.testing import Result

from app import create_app
from core.settings import ROOT, Settings
from tests.patience import LIMIT_S

PASSWORD = "correct-horse-battery"


def flask(app: Any, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `flask --app app ...` with the settings of this app; `stdin` is its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=ROOT,
        env=app.environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def users(app: Any, *arguments: str, stdin: str = "") -> Result:
    """Run `flask --app app users ...` in this process: a new one takes two seconds to import the app."""
    web = create_app(Settings.from_environ(app.environ))
    return web.test_cli_runner().invoke(args=["users", *arguments], input=stdin)


def add_user(app: Any, name: str = "anna", *options: str) -> None:
    """Add an account by the command line."""
    done = users(app, "add", name, *options, stdin=PASSWORD + "\n")
    assert done.exit_code == 0, done.output


def set_up(app: Any, name: str = "anna") -> requests.Session:
    """Add the first account of a running app, an admin, as the page of the first visit does; return its login."""
    session = requests.Session()
    session.trust_env = False
    body = {"name": name, "password": PASSWORD}
    answer = session.post(f"{app.url}/api/setup", json=body, timeout=LIMIT_S)
    assert answer.status_code == 201, answer.text
    session.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return session


def add_by(admin: requests.Session, url: str, name: str, role: str, **more: object) -> int:
    """Add an account by the API; return its id."""
    body = {"name": name, "password": PASSWORD, "role": role, **more}
    answer = admin.post(f"{url}/api/users", json=body, timeout=LIMIT_S)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def log_in(url: str, name: str = "anna", **more: Any) -> requests.Session:
    """Log in like a browser; the session returned holds cookie and CSRF token."""
    session = requests.Session()
    session.trust_env = False  # otherwise a certificate bundle named in the environment overrides `verify`
    for key, value in more.items():
        setattr(session, key, value)
    answer = session.post(f"{url}/api/session", json={"name": name, "password": PASSWORD}, timeout=LIMIT_S)
    assert answer.status_code == 200, answer.text
    session.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return session
