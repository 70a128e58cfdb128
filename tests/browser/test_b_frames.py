"""A camera that sends B-frames, which its sps does not announce."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.pictures import wait_playing
from tests.browser.watching import Open, until_on
from tests.media.codecs.sps_writer import without_restriction
from tests.media.encoded import FPS, with_b_frames
from tests.media.rtsp.camera_peer import PeerCamera
from tools.running import App

pytestmark = pytest.mark.browser

# Keeps each text that the page shows about its engine in `window.engines`.
_NOTE_ENGINES = """
window.engines = [];
document.addEventListener('DOMContentLoaded', () => {
  const fact = document.getElementById('engine');
  new MutationObserver(() => window.engines.push(fact.textContent)).observe(fact, { childList: true });
});
"""


@pytest.fixture
def camera() -> Iterator[PeerCamera]:
    film, positions = with_b_frames()
    sets = film.named_sets()
    own_sets = (without_restriction(sets["sps"], keeps_vui=False), sets["pps"])
    nals = [
        nal
        for index, picture in enumerate(film.pictures)
        for nal in ((*own_sets, *picture) if index in film.keys else picture)
    ]
    peer = PeerCamera(b"".join(b"\0\0\0\1" + nal for nal in nals), fps=FPS, shown=positions).start()
    yield peer
    peer.stop()


def test_the_second_visit_begins_with_mediasource(empty_app: App, camera: PeerCamera, open_page: Open) -> None:
    body = {"name": "Gate", "stream_uris": {"main": camera.uri()}}
    camera_id = empty_app.call("POST", "/api/cameras?wait=1", body)["id"]
    address = f"{empty_app.url}/viewer/{camera_id}"
    first = open_page(address).page
    expect(first.locator("#engine")).to_have_text(re.compile("B-frames"))
    wait_playing(first)
    first.close()
    empty_app.stop_streams()
    second = open_page("about:blank").page
    until_on(second, lambda: camera.open_connections == 0)
    second.add_init_script(_NOTE_ENGINES)
    second.goto(address)
    wait_playing(second)
    expect(second.locator("#engine")).to_have_text(re.compile("B-frames"))
    assert "On" not in second.evaluate("window.engines")
