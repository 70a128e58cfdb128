"""An RTSP client for tests: blocking, TCP interleaved, Digest or Basic. It shares no code with the simulator."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.patience import LIMIT_S
from tests.simulator.process import PASSWORD, USERNAME


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: str

    def header(self, name: str) -> str:
        return self.headers.get(name, [""])[0]


@dataclass(frozen=True)
class Packet:
    """An interleaved frame; RTP's fields are 0 for RTCP."""

    channel: int
    data: bytes
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes


class RtspClient:
    """One connection; packets that arrive between answers are kept for `packets()`."""

    def __init__(
        self, url: str, *, username: str = USERNAME, password: str = PASSWORD, timeout_s: float = LIMIT_S
    ) -> None:
        self.url, self.username, self.password = url, username, password
        host, port = url.split("/")[2].split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.socket.settimeout(timeout_s)
        self.timeout_s = timeout_s
        self.buffer = b""
        self.sequence = 0
        self.session = ""
        self.challenge = ""
        self.waiting: list[Packet] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # -- requests --------------------------------------------------------------------------------------------------

    def ask(self, method: str, url: str = "", *, login: bool = True, headers: dict[str, str] | None = None) -> Answer:
        """Send one request. With `login`, answer a challenge once."""
        answer = self._ask_once(method, url or self.url, headers or {}, login=login)
        if answer.status == 401 and login:
            self.challenge = self._choose(answer.headers.get("www-authenticate", []))
            answer = self._ask_once(method, url or self.url, headers or {}, login=True)
        return answer

    def _choose(self, challenges: list[str]) -> str:
        return next((value for value in challenges if "SHA-256" in value), challenges[0])

    def _ask_once(self, method: str, url: str, headers: dict[str, str], *, login: bool) -> Answer:
        self.send(method, url, headers, login=login)
        return self.answer()

    def send(self, method: str, url: str, headers: dict[str, str], *, login: bool) -> None:
        self.sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.sequence}", "User-Agent: test"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.session and "Session" not in headers:
            lines.append(f"Session: {self.session}")
        if login and self.challenge:
            lines.append(f"Authorization: {self._credential(method, url)}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _credential(self, method: str, url: str) -> str:
        if self.challenge.startswith("Basic"):
            return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', self.challenge))
        algorithm = fields.get("algorithm", "MD5")
        digest = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

        def hashed(text: str) -> str:
            return digest(text.encode()).hexdigest()

        first = hashed(f"{self.username}:{fields['realm']}:{self.password}")
        response = hashed(f"{first}:{fields['nonce']}:{hashed(f'{method}:{url}')}")
        named = f", algorithm={algorithm}" if "algorithm" in fields else ""
        return (
            f'Digest username="{self.username}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", '
            f'uri="{url}", response="{response}"{named}'
        )

    def set_up(self, *tracks: int) -> Answer:
        """Send DESCRIBE, and SETUP for tracks (default: video). Return the last answer."""
        answer = self.ask("DESCRIBE", headers={"Accept": "application/sdp"})
        assert answer.status == 200, answer
        for place, track in enumerate(tracks or (0,)):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * place}-{2 * place + 1}"
            answer = self.ask("SETUP", f"{self.url}/trackID={track}", headers={"Transport": transport})
            if answer.status != 200:
                return answer
            self.session = answer.header("session").partition(";")[0]
        return answer

    def play(self, *tracks: int) -> Answer:
        """Send all requests from DESCRIBE to PLAY. Return the answer to PLAY."""
        assert self.set_up(*tracks).status == 200
        answer = self.ask("PLAY", headers={"Range": "npt=0.000-"})
        assert answer.status == 200, answer
        return answer

    # -- reading ---------------------------------------------------------------------------------------------------

    def _fill(self, count: int) -> None:
        """Receive until `count` bytes are in the buffer. After a TimeoutError they are still to be read."""
        while len(self.buffer) < count:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError("the server closed the connection")
            self.buffer += piece

    def _take(self, count: int) -> bytes:
        self._fill(count)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _read_packet(self) -> Packet:
        self._fill(4)
        channel, length = struct.unpack(">BH", self.buffer[1:4])
        data = self._take(4 + length)[4:]
        if channel % 2 or length < 12:
            return Packet(channel, data, 0, 0, False, b"")
        kind, sequence, timestamp = struct.unpack(">BHI", data[1:8])
        return Packet(channel, data, sequence, timestamp, bool(kind & 0x80), data[12:])

    def answer(self) -> Answer:
        while self._is_packet():
            self.waiting.append(self._read_packet())
        while b"\r\n\r\n" not in self.buffer:
            self._fill(len(self.buffer) + 1)
        head, _, _ = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        begin = len(head) + 4
        body = self._take(begin + int(headers.get("content-length", ["0"])[0]))[begin:].decode()
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    def _is_packet(self) -> bool:
        self._fill(1)
        return self.buffer[:1] == b"$"

    def packets(self, for_s: float = LIMIT_S) -> Iterator[Packet]:
        """Yield the packets that arrive within `for_s` seconds. Raise ConnectionResetError if the connection ends."""
        deadline = time.monotonic() + for_s
        while self.waiting:
            yield self.waiting.pop(0)
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    if self._is_packet():
                        yield self._read_packet()
                    else:
                        self.answer()
        finally:
            if self.socket.fileno() >= 0:  # not yet closed
                self.socket.settimeout(self.timeout_s)

    def next_video(self) -> Packet:
        """Wait for the next video packet, on interleaved channel 0."""
        return next(packet for packet in self.packets() if packet.channel == 0)

    def wait_cut(self) -> None:
        """Wait until the recorder cuts the connection."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for _ in self.packets():
                pass
            raise AssertionError("the connection is still open")


def frame_number_of(cells: list[int]) -> int | None:
    """The number in 20 cells of luma (0 to 255); None if their parity or marks are wrong."""
    bits = [int(cell > 127) for cell in cells]
    number = int("".join(map(str, bits[2:18])), 2)
    parity = sum(bits[2:18]) & 1
    return number if bits[:2] == [1, 0] and bits[18:] == [parity, 1 - parity] else None
