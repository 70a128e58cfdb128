"""The kinds of login, for each service."""

from __future__ import annotations

import pytest

from core.errors import CameraAuthFailed, CameraUnreachable, DeviceError, ReadableLoginNeeded
from core.records import LearnedAccess
from onvif_services.media import read_channels
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import CUT, PRE_AUTH, SoapDevice


@pytest.mark.parametrize("login", ["token", "digest", "digest-sha256", "both", "digest and token"])
def test_every_kind_works_without_a_failed_attempt(device: SoapDevice, connect: Connect, login: str) -> None:
    device.login = login
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert device.failed_logins == 0


@pytest.mark.parametrize(
    ("of_device", "of_media"),
    [("digest", "token"), ("token", "digest"), ("digest", "digest and token"), ("none", "digest"), ("digest", "none")],
)
def test_services_may_want_different_kinds(device: SoapDevice, connect: Connect, of_device: str, of_media: str) -> None:
    device.login = of_media
    device.logins = {"GetDeviceInformation": of_device}
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.info.model == "Model-16"
    assert device.failed_logins <= 1


@pytest.mark.parametrize("login", ["text", "basic"])
def test_a_readable_password_is_sent_only_if_the_user_allows_it(
    device: SoapDevice, connect: Connect, login: str
) -> None:
    device.login = login
    with pytest.raises(CameraAuthFailed) as caught:
        connect().open()
    assert "readable" in caught.value.detail
    assert isinstance(caught.value, ReadableLoginNeeded) == (login == "basic")
    sent = [request.text + str(request.headers) for request in device.requests]
    assert not any("PasswordText" in text or "Basic " in text or device.escaped_password in text for text in sent)


@pytest.mark.parametrize("login", ["text", "basic"])
def test_a_readable_password_is_sent_if_the_user_allows_it(device: SoapDevice, connect: Connect, login: str) -> None:
    device.login = login
    conn = connect(readable=True)
    conn.open()
    assert len(read_channels(conn)) == 1
    assert device.failed_logins <= 1


@pytest.mark.parametrize("login", ["token", "digest", "digest and token", "text", "basic"])
@pytest.mark.parametrize("readable", [False, True])
def test_a_wrong_password_costs_at_most_two_attempts(
    device: SoapDevice, connect: Connect, login: str, readable: bool
) -> None:
    device.login = login
    for _ in range(3):
        with pytest.raises(CameraAuthFailed):
            connect(password="wrong", readable=readable).open()
    assert device.failed_logins <= 2


@pytest.mark.parametrize("login", ["token", "digest", "digest and token", "text", "basic"])
@pytest.mark.parametrize("readable", [False, True])
def test_four_wrong_passwords_cost_at_most_three_logins(
    device: SoapDevice, connect: Connect, login: str, readable: bool
) -> None:
    device.login = login
    for number in range(4):
        with pytest.raises(CameraAuthFailed):
            connect(password=f"wrong {number}", readable=readable).open()
    assert device.failed_logins <= 3


def test_a_login_without_a_second_try_says_so(device: SoapDevice, connect: Connect) -> None:
    device.login = "text"
    with pytest.raises(CameraAuthFailed):
        connect(password="wrong", readable=True).open()
    assert device.failed_logins == 2
    with pytest.raises(CameraAuthFailed, match="no other kind of login there for now"):
        connect(password="wrong too", readable=True).open()
    assert device.failed_logins == 3


@pytest.mark.parametrize("login", ["token", "digest", "digest and token"])
def test_a_device_that_cuts_off_wrong_logins_gets_two(device: SoapDevice, connect: Connect, login: str) -> None:
    device.login, device.cuts_wrong_logins = login, True
    for _ in range(5):
        with pytest.raises(DeviceError) as caught:
            connect(password="wrong").open()
    assert isinstance(caught.value, CameraAuthFailed)
    assert device.failed_logins == 2
    connect().open()


@pytest.mark.slow
def test_a_proven_login_may_be_cut_off_many_times(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    answer = device.answers["GetProfiles"]
    device.answers["GetProfiles"] = CUT
    for _ in range(3):
        with pytest.raises(CameraUnreachable):
            conn.call("media", "GetProfiles")
    device.answers["GetProfiles"] = answer
    conn.call("media", "GetProfiles")


@pytest.mark.slow
@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("cut", [("GetProfiles",), (*PRE_AUTH, "GetDeviceInformation", "GetProfiles")])
def test_a_device_that_cuts_off_requests_without_a_login_has_refused_none(
    device: SoapDevice, connect: Connect, cut: tuple[str, ...]
) -> None:
    answers = dict(device.answers)
    device.login = "none"
    device.answers |= dict.fromkeys(cut, CUT)
    for _ in range(3):
        with pytest.raises(CameraUnreachable):
            connect().open()
    device.answers = answers
    connect().open()


def test_the_kind_that_worked_is_tried_first_the_next_time(device: SoapDevice, connect: Connect) -> None:
    device.login = "text"
    conn = connect(readable=True)
    conn.open()
    learned = conn.learned
    assert dict(learned.logins)["media"] == "UsernameToken with a readable password"
    failed = device.failed_logins
    connect(readable=True, learned=learned).open()
    assert device.failed_logins == failed


def test_a_kept_readable_kind_is_not_used_without_permission(device: SoapDevice, connect: Connect) -> None:
    learned = LearnedAccess(logins=(("media", "UsernameToken with a readable password"), ("device", "HTTP Basic")))
    connect(learned=learned).open()
    assert not any("PasswordText" in request.text for request in device.requests)
    assert device.failed_logins == 0
