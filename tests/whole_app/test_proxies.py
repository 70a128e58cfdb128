"""nginx and Caddy with the recipes of docs/deploy in front of the real app."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.patience import LIMIT_S, until
from tests.whole_app.accounts import add_user, log_in
from tests.whole_app.live_client import trusting
from tests.whole_app.proxies import Browser, Proxy, answers, recipe, start_nginx
from tools.running import free_port
from web.guard import SECURITY_HEADERS

Make = Callable[..., Any]
CADDY = shutil.which("caddy") or "/usr/bin/caddy"
START = {"camera_id": 1, "profile_token": "MediaProfile00000"}

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


def run_nginx(folder: Path, port: int, app: Any, certificate: tuple[Path, Path]) -> Proxy:
    server = recipe(
        "nginx.conf",
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/ssl/cameras.example.pem": str(certificate[0]),
            "/etc/ssl/cameras.example.key": str(certificate[1]),
            "http://127.0.0.1:5001": app.url,
            "/var/lib/onvif-web-viewer/streams/": f"{app.folder}/streams/",
            "cameras.example": "cams.example",
        },
    )
    return start_nginx(folder, port, server)


def run_caddy(folder: Path, port: int, app: Any, certificate: tuple[Path, Path]) -> Proxy:
    """Run Caddy without the parts that reach out of the test: its own CA, port 80 and the admin API."""
    site = recipe(
        "Caddyfile",
        {
            "cameras.example {": f"cams.example:{port} {{",
            "tls internal\n\trequest": f"tls {certificate[0]} {certificate[1]}\n\trequest",
            "127.0.0.1:5001": app.url.removeprefix("http://"),
        },
    )
    (folder / "Caddyfile").write_text(
        f"{{\nadmin off\nauto_https disable_redirects\ndefault_bind 127.0.0.1\nskip_install_trust\n}}\n{site}"
    )
    return Proxy([CADDY, "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder, port, HOME=str(folder))


@pytest.fixture(params=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest,
    make_app: Make,
    tmp_path: Path,
    certificate: tuple[Path, Path],
) -> Iterator[tuple[Any, Proxy]]:
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "TRUSTED_HOSTS": "cams.example"}
    if request.param == "nginx":
        settings["ACCEL_PREFIX"] = "/streams-by-nginx/"
    app = make_app(**settings).start(is_awaited=False)
    until(lambda: b"Open http" in (app.folder / "stderr").read_bytes())
    add_user(app)
    folder = tmp_path / "proxy"
    folder.mkdir()
    run = run_nginx if request.param == "nginx" else run_caddy
    proxy = run(folder, free_port(), app, certificate)
    try:
        until(lambda: answers(proxy, certificate[0]))
        yield app, proxy
    finally:
        proxy.stop()


@pytest.fixture(autouse=True)
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve cams.example to loopback, as no name server knows it."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real("127.0.0.1" if host == "cams.example" else host, *rest, **more),
    )
    urllib3.disable_warnings()


def assert_whole(answer: requests.Response, *statuses: int) -> None:
    """Assert that each security header is there once with the app's value (a header sent twice reads "a, a")."""
    assert answer.status_code in statuses, answer.text[:500]
    assert [(name, answer.headers.get(name)) for name, _ in SECURITY_HEADERS] == list(SECURITY_HEADERS)


def test_a_proxy_with_its_recipe_serves_logged_in_users_only(
    proxied: tuple[Any, Proxy], recorder: Any, certificate: tuple[Path, Path]
) -> None:
    app, proxy = proxied
    stranger = Browser(certificate[0])
    assert stranger.get(f"{proxy.url}/api/cameras", timeout=LIMIT_S).status_code == 401
    for spoofed in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
        assert stranger.get(f"{proxy.url}/api/cameras", headers=spoofed, timeout=LIMIT_S).status_code == 401
    session = log_in(proxy.url, verify=str(certificate[0]))
    assert [cookie.name for cookie in session.cookies] == ["__Host-onvif_session"]
    recorder.add_at(proxy.url, session)
    page = session.get(f"{proxy.url}/cameras", headers={"Accept": "text/html"}, timeout=LIMIT_S)
    assert_whole(page, 200)
    assert "anna" in page.text
    live_page = session.get(f"{proxy.url}/viewer/1", headers={"Accept": "text/html"}, timeout=LIMIT_S)
    assert " 'sha256-" in live_page.headers["Content-Security-Policy"], "the policy names the page's script"
    assert live_page.headers["Content-Security-Policy"].count("script-src") == 1
    started = session.post(f"{proxy.url}/api/streams/start", json=START, timeout=LIMIT_S).json()
    until(lambda: session.get(proxy.url + started["playlist_url"], timeout=LIMIT_S).status_code == 200)  # 503 before
    playlist = session.get(proxy.url + started["playlist_url"], timeout=LIMIT_S)
    assert_whole(playlist, 200)
    *_, name = (line for line in playlist.text.splitlines() if line.endswith(".ts"))
    address = started["playlist_url"].replace("stream.m3u8", name.split("?")[0])
    segment = session.get(proxy.url + address, timeout=LIMIT_S)
    assert_whole(segment, 200)
    assert segment.headers["Content-Type"] == "video/mp2t"
    assert segment.headers["Cache-Control"] == "no-store"
    assert segment.content[:1] == b"\x47"
    assert len(segment.content) % 188 == 0
    if proxy.access_log.exists():  # only nginx has one: it sent the segment's file itself
        until(lambda: "/streams-by-nginx/" in proxy.access_log.read_text())  # nginx writes it after the answer
    assert stranger.get(proxy.url + address, timeout=LIMIT_S).status_code == 401
    watch_over_a_socket(proxy, session, certificate[0])
    assert session.delete(f"{proxy.url}/api/session", timeout=LIMIT_S).status_code == 204
    assert session.get(proxy.url + address, timeout=LIMIT_S).status_code == 401
    until(lambda: not app.ffmpegs())


def watch_over_a_socket(proxy: Proxy, session: requests.Session, certificate: Path) -> None:
    """Watch live over a WebSocket through the proxy; without the cookie it is refused."""
    tls = trusting(certificate)
    address = f"{proxy.url.replace('https', 'wss')}/live/1/{START['profile_token']}"
    cookie = "; ".join(f"{one.name}={one.value}" for one in session.cookies)
    limits: dict[str, Any] = {"open_timeout": LIMIT_S, "max_size": None}
    with pytest.raises(InvalidStatus) as refused, connect(address, ssl=tls, proxy=None, **limits):
        pass
    assert refused.value.response.status_code == 401
    headers = {"Cookie": cookie, "Origin": proxy.url}
    with connect(address, ssl=tls, proxy=None, additional_headers=headers, **limits) as client:
        frames = 0

        def has_frames() -> bool:
            nonlocal frames
            frames += isinstance(client.recv(LIMIT_S), bytes)
            return frames == 5

        until(has_frames)


def test_a_proxys_own_responses_have_every_header_too(
    proxied: tuple[Any, Proxy], certificate: tuple[Path, Path]
) -> None:
    app, proxy = proxied
    browser = Browser(certificate[0])
    assert_whole(browser.get(f"{proxy.url}/static/css/none.css", timeout=LIMIT_S), 404)
    # nginx itself answers 404; behind Caddy the app answers 401.
    assert_whole(browser.get(f"{proxy.url}/streams-by-nginx/x/y.ts", timeout=LIMIT_S), 404, 401)
    for size_bytes in (100_000, 200_000):  # above the app's limit, above the proxy's limit
        too_much = b'{"name": "' + b"a" * size_bytes + b'"}'
        json_type = {"Content-Type": "application/json"}
        refused = browser.post(f"{proxy.url}/api/session", data=too_much, headers=json_type, timeout=LIMIT_S)
        # The app answers 413 by the length alone and closes; Caddy is still sending then, and may answer 502 instead.
        assert_whole(refused, *([413] if proxy.access_log.exists() else [413, 502]))
    app.close()
    assert_whole(browser.get(f"{proxy.url}/cameras", timeout=LIMIT_S), 502)
