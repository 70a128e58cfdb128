"""What a node does that does not reach the database any more: it waits for it nowhere, until its lease is renewed.

A network that drops packets, or a server that hangs, leaves connections open, and statements then wait for minutes.
"""

from __future__ import annotations

import logging

from core.own_thread import OwnThread
from database import Database
from placement.leases import LeasePlacement

log = logging.getLogger(__name__)

_LOOK_SHARE = 1 / 24  # of the lease
_HANGING_SHARE = 0.4  # of the lease, for a session of the node's own: a server that answers ends statements before
_CONNECT_SHARE = 1 / 2  # of the lease: a thread that connects as the fence closes is free before the lease ends


class DatabaseReach(OwnThread):
    """Ends connections on which threads wait for nothing, and lets the app use no others meanwhile.

    `shared`: the app's own database. `own`: that of the node, whose sessions are short.
    """

    def __init__(self, shared: Database, own: Database, placement: LeasePlacement, lease_s: float) -> None:
        super().__init__("database-reach")
        self._shared = shared
        self._own = own
        self._placement = placement
        self._lease_s = lease_s
        self._did_hang = False
        shared.give_up_when(self.is_lost, _CONNECT_SHARE * lease_s)

    def is_lost(self) -> bool:
        """True if the node has no lease because the database does not answer it."""
        return self._placement.is_cut_off() and (self._placement.is_away() or self._hangs())

    def look(self) -> None:
        """End connections that wait in vain. The next renewal of the lease uses a new one."""
        hangs = self._hangs()
        if hangs:
            if not self._did_hang:
                log.warning("the database does not answer this node, which closes its connections")
            self._own.end_connections()
        self._did_hang = hangs
        if self.is_lost():
            self._shared.end_connections()

    def _hangs(self) -> bool:
        return self._own.longest_s() > _HANGING_SHARE * self._lease_s

    def _work(self) -> None:
        while not self._is_stopping.wait(_LOOK_SHARE * self._lease_s):
            try:
                self.look()
            except Exception:
                log.exception("the connections to the database could not be watched")
