"""The protection of the devices' passwords, which all clients share: ONVIF, snapshots and RTSP."""

from __future__ import annotations

from dataclasses import dataclass

from core.certificates import PinnedCertificates
from core.login_gate import LoginGate


@dataclass(frozen=True, slots=True)
class LoginProtection:
    """The gate keeps wrong passwords from locking accounts, the pinned certificates keep passwords from strangers."""

    gate: LoginGate
    certificates: PinnedCertificates
