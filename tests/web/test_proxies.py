"""Proxy headers and host names: accepted from configured proxies and for configured names, otherwise refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from account_manager import AccountManager
from core.settings import Settings, SettingsError
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import PASSWORD
from web.flask_app import build_web
from web.guard import is_allowed_host
from web.services import Managers, Services

PROXY = {"REMOTE_ADDR": "127.0.0.1"}
Make = Callable[..., FlaskClient]


@pytest.fixture
def behind(settings: Settings, managers: Managers) -> Make:
    """Return a function that makes the app behind a proxy at 127.0.0.1, with the host name cams.example."""

    def make(**more: Any) -> FlaskClient:
        changed = replace(settings, trusted_proxies="127.0.0.1, 10.9.0.0/16", trusted_hosts="cams.example", **more)
        return build_web(Services(changed, managers, is_ready=lambda: True)).test_client()

    return make


def ask(client: FlaskClient, *, peer: str = "127.0.0.1", host: str = "cams.example", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/api/cameras", headers={"Host": host, **named}, environ_overrides={"REMOTE_ADDR": peer})


def test_a_request_through_a_proxy_never_counts_as_local(behind: Make) -> None:
    client = behind()
    assert ask(client, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https").status_code == 401
    assert ask(client, X_Forwarded_For="127.0.0.1").status_code == 401
    assert ask(client).status_code == 401  # a proxy that sends no client address


def test_the_address_is_the_one_our_proxy_wrote(behind: Make, accounts: AccountManager) -> None:
    accounts.create_first("Anna", PASSWORD)
    client = behind()
    for sent, real in (
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.8, 10.9.1.1", "192.0.2.8"),
        ("::ffff:192.0.2.9", "::ffff:192.0.2.9"),
    ):
        answer = client.post(
            "/api/session",
            json={"name": "Anna", "password": PASSWORD.reveal()},
            headers={"Host": "cams.example", "X-Forwarded-For": sent, "X-Forwarded-Proto": "https"},
            environ_overrides=PROXY,
        )
        assert answer.status_code == 200
        assert answer.headers["Set-Cookie"].startswith("__Host-")
        assert accounts.sessions()[0].address in (real, real.removeprefix("::ffff:"))


@pytest.mark.parametrize("sent", ["nonsense", "192.0.2.7:80", "unknown", "<script>", "192.0.2.7, x"])
def test_an_invalid_forwarded_address_is_refused(behind: Make, assert_problem: Any, sent: str) -> None:
    assert_problem(ask(behind(), X_Forwarded_For=sent), 403, "proxied")


def test_an_unknown_forwarded_scheme_is_refused(behind: Make, assert_problem: Any) -> None:
    assert_problem(ask(behind(), X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="gopher"), 403, "proxied")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto"])
def test_proxy_headers_from_other_addresses_are_refused(behind: Make, assert_problem: Any, header: str) -> None:
    assert_problem(ask(behind(), peer="192.0.2.1", **{header: "127.0.0.1"}), 403, "proxied")


def test_an_origin_is_compared_with_the_address_the_browser_sees(behind: Make, accounts: AccountManager) -> None:
    accounts.create_first("Anna", PASSWORD)
    client = behind()
    forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    body = {"name": "Anna", "password": PASSWORD.reveal()}
    for origin, status in (("https://cams.example", 200), ("http://cams.example", 403), ("https://evil.example", 403)):
        answer = client.post(
            "/api/session",
            json=body,
            headers={"Host": "cams.example", "Origin": origin, **forwarded},
            environ_overrides=PROXY,
        )
        assert answer.status_code == status, origin


@pytest.mark.parametrize("host", ["evil.example", "cams.example.evil.example", "192.168.1.5", "nas.local"])
def test_other_host_names_are_refused_on_loopback(behind: Make, assert_problem: Any, host: str) -> None:
    assert_problem(ask(behind(), host=host, X_Forwarded_For="192.0.2.7"), 403, "host_not_allowed")


def test_addresses_and_the_machines_name_are_allowed_beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "NAS")
    open_to_all = Settings(host="0.0.0.0", trusted_hosts="Cams.Example")
    for host in ("192.168.1.5:5001", "[fd00::8]:5001", "nas:5001", "nas.local", "NAS.local:5001", "cams.example"):
        assert is_allowed_host(host, open_to_all), host
    for host in ("evil.example", "nas.evil.example", "0x7f000001", "2130706433", "192.168.1", "0.0.0.0", "[::]", ""):
        assert not is_allowed_host(host, open_to_all), host


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"TRUSTED_PROXIES": "127.0.0.1,everybody"}, "everybody"),
        ({"TRUSTED_HOSTS": "*"}, "TRUSTED_HOSTS"),
        ({"TRUSTED_HOSTS": "cams.example:5001"}, "TRUSTED_HOSTS"),
        ({"TLS_CERT": "/nowhere.pem"}, "both or none"),
        ({"TLS_CERT": "/nowhere.pem", "TLS_KEY": "/nowhere.key"}, "no such file"),
        ({"ACCEL_PREFIX": "streams"}, "ACCEL_PREFIX"),
        ({"ACCEL_PREFIX": "/../"}, "ACCEL_PREFIX"),
    ],
)
def test_an_error_names_the_unusable_setting(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environ(environ)
    assert named in str(refused.value)


def test_only_nginx_gets_the_path_of_a_segment(behind: Make, accounts: AccountManager, streams: StandInStreams) -> None:
    accounts.create_first("Anna", PASSWORD)
    stream_id = "camera1_MediaProfile00000"
    streams.start_hls(1, "MediaProfile00000")
    (streams.folder / stream_id).mkdir(parents=True)
    (streams.folder / stream_id / "s1.ts").write_bytes(b"segment")
    client = behind(accel_prefix="/streams-by-nginx/")
    url = f"/static/streams/{stream_id}/s1.ts"
    forwarded = {"Host": "cams.example", "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    assert client.get(url, headers=forwarded, environ_overrides=PROXY).status_code == 401
    body = {"name": "Anna", "password": PASSWORD.reveal()}
    answer = client.post("/api/session", json=body, headers=forwarded, environ_overrides=PROXY)
    cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    sent = client.get(url, headers={**forwarded, **cookie}, environ_overrides=PROXY)
    assert sent.status_code == 200
    assert sent.headers["X-Accel-Redirect"] == f"/streams-by-nginx/{stream_id}/s1.ts"
    assert sent.data == b""
