"""A search on a device (ONVIF Recording Search, 5.1): start it, read its pages, always end it.

The search runs on the device while we read its results. Devices allow few searches at a time. Some report Completed
with pages left, some remain Searching after the last page, some report no state, some forget the search after the last
page, and some refuse the numbers and the time that a request may have.
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

# A page of 500 events is about 500 KB, well below the limit of one answer.
PAGE = 500
_MIN_RESULTS = 100
# The optional parts of a request for a page. A device that refuses one form gets the next.
_OPTIONS: tuple[Mapping[str, object], ...] = ({"MinResults": _MIN_RESULTS, "MaxResults": PAGE}, {"MaxResults": 50}, {})
_WAIT_S = 2.0  # below the timeout of a call, and short enough for `should_stop` to be checked
_KEEP_ALIVE_S = 30.0
_QUIET_S = 10.0  # longest time that a device may report Searching without new results
_PAUSE_S = 0.25  # between two requests, for devices that do not wait by themselves
_END_TIMEOUT_S = 3.0


@dataclass(slots=True)
class Results(Generic[_Found]):
    """Results of a search, in the device's order, each once. `complete`: True if the device has no more results.

    `is_quiet`: the device says that it still searches, and has sent no new results for some time.
    """

    found: dict[_Found, None] = field(default_factory=dict)
    complete: bool = False
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Search(Generic[_Found]):
    """A search: operation `find` begins it, operation `results` returns a page, function `read` reads its ResultList.

    `limit`: the most results to keep. `on_progress` is called with the number of results so far; a True of
    `should_stop` ends the search early.
    """

    find: str
    params: Mapping[str, Any]
    results: str
    read: Callable[[Element], Iterable[_Found]]
    limit: int
    on_progress: Callable[[int], None] | None = None
    should_stop: Callable[[], bool] | None = None


def run(conn: DeviceConnection, search: Search[_Found], *, deadline_s: float) -> Results[_Found]:
    """Return the results of a search, or those of the first `deadline_s` seconds if it takes longer.

    Raise the device's error if the search cannot begin or a page fails. The search is ended on the device in any case.
    """
    ends_s = time.monotonic() + deadline_s
    params = {**search.params, "KeepAliveTime": timedelta(seconds=_KEEP_ALIVE_S)}
    answer = conn.call("search", search.find, params)
    token = answers.checked_token(answers.raw_text(answer, "SearchToken"))
    if not token:
        raise CameraBadAnswer(f"The device's answer to {search.find} contains no search token.")
    try:
        return _pages(conn, search, token, ends_s)
    finally:
        _end(conn, token)


def _end(conn: DeviceConnection, token: str) -> None:
    """Call EndSearch. Ignore errors, because the device ends a search without requests by itself (KeepAliveTime)."""
    try:
        conn.call("search", "EndSearch", {"SearchToken": token}, timeout_s=_END_TIMEOUT_S)
    except DeviceError:
        return


def _pages(conn: DeviceConnection, search: Search[_Found], token: str, ends_s: float) -> Results[_Found]:
    results: Results[_Found] = Results()
    empty_pages = 0
    is_completed = False
    options = list(_OPTIONS)
    last_new_s = time.monotonic()
    while len(results.found) < search.limit and not (search.should_stop and search.should_stop()):
        began_s = time.monotonic()
        if began_s >= ends_s:
            break
        try:
            page = _page(conn, search, token, ends_s - began_s, options[0])
        except (SoapFault, CameraUnsupported, CameraBadAnswer) as error:
            # After Completed, or after its last page, a device may forget the search before we ask for the rest.
            is_forgotten = isinstance(error, SoapFault) and error.has_code("InvalidToken") and bool(results.found)
            if is_completed or is_forgotten:
                results.complete = True
                break
            if isinstance(error, SoapFault) and len(options) > 1 and not results.found:
                del options[0]
                continue
            raise
        count = _keep(results, search, page)
        if search.on_progress:
            search.on_progress(len(results.found))
        now_s = time.monotonic()
        last_new_s = now_s if count else last_new_s
        empty_pages = 0 if count else empty_pages + 1
        state = answers.raw_text(page, "SearchState").rpartition(":")[2].lower()
        is_completed = is_completed or state == "completed"
        # A Completed page with results may not be the last one; only a page without new results is the end. Without a
        # state, the first page without new results may have come too early, so two in a row are the end.
        if not count and (is_completed or (state not in {"searching", "queued"} and empty_pages >= 2)):
            results.complete = True
            break
        if not count and now_s - last_new_s > _QUIET_S:
            results.is_quiet = True
            break
        if not count:
            threading.Event().wait(max(0.0, min(_PAUSE_S - (now_s - began_s), ends_s - now_s)))
    return results


def _page(
    conn: DeviceConnection, search: Search[_Found], token: str, left_s: float, options: Mapping[str, object]
) -> Element:
    wait_s = max(0.0, min(_WAIT_S, left_s))
    params: dict[str, object] = {"SearchToken": token, **options}
    if options:
        params["WaitTime"] = timedelta(seconds=round(wait_s, 1))
    answer = conn.call("search", search.results, params, timeout_s=max(1.0, min(wait_s + 10.0, left_s + 1.0)))
    listed = answers.child(answer, "ResultList")
    return listed if listed is not None else answer


def _keep(results: Results[_Found], search: Search[_Found], page: Element) -> int:
    """Keep the new results of a page, up to the limit, and return their number."""
    before = len(results.found)
    for item in search.read(page):
        if len(results.found) >= search.limit:
            break
        results.found.setdefault(item)
    return len(results.found) - before
