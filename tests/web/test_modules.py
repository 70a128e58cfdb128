"""A page preloads every module that it imports."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from web.modules import modules_of
from web.static_files import STATIC_ROOT


def test_every_module_that_a_page_imports_is_found_at_any_depth() -> None:
    found = set(modules_of("viewer"))
    assert "/static/js/lib/zoom.js" in found  # page -> stage -> zoom-view -> zoom
    for address in found:
        text = (STATIC_ROOT / address.removeprefix("/static/")).read_text("utf-8")
        imported = re.findall(r"from '\.{1,2}/(?:[\w-]+/)*([\w-]+\.js)'", text)
        assert {name.rpartition("/")[2] for name in found} >= set(imported)


def test_a_page_preloads_its_modules(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    assert preloaded == list(modules_of("cameras"))
    for address in preloaded:
        with client.get(address) as answer:
            assert answer.status_code == 200
