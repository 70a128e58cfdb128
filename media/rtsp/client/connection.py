"""One connection to a device: sends requests, matches answers to them, hands on interleaved frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from media.rtsp.client.errors import NotRtsp, TooManyBytes
from media.rtsp.client.framing import Frame, FramingError, Splitter, WebServerError
from media.rtsp.client.messages import MessageError, Request, Response, parse_cseq, request_bytes, response_bytes
from media.rtsp.client.receiver import MediaReceiver

_MAX_UNSENT_BYTES = 64 * 1024
_BODY_QUIET_S = 1.0
_BODY_SLOW_S = 3.0  # if much of the body is missing: the device may be slow
_MUCH_BYTES = 64
_MAX_ABANDONED = 16
_PACE_S = 0.1

OnAnswer = Callable[[str, Response, int], None]  # the request's method, the answer, its CSeq
_ACCEPTED_METHODS = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "PLAY_NOTIFY"})


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    method: str
    answer: asyncio.Future[Response]
    on_answer: OnAnswer | None


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """Limits for a device that may send anything: most bytes until the next limit is set, and how fast to read."""

    most_bytes: int
    bytes_per_s: float


class RtspConnection(asyncio.BufferedProtocol):
    """In the event loop's thread. `ended` gets the error that the connection ended with."""

    def __init__(self, receiver: MediaReceiver, *, accepts_http: bool = False) -> None:
        self._receiver = receiver
        self._splitter = Splitter(accepts_http=accepts_http)
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, _PendingRequest] = {}  # by CSeq
        self._abandoned: deque[int] = deque(maxlen=_MAX_ABANDONED)  # CSeqs of requests that gave up
        self._last_answer: Response | None = None
        self._cseq = 0
        self.on_request: Callable[[Request], None] | None = None
        """Called with each request of the device, after its answer."""
        self._quiet: asyncio.TimerHandle | None = None  # while an answer waits for its body
        self._is_read = True  # as set_reading() was told
        self._limit: ReadLimit | None = None
        self._left_bytes = 0  # of that limit
        self._paced_bytes = 0  # since _paced_s
        self._paced_s = 0.0
        self._rest: asyncio.TimerHandle | None = None  # while nothing is read, to keep the pace
        self.received_bytes = 0
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
        self.received_bytes += nbytes
        if self._limit is not None and not self._keep_to(self._limit, nbytes):
            return
        try:
            units = self._splitter.received(nbytes)
        except FramingError as error:
            self._end_by(error)
            return
        self._take(units)
        if self._quiet or self._splitter.is_incomplete:
            self._watch_body()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._take_incomplete()
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

    @property
    def local_host(self) -> str:
        """Our IP address on this connection."""
        return self._address("sockname")

    @property
    def device_host(self) -> str:
        """The device's IP address."""
        return self._address("peername")

    def request(
        self, method: str, uri: str, headers: Iterable[tuple[str, str]], on_answer: OnAnswer | None = None
    ) -> asyncio.Future[Response]:
        """Send a request. The future gets the answer, or the DeviceError that the connection ended with.

        `on_answer` is called immediately when the answer arrives, before the frames after it are handed on.
        """
        self._cseq += 1
        try:
            message = request_bytes(method, uri, [("CSeq", str(self._cseq)), *headers])
        except MessageError:
            answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(_mark_retrieved)
            answer.set_exception(CameraBadAnswer("The device's answer contains text that cannot be sent back to it."))
            return answer
        return self.request_bytes(method, message, on_answer)

    def request_bytes(self, method: str, message: bytes, on_answer: OnAnswer | None = None) -> asyncio.Future[Response]:
        """As request(), with the bytes of a request that is complete."""
        number = self._cseq
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_mark_retrieved)
        if self.ended.done():
            answer.set_exception(self.ended.result())
            return answer
        self._pending[number] = _PendingRequest(method, answer, on_answer)
        answer.add_done_callback(lambda answer: self._after_request(number, answer))
        self._splitter.expects_description = method == "DESCRIBE"
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
        self._is_read = is_reading
        self._apply_reading()

    def set_limit(self, limit: ReadLimit | None) -> None:
        """End the connection with TooManyBytes after so many more bytes, and read no faster. None: without limits."""
        self._limit = limit
        self._left_bytes = limit.most_bytes if limit is not None else 0

    # -- inside ------------------------------------------------------------------------------------

    def _apply_reading(self) -> None:
        if self._transport is None or self.ended.done():
            return
        is_reading = self._is_read and self._rest is None
        if is_reading and not self._transport.is_reading():
            self._transport.resume_reading()
        elif not is_reading and self._transport.is_reading():
            self._transport.pause_reading()

    def _keep_to(self, limit: ReadLimit, nbytes: int) -> bool:
        """Count bytes; rest if they come too fast. False if they are too many, which ends the connection."""
        self._left_bytes -= nbytes
        if self._left_bytes < 0:
            self._end(TooManyBytes("The device sends far more than was requested."))
            return False
        loop = asyncio.get_running_loop()
        if loop.time() - self._paced_s > _PACE_S:
            self._paced_s, self._paced_bytes = loop.time(), 0
        self._paced_bytes += nbytes
        rest_s = self._paced_s + self._paced_bytes / limit.bytes_per_s - loop.time()
        if rest_s > _PACE_S and self._rest is None:
            self._rest = loop.call_later(rest_s, self._go_on)
            self._apply_reading()
        return True

    def _go_on(self) -> None:
        self._rest = None
        self._apply_reading()

    def _address(self, name: str) -> str:
        address = self._transport.get_extra_info(name) if self._transport else None
        return str(address[0]) if address else ""

    def _take(self, units: list[Frame | Request | Response]) -> None:
        frames: list[Frame] = []
        for unit in units:
            if isinstance(unit, tuple):
                frames.append(unit)
                continue
            if frames:  # the answer to PLAY stands between old packets and new ones
                self._receiver.take_frames(frames)
                frames = []
            self._take_message(unit)
        if frames:
            self._receiver.take_frames(frames)

    def _watch_body(self) -> None:
        """Wait for the rest of an answer's body, from the last byte on."""
        if self._quiet:
            self._quiet.cancel()
            self._quiet = None
        if self._splitter.is_incomplete:
            is_slow = self._splitter.missing_bytes > _MUCH_BYTES
            quiet_s = _BODY_SLOW_S if is_slow else _BODY_QUIET_S
            self._quiet = asyncio.get_running_loop().call_later(quiet_s, self._take_incomplete)

    def _take_incomplete(self) -> None:
        """The rest of an answer's body does not come: the device counts it wrongly, or not at all."""
        if self._quiet:
            self._quiet.cancel()
            self._quiet = None
        if self.ended.done() or not self._splitter.is_incomplete:
            return
        try:
            units = self._splitter.take_incomplete()
        except (FramingError, MessageError) as error:
            self._end_by(error)
            return
        self._take(units)
        self._watch_body()

    def _take_message(self, message: Request | Response) -> None:
        number = parse_cseq(message.headers.get("cseq"))
        if isinstance(message, Request):
            is_accepted = message.method in _ACCEPTED_METHODS
            status, reason = (200, "OK") if is_accepted else (501, "Not Implemented")
            self.send(response_bytes(status, reason, [("CSeq", str(number))] if number is not None else []))
            if self.on_request is not None:
                self.on_request(message)
            return
        if message.status < 200:  # 100 Continue: the answer follows (RFC 2326 section 7.1.1)
            return
        found = self._request_of(number, message)
        if found is not None:
            self._last_answer = message
            pending = self._pending[found]
            self._splitter.expects_description = False
            if pending.on_answer:
                pending.on_answer(pending.method, message, found)
            pending.answer.set_result(message)

    def _request_of(self, cseq: int | None, message: Response) -> int | None:
        """Return the number of the request that an answer with this CSeq belongs to; None if it comes late or twice.

        Some firmware leaves CSeq out. Tapo C220 and C520WS answer a keep-alive with the CSeq of the request before it.
        Answers come in order, so such an answer belongs to the oldest request without one.
        """
        waiting = [number for number, pending in self._pending.items() if not pending.answer.done()]
        if cseq in waiting:
            return cseq
        if cseq is not None and cseq in self._abandoned:
            self._abandoned.remove(cseq)
            return None
        if cseq is not None and 0 < cseq <= self._cseq and message == self._last_answer:
            return None
        return waiting[0] if waiting else None

    def _after_request(self, number: int, answer: asyncio.Future[Response]) -> None:
        self._pending.pop(number, None)
        if answer.cancelled():
            self._abandoned.append(number)

    def _end_by(self, error: Exception) -> None:
        kind = NotRtsp if isinstance(error, WebServerError) else CameraBadAnswer
        self._end(kind(f"The device breaks the RTSP protocol: {error}."))

    def _end(self, reason: DeviceError) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
            for pending in list(self._pending.values()):
                if not pending.answer.done():
                    pending.answer.set_exception(reason)
        if self._quiet:
            self._quiet.cancel()
            self._quiet = None
        if self._rest:
            self._rest.cancel()
            self._rest = None
        if self._transport is not None:
            self._transport.abort()


def _mark_retrieved(answer: asyncio.Future[Response]) -> None:
    """Keep asyncio from reporting the exception of an answer that is no longer awaited, such as a keep-alive's."""
    if not answer.cancelled():
        answer.exception()
