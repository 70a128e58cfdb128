"""Self-signed certificates for devices on loopback, as cameras sign them themselves."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def server_context(folder: Path, name: str, kind: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return the TLS settings of a server with a new certificate; its files are in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    expired = datetime.now(UTC) - timedelta(days=1)  # cameras forget to renew theirs
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(expired - timedelta(days=365))
        .not_valid_after(expired)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = kind(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class _Silence:
    """Keeps one connection open without an answer. The client of the one before has given up."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None

    def keep(self, sock: socket.socket) -> None:
        self.end()
        self._sock = sock

    def end(self) -> None:
        if self._sock is not None:
            self._sock.close()


class BreaksResumption(ssl.SSLContext):
    """TLS settings of a server that cuts connections whose client resumes a session. Such a ClientHello is longer."""

    broken = 0
    _shortest_bytes = 4096

    def wrap_socket(self, sock: socket.socket, *how: Any, **more: Any) -> ssl.SSLSocket:
        hello_bytes = len(sock.recv(4096, socket.MSG_PEEK))
        if hello_bytes > self._shortest_bytes:
            self.broken += 1
            self._refuse(sock)
            raise ConnectionAbortedError
        self._shortest_bytes = hello_bytes
        return super().wrap_socket(sock, *how, **more)

    def _refuse(self, sock: socket.socket) -> None:
        sock.close()


class IgnoresResumption(BreaksResumption):
    """TLS settings of a server that never answers a client that resumes a session."""

    silence = _Silence()

    def _refuse(self, sock: socket.socket) -> None:
        self.silence.keep(sock)


class CutsResumed(ssl.SSLContext):
    """TLS settings of a server that resumes a session, and then closes the connection at the first request."""

    cut = 0

    def wrap_socket(self, sock: socket.socket, *how: Any, **more: Any) -> ssl.SSLSocket:
        tls = super().wrap_socket(sock, *how, **more)
        tls.do_handshake()
        if tls.session_reused:
            self.cut += 1
            tls.recv(65_536)
            tls.close()
            raise ConnectionAbortedError
        return tls


class CutsOnce(ssl.SSLContext):
    """TLS settings of a server that cuts one connection at its first request after `cuts_next` is set.

    `is_away`: it resets each connection after that, as a device that restarts.
    """

    cuts_next = False
    is_away = False
    cut: bytes = b""

    def wrap_socket(self, sock: socket.socket, *how: Any, **more: Any) -> ssl.SSLSocket:
        if self.is_away and self.cut:
            sock.close()
            raise ConnectionAbortedError
        tls = super().wrap_socket(sock, *how, **more)
        if self.cuts_next:
            tls.do_handshake()
            self.cuts_next = False
            while b"Envelope>" not in self.cut:
                self.cut += tls.recv(65_536)
            tls.close()
            raise ConnectionAbortedError
        return tls


class ComesAndGoes(ssl.SSLContext):
    """TLS settings of a server that for a time answers no handshake ("silent"), or resets each connection ("away")."""

    state = "here"
    failed = 0
    silence = _Silence()

    def wrap_socket(self, sock: socket.socket, *how: Any, **more: Any) -> ssl.SSLSocket:
        if self.state == "here":
            return super().wrap_socket(sock, *how, **more)
        self.failed += 1
        if self.state == "silent":
            self.silence.keep(sock)
        else:
            sock.close()
        raise ConnectionAbortedError
