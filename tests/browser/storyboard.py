"""Answers the requests for thumbnails in the browser, so that a test decides when one is there."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Error, Page, Route

WIDTH, HEIGHT = 320, 180


class Thumbnails:
    """Answers `recordings/pictures` and `recordings/picture` of a page. `state_of` chooses the state of each time."""

    def __init__(self, page: Page, state_of: Callable[[datetime], str] = lambda _: "ready") -> None:
        self.state_of = state_of
        self.listed: list[tuple[datetime, datetime, int]] = []
        self.fetched: list[datetime] = []
        self.most_at_a_time = 0
        self.refusal: dict[str, object] | None = None
        self._held: list[Callable[[], None]] = []
        self.holds_images = False
        page.route("**/recordings/pictures?*", self._list)
        page.route("**/recordings/picture?*", self._image)

    def let_go(self) -> None:
        """Answer the held requests for images, and all later ones immediately."""
        self.holds_images = False
        for answer in self._held:
            answer()
        self._held.clear()

    def _list(self, route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        start, end = (datetime.fromisoformat(query[name]) for name in ("start_time", "end_time"))
        step = timedelta(seconds=int(query["step_s"]))
        self.listed.append((start, end, int(query["step_s"])))
        if self.refusal:
            _answer(lambda: route.fulfill(status=503, json=self.refusal, headers={"Retry-After": "1"}))
            return
        images = urlsplit(route.request.url).path.removesuffix("s")  # .../recordings/picture
        pictures = []
        at = start
        while at < end:
            state, time = self.state_of(at), at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            picture: dict[str, object] = {"time": time, "state": state, "picture_time": None, "url": None}
            if state == "ready":
                picture |= {"picture_time": time, "url": f"{images}?channel={query['channel']}&time={time}&width=320"}
            pictures.append(picture)
            at += step
        _answer(lambda: route.fulfill(json={"pictures": pictures}))

    def _image(self, route: Route) -> None:
        at = datetime.fromisoformat(parse_qs(urlsplit(route.request.url).query)["time"][0])
        self.fetched.append(at)
        state = self.state_of(at)
        if state == "pending":
            _answer(lambda: route.fulfill(status=202, headers={"Retry-After": "1"}))
            return
        if state != "ready":
            _answer(lambda: route.fulfill(status=404, json={"code": "no_recording", "detail": "Nothing is recorded."}))
            return
        headers = {"Cache-Control": "private, max-age=3600", "X-Picture-Time": at.isoformat()}

        def answer() -> None:
            _answer(lambda: route.fulfill(body=jpeg_of(at), content_type="image/jpeg", headers=headers))

        if not self.holds_images:
            answer()
            return
        self._held.append(answer)
        self.most_at_a_time = max(self.most_at_a_time, len(self._held))


def jpeg_of(at: datetime) -> bytes:
    """Return a picture that shows its time."""
    shade = 60 + at.hour * 6
    image = Image.new("RGB", (WIDTH, HEIGHT), (shade, 90, 140))
    ImageDraw.Draw(image).text((10, 70), f"{at:%H:%M:%S}", fill="white", font_size=60)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return file.getvalue()


def _answer(work: Callable[[], None]) -> None:
    with contextlib.suppress(Error):  # the page may be closed before its answer
        work()
