"""Searches in a drawn part of the picture: the interface of the package `searches`.

A search belongs to its user. Admins see all; for other users, the searches of others do not exist, nor do their own of
a channel that they may not see any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from core.access import Permission, Principal
from core.clock import Clock
from core.errors import AppError, Conflict, InvalidRequest, NotFound
from core.records import Channel, Problem
from database import Database
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from searches.records import Search, SearchDraft, SearchState
from searches.region import is_small
from searches.run import SearchContext
from searches.store import SearchStore
from searches.worker import SearchWorker

__all__ = ["SearchManager"]

LONGEST = timedelta(days=31)
CAMERA_MOVED = Problem("camera_moved", "Another server connects this camera now. Start the search again.")
CAMERA_CHANGED = Problem("camera_changed", "The camera was changed or removed while this search ran.")


class SearchManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        cameras: OnvifManager,
        recordings: RecordingManager,
        context: SearchContext,
    ) -> None:
        self._clock = clock
        self._cameras = cameras
        self._recordings = recordings
        self._store = SearchStore(database)
        self._worker = SearchWorker(context, self._store)
        self.can_compare = context.can_compare

    def start(self) -> None:
        self._worker.start([view.id for view in self._cameras.owned_cameras()])

    def stop(self) -> None:
        """End all searches within 6 s. May be called twice."""
        self._worker.stop()

    def forget_camera(self, camera_id: int) -> None:
        """End the searches of a camera that was removed, or has another address or credential."""
        self._worker.end_camera(camera_id, CAMERA_CHANGED)

    def release_camera(self, camera_id: int) -> None:
        """End the searches of a camera that another node connects."""
        self._worker.release_camera(camera_id, CAMERA_MOVED)

    def adopt_camera(self, camera_id: int) -> None:
        """Let the searches fail that the last owner of a camera has left unfinished."""
        self._worker.adopt_camera(camera_id)

    def searches(self, who: Principal) -> list[Search]:
        """Return the searches of the last day that this user may see, the newest first."""
        return [self._worker.view(search) for search in self._store.searches() if self._may_see(who, search)]

    def get(self, who: Principal, search_id: int) -> Search:
        """Return a search with its progress. For its user this counts as a look. Raise NotFound."""
        search = self._visible(who, search_id)
        if search.user_id == who.user_id:
            self._worker.note_look(search_id)
        return self._worker.view(search)

    def camera_of(self, who: Principal, search_id: int) -> int:
        """Return the camera of a search. Raise NotFound, also for another user's search."""
        search = self._store.get(search_id)
        if not self._is_of(who, search):
            raise NotFound("There is no such search.")
        return search.draft.camera_id

    def add(self, who: Principal, draft: SearchDraft) -> Search:
        """Begin a search as soon as it is its turn. Raise InvalidRequest, NotFound, NotOwner or LimitReached."""
        self._cameras.check_owner(draft.camera_id)
        channel = self._check(draft)
        now = self._clock.now_utc()
        search = self._store.add(who.user_id, who.name, draft, now, is_small=is_small(draft.points, channel))
        return self._worker.add(search)

    def go_on(self, who: Principal, search_id: int) -> Search:
        """Go on with the exhaustive step, after its estimate. Raise NotFound or Conflict (search_state)."""
        return self._worker.go_on(self._worker.view(self._visible(who, search_id)))

    def cancel(self, who: Principal, search_id: int) -> Search:
        """End a search; its results stay for a day. Raise NotFound or Conflict (search_state)."""
        search = self._worker.view(self._visible(who, search_id))
        if not search.state.is_unfinished:
            raise Conflict(f"This search is {search.state.value}.", code="search_state")
        self._worker.end(search_id, SearchState.CANCELLED)
        return self._worker.view(self._store.get(search_id))

    # ---- inside ----------------------------------------------------------------------------------

    def _visible(self, who: Principal, search_id: int) -> Search:
        search = self._store.get(search_id)
        if not self._may_see(who, search):
            raise NotFound("There is no such search.")
        return search

    def _may_see(self, who: Principal, search: Search) -> bool:
        camera_id, channel = search.draft.camera_id, search.draft.channel
        if not self._is_of(who, search) or not who.scope.has_channel(camera_id, channel):
            return False
        if who.scope.channels_of(camera_id) is None:
            return True
        try:
            return self._recordings.has_sure_recordings(camera_id, channel)
        except AppError:
            return False

    @staticmethod
    def _is_of(who: Principal, search: Search) -> bool:
        """True for an own search, or an admin. The channel may still be hidden from the user."""
        return who.may(Permission.MANAGE) or (who.user_id is not None and who.user_id == search.user_id)

    def _check(self, draft: SearchDraft) -> Channel:
        """Return the channel. Raise InvalidRequest or NotFound."""
        channel = next((it for it in self._cameras.channels(draft.camera_id) if it.number == draft.channel), None)
        if channel is None:
            raise NotFound("There is no such channel.")
        if draft.end <= draft.start:
            raise InvalidRequest.of_field("end_time", "later than start_time")
        if draft.end - draft.start > LONGEST:
            raise InvalidRequest.of_field("end_time", f"at most {LONGEST.days} days after start_time")
        if draft.end > self._latest():
            raise InvalidRequest.of_field("end_time", "not in the future")
        return channel

    def _latest(self) -> datetime:
        return self._clock.now_utc() + timedelta(minutes=1)  # clocks of browsers
