"""HTTP Digest against the examples of RFC 7616 and RFC 2617."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import Credential
from core.secrets import Secret
from onvif_services.http_digest import DigestLogin, _authorization, read_offer

RFC7616 = [
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
]
MUFASA = Credential("Mufasa", Secret("Circle of Life"))
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("header", "response"),
    [
        (RFC7616[0], "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        (RFC7616[1], "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_the_example_of_rfc_7616_section_3_9_1(header: str, response: str) -> None:
    challenge = read_offer([header]).digest
    assert challenge is not None
    sent = _authorization(challenge, "GET", "/dir/index.html", MUFASA, 1, CNONCE)
    assert f'response="{response}"' in sent
    assert "nc=00000001" in sent


def test_sha_256_is_preferred_in_any_order_of_challenges() -> None:
    for headers in (RFC7616, RFC7616[::-1], [", ".join(RFC7616)], ['Basic realm="x", ' + ", ".join(RFC7616[::-1])]):
        challenge = read_offer(headers).digest
        assert challenge is not None
        assert challenge.algorithm == "SHA-256"


def test_the_example_of_rfc_2617_without_qop_is_answered_as_rfc_2069() -> None:
    challenge = read_offer(['Digest realm="r", nonce="n"']).digest
    assert challenge is not None
    header, used = DigestLogin(challenge).header("POST", "/onvif/device_service", Credential("u", Secret("p")))
    assert "qop" not in header
    assert "cnonce" not in header
    assert used == 1


@pytest.mark.parametrize(
    ("header", "realm"),
    [
        ('Digest realm=IP Camera(12345), nonce=n, qop="auth"', "IP Camera(12345)"),
        ("Digest realm='cam', nonce='n', qop='auth'", "cam"),
        ('Digest realm="cam";nonce="n";qop="auth"', "cam"),
        ('Digest realm="cam" nonce="n" qop="auth"', "cam"),
        ('Digest realm="cam"nonce="n"qop="auth"', "cam"),
        ('Basic realm="other" Digest realm="cam", nonce="n", qop="auth"', "cam"),
        ('Digest: realm="cam", nonce="n", qop="auth"', "cam"),
        ('Digest, realm="cam", nonce="n", qop="auth"', "cam"),
        ('Digest realm="the "best" cam", nonce="n", qop="auth"', 'the "best" cam'),
        ('Digest realm="cam", algorithm=SHA256, qop="auth", nonce="n', "cam"),
        ('Digest realm="cam", qop=auth, nonce="n",', "cam"),
        ('Digest realm="前門", nonce="n", qop="auth"'.encode().decode("latin-1"), "前門"),
    ],
)
def test_a_challenge_in_odd_writing_is_read(header: str, realm: str) -> None:
    challenge = read_offer([header]).digest
    assert challenge is not None
    assert (challenge.realm, challenge.nonce, challenge.qop) == (realm, "n", True)


def test_the_qop_auth_int_covers_the_body() -> None:
    """RFC 2617 section 3.2.2.3, calculated here by hand."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    challenge = read_offer(['Digest realm="r", nonce="n", qop="auth-int"']).digest
    assert challenge is not None
    sent = _authorization(challenge, "POST", "/onvif", Credential("u", Secret("p")), 1, "c", b"<Envelope/>")
    response = md5(f"{md5('u:r:p')}:n:00000001:c:auth-int:{md5('POST:/onvif:' + md5('<Envelope/>'))}")
    assert f'response="{response}"' in sent
    assert "qop=auth-int," in sent


def test_sha_256_without_its_dash_is_sha_256() -> None:
    with_dash, without = (read_offer([RFC7616[0].replace("SHA-256", name)]).digest for name in ("SHA-256", "SHA256"))
    assert with_dash is not None
    assert without is not None
    one, other = (_authorization(item, "GET", "/", MUFASA, 1, CNONCE) for item in (with_dash, without))
    assert other == one.replace("SHA-256", "SHA256")


def test_a_nonce_is_counted() -> None:
    challenge = read_offer([RFC7616[1]]).digest
    assert challenge is not None
    login = DigestLogin(challenge)
    assert [login.header("GET", "/", MUFASA)[1] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        'Digest realm="x"',
        'Digest realm="x", nonce="n", algorithm=SHA-512-256',
        'Digest realm="x", nonce="n", qop="auth-conf"',
        'Digest realm="x\x00", nonce="n"',
        "Negotiate abc",
    ],
)
def test_challenges_that_cannot_be_answered_are_ignored(header: str) -> None:
    assert read_offer([header]).digest is None


def test_a_basic_challenge_is_recognized() -> None:
    assert read_offer(['Basic realm="a, b"']).basic
    assert not read_offer(['Digest realm="Basic", nonce="n"']).basic


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_header_is_read_without_an_error(headers: list[str]) -> None:
    read_offer(headers)


def test_quotes_in_a_user_name_cannot_end_the_field() -> None:
    challenge = read_offer(['Digest realm="r", nonce="n"']).digest
    assert challenge is not None
    header, _ = DigestLogin(challenge).header("GET", "/", Credential('a", realm="x\\', Secret("p")))
    assert header.startswith('Digest username="a\\", realm=\\"x\\\\", realm="r"')
