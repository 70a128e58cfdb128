"""The RTSP server, checked by the tests' own client."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.rtsp import RtspConnection
from tests.patience import LIMIT_S, until
from tests.simulator.conftest import Start
from tests.simulator.in_process import make_recorder
from tests.simulator.process import Simulator
from tests.simulator.rtsp_client import Packet, RtspClient
from tests.simulator.services import call

TCP = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
NOT_FOUND, NO_SIGNAL, SILENCE = 14, 15, 16


def _is_h264_key(packet: Packet) -> bool:
    return packet.channel == 0 and packet.payload[0] & 0x1F == 7  # a key frame begins with its parameter sets


def _has_gap(packets: list[Packet]) -> bool:
    numbers = [packet.sequence for packet in packets if packet.channel == 0]
    return any((after - before) % 65536 != 1 for before, after in pairwise(numbers))


def test_describe_needs_a_login(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1)) as client:
        assert client.ask("OPTIONS", login=False).status == 200
        for method in ("DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER"):
            answer = client.ask(method, login=False)
            assert answer.status == 401
            assert answer.header("www-authenticate").startswith("Digest realm=")
            assert answer.header("cseq") == str(client.sequence)


@pytest.mark.parametrize(
    ("channel", "role", "rtpmaps"),
    [
        (1, "main", ["96 H264/90000", "8 PCMA/8000"]),
        (2, "main", ["96 H265/90000", "8 PCMA/8000"]),
        (2, "sub", ["96 H264/90000", "8 PCMA/8000"]),
        (3, "sub", ["96 H264/90000", "0 PCMU/8000"]),
        (4, "sub", ["96 H264/90000", "8 PCMA/8000", "107 vnd.onvif.metadata/90000"]),
        (5, "main", ["96 H264/90000", "97 mpeg4-generic/16000/1"]),
        (7, "main", ["96 H264/90000"]),
    ],
)
def test_a_stream_is_described_as_in_the_layout(
    simulator: Simulator, channel: int, role: str, rtpmaps: list[str]
) -> None:
    with RtspClient(simulator.live_url(channel, role)) as client:
        answer = client.ask("DESCRIBE")
        assert answer.status == 200
        assert answer.header("content-type") == "application/sdp"
        assert answer.header("content-base") == simulator.live_url(channel, role) + "/"
        found = [line.removeprefix("a=rtpmap:") for line in answer.body.split("\r\n") if "a=rtpmap:" in line]
        assert found == rtpmaps


def test_a_stream_sends_whole_frames_audio_and_reports_on_time(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1)) as client:
        began = time.monotonic()
        info = client.play(0, 1).header("rtp-info")
        packets = []
        for packet in client.packets():
            packets.append(packet)
            if sum(packet.channel == 0 and packet.marker for packet in packets) == 60:
                break
        took = time.monotonic() - began
    video = [packet for packet in packets if packet.channel == 0]
    audio = [packet for packet in packets if packet.channel == 2]
    assert f"trackID=0;seq={video[0].sequence};" in info
    for stream in (video, audio):
        steps = {(after.sequence - before.sequence) % 65536 for before, after in pairwise(stream)}
        assert steps == {1}
    stamps = [packet.timestamp for packet in video if packet.marker]
    assert took > 59 / 25 - 0.2, "they come at 25 a second, not faster"
    assert {(after - before) % 2**32 for before, after in pairwise(stamps)} == {3600}
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(audio)} == {320}
    assert 57 <= len(audio) <= 63, "an audio frame lasts 40 ms, as a video frame does"
    for channel in (1, 3):
        assert any(packet.channel == channel and packet.data[1] == 200 for packet in packets)  # sender report


def test_a_sender_report_has_the_time_of_the_device(simulator: Simulator) -> None:
    simulator.fault("clock_offset", 86_400)
    began = time.time()
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        report = next(packet for packet in client.packets() if packet.channel == 1)
    seconds = struct.unpack(">I", report.data[8:12])[0] - 2_208_988_800
    assert began - 1 < seconds - 86_400 <= time.time()


def test_a_requested_key_frame_is_sent_soon(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(3)) as client:  # a key frame only every 10 s
        client.play()
        for _ in range(2):  # when the first request comes, a key frame may be due anyway
            before = simulator.frames(3)["offset"]
            call(simulator, "trt", "SetSynchronizationPoint", ProfileToken="MediaProfile00200")
            next(packet for packet in client.packets() if _is_h264_key(packet))
        until(lambda: simulator.frames(3)["offset"] != before, what="the jump to a key frame")


def test_a_recorder_may_ignore_requests_for_key_frames(simulator: Simulator) -> None:
    simulator.fault("no_key_on_request")
    with RtspClient(simulator.live_url(3)) as client:
        client.play()
        until(lambda: bool(simulator.frames(3)["complete"]), what="encoding")  # until then the loop may start over
        before = simulator.frames(3)["offset"]
        for prefix in ("trt", "tr2"):
            call(simulator, prefix, "SetSynchronizationPoint", ProfileToken="MediaProfile00200")
        sent = simulator.frames(3)["sent_bytes"]
        until(lambda: simulator.frames(3)["sent_bytes"] > sent, what="another frame")
        assert simulator.frames(3)["offset"] == before


def test_a_wrong_order_or_session_is_refused(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE").status == 200
        assert client.ask("PLAY").status == 454
        url = f"{client.url}/trackID=0"
        assert client.ask("SETUP", url, headers={"Transport": "RTP/AVP;unicast;client_port=5000-5001"}).status == 461
        assert client.ask("SETUP", url, headers={"Transport": "RTP/AVP/TCP;interleaved=7-9"}).status == 461
        assert client.ask("SETUP", f"{client.url}/trackID=9", headers=TCP).status == 404
        assert client.ask("SETUP", url, headers=TCP).status == 200
        assert client.ask("PLAY", headers={"Session": "0000"}).status == 454
        assert client.ask("RECORD").status == 405
        assert client.ask("DESCRIBE", headers={"Require": "onvif-replay"}).header("unsupported") == "onvif-replay"


def test_pause_stops_media_and_teardown_ends_the_connection(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        session = client.session
        assert client.ask("PAUSE").status == 200
        client.waiting.clear()
        assert not list(client.packets(0.3))
        assert client.ask("PLAY", headers={"Session": session}).status == 200
        client.next_video()
        assert client.ask("TEARDOWN").status == 200
        client.wait_cut()


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: -5\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nX: " + b"x" * 70_000,
        b"\x00\xff\xfe\r\n\r\n",
    ],
)
def test_a_malformed_request_ends_only_its_connection(simulator: Simulator, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", simulator.rtsp_port), timeout=LIMIT_S) as connection:
        connection.sendall(raw)
        with contextlib.suppress(ConnectionResetError):  # if the server did not read all of it
            assert connection.recv(1000) == b""
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("OPTIONS").status == 200


def test_a_session_that_is_not_kept_alive_ends(start: Start) -> None:
    simulator = start("--channels", "1", "--session-timeout-s", "3")
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.set_up()
        began = time.monotonic()
        assert client.ask("PLAY").status == 200
        client.wait_cut()
        assert time.monotonic() - began > 2.9
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        for _ in range(10):
            list(client.packets(0.4))
            assert client.ask("GET_PARAMETER").status == 200


def test_a_client_that_stops_reading_is_cut_off(tmp_path: Path) -> None:
    """In this process, because a stream needs many seconds to fill the buffer."""

    async def fill() -> bool:
        opened: asyncio.Queue[RtspConnection] = asyncio.Queue()
        rtsp = make_recorder(tmp_path).rtsp

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened.put_nowait(RtspConnection(rtsp, reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()[:2]):
            connection = await opened.get()
            for _ in range(20):
                connection.send(bytes(1_000_000))
            await asyncio.sleep(0)
            server.close()
            return connection.writer.transport.is_closing()

    assert asyncio.run(fill())


def test_rtp_info_names_the_first_packet_that_the_client_gets(cache_dir: Path) -> None:
    """In this process, a task sends a frame when it finds a client between its answer to PLAY and its first packet."""

    async def play() -> tuple[str, int]:
        recorder = make_recorder(cache_dir, channels=7)
        recorder.faults.set("rtsp_auth", "none")
        await recorder.start()
        stream = recorder.streams.find(7, "sub")  # without audio, which counts the stream's own ticks
        assert stream

        async def send_in_between() -> None:
            while True:
                if any(client.is_playing and client not in stream.listeners for client in recorder.rtsp.connections):
                    stream.send_tick(stream.tick_at(time.time()), time.time())
                await asyncio.sleep(0)

        url = recorder.addresses.live_url(stream.channel, "sub")
        reader, writer = await asyncio.open_connection("127.0.0.1", recorder.addresses.rtsp_port)

        async def ask(line: str, *headers: str) -> str:
            writer.write("\r\n".join([f"{line} RTSP/1.0", "CSeq: 1", *headers, "\r\n"]).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"Content-Length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            return head

        try:
            await ask(f"DESCRIBE {url}")
            session = re.search(
                r"Session: (\w+)", await ask(f"SETUP {url}/trackID=0", f"Transport: {TCP['Transport']}")
            )
            assert session
            sending = asyncio.create_task(send_in_between())
            answer = await ask(f"PLAY {url}", f"Session: {session[1]}")
            while True:
                _, channel, length = struct.unpack(">BBH", await reader.readexactly(4))
                data = await reader.readexactly(length)
                if channel == 0:
                    sending.cancel()
                    return answer, int.from_bytes(data[2:4], "big")
        finally:
            writer.close()
            await recorder.stop()

    answer, sequence = asyncio.run(play())
    assert f"trackID=0;seq={sequence};" in answer


# -- dead channels and faults ------------------------------------------------------------------------------------------


def test_each_dead_channel_fails_in_another_way(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(NOT_FOUND)) as client:
        assert client.ask("DESCRIBE").status == 404
    with RtspClient(simulator.live_url(NO_SIGNAL, "sub")) as client:
        client.play()
        seen = [packet.channel for packet, _ in zip(client.packets(), range(2), strict=False)]
        assert seen == [1, 1], "reports only, one after PLAY and one every five seconds"
    with RtspClient(simulator.live_url(SILENCE, "sub")) as client:
        assert client.ask("OPTIONS").status == 200
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.ask("DESCRIBE")
    with RtspClient(simulator.live_url(99)) as client:
        assert client.ask("DESCRIBE").status == 404


def test_a_channel_may_be_dead_for_a_time(simulator: Simulator) -> None:
    simulator.fault("dead", "not_found", channel=1)
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE").status == 404
        simulator.fault("dead", None, channel=1)
        assert client.ask("DESCRIBE").status == 200


def test_streams_may_be_silent_for_a_time(simulator: Simulator) -> None:
    urls = [simulator.live_url(channel, "sub") for channel in (1, 2, 3)]
    with RtspClient(urls[0]) as silent, RtspClient(urls[1]) as reporting, RtspClient(urls[2]) as healthy:
        for client in (silent, reporting, healthy):
            client.play()
        simulator.fault("rtsp_silent", channel=1, after_s=0.2)
        simulator.fault("rtcp_only", channel=2, after_s=0.2)
        until(lambda: {packet.channel for packet in reporting.packets(0.5)} <= {1}, what="the end of media")
        until(lambda: {packet.channel for packet in reporting.packets(6.0)} == {1}, what="reports without media")
        until(lambda: not list(silent.packets(0.5)), what="silence")  # it has read all from before the fault
        assert not list(silent.packets(0.5))
        healthy.next_video()
        simulator.clear()
        silent.next_video()
        reporting.next_video()


def test_a_silent_recorder_does_not_answer(simulator: Simulator) -> None:
    simulator.fault("rtsp_silent")
    with RtspClient(simulator.live_url(1), timeout_s=0.4) as client, pytest.raises(TimeoutError):
        client.ask("OPTIONS")


def test_connections_of_one_channel_are_cut(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1, "sub")) as client, RtspClient(simulator.live_url(2, "sub")) as other:
        client.play()
        other.play()
        simulator.fault("drop_connections", channel=1)
        client.wait_cut()
        other.next_video()
    with RtspClient(simulator.live_url(1, "sub")) as again, pytest.raises((ConnectionResetError, BrokenPipeError)):
        again.ask("DESCRIBE")


def test_one_session_too_many_gets_453(simulator: Simulator) -> None:
    until(lambda: not simulator.get("/state")["connections"], what="the end of earlier sessions")
    simulator.fault("session_limit", 1)
    with RtspClient(simulator.live_url(1, "sub")) as first, RtspClient(simulator.live_url(2, "sub")) as second:
        first.play()
        assert second.set_up().status == 453
        assert first.ask("TEARDOWN").status == 200
        until(lambda: second.set_up().status == 200, what="a free place")


def test_a_redirect_and_a_slow_answer(simulator: Simulator) -> None:
    simulator.fault("rtsp_slow", 0.4)
    with RtspClient(simulator.live_url(1)) as client:
        began = time.monotonic()
        assert client.ask("OPTIONS").status == 200
        assert time.monotonic() - began > 0.35
        simulator.clear()
        simulator.fault("rtsp_redirect", "rtsp://127.0.0.1:9/elsewhere")
        answer = client.ask("DESCRIBE")
        assert (answer.status, answer.header("location")) == (302, "rtsp://127.0.0.1:9/elsewhere")


def test_packets_and_key_frames_may_be_missing(simulator: Simulator) -> None:
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        simulator.fault("no_key_frames", channel=1)
        until(lambda: not any(_is_h264_key(packet) for packet in client.packets(1.5)), what="the end of key frames")
        simulator.clear()
        simulator.fault("packet_loss", 30)
        until(lambda: _has_gap(list(client.packets(0.5))), what="the first loss")
        video = [packet.sequence for packet, _ in zip(client.packets(), range(60), strict=False) if packet.channel == 0]
        expected = (video[-1] - video[0]) % 65536 + 1
        assert 0.4 < len(video) / expected < 0.95


def test_another_seed_is_another_recorder(start: Start) -> None:
    first, second = (start("--channels", "1", "--seed", seed) for seed in ("1", "2"))
    assert first.frames(1)["phase"] != second.frames(1)["phase"]
    assert first.get("/state")["serial"] != second.get("/state")["serial"]
