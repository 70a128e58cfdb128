"""A search on a device (ONVIF Recording Search, 5.1): begun, asked page by page, always ended.

Searches run on the device's side while we ask for what was found. Devices have few places for them,
say Completed with pages left to give, keep Searching when all is given, or say no state at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from onvif_services import answers
from onvif_services.answers import Element
from onvif_services.connection import DeviceConnection
from onvif_services.faults import SoapFault

_Found = TypeVar("_Found", bound=Hashable)

# A page of 500 events is some 500 KB, well below what one answer may hold.
PAGE = 500
_FEWEST = 100
_WAIT_S = 2.0  # below our own limit, and short enough for a stop to be noticed
_KEPT_ALIVE_S = 30.0
_QUIET_S = 10.0  # so long may a device say Searching and give nothing
_PAUSE_S = 0.25  # between two questions where the device does not wait by itself
_END_TIMEOUT_S = 3.0


@dataclass(slots=True)
class Results(Generic[_Found]):
    """What a search gave, in the device's order, each once. `complete`: it said or showed that this is all."""

    found: dict[_Found, None] = field(default_factory=dict)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Search(Generic[_Found]):
    """`find` begins it, `results` asks for a page; `read` reads the page's ResultList.

    `limit` caps what is kept. `on_progress` is told how many were found so far; `should_stop` ends it early.
    """

    find: str
    params: Mapping[str, Any]
    results: str
    read: Callable[[Element], Iterable[_Found]]
    limit: int
    on_progress: Callable[[int], None] | None = None
    should_stop: Callable[[], bool] | None = None


def run(conn: DeviceConnection, search: Search[_Found], *, deadline_s: float) -> Results[_Found]:
    """All pages of a search, for at most `deadline_s` seconds from now; what came until then where it is not done.

    Raises what beginning it raises; a device that fails in the middle raises too, and the search is
    ended on it all the same.
    """
    ends_s = time.monotonic() + deadline_s
    params = {**search.params, "KeepAliveTime": timedelta(seconds=_KEPT_ALIVE_S)}
    answer = conn.call("search", search.find, params)
    token = answers.checked_token(answers.raw_text(answer, "SearchToken"))
    if not token:
        raise CameraBadAnswer(f"The device's answer to {search.find} names no search.")
    try:
        return _pages(conn, search, token, ends_s)
    finally:
        _end(conn, token)


def _end(conn: DeviceConnection, token: str) -> None:
    """EndSearch. Whatever it says: the search dies by itself when nobody asks."""
    try:
        conn.call("search", "EndSearch", {"SearchToken": token}, timeout_s=_END_TIMEOUT_S)
    except DeviceError:
        return


def _pages(conn: DeviceConnection, search: Search[_Found], token: str, ends_s: float) -> Results[_Found]:
    results: Results[_Found] = Results()
    empty_pages = 0
    is_completed = False
    last_news_s = time.monotonic()
    while len(results.found) < search.limit and not (search.should_stop and search.should_stop()):
        began_s = time.monotonic()
        if began_s >= ends_s:
            break
        try:
            page = _page(conn, search, token, ends_s - began_s)
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            # The end was said already: the device has forgotten the search before we asked for the rest.
            if not is_completed:
                raise
            results.complete = True
            break
        count = _keep(results, search, page)
        if search.on_progress:
            search.on_progress(len(results.found))
        now_s = time.monotonic()
        last_news_s = now_s if count else last_news_s
        empty_pages = 0 if count else empty_pages + 1
        state = answers.raw_text(page, "SearchState").rpartition(":")[2].lower()
        is_completed = is_completed or state == "completed"
        # Completed with results may be the last page or not: only one with nothing new is the end. Without
        # a state one such page may have come too early, two have not.
        if not count and (is_completed or (state not in {"searching", "queued"} and empty_pages >= 2)):
            results.complete = True
            break
        if not count and now_s - last_news_s > _QUIET_S:
            break
        if not count:
            threading.Event().wait(max(0.0, min(_PAUSE_S - (now_s - began_s), ends_s - now_s)))
    return results


def _page(conn: DeviceConnection, search: Search[_Found], token: str, left_s: float) -> Element:
    wait_s = max(0.0, min(_WAIT_S, left_s))
    params = {
        "SearchToken": token,
        "MinResults": _FEWEST,
        "MaxResults": PAGE,
        "WaitTime": timedelta(seconds=round(wait_s, 1)),
    }
    answer = conn.call("search", search.results, params, timeout_s=max(1.0, min(wait_s + 10.0, left_s + 1.0)))
    listed = answers.child(answer, "ResultList")
    return listed if listed is not None else answer


def _keep(results: Results[_Found], search: Search[_Found], page: Element) -> int:
    """How many of a page are new."""
    before = len(results.found)
    for item in search.read(page):
        if len(results.found) >= search.limit:
            break
        results.found.setdefault(item)
    return len(results.found) - before
