"""Links that users share: PUBLIC_URL, otherwise the address of the request; and its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from core.settings import Settings, SettingsError
from web.flask_app import build_web
from web.links import export_link
from web.services import EXTENSION, Services

Make = Callable[..., OpenAPI]


@pytest.fixture
def make_web(web_app: OpenAPI, settings: Settings) -> Make:
    def make(**changed: Any) -> OpenAPI:
        services: Services = web_app.extensions[EXTENSION]
        services.settings = replace(settings, **changed)
        return build_web(services)

    return make


def link(web: OpenAPI, base: str = "http://localhost:5001", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    of_client = {"REMOTE_ADDR": "127.0.0.1"}
    with web.test_request_context("/api/health", base_url=base, headers=named, environ_overrides=of_client):
        assert web.preprocess_request() is None
        return export_link(7)


def test_a_link_has_the_address_of_the_request(make_web: Make) -> None:
    assert link(make_web()) == "http://localhost:5001/exports#export-7"
    assert link(make_web(), "https://127.0.0.1") == "https://127.0.0.1/exports#export-7"


def test_a_link_has_the_scheme_that_a_trusted_proxy_forwards(make_web: Make) -> None:
    web = make_web(trusted_proxies="127.0.0.1", trusted_hosts="cams.example")
    forwarded = {"X_Forwarded_For": "192.0.2.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example"}
    assert link(web, "http://cams.example", **forwarded) == "https://cams.example/exports#export-7"


@pytest.mark.parametrize("url", ["https://cams.example:8443", "https://cams.example:8443/"])
def test_a_link_has_the_public_address_if_one_is_set(make_web: Make, url: str) -> None:
    assert link(make_web(public_url=url)) == "https://cams.example:8443/exports#export-7"


@pytest.mark.parametrize(
    "url", ["http://cams.example", "https://10.0.0.5:8443/", "https://[fd00::1]:8443", "HTTPS://Cams"]
)
def test_a_public_address_is_http_or_https_a_host_and_a_port(url: str) -> None:
    assert Settings.from_environ({"PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("cams.example", "ftp://cams.example", "javascript:alert(1)", "//cams.example", "https://", "https:///x"),
        *("https://cams.example/app", "https://cams.example/?a=1", "https://cams.example#a", "https://cams.example//"),
        *("https://cams.example/..", "https://anna@cams.example", "https://anna:secret@cams.example"),
        *("https://cams.example:0", "https://cams.example:99999", "https://cams.example:x", "https://cams example"),
        *("https://cams.example\\evil", "https://cams.example\t/", "https://cams.example\nevil", "https://cämera"),
    ],
)
def test_other_public_addresses_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        Settings.from_environ({"PUBLIC_URL": url})
