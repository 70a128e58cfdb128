"""The app with its own certificate."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S
from tests.whole_app.accounts import add_user, log_in

Make = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


def test_https_works_and_binds_the_cookie_to_the_host(secure: Any, certificate: tuple[Path, Path]) -> None:
    add_user(secure)
    assert f"Open https://localhost:{secure.port}" in secure.errors()
    session = log_in(secure.secure_url, verify=str(certificate[0]))
    assert [cookie.name for cookie in session.cookies] == ["__Host-onvif_session"]
    assert all(cookie.secure for cookie in session.cookies)
    assert session.get(f"{secure.secure_url}/api/cameras", timeout=LIMIT_S).status_code == 200
    origin = {"Origin": secure.secure_url}
    assert session.delete(f"{secure.secure_url}/api/session", headers=origin, timeout=LIMIT_S).status_code == 204
    with pytest.raises(requests.RequestException):
        requests.get(f"http://127.0.0.1:{secure.port}/api/health", timeout=LIMIT_S)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", secure.port), LIMIT_S) as plain, old.wrap_socket(plain) as wrapped:
        assert wrapped.version() in ("TLSv1.2", "TLSv1.3")
    assert "Traceback" not in secure.errors()
