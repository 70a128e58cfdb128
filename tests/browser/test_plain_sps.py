"""A camera whose sps has no bitstream_restriction: browsers get an sps without reordering."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import WebSocket

from media.codecs.h264_sps import Restriction, parse_sps
from tests.browser.pictures import assert_close_behind, assert_pictures_move, wait_playing
from tests.browser.watching import Open, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

CHANNEL = 3


@pytest.fixture(autouse=True)
def plain(recorder: Recorder, stop_streams: None) -> Iterator[None]:
    recorder.set_fault("plain_sps", channel=CHANNEL)
    yield
    recorder.clear_fault("plain_sps", channel=CHANNEL)


def restriction_in(init: bytes) -> Restriction | None:
    """Return the bitstream_restriction of the sps in an init section."""
    at = init.index(b"avcC") + 4 + 6
    parsed = parse_sps(init[at + 2 : at + 2 + int.from_bytes(init[at : at + 2])])
    assert parsed is not None
    return parsed.restriction


def test_frames_of_a_plain_sps_come_without_delay(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page("about:blank").page
    inits: list[bytes] = []

    def hear(payload: str | bytes) -> None:
        if isinstance(payload, bytes) and b"avcC" in payload:
            inits.append(payload)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", hear)

    page.on("websocket", listen)
    page.goto(f"{app.url}/viewer/{camera_id}?channel={CHANNEL}&quality=main")
    wait_playing(page)
    assert_pictures_move(page)
    until_on(page, lambda: inits)
    restriction = restriction_in(inits[0])
    assert restriction is not None
    assert restriction.max_num_reorder_frames == 0
    assert_close_behind(page, recorder.frames(CHANNEL, "main"))
    ends_s = time.monotonic() + 3
    until_on(page, lambda: time.monotonic() > ends_s)
    assert len(inits) == 1, "frames without B-frames never bring another init section"
