"""The recorder's web door: SOAP requests, and snapshots behind HTTP Digest."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.clip import EncodeError
from simulator.layout import picture_spec
from simulator.login import Outcome
from simulator.soap import (  # noqa: F401 (importing a service registers its operations)
    device,
    events,
    media,
    media2,
    ptz,
    recordings,
    search,
)
from simulator.soap.service import answer
from simulator.web import Handler, Request, Response, Silence

if TYPE_CHECKING:
    from simulator.recorder import Recorder

_STILL_TIMEOUT_S = 20.0


def device_handler(recorder: Recorder) -> Handler:
    """The handler of the ONVIF port, with the faults that concern all of it."""

    async def handle(request: Request) -> Response:
        faults = recorder.faults
        if faults.is_on("soap_silent"):
            raise Silence
        if delay := faults.number("slow"):
            await asyncio.sleep(delay)
        if target := faults.text("soap_redirect"):
            return Response(307, headers=(("Location", target),))
        return replace(await _route(recorder, request), drip_bytes_per_s=faults.number("drip"))

    return handle


async def _route(recorder: Recorder, request: Request) -> Response:
    if request.path == "/onvif/snapshot":
        return await _snapshot(recorder, request)
    if request.path.startswith("/onvif/"):
        if request.method != "POST":
            return Response(405, headers=(("Allow", "POST"),))
        return await answer(recorder, request)
    if request.path == "/":
        return Response(200, b"A pretend ONVIF recorder. Its device service is at /onvif/device_service\n")
    return Response(404)


async def _snapshot(recorder: Recorder, request: Request) -> Response:
    if request.method != "GET":
        return Response(405, headers=(("Allow", "GET"),))
    login = recorder.login
    outcome = login.check_header("http", request.method, request.target, request.header("authorization"), exact=True)
    if outcome is not Outcome.OK:
        challenges = login.challenges("http", stale=outcome is Outcome.STALE)
        return Response(401, headers=tuple(("WWW-Authenticate", challenge) for challenge in challenges))
    number = request.query("channel")
    stream = recorder.stream(int(number) if number.isascii() and number.isdigit() else 0, "main")
    if stream is None or recorder.faults.is_on("no_snapshots"):
        return Response(404)
    if stream.dead_kind() is not None:
        return Response(503, b"no picture\n")
    stills = picture_spec(stream.channel, "main", "stills")
    clip = recorder.store.clip(stills, first_still=stream.still_at(time.time()))
    try:
        await clip.wait_described(_STILL_TIMEOUT_S)
    except EncodeError as error:
        return Response(503, f"{error}\n".encode())
    jpeg = clip.still(stream.still_at(time.time()))
    return Response(200, jpeg, "image/jpeg", (("Cache-Control", "no-store"),))
