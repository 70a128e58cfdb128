"""The ONVIF port: SOAP requests, and snapshots behind HTTP Digest."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace

from simulator.clip import EncodeError
from simulator.clip_store import ClipStore
from simulator.faults import Faults
from simulator.layout import clip_spec
from simulator.live import LiveStreams
from simulator.login import Login, Outcome
from simulator.soap.dispatch import SoapDispatcher
from simulator.web import NoAnswer, Request, Response, number_of

_STILL_TIMEOUT_S = 20.0


class OnvifPort:
    """Answers requests to the ONVIF port, with the faults that concern all of them."""

    def __init__(
        self, soap: SoapDispatcher, streams: LiveStreams, store: ClipStore, login: Login, faults: Faults
    ) -> None:
        self._soap, self._streams, self._store = soap, streams, store
        self._login, self._faults = login, faults
        self._busy = 0  # requests that are being answered

    async def handle(self, request: Request) -> Response:
        """Answer one request. Raise NoAnswer while the fault `soap_silent` is on."""
        if self._faults.is_on("soap_silent"):
            raise NoAnswer
        operation = self._faults.text("soap_hangs")
        if operation and re.search(rb"[<:]" + re.escape(operation.encode()) + rb"[\s/>]", request.body):
            raise NoAnswer
        if self._faults.is_on("one_connection") and self._busy:
            raise ConnectionResetError
        self._busy += 1
        try:
            return await self._answer(request)
        finally:
            self._busy -= 1

    async def _answer(self, request: Request) -> Response:
        if delay := self._faults.number("slow"):
            await asyncio.sleep(delay)
        if target := self._faults.text("soap_redirect"):
            return Response(307, headers=(("Location", target),))
        return replace(await self._route(request), drip_bytes_per_s=self._faults.number("drip"))

    async def _route(self, request: Request) -> Response:
        if request.path == "/onvif/snapshot":
            return await self._snapshot(request)
        if request.path.startswith("/onvif/"):
            if request.method != "POST":
                return Response(405, headers=(("Allow", "POST"),))
            return await self._soap.answer(request)
        if request.path == "/":
            return Response(200, b"A pretend ONVIF recorder. Its device service is at /onvif/device_service\n")
        return Response(404)

    async def _snapshot(self, request: Request) -> Response:
        if request.method != "GET":
            return Response(405, headers=(("Allow", "GET"),))
        header = request.header("authorization")
        outcome = self._login.check_header("http", request.method, request.target, header, exact=True)
        if outcome is not Outcome.OK:
            challenges = self._login.challenges("http", stale=outcome is Outcome.STALE)
            return Response(401, headers=tuple(("WWW-Authenticate", challenge) for challenge in challenges))
        stream = self._streams.find(number_of(request.query("channel")), "main")
        if stream is None or self._faults.is_on("no_snapshots"):
            return Response(404)
        if stream.dead_kind() is not None:
            return Response(503, b"no picture\n")
        stills = clip_spec(stream.channel, "main", "stills")
        clip = self._store.clip(stills, first_still=stream.still_at(time.time()))
        try:
            await clip.wait_described(_STILL_TIMEOUT_S)
        except EncodeError as error:
            return Response(503, f"{error}\n".encode())
        jpeg = clip.still(stream.still_at(time.time()))
        return Response(200, jpeg, "image/jpeg", (("Cache-Control", "no-store"),))
