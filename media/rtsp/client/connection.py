"""One TCP connection to a device: requests with deadlines, frames as they come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from core.allowed_addresses import allowed_addresses
from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from media.rtsp.client.framing import Frame, FramingError, Splitter
from media.rtsp.client.messages import MessageError, Request, Response, request_bytes, response_bytes

_MAX_UNSENT_BYTES = 64 * 1024

OnAnswer = Callable[[str, Response, int], None]  # the method asked, the answer, its CSeq
_KNOWN_TO_US = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"})


class DeviceConnection(asyncio.BufferedProtocol):
    """`ended` becomes done with the reason when the connection is over. Lives in the event loop."""

    def __init__(self, on_frames: Callable[[list[Frame]], None]) -> None:
        self._on_frames = on_frames
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._told: dict[int, tuple[str, OnAnswer]] = {}
        self._sequence = 0
        self.ended: asyncio.Future[DeviceError] = asyncio.get_running_loop().create_future()

    # what asyncio calls

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
            self._end(CameraBadAnswer(f"The device does not keep to RTSP: {error}."))
            return
        frames: list[Frame] = []
        for unit in units:
            if isinstance(unit, tuple):
                frames.append(unit)
                continue
            if frames:  # an answer to PLAY stands between old packets and new ones
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

    # what the session calls

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.ended.done()

    def request(
        self, method: str, uri: str, headers: Iterable[tuple[str, str]], on_answer: OnAnswer | None = None
    ) -> asyncio.Future[Response]:
        """Sends a request; the future gets the answer, or the DeviceError the connection ended with.

        `on_answer` is called at once, before the frames that follow the answer are handed on.
        """
        self._sequence += 1
        number = self._sequence
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_mark_seen)
        if self.ended.done():
            answer.set_exception(self.ended.result())
            return answer
        try:
            message = request_bytes(method, uri, [("CSeq", str(number)), *headers])
        except MessageError:
            answer.set_exception(CameraBadAnswer("The device's words cannot be sent back to it."))
            return answer
        self._waiting[number] = answer
        if on_answer:
            self._told[number] = (method, on_answer)
        answer.add_done_callback(lambda _: self._forget(number))
        self.send(message)
        return answer

    def send(self, data: bytes) -> None:
        """Writes; a device that reads nothing any more ends the connection."""
        if self._transport is None or self.ended.done():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._end(CameraUnreachable("The device reads no more of what we send."))

    def close(self) -> None:
        """Drops the connection at once. May be called twice."""
        self._end(CameraUnreachable("We ended the connection."))

    def _take_message(self, message: Request | Response) -> None:
        cseq = message.headers.get("cseq")
        number = int(cseq) if cseq.isascii() and cseq.isdigit() and len(cseq) < 12 else None
        if isinstance(message, Request):
            known = message.method in _KNOWN_TO_US
            status, reason = (200, "OK") if known else (501, "Not Implemented")
            self.send(response_bytes(status, reason, [("CSeq", cseq)] if number is not None else []))
            return
        if number is None:  # some firmware forgets it: answers come in order
            number = next(iter(self._waiting), None)
        answer = self._waiting.get(number) if number is not None else None
        if number is not None and answer and not answer.done():
            if told := self._told.get(number):
                told[1](told[0], message, number)
            answer.set_result(message)

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._told.pop(number, None)

    def set_reading(self, is_reading: bool) -> None:
        """Whether to take what the device sends; what is not taken holds the device up."""
        if self._transport is None or self.ended.done():
            return
        if is_reading and not self._transport.is_reading():
            self._transport.resume_reading()
        elif not is_reading and self._transport.is_reading():
            self._transport.pause_reading()

    def _end(self, reason: DeviceError) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
            for answer in list(self._waiting.values()):
                if not answer.done():
                    answer.set_exception(reason)
        if self._transport is not None:
            self._transport.abort()


def _mark_seen(answer: asyncio.Future[Response]) -> None:
    """An answer nobody waits for any more (a keep-alive) must not be reported as a forgotten error."""
    if not answer.cancelled():
        answer.exception()


async def _resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    try:  # an address needs no asking and so no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connect_to(host: str, port: int, on_frames: Callable[[list[Frame]], None]) -> DeviceConnection:
    """The addresses one after another, all of them looked at before; OSError of the last."""
    loop = asyncio.get_running_loop()
    found = await _resolve(loop, host, port)
    for *_, address in found:
        allowed_addresses.check(str(address[0]), port)
    problem: OSError = OSError("no address")
    for family, _, _, _, address in found:
        try:
            _, connection = await loop.create_connection(
                lambda: DeviceConnection(on_frames), str(address[0]), port, family=family
            )
        except OSError as error:
            problem = error
            continue
        return connection
    raise problem


async def connect(
    host: str, port: int, on_frames: Callable[[list[Frame]], None], *, timeout_s: float
) -> DeviceConnection:
    """To where ONVIF has reached the device; where that is not known or does not answer, to its name.

    Raises CameraUnreachable.
    """
    name = host.strip("[]")
    place = allowed_addresses.place_of(name)
    try:
        async with asyncio.timeout(timeout_s):
            try:
                return await _connect_to(place or name, port, on_frames)
            except OSError:
                if place is None:
                    raise
                return await _connect_to(name, port, on_frames)
    except TimeoutError:
        raise CameraUnreachable("The device does not answer on its RTSP port.") from None
    except (OSError, UnicodeError):
        raise CameraUnreachable("The device cannot be reached on its RTSP port.") from None
