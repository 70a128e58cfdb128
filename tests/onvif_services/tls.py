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


class BreaksResumption(ssl.SSLContext):
    """TLS settings of a server that cuts connections whose client resumes a session. Such a ClientHello is longer."""

    broken = 0
    _shortest_bytes = 4096

    def wrap_socket(self, sock: socket.socket, *how: Any, **more: Any) -> ssl.SSLSocket:
        hello_bytes = len(sock.recv(4096, socket.MSG_PEEK))
        if hello_bytes > self._shortest_bytes:
            self.broken += 1
            sock.close()
            raise ConnectionAbortedError
        self._shortest_bytes = hello_bytes
        return super().wrap_socket(sock, *how, **more)
