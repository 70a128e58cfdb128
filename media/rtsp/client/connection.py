"""One TCP connection to a device: sends requests, matches answers to them, hands on interleaved frames."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.allowed_addresses import allowed_addresses
from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from media.rtsp.client.framing import Frame, FramingError, Splitter
from media.rtsp.client.messages import MessageError, Request, Response, request_bytes, response_bytes

_MAX_UNSENT_BYTES = 64 * 1024

OnAnswer = Callable[[str, Response, int], None]  # the request's method, the answer, its CSeq
_ACCEPTED_METHODS = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "PLAY_NOTIFY"})


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    method: str
    answer: asyncio.Future[Response]
    on_answer: OnAnswer | None


class RtspConnection(asyncio.BufferedProtocol):
    """In the event loop's thread. `ended` gets the error that the connection ended with."""

    def __init__(self, on_frames: Callable[[list[Frame]], None]) -> None:
        self._on_frames = on_frames
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, _PendingRequest] = {}  # by CSeq
        self._cseq = 0
        self.on_request: Callable[[Request], None] | None = None
        """Called with each request of the device, after its answer."""
        self.ended: asyncio.Future[DeviceError] = asyncio.get_running_loop().create_future()

    # -- asyncio's protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's name, not used
        return self._splitter.free_space()

    def buffer_updated(self, nbytes: int) -> None:
        if self.ended.done():
            return
        try:
            units = self._splitter.received(nbytes)
        except FramingError as error:
            self._end(CameraBadAnswer(f"The device breaks the RTSP protocol: {error}."))
            return
        frames: list[Frame] = []
        for unit in units:
            if isinstance(unit, tuple):
                frames.append(unit)
                continue
            if frames:  # the answer to PLAY stands between old packets and new ones
                self._on_frames(frames)
                frames = []
            self._take_message(unit)
        if frames:
            self._on_frames(frames)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        how = "broke off" if exc else "ended"
        self._end(CameraUnreachable(f"The device {how} the connection."))

    # -- for the session ---------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.ended.done()

    @property
    def last_cseq(self) -> int:
        """The CSeq of the newest request."""
        return self._cseq

    def request(
        self, method: str, uri: str, headers: Iterable[tuple[str, str]], on_answer: OnAnswer | None = None
    ) -> asyncio.Future[Response]:
        """Send a request. The future gets the answer, or the DeviceError that the connection ended with.

        `on_answer` is called immediately when the answer arrives, before the frames after it are handed on.
        """
        self._cseq += 1
        number = self._cseq
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_mark_retrieved)
        if self.ended.done():
            answer.set_exception(self.ended.result())
            return answer
        try:
            message = request_bytes(method, uri, [("CSeq", str(number)), *headers])
        except MessageError:
            answer.set_exception(CameraBadAnswer("The device's answer contains text that cannot be sent back to it."))
            return answer
        self._pending[number] = _PendingRequest(method, answer, on_answer)
        answer.add_done_callback(lambda _: self._pending.pop(number, None))
        self.send(message)
        return answer

    def send(self, data: bytes) -> None:
        """Write to the device. A device that no longer reads loses the connection."""
        if self._transport is None or self.ended.done():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._end(CameraUnreachable("The device no longer reads the app's requests."))

    def close(self) -> None:
        """Drop the connection immediately. May be called twice."""
        self._end(CameraUnreachable("The app ended the connection."))

    def set_reading(self, is_reading: bool) -> None:
        """Stop or continue reading. While it is stopped, a device cannot send more than the socket's buffers take."""
        if self._transport is None or self.ended.done():
            return
        if is_reading and not self._transport.is_reading():
            self._transport.resume_reading()
        elif not is_reading and self._transport.is_reading():
            self._transport.pause_reading()

    # -- inside ------------------------------------------------------------------------------------

    def _take_message(self, message: Request | Response) -> None:
        cseq = message.headers.get("cseq")
        number = int(cseq) if cseq.isascii() and cseq.isdigit() and len(cseq) < 12 else None
        if isinstance(message, Request):
            is_accepted = message.method in _ACCEPTED_METHODS
            status, reason = (200, "OK") if is_accepted else (501, "Not Implemented")
            self.send(response_bytes(status, reason, [("CSeq", cseq)] if number is not None else []))
            if self.on_request is not None:
                self.on_request(message)
            return
        if number is None:  # some firmware leaves CSeq out: answers come in order
            number = next(iter(self._pending), None)
        pending = self._pending.get(number) if number is not None else None
        if number is not None and pending and not pending.answer.done():
            if pending.on_answer:
                pending.on_answer(pending.method, message, number)
            pending.answer.set_result(message)

    def _end(self, reason: DeviceError) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
            for pending in list(self._pending.values()):
                if not pending.answer.done():
                    pending.answer.set_exception(reason)
        if self._transport is not None:
            self._transport.abort()


def _mark_retrieved(answer: asyncio.Future[Response]) -> None:
    """Keep asyncio from reporting the exception of an answer that is no longer awaited, such as a keep-alive's."""
    if not answer.cancelled():
        answer.exception()


async def _resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    try:  # a numeric address needs no name server, and so no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connect_to(host: str, port: int, on_frames: Callable[[list[Frame]], None]) -> RtspConnection:
    """Try the host's addresses one after another. Raises the OSError of the last.

    All of them are checked before the first connection: one forbidden address forbids the host.
    """
    loop = asyncio.get_running_loop()
    found = await _resolve(loop, host, port)
    for *_, address in found:
        allowed_addresses.check(str(address[0]), port)
    problem: OSError = OSError("no address")
    for family, _, _, _, address in found:
        try:
            _, connection = await loop.create_connection(
                lambda: RtspConnection(on_frames), str(address[0]), port, family=family
            )
        except OSError as error:
            problem = error
            continue
        return connection
    raise problem


async def connect(
    host: str, port: int, on_frames: Callable[[list[Frame]], None], *, timeout_s: float
) -> RtspConnection:
    """Connect to the address at which ONVIF reached the device; without one, or if it does not answer, to the name.

    Raises CameraUnreachable.
    """
    name = host.strip("[]")
    address = allowed_addresses.place_of(name)
    try:
        async with asyncio.timeout(timeout_s):
            try:
                return await _connect_to(address or name, port, on_frames)
            except OSError:
                if address is None:
                    raise
                return await _connect_to(name, port, on_frames)
    except TimeoutError:
        raise CameraUnreachable("The device does not answer on its RTSP port.") from None
    except (OSError, UnicodeError):
        raise CameraUnreachable("The device cannot be reached on its RTSP port.") from None
