"""Refused passwords that move with a camera from one node to the next: each move would otherwise cost a wrong login."""

from __future__ import annotations

from cameras.device import place_of_logins
from cameras.registry import Registry, credential_of, device_key
from cameras.store import StoredCamera
from core.login_gate import LoginGate, Refusal


class Refusals:
    """The blocks of cameras' passwords in the login gate."""

    def __init__(self, registry: Registry, gate: LoginGate) -> None:
        self._registry = registry
        self._gate = gate

    def refusal(self, camera_id: int) -> Refusal | None:
        """Return the block of a camera's password; None if it may be tried, or if there is no such camera."""
        stored = self._stored(camera_id)
        return None if stored is None else self._gate.refusal(device_key(camera_id), credential_of(stored))

    def continue_refusal(self, camera_id: int, refusal: Refusal) -> None:
        """Do not try a camera's password for as long as the node that has tried it would not."""
        stored = self._stored(camera_id)
        if stored is not None:
            if stored.port is not None:
                self._gate.set_place(device_key(camera_id), place_of_logins(stored.host, stored.port))
            self._gate.continue_refusal(device_key(camera_id), credential_of(stored), refusal)

    def _stored(self, camera_id: int) -> StoredCamera | None:
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            return entry.stored if entry is not None else None
