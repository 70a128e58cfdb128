"""The page of the detector of objects: none installed yet, a choice, and a trial on a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.watching import Open
from tests.vision import made_models
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_model_is_chosen_and_tried_on_a_file(empty_app: App, open_page: Open, tmp_path: Path) -> None:
    watched = open_page(f"{empty_app.url}/detector")
    page = watched.page
    expect(page.locator("#models-none")).to_be_visible()
    expect(page.locator("#install-command")).to_have_text("make detector")
    expect(page.get_by_role("button", name="Try")).to_be_hidden()
    folder = empty_app.folder / "data" / "models"
    folder.mkdir()
    (folder / "mine.onnx").write_bytes(made_models.yolox())
    (folder / "mine.toml").write_text('labels = ["person", "car", "dog"]\n')
    (folder / "wrong.onnx").write_bytes(b"none")
    (folder / "wrong.toml").write_text("colour = 5\n")
    page.reload()
    expect(page.locator("#models li")).to_have_count(2)
    expect(page.locator("#models .field-error:visible")).to_contain_text("colour: one of")
    use = page.get_by_role("button", name="Use mine")
    use.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Objects are recognized")).to_be_visible()
    expect(page.get_by_role("button", name="Stop using mine")).to_be_focused()
    expect(page.locator("#watched-text")).to_contain_text("in no channel yet, so it recognizes nothing")
    picture = tmp_path / "red.png"
    cv2.imwrite(str(picture), np.full((720, 1280, 3), (0, 0, 200), np.uint8))
    page.locator("#trial-file").set_input_files(picture)
    page.get_by_role("button", name="Try").click()
    row = page.locator("#result-rows tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("car")
    expect(row).to_contain_text("Vehicle")
    expect(row).to_contain_text("red")
    expect(page.locator("#result-boxes rect")).to_have_count(1)
    sizes = page.locator("#result-picture").evaluate("(item) => [item.naturalWidth, item.naturalHeight]")
    assert sizes == [640, 360]
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        over_px = page.evaluate("document.querySelector('.detector-stage').getBoundingClientRect().right - innerWidth")
        assert over_px <= 0
