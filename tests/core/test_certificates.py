"""Certificates that are pinned at first use."""

from __future__ import annotations

import hashlib

import pytest

from core.certificates import PinnedCertificates, fingerprint_text
from core.errors import CameraBadAnswer, CertificateChanged
from tests.hand_clock import HandClock

FIRST, SECOND = b"first certificate", b"second certificate"
ACCEPTED = (443, 8443)


def _sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


@pytest.fixture
def pins() -> PinnedCertificates:
    return PinnedCertificates(HandClock())


def test_the_first_certificate_is_pinned_and_accepted_again(pins: PinnedCertificates) -> None:
    changes: list[str] = []
    pins.on_change(changes.append)
    pins.check("192.0.2.8", 443, FIRST)
    pins.check("192.0.2.8", 443, FIRST)
    (pin,) = pins.of_host("192.0.2.8")
    assert (pin.port, pin.sha256, pin.changed_to) == (443, _sha256(FIRST), None)
    assert changes == ["192.0.2.8"]


def test_another_certificate_is_refused_until_it_is_accepted(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    for _ in range(2):
        with pytest.raises(CertificateChanged):
            pins.check("192.0.2.8", 443, SECOND)
    (pin,) = pins.of_host("192.0.2.8")
    assert (pin.sha256, pin.changed_to) == (_sha256(FIRST), _sha256(SECOND))
    assert not pins.accept("192.0.2.8", ACCEPTED, _sha256(b"a third one"))
    assert pins.accept("192.0.2.8", ACCEPTED, _sha256(SECOND))
    pins.check("192.0.2.8", 443, SECOND)
    with pytest.raises(CertificateChanged):
        pins.check("192.0.2.8", 443, FIRST)


def test_a_refused_certificate_leaves_the_pinned_one_accepted(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    with pytest.raises(CertificateChanged):
        pins.check("192.0.2.8", 443, SECOND)
    pins.check("192.0.2.8", 443, FIRST)
    assert pins.of_host("192.0.2.8")[0].changed_to is None


def test_each_host_and_port_has_its_own_certificate(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    pins.check("192.0.2.8", 322, SECOND)
    pins.check("192.0.2.9", 443, SECOND)
    assert [pin.port for pin in pins.of_host("192.0.2.8")] == [322, 443]


def test_a_forgotten_host_is_pinned_anew(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    pins.forget("192.0.2.8", [443])
    pins.check("192.0.2.8", 443, SECOND)
    assert pins.of_host("192.0.2.8")[0].sha256 == _sha256(SECOND)


def test_a_certificate_is_accepted_only_at_the_ports_of_a_camera(pins: PinnedCertificates) -> None:
    for port in (443, 322):
        pins.check("192.0.2.8", port, FIRST)
        with pytest.raises(CertificateChanged) as refused:
            pins.check("192.0.2.8", port, SECOND)
        assert refused.value.port == port
    assert not pins.accept("192.0.2.8", {8443}, _sha256(SECOND))
    assert pins.accept("192.0.2.8", {443}, _sha256(SECOND))
    assert [pin.changed for pin in pins.of_host("192.0.2.8")] == [True, False]


def test_a_host_with_too_many_ports_is_refused(pins: PinnedCertificates) -> None:
    for port in range(8000, 8032):
        pins.check("192.0.2.8", port, FIRST)
    for _ in range(2):
        with pytest.raises(CameraBadAnswer):
            pins.check("192.0.2.8", 9000, FIRST)
    pins.check("192.0.2.8", 8000, FIRST)
    pins.check("192.0.2.9", 9000, FIRST)
    assert len(pins.of_host("192.0.2.8")) == 32


def test_a_found_port_has_the_certificate_of_its_host(pins: PinnedCertificates) -> None:
    pins.check_found("192.0.2.8", 443, _sha256(SECOND))
    assert pins.of_host("192.0.2.8") == (), "an unknown host has nothing to compare with"
    pins.check("192.0.2.8", 443, FIRST)
    pins.check_found("192.0.2.8", 8443, _sha256(FIRST))
    with pytest.raises(CertificateChanged):
        pins.check("192.0.2.8", 8443, SECOND)


def test_a_found_port_with_another_certificate_waits_for_the_user(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    for _ in range(2):
        with pytest.raises(CertificateChanged):
            pins.check_found("192.0.2.8", 8443, _sha256(SECOND))
    with pytest.raises(CertificateChanged):
        pins.check("192.0.2.8", 8443, SECOND)
    assert pins.accept("192.0.2.8", ACCEPTED, _sha256(SECOND))
    pins.check_found("192.0.2.8", 8443, _sha256(SECOND))
    pins.check("192.0.2.8", 8443, SECOND)
    pins.check("192.0.2.8", 443, FIRST)


def test_pins_of_an_earlier_run_hold(pins: PinnedCertificates) -> None:
    pins.check("192.0.2.8", 443, FIRST)
    later = PinnedCertificates(HandClock())
    later.load(pins.of_host("192.0.2.8"))
    with pytest.raises(CertificateChanged):
        later.check("192.0.2.8", 443, SECOND)


def test_a_fingerprint_is_shown_as_devices_print_it() -> None:
    assert fingerprint_text("3a0f12") == "3A:0F:12"
