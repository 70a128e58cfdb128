"""Make a self-signed certificate for HTTPS: `make certificate NAMES="nas.local 192.168.1.5"`.

Browsers warn of it once, because no authority has signed it; the connection is encrypted nevertheless. An existing
certificate is never overwritten.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 825  # the maximum that Apple's systems accept


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a self-signed certificate.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="names and addresses by which the app is opened")
    options = parser.parse_args(arguments)
    certificate, key = options.folder / "certificate.pem", options.folder / "key.pem"
    for file in (certificate, key):
        if file.exists():
            sys.stderr.write(f"{file} already exists; nothing was changed.\n")
            return 1
    names = list(dict.fromkeys([*options.names, *own_names()]))
    made, private = make_certificate(names)
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(key, private, 0o600)
    _write(certificate, made, 0o644)
    settings = f"TLS_CERT={certificate.resolve()} TLS_KEY={key.resolve()}"
    sys.stdout.write(f"For: {', '.join(names)}\nStart the app with\n  {settings} make run\n")
    return 0


def own_names() -> list[str]:
    """Return the names of this machine and its loopback addresses."""
    host = socket.gethostname().lower()
    return ["localhost", "127.0.0.1", "::1", host, f"{host.partition('.')[0]}.local"]


def make_certificate(names: list[str]) -> tuple[bytes, bytes]:
    """Return certificate and private key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(file: Path, content: bytes, mode: int) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)


if __name__ == "__main__":
    sys.exit(main())
