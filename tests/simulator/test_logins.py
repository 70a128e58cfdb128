"""Logins: tokens, Digest, wrong clocks, locked accounts, and the count of attempts."""

from __future__ import annotations

import http.client
import time

import pytest

from tests.patience import LIMIT_S, until
from tests.simulator.process import PASSWORD, Simulator
from tests.simulator.rtsp_client import RtspClient
from tests.simulator.soap_client import Answer, ask, digest_header, envelope, post, token

INFORMATION = envelope("GetDeviceInformation")


def _with_digest(simulator: Simulator, password: str = PASSWORD, *, choose: str = "") -> Answer:
    challenges = post(simulator, INFORMATION).all("www-authenticate")
    challenge = next(value for value in challenges if choose in value)
    return post(simulator, INFORMATION, headers={"Authorization": digest_header(challenge, password=password)})


@pytest.mark.parametrize(
    "operation", ["GetSystemDateAndTime", "GetCapabilities", "GetServiceCapabilities", "GetHostname"]
)
def test_pre_auth_operations_need_no_login(simulator: Simulator, operation: str) -> None:
    assert ask(simulator, operation, header="").status == 200


def test_other_operations_need_a_token_or_digest(simulator: Simulator) -> None:
    refused = ask(simulator, "GetDeviceInformation", header="")
    assert refused.status == 401
    assert "NotAuthorized" in refused.text
    assert refused.all("www-authenticate")
    assert ask(simulator, "GetDeviceInformation").status == 200
    assert _with_digest(simulator).status == 200


@pytest.mark.parametrize("header", [token("wrong"), token(username="root"), token(skew_s=-3600), token(skew_s=3600)])
def test_a_wrong_token_is_refused_as_not_authorized(simulator: Simulator, header: str) -> None:
    answer = ask(simulator, "GetDeviceInformation", header=header)
    assert answer.status == 400
    assert "ter:NotAuthorized" in answer.text


def test_a_token_is_valid_once(simulator: Simulator) -> None:
    header = token()
    assert [ask(simulator, "GetDeviceInformation", header=header).status for _ in range(2)] == [200, 400]


def test_a_device_with_a_wrong_clock_requires_its_own_time(simulator: Simulator) -> None:
    simulator.fault("clock_offset", -94_608_000)
    assert ask(simulator, "GetDeviceInformation").status == 400
    assert ask(simulator, "GetDeviceInformation", header=token(skew_s=-94_608_000)).status == 200
    assert _with_digest(simulator).status == 200  # Digest does not depend on the clock


def test_a_digest_is_bound_to_its_request_and_its_nonce(simulator: Simulator) -> None:
    challenge = post(simulator, INFORMATION).all("www-authenticate")[0]
    for wrong in (
        digest_header(challenge, uri="/elsewhere"),
        digest_header(challenge, method="GET"),
        digest_header(challenge, password="wrong"),
        digest_header(challenge.replace("Login", "Logout")),
        digest_header(challenge.replace('nonce="', 'nonce="0')),
    ):
        assert post(simulator, INFORMATION, headers={"Authorization": wrong}).status == 401


def test_a_stale_nonce_is_marked_and_is_no_attempt(simulator: Simulator) -> None:
    before = simulator.logins()["failed"]
    challenge = post(simulator, INFORMATION).all("www-authenticate")[0]
    simulator.fault("stale_nonce", 0.001)
    time.sleep(0.01)
    refused = post(simulator, INFORMATION, headers={"Authorization": digest_header(challenge)})
    assert "stale=true" in refused.all("www-authenticate")[0]
    assert simulator.logins()["failed"] == before


@pytest.mark.parametrize(
    ("value", "algorithms"), [("SHA-256", ["SHA-256"]), ("both", ["SHA-256", "MD5"]), ("MD5", ["MD5"])]
)
def test_the_digest_algorithm_can_be_chosen(simulator: Simulator, value: str, algorithms: list[str]) -> None:
    simulator.fault("digest_algorithm", value)
    offered = post(simulator, INFORMATION).all("www-authenticate")
    assert len(offered) == len(algorithms)
    for algorithm in algorithms:
        assert _with_digest(simulator, choose=f"algorithm={algorithm}").status == 200
        assert _with_digest(simulator, "wrong", choose=f"algorithm={algorithm}").status == 401
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE").status == 200
        assert algorithms[0] in client.challenge


def test_rtsp_may_require_basic_or_no_login(simulator: Simulator) -> None:
    simulator.fault("rtsp_auth", "basic")
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE").status == 200
        assert client.challenge.startswith("Basic ")
    with RtspClient(simulator.live_url(1, "sub"), password="wrong") as client:
        assert client.ask("DESCRIBE").status == 401
    simulator.fault("rtsp_auth", "none")
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE", login=False).status == 200


def test_attempts_are_counted_for_each_interface(simulator: Simulator) -> None:
    before = simulator.logins()
    ask(simulator, "GetDeviceInformation", header=token("wrong"))
    ask(simulator, "GetDeviceInformation", header=token(skew_s=7200))
    ask(simulator, "GetDeviceInformation", header="")
    ask(simulator, "GetDeviceInformation")
    with RtspClient(simulator.live_url(1, "sub"), password="wrong") as client:
        client.ask("DESCRIBE")
    after = simulator.logins()
    gained = {name: after[name]["failed"] - before[name]["failed"] for name in ("soap", "rtsp", "http")}
    assert gained == {"soap": 2, "rtsp": 1, "http": 0}
    assert after["soap"]["ok"] - before["soap"]["ok"] == 1
    assert [attempt["outcome"] for attempt in after["attempts"][-3:]] == ["wrong", "outside_window", "wrong"]
    assert PASSWORD not in str(after)


def test_a_password_can_be_refused_or_changed_while_running(simulator: Simulator) -> None:
    simulator.fault("refuse_password")
    assert ask(simulator, "GetDeviceInformation").status == 400
    simulator.fault("refuse_password", None)
    simulator.fault("change_password", "another")
    assert ask(simulator, "GetDeviceInformation").status == 400
    assert ask(simulator, "GetDeviceInformation", header=token("another")).status == 200
    assert "another" not in str(simulator.get("/state"))


def test_wrong_passwords_at_any_port_lock_an_account_for_a_while(simulator: Simulator) -> None:
    simulator.fault("lock_out", {"tries": 3, "seconds": 4.0})
    ask(simulator, "GetDeviceInformation", header=token("wrong"))
    with RtspClient(simulator.live_url(1, "sub"), password="wrong") as client:
        client.ask("DESCRIBE")
    assert _with_digest(simulator, "wrong").status == 401
    locked = ask(simulator, "GetDeviceInformation")
    assert locked.status == 400
    assert "locked" in locked.text
    with RtspClient(simulator.live_url(1, "sub")) as client:
        assert client.ask("DESCRIBE").status == 401
    until(lambda: ask(simulator, "GetDeviceInformation").status == 200, what="the end of the lock")


def test_a_snapshot_needs_a_login(simulator: Simulator) -> None:
    target = "/onvif/snapshot?channel=1&subtype=0"
    statuses = []
    for headers in ({}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
        connection = http.client.HTTPConnection("127.0.0.1", simulator.onvif_port, timeout=LIMIT_S)
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        statuses.append(answer.status)
        challenge = answer.getheader("WWW-Authenticate", "")
        connection.close()
    assert statuses == [401, 401]
    for where, status in ((target, 200), (target.replace("=1", "=14"), 503), (target.replace("=1", "=99"), 404)):
        connection = http.client.HTTPConnection("127.0.0.1", simulator.onvif_port, timeout=LIMIT_S)
        connection.request("GET", where, headers={"Authorization": digest_header(challenge, method="GET", uri=where)})
        assert connection.getresponse().status == status
        connection.close()
