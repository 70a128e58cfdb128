"""Accounts made by the app's command line, and logins with them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import requests

from core.settings import ROOT
from tests.patience import LIMIT_S, until

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


def add_user(app: Any, name: str = "anna", *options: str) -> None:
    done = flask(app, "users", "add", name, *options, stdin=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr


def add_first_user(app: Any, name: str = "anna", *options: str) -> None:
    """Add the first account of a running app, which then asks everyone else to log in, within a second or so."""
    add_user(app, name, *options)
    until(lambda: requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 401)


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
