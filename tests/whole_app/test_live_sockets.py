"""Live streams over WebSockets: the real app, a simulated recorder and a client without a browser."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from media.ffmpeg import find_ffmpeg
from tests.patience import LIMIT_S, Slowness, promised, until
from tests.whole_app.accounts import add_by, log_in, set_up
from tests.whole_app.live_client import (
    FRAGMENTS,
    HEAD,
    INIT,
    OTHER_SUB,
    SUB,
    binary,
    opened,
    say,
    text,
    trusting,
    until_closed,
)
from tools.certificate import make_certificate


def test_a_channel_in_the_address_plays_without_a_watch_message(app: Any, camera_id: int, tmp_path: Path) -> None:
    began_s = time.time()
    with opened(app, f"/live/{camera_id}/{SUB}") as client:
        told = text(client, "init")
        assert (told["id"], told["codec"]) == (0, "h264")
        assert told["codecs"].startswith("avc1.")
        assert told["width"] > 0
        film = binary(client, 0, INIT)[3]
        first = binary(client, 0, FRAGMENTS)
        assert first[0] == 1, "begins with a key frame"
        assert began_s - 6 < first[2] / 1000 < time.time() + 1, "the recorder's clock tells whole seconds"
        film += first[3]
        for _ in range(20):
            flags, _, taken_ms, data = binary(client, 0, FRAGMENTS)
            assert math.isnan(taken_ms) == (flags == 0), "key frames say when they were taken, and they alone"
            film += data
        (stream,) = requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]
        assert (stream["stream_id"], stream["viewers"]) == (f"camera{camera_id}_{SUB}", 1)
        assert not app.ffmpegs()
    (tmp_path / "film.mp4").write_bytes(film)
    run = subprocess.run(
        [str(find_ffmpeg()), "-v", "warning", "-i", str(tmp_path / "film.mp4"), "-f", "null", "-"],
        capture_output=True,
        check=True,
    )
    assert not run.stderr
    until(lambda: requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == [])


def test_channels_share_a_socket_and_can_be_left_one_by_one(app: Any, camera_id: int) -> None:
    with opened(app) as client:
        for number, token in ((1, SUB), (7, OTHER_SUB)):
            say(client, type="watch", id=number, camera_id=camera_id, profile_token=token)
        seen: set[int] = set()
        while seen != {1, 7}:
            message = client.recv(LIMIT_S)
            if isinstance(message, bytes):
                seen.add(HEAD.unpack_from(message)[2])
        say(client, type="leave", id=1)
        until(lambda: len(requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]) == 1)
        binary(client, 7, FRAGMENTS)
        before_s = time.time()
        say(client, type="clock", sent=12.5)
        clock = text(client, "clock")
        assert clock["sent"] == 12.5
        assert before_s - 0.01 < clock["now_ms"] / 1000 < time.time() + 0.01


def test_a_bad_watch_request_gets_a_problem_and_keeps_the_socket(app: Any, camera_id: int) -> None:
    with opened(app) as client:
        for message, code in (
            ({"type": "watch", "id": 1, "camera_id": 99, "profile_token": SUB}, "not_found"),
            ({"type": "watch", "id": 2, "camera_id": camera_id, "profile_token": "invented"}, "not_found"),
            ({"type": "watch", "id": 3, "camera_id": camera_id, "profile_token": ""}, "invalid_request"),
            ({"type": "watch", "id": 3, "camera_id": camera_id, "profile_token": "x" * 513}, "invalid_request"),
            ({"type": "watch", "id": -1, "camera_id": camera_id, "profile_token": SUB}, "invalid_request"),
            ({"type": "watch", "id": True, "camera_id": camera_id, "profile_token": SUB}, "invalid_request"),
            ({"type": "watch", "id": 4, "camera_id": 2**63, "profile_token": SUB}, "invalid_request"),
            ({"type": "sing"}, "invalid_request"),
        ):
            say(client, **message)
            assert text(client, "problem")["code"] == code, message
        for raw in (
            "[" * 5000,
            "no json",
            "[]",
            '{"type": NaN}',
            '{"type": "\\ud800"}',
            "",
            '{"type": "clock", "sent": 1e999}',
        ):
            client.send(raw)
            assert text(client, "problem")["code"] == "invalid_request", raw[:20]
        say(client, type="watch", id=5, camera_id=camera_id, profile_token=SUB)
        binary(client, 5, FRAGMENTS)


@pytest.mark.parametrize(
    "raw", [b"\x00\x01", "x" * 20_000, ["half", "a message"]], ids=["binary", "too long", "in pieces"]
)
def test_a_message_of_another_kind_or_size_closes_the_socket(app: Any, camera_id: int, raw: Any) -> None:
    with opened(app) as client:
        with contextlib.suppress(ConnectionClosed):
            client.send(raw)
        assert until_closed(client) in (1003, 1009)


def test_too_many_messages_close_the_socket(app: Any) -> None:
    with opened(app) as client:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(300):
                say(client, type="clock", sent=1)
        assert until_closed(client) == 4429


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Origin": "https://evil.example"}, 403, "cross_site"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "cross_site"),
        ({"Authorization": "Bearer ovw_no"}, 401, "login_needed"),
    ],
)
def test_a_socket_of_another_site_is_refused(
    app: Any, camera_id: int, headers: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(app, f"/live/{camera_id}/{SUB}", additional_headers=headers):
        pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["code"] == code


def test_a_plain_request_is_told_to_upgrade(app: Any, camera_id: int) -> None:
    for path in ("/live", f"/live/{camera_id}/{SUB}"):
        answer = requests.get(app.url + path, timeout=LIMIT_S)
        assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
        assert answer.headers["Content-Security-Policy"]
    for path, status in ((f"/live/0{camera_id}/{SUB}", 404), ("/live/x/y", 404)):
        assert requests.get(app.url + path, timeout=LIMIT_S).status_code == status


def test_sockets_use_no_request_threads_and_are_limited(app: Any, camera_id: int) -> None:
    """This app has eight request threads and allows 24 sockets."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(app, f"/live/{camera_id}/{SUB}")) for _ in range(24)]
        for client in clients:
            binary(client, 0, FRAGMENTS)
        with promised(1.0):
            assert requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 200
        (stream,) = requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]
        assert stream["viewers"] == 24
        with pytest.raises(InvalidStatus) as refused, opened(app):
            pass
        assert refused.value.response.status_code == 503
        assert "Retry-After" in refused.value.response.headers
    until(lambda: requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == [])
    with opened(app, f"/live/{camera_id}/{SUB}") as client:
        binary(client, 0, FRAGMENTS)


def test_a_slow_viewer_skips_to_a_key_frame_and_delays_no_other(app: Any, recorder: Any, camera_id: int) -> None:
    main = "MediaProfile00000"
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", app.port))
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    handshake |= {"Host": f"127.0.0.1:{app.port}", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    head = "".join(f"{name}: {value}\r\n" for name, value in handshake.items())
    slow.sendall(f"GET /live/{camera_id}/{main} HTTP/1.1\r\n{head}\r\n".encode())
    with slow, opened(app, f"/live/{camera_id}/{main}") as fast:
        starts: list[float] = []
        memory = app.worker().memory_info().rss
        with Slowness() as machine:
            while len(starts) < 2 or starts[-1] - starts[0] < 6:
                binary(fast, 0, FRAGMENTS)
                starts.append(time.monotonic())
        gaps = [after - before for before, after in pairwise(starts)]
        assert max(gaps) < machine.allowed_s(1.5), "the fast one never waits"
        assert app.worker().memory_info().rss - memory < 40_000_000
        # The slow viewer reads again: it continues at a key frame instead of with a backlog of six seconds.
        slow.settimeout(LIMIT_S)
        data = b""

        def leaps() -> list[tuple[int, float]]:
            nonlocal data
            part = slow.recv(262_144)
            assert part, "it is still connected"
            data += part
            return [later for earlier, later in pairwise(positions_in(data)) if later[1] - earlier[1] > 1.0]

        assert {flags for flags, _ in until(leaps, what="a leap over the fragments left out")} == {1}, "key frames"


def positions_in(data: bytes) -> list[tuple[int, float]]:
    """Return (flags, position in s) of each fragments message after the handshake; server frames have no mask."""
    data = data.partition(b"\r\n\r\n")[2]
    found = []
    position = 0
    while position + 10 <= len(data):
        length, head = data[position + 1] & 0x7F, 2
        if length == 126:
            length, head = int.from_bytes(data[position + 2 : position + 4], "big"), 4
        elif length == 127:
            length, head = int.from_bytes(data[position + 2 : position + 10], "big"), 10
        body = data[position + head : position + head + length]
        if data[position] & 0x0F == 2 and len(body) >= HEAD.size:
            kind, flags, _, start_s, _ = HEAD.unpack_from(body)
            if kind == FRAGMENTS:
                found.append((flags, start_s))
        position += head + length
    return found


def test_an_aborted_handshake_leaves_no_connection(app: Any, camera_id: int) -> None:
    gone = socket.create_connection(("127.0.0.1", app.port))
    gone.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
    address = gone.getsockname()
    worker = app.worker()

    def is_there() -> bool:
        return any(tuple(connection.raddr) == address for connection in worker.net_connections())

    until(is_there)
    gone.close()
    until(lambda: not is_there())


# --- with accounts


def test_scope_and_end_of_a_login_apply_to_sockets_too(make_app: Any, recorder: Any) -> None:
    app = make_app().start()
    camera_id = recorder.add_to(app)
    admin = set_up(app)
    add_by(admin, app.url, "otto", "viewer", cameras=[{"camera_id": camera_id, "channels": [1]}])
    otto = log_in(app.url, "otto")
    cookie = "; ".join(f"{name}={value}" for name, value in otto.cookies.items())
    with pytest.raises(InvalidStatus) as refused, opened(app):
        pass
    assert refused.value.response.status_code == 401
    with (
        pytest.raises(InvalidStatus) as refused,
        opened(app, f"/live/{camera_id}/{OTHER_SUB}", additional_headers={"Cookie": cookie}),
    ):
        pass
    assert refused.value.response.status_code == 404
    with opened(app, additional_headers={"Cookie": cookie, "Origin": app.url}) as client:
        say(client, type="watch", id=1, camera_id=camera_id, profile_token=OTHER_SUB)
        assert text(client, "problem")["code"] == "not_found"
        say(client, type="watch", id=1, camera_id=camera_id, profile_token=SUB)
        binary(client, 1, FRAGMENTS)
        with promised(5):
            assert otto.delete(f"{app.url}/api/session", timeout=LIMIT_S).status_code in (200, 204)
            assert until_closed(client) == 4401
    until(lambda: admin.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == [])
    log = app.folder / "data" / "logs" / "audit.jsonl"

    def watched() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in lines if line["action"] == "watch" and line["who"] == "otto"]

    until(lambda: [(line["profile_token"], line["channel"]) for line in watched()][-1:] == [(SUB, 1)])


def test_disabling_a_user_closes_their_sockets(make_app: Any, recorder: Any) -> None:
    app = make_app().start()
    camera_id = recorder.add_to(app)
    admin = set_up(app)
    user_id = add_by(admin, app.url, "otto", "viewer")
    otto = log_in(app.url, "otto")
    cookie = "; ".join(f"{name}={value}" for name, value in otto.cookies.items())
    with opened(app, f"/live/{camera_id}/{SUB}", additional_headers={"Cookie": cookie}) as client:
        binary(client, 0, FRAGMENTS)
        changed = admin.patch(f"{app.url}/api/users/{user_id}", json={"disabled": True}, timeout=LIMIT_S)
        assert changed.status_code == 200, changed.text
        with promised(5):
            assert until_closed(client) == 4401


def test_live_sockets_work_over_tls(make_app: Any, recorder: Any, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for path, content in zip((cert, key), make_certificate(["localhost", "127.0.0.1"]), strict=True):
        path.write_bytes(content)
    app = make_app(TLS_CERT=str(cert), TLS_KEY=str(key))
    app.start(is_awaited=False)

    def is_up() -> bool:
        with contextlib.suppress(OSError):
            return requests.get(f"https://localhost:{app.port}/api/health", verify=str(cert), timeout=LIMIT_S).ok
        return False

    until(is_up)
    session = requests.Session()
    session.trust_env, session.verify = False, str(cert)
    camera_id = recorder.add_at(f"https://localhost:{app.port}", session)
    address = f"wss://localhost:{app.port}/live/{camera_id}/{SUB}"
    with connect(address, ssl=trusting(cert), open_timeout=LIMIT_S, max_size=None, compression=None) as client:
        for _ in range(30):
            binary(client, 0, FRAGMENTS)
        say(client, type="clock", sent=1)
        text(client, "clock")


def test_the_app_ends_in_time_while_sockets_are_open(make_app: Any, recorder: Any) -> None:
    app = make_app().start()
    camera_id = recorder.add_to(app)
    closed = threading.Event()

    def watch() -> None:
        with contextlib.suppress(ConnectionClosed, OSError), opened(app, f"/live/{camera_id}/{SUB}") as client:
            while True:
                client.recv(LIMIT_S)
        closed.set()

    thread = threading.Thread(target=watch)
    thread.start()
    until(lambda: requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] != [])
    with promised(5):
        app.process.terminate()
        app.process.wait(LIMIT_S)
    assert closed.wait(LIMIT_S)
    thread.join(LIMIT_S)
    assert "Traceback" not in app.errors()


def test_a_channel_kept_connected_sends_a_fragment_within_a_second(make_app: Any, recorder: Any) -> None:
    app = make_app(KEEP_CONNECTED="1:1").start()
    camera_id = recorder.add_to(app)
    until(lambda: recorder.sub_stream(1)["listeners"])
    first = recorder.sub_stream(1)["index"]

    def has_sent_a_gop() -> bool:
        stream = recorder.sub_stream(1)
        return bool((stream["index"] - first) % stream["frames"] > stream["gop_frames"])

    until(has_sent_a_gop)
    assert requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == []
    with opened(app) as client, promised(1.0):
        say(client, type="watch", id=1, camera_id=camera_id, profile_token=SUB)
        binary(client, 1, FRAGMENTS)
