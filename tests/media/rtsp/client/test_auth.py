"""Basic and Digest against the examples of the standards."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import Credential
from core.secrets import Secret
from media.rtsp.client.auth import read_challenges


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


MUFASA = Credential("Mufasa", Secret("Circle of Life"))
RFC7616 = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def test_digest_md5_as_in_rfc_7616() -> None:
    challenge = read_challenges(["Digest " + RFC7616.format("MD5")])[0]
    value = challenge.authorization(MUFASA, "GET", "/dir/index.html", CNONCE)
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in value
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in value


def test_digest_sha_256_as_in_rfc_7616_is_preferred() -> None:
    challenge = read_challenges(["Digest " + RFC7616.format("MD5"), "Digest " + RFC7616.format("SHA-256")])[0]
    value = challenge.authorization(MUFASA, "GET", "/dir/index.html", CNONCE)
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in value
    assert "algorithm=SHA-256" in value


def test_digest_without_qop_as_in_rfc_2069() -> None:
    challenge = read_challenges(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])[0]
    credential = Credential("Mufasa", Secret("CircleOfLife"))
    value = challenge.authorization(credential, "GET", "/dir/index.html")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value  # RFC 2069, errata 749
    assert "cnonce" not in value


def test_each_use_of_a_nonce_is_counted() -> None:
    challenge = read_challenges(["Digest " + RFC7616.format("MD5")])[0]
    assert "nc=00000001" in challenge.authorization(MUFASA, "GET", "/")
    assert "nc=00000002" in challenge.authorization(MUFASA, "GET", "/")


def test_basic_is_used_only_without_digest() -> None:
    offered = ['Basic realm="a", Digest realm="b", nonce="n"']
    challenge = read_challenges(offered)[0]
    assert challenge.algorithm == "md5"
    alone = read_challenges(['Basic realm="a"'])[0]
    assert alone.authorization(Credential("Aladdin", Secret("open sesame")), "GET", "/") == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )


def test_unsupported_challenges_are_ignored() -> None:
    assert read_challenges(["Negotiate abc", 'Digest realm="a", nonce="n", algorithm=SHA-512-256']) == []
    assert read_challenges(['Digest realm="a"']) == []
    assert read_challenges([]) == []


def test_auth_int_protects_an_empty_body() -> None:
    challenge = read_challenges(['Digest realm="r", nonce="n", qop="auth-int"'])[0]
    secret, body = md5("u:r:p"), md5("")
    expected = md5(f"{secret}:n:00000001:c:auth-int:{md5(f'PLAY:rtsp://h/:{body}')}")
    value = challenge.authorization(Credential("u", Secret("p")), "PLAY", "rtsp://h/", "c")
    assert f'response="{expected}"' in value
    assert "qop=auth-int" in value


@pytest.mark.parametrize(
    ("written", "kind", "realm", "nonce"),
    [
        ("Digest realm=IP Camera(C1234), nonce=abc", "md5", "IP Camera(C1234)", "abc"),
        ("Digest realm=cam nonce=abc qop=auth", "md5", "cam", "abc"),
        ('digest REALM = "cam" , NONCE = "abc"', "md5", "cam", "abc"),
        ('Digest realm="cam", nonce="", algorithm=""', "md5", "cam", ""),
        ('Digest realm="cam", nonce="abc", algorithm=SHA256, qop="auth"', "sha256", "cam", "abc"),
        ('Digest realm="cam", nonce="abc", algorithm="MD5-sess", qop="auth,auth-int"', "md5-sess", "cam", "abc"),
        ('Digest nonce="abc"', "md5", "", "abc"),
        ("Basic realm=IP Camera", "basic", "IP Camera", ""),
        ("Basic", "basic", "", ""),
        ("Digest realm='cam', nonce='abc', qop='auth'", "md5", "cam", "abc"),
        ('Digest realm="cam";nonce="abc";qop="auth"', "md5", "cam", "abc"),
        ('Digest realm="cam"nonce="abc"qop="auth"', "md5", "cam", "abc"),
        ('Digest: realm="cam", nonce="abc"', "md5", "cam", "abc"),
        ('Digest, realm="cam", nonce="abc"', "md5", "cam", "abc"),
        ('Digest realm="the "best" cam", nonce="abc", qop="auth"', "md5", 'the "best" cam', "abc"),
        ("Digest\trealm = cam,nonce= abc ,algorithm = MD5", "md5", "cam", "abc"),
        ('Digest realm="cam", algorithm=MD5, nonce="abc', "md5", "cam", "abc"),
        ('Digest realm="前門", nonce="abc"'.encode().decode("latin-1"), "md5", "前門", "abc"),
    ],
)
def test_oddly_written_challenges_are_read(written: str, kind: str, realm: str, nonce: str) -> None:
    challenge = read_challenges([written])[0]
    assert (challenge.kind, challenge.realm, challenge.nonce) == (kind, realm, nonce)


def test_an_algorithm_is_repeated_as_the_device_writes_it() -> None:
    credential = Credential("u", Secret("p"))
    (plain,) = read_challenges(['Digest realm="r", nonce="n"'])
    (sha256,) = read_challenges(['Digest realm="r", nonce="n", algorithm=sha256'])
    assert "algorithm" not in plain.authorization(credential, "PLAY", "rtsp://h/")
    assert "algorithm=sha256" in sha256.authorization(credential, "PLAY", "rtsp://h/")


def test_a_stale_nonce_is_recognised() -> None:
    challenge = read_challenges(['Digest realm="a", nonce="n", stale=TRUE'])[0]
    assert challenge.is_stale


def test_odd_names_are_quoted() -> None:
    challenge = read_challenges(['Digest realm="say \\"hi\\"", nonce="n"'])[0]
    assert challenge.realm == 'say "hi"'
    value = challenge.authorization(Credential('a"b\\c', Secret("x")), "GET", "/")
    assert 'username="a\\"b\\\\c"' in value
    assert 'realm="say \\"hi\\""' in value


@given(st.lists(st.text(max_size=300), max_size=5))
def test_any_challenge_is_parsed_without_an_error(values: list[str]) -> None:
    read_challenges(values)
