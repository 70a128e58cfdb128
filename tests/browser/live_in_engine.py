"""The viewer page in any engine: its picture, and the number of the frame on screen."""

from __future__ import annotations

from tests.browser.engines import EnginePage
from tests.patience import until
from tools.running import App

VIDEO = "document.querySelector('live-player [data-part=video]')"
# Returns the number in the top sixteenth of a picture, -1 if its cells are invalid.
NUMBER_OF = """((source, width, height) => {
  const canvas = new OffscreenCanvas(200, 4);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(source, 0, 0, width, height / 16, 0, 0, 200, 4);
  const { data } = context.getImageData(0, 0, 200, 4);
  const bits = Array.from({ length: 20 }, (_, cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
  const number = bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
  const parity = bits.slice(2, 18).reduce((sum, bit) => sum ^ bit, 0);
  const isWhole = bits[0] === 1 && bits[1] === 0 && bits[18] === parity && bits[19] === 1 - parity;
  return isWhole ? number : -1;
})"""
READ_FRAME = f"""(() => {{
  const video = {VIDEO};
  const shown = document.querySelector('live-player canvas[data-part=picture]');
  if (!shown && (!video || video.readyState < 2)) return [-1, Date.now()];
  const [width, height] = shown ? [shown.width, shown.height] : [video.videoWidth, video.videoHeight];
  return [{NUMBER_OF}(shown ?? video, width, height), Date.now()];
}})()"""


def play_viewer(page: EnginePage, app: App, camera_id: int, channel: int = 1) -> None:
    page.open(f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main")
    until(lambda: page.evaluate("document.querySelector('#stage')?.dataset.phase") == "playing", what="playing")
