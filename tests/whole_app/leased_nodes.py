"""Processes of the app on one database, which share the cameras by leases."""

from __future__ import annotations

from pathlib import Path

from database import Database
from tests.patience import LIMIT_S
from tests.placement.nodes import owners
from tests.prepared_database import prepared
from tests.whole_app.running_app import RunningApp

LEASE_S = 2.0


class LeasedNodes:
    """Nodes on one SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = prepared(folder / "shared" / "cameras.sqlite3")
        self._url = f"sqlite:///{file}"
        self.database = Database(file)
        self.database.open()
        self.apps: list[RunningApp] = []

    def make(self, name: str, *, folder: str | None = None, **settings: str) -> RunningApp:
        home = self._folder / (folder or name)
        home.mkdir(exist_ok=True)
        app = RunningApp(
            home,
            NODE_NAME=name,
            NODE_LEASE_S=f"{LEASE_S:g}",
            DATABASE_URL=self._url,
            SECRET_KEY_FILE=str(self._folder / "secret.key"),
            REQUEST_THREADS="8",
            **settings,
        )
        self.apps.append(app)
        return app

    def names(self) -> dict[int, str | None]:
        """Return the owner of each camera, also a dead one."""
        return {camera_id: name for camera_id, (name, _) in owners(self.database).items()}

    def close(self) -> None:
        for app in self.apps:
            app.close()
        self.database.close()


def kill(app: RunningApp) -> None:
    worker = app.worker()
    app.process.kill()
    worker.kill()
    app.process.wait(LIMIT_S)
