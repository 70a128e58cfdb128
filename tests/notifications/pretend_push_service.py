"""A pretend push service over TLS, and a browser that subscribes to it and decrypts its messages with http_ece.

It checks each request as RFC 8030, 8291 and 8292 demand, with code that shares nothing with the app's.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tools.certificate import make_certificate


def as_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass
class PretendBrowser:
    """A browser's subscription: the keys that never leave the browser, and those that the server gets."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth_secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def p256dh(self) -> str:
        return as_text(point_of(self.key))

    @property
    def auth(self) -> str:
        return as_text(self.auth_secret)

    def open(self, body: bytes) -> bytes:
        """Return the content of a message."""
        opened = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth_secret, version="aes128gcm")
        return cast(bytes, opened)


@dataclass(frozen=True)
class PushedMessage:
    """A message that the service took. `claims`: of its signature, which was right for `key`."""

    path: str
    headers: dict[str, str]
    body: bytes
    claims: dict[str, Any]
    key: str


class PretendPushService:
    """Keeps the messages. `answers`: status and headers of the next answers; the last one stays."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.certificate = certificate
        self.messages: list[PushedMessage] = []
        self.complaints: list[str] = []
        self.answers: list[tuple[int, dict[str, str]]] = [(201, {})]

    def forget(self) -> None:
        """Be as new."""
        self.messages, self.complaints, self.answers = [], [], [(201, {})]

    @property
    def place(self) -> tuple[str, int]:
        return "localhost", self.port

    def address(self, name: str) -> str:
        return f"https://localhost:{self.port}/push/{name}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        try:
            self.messages.append(_checked(path, headers, body, f"https://localhost:{self.port}"))
        except AssertionError as error:
            self.complaints.append(str(error))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _checked(path: str, headers: dict[str, str], body: bytes, origin: str) -> PushedMessage:
    """Return a message that obeys the standards, otherwise raise AssertionError."""
    assert headers["content-encoding"] == "aes128gcm", "the encoding is another one"
    assert 0 <= int(headers["ttl"]) <= 4 * 7 * 86400, "TTL is missing or too long"
    assert headers["urgency"] in {"very-low", "low", "normal", "high"}, "no urgency of RFC 8030"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["topic"]), "no topic of RFC 8030"
    assert len(body) <= 4096, "push services take 4,096 bytes"
    found = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)", headers["authorization"])
    assert found, "no authorization of RFC 8292"
    head, claims, signature, key = found.groups()
    assert json.loads(as_bytes(head)) == {"typ": "JWT", "alg": "ES256"}, "the signature is of another kind"
    numbers = as_bytes(signature)
    assert len(numbers) == 64, "the signature has another length"
    r, s = int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), as_bytes(key))
    public.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    said = json.loads(as_bytes(claims))
    assert said["aud"] == origin, "the signature is for another service"
    return PushedMessage(path, headers, body, said, key)


@contextmanager
def pretend_push_service(folder: Path) -> Iterator[PretendPushService]:
    """Run a service on a loopback port. Its certificate, for localhost, is `certificate.pem` in the folder."""
    certificate, key = make_certificate(["localhost"])
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lower = {name.lower(): value for name, value in self.headers.items()}
            status, headers = service.take(self.path, lower, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    service = PretendPushService(server.server_port, folder / "certificate.pem")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
