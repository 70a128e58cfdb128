"""Measurements beside go2rtc and MediaMTX: their programs, readers, page and table, with stand-ins for the programs."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench import peer_readers
from bench.__main__ import PARTS, options_of
from bench.peers import go2rtc, mediamtx, named, version
from bench.peers_beside import Row, in_turn, markdown, table
from bench.whep import WhepServer
from tests.patience import LIMIT_S

Read = Callable[[str, float, list[int]], Coroutine[None, None, None]]

SDP = (
    "v=0\r\ns=-\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:rtsp://other/1/trackID=1\r\n"
)
# Listens where the settings say, and writes the settings into its folder's parent for the test.
PROGRAM = """#!{python}
import json, os, socket, sys, time
if "version" in sys.argv[1]:
    print("peer version 1.9.14+dev. (abc)")
    raise SystemExit
settings = json.load(open(sys.argv[-1]))
with open({seen!r}, "w") as file:
    json.dump([settings, os.environ.get("MTX_MOQ")], file)
host, port = (settings.get("api", {{}}).get("listen") or settings["webrtcAddress"]).split(":")
with socket.create_server((host, int(port))):
    time.sleep(600)
"""


@pytest.fixture
def program(tmp_path: Path) -> tuple[Path, Path]:
    """Return a stand-in for a peer, and the file into which it writes its settings."""
    path, seen = tmp_path / "peer", tmp_path / "seen.json"
    path.write_text(PROGRAM.format(python=sys.executable, seen=str(seen)))
    path.chmod(0o755)
    return path, seen


def test_programs_are_named_by_the_environment(program: tuple[Path, Path]) -> None:
    path, _ = program
    assert named({"MEDIAMTX": str(path), "GO2RTC": ""}) == {"MEDIAMTX": path}
    assert named({}) == {}
    with pytest.raises(ValueError, match="GO2RTC=/nowhere is not a file"):
        named({"GO2RTC": "/nowhere"})


def test_peers_are_measured_only_where_they_are_named(
    program: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = program
    for name in ("GO2RTC", "MEDIAMTX"):
        monkeypatch.delenv(name, raising=False)
    assert options_of([]).peers == {}
    with pytest.raises(SystemExit):
        options_of(["--only", "peers"])
    assert "needs a program" in capsys.readouterr().err
    monkeypatch.setenv("GO2RTC", str(path))
    everything = options_of([])
    assert (everything.parts, everything.peers) == (PARTS, {"GO2RTC": path})
    only = options_of(["--only", "peers"])
    assert (only.parts, only.peers, only.writes) == ((), {"GO2RTC": path}, False)
    assert options_of(["--only", "live"]).peers == {}
    assert options_of(["--plot"]).peers == {}
    monkeypatch.setenv("GO2RTC", "/nowhere")
    with pytest.raises(SystemExit):
        options_of([])


def test_a_peer_gets_the_streams_and_ends_with_the_block(program: tuple[Path, Path]) -> None:
    path, seen = program
    with go2rtc(path, ["rtsp://one", "rtsp://two"]) as peer:
        settings, _ = json.loads(seen.read_text())
        assert settings["streams"] == {"0": "rtsp://one", "1": "rtsp://two"}
        assert (peer.name, peer.version) == ("go2rtc", "1.9.14+dev")
        assert peer.whep.format(1).endswith("/api/webrtc?src=1")
        assert peer.reader.format(0).startswith("ws://127.0.0.1:")
        [process] = peer.processes()
    assert not process.is_running()
    with mediamtx(path, ["rtsp://one"]) as peer:
        settings, moq = json.loads(seen.read_text())
        assert settings["paths"]["0"]["source"] == "rtsp://one"
        assert settings["paths"]["0"]["sourceOnDemand"]
        assert moq == "no"
        assert peer.whep.format(0).endswith("/0/whep")


def test_a_peer_that_ends_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "peer"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    with pytest.raises(RuntimeError, match="ended with 3"), go2rtc(path, []):
        pass
    assert version(path, "--version") == "unknown version"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Run an HTTP server with one answer; yield its address, and a list of (path, content type, body) of requests."""
    requests: list[tuple[str, str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, self.headers["Content-Type"], sent))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()


def test_the_page_passes_its_offers_to_the_peer() -> None:
    with answering(201, b"v=0 answer") as (address, requests), WhepServer(f"{address}/{{}}/whep") as server:
        page = server.page([3, 4])
        assert page.endswith("/?play=3,4")
        base, _, _ = page.partition("/?")
        with urllib.request.urlopen(page) as opened:
            assert b"RTCPeerConnection" in opened.read()
        with urllib.request.urlopen(f"{base}/offer/3", data=b"v=0 offer") as opened:
            assert opened.read() == b"v=0 answer"
        assert requests == [("/3/whep", "application/sdp", b"v=0 offer")]
    with answering(404, b"") as (address, _), WhepServer(address) as server:
        base, _, _ = server.page([0]).partition("/?")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/offer/0", data=b"v=0 offer")


def test_tracks_have_addresses() -> None:
    assert peer_readers.controls(SDP, "rtsp://peer/1/") == ["rtsp://peer/1/trackID=0", "rtsp://other/1/trackID=1"]


def test_an_rtsp_reader_counts_the_media_of_all_tracks() -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader):
            asked.append(request)
            method = request.split()[0]
            body = SDP if method == "DESCRIBE" else ""
            session = "Session: 77;timeout=60\r\n" if method == "SETUP" else ""
            writer.write(f"RTSP/1.0 200 OK\r\n{session}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if method == "PLAY":
                writer.write(b"$\0\0\4abcd" * 5)
                await writer.drain()
        writer.close()
        await writer.wait_closed()

    found = asyncio.run(read_from(answer, peer_readers.read_rtsp, 40))
    assert found == 40
    assert [request.split()[0] for request in asked] == ["DESCRIBE", "SETUP", "SETUP", "PLAY"]
    assert "interleaved=2-3" in asked[2]
    assert all("Session: 77\r\n" in request for request in asked[2:])


def test_an_rtsp_reader_reports_a_refusal() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"RTSP/1.0 404 Not Found\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    with pytest.raises(RuntimeError, match="404 Not Found"):
        asyncio.run(read_from(refuse, peer_readers.read_rtsp, 1))


async def read_request(reader: asyncio.StreamReader) -> str:
    """Return a request; empty at the end of the connection."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


async def read_from(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], read: Read, expected: int
) -> int:
    """Let a reader read from a server until it has counted `expected` bytes; return the count."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)  # type: ignore[arg-type]
    port = server.sockets[0].getsockname()[1]
    async with server:
        return await counted(read, f"rtsp://127.0.0.1:{port}/1", expected)


async def counted(read: Read, address: str, expected: int) -> int:
    """End the reader once it has counted `expected` bytes or more."""
    count = [0]
    reading = asyncio.create_task(read(address, time.monotonic() + LIMIT_S, count))
    while count[0] < expected and not reading.done():
        await asyncio.wait({reading}, timeout=0.01)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    return count[0]


def test_a_reader_of_go2rtc_counts_fragments_only() -> None:
    async def read() -> tuple[int, str]:
        asked = ""

        async def answer(connection: ServerConnection) -> None:
            nonlocal asked
            asked = str(await connection.recv())
            await connection.send('{"type":"mse"}')
            await connection.send(b"12345")
            await connection.wait_closed()

        async with serve(answer, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            count = await counted(peer_readers.read_mse, f"ws://127.0.0.1:{port}/api/ws?src=0", 5)
        return count, asked

    found, asked = asyncio.run(read())
    assert found == 5
    assert json.loads(asked)["type"] == "mse"


ROWS = [
    Row(
        "viewer: behind reality",
        "ms",
        {"This app": [20.0, 30.0, 22.0], "go2rtc 1.9.14": [390.0], "MediaMTX 1.15.0": []},
    ),
    Row("the same: memory", "MB", {"This app": [80.5], "go2rtc 1.9.14": [120.0], "MediaMTX 1.15.0": [390.0]}),
]


def test_the_table_has_a_column_for_each_side() -> None:
    assert table(ROWS) == [
        "| What | This app | go2rtc 1.9.14 | MediaMTX 1.15.0 |",
        "|---|---|---|---|",
        "| viewer: behind reality | 22 ms (20 to 30, 3 runs) | 390 ms | - |",
        "| the same: memory | 80 MB | 120 MB | 390 MB |",
    ]


def test_the_page_has_the_command_the_machine_and_the_table() -> None:
    page = markdown(ROWS, {"Date": "2026-11-29", "Versions": "Chromium 156"}, "python -m bench")
    assert page.startswith("# Beside go2rtc and MediaMTX\n")
    assert "## `python -m bench`\n\n- Date: 2026-11-29\n- Versions: Chromium 156\n\n| What |" in page
    assert page.endswith("390 MB |\n")
    assert max(map(len, page.splitlines())) <= 120


def test_each_side_is_first_once() -> None:
    sides = ["ours", "go2rtc", "MediaMTX"]
    assert [in_turn(sides, run)[0] for run in range(4)] == ["ours", "go2rtc", "MediaMTX", "ours"]
