// @ts-check
/**
 * Finds the frame of a `<video>` that is on screen: `currentTime` may be one frame ahead of it, or behind.
 */
export class ShownFrame {
  #video;
  #wires = new AbortController();
  #isClosed = false;
  /** True while the video stands where `moveTo()` put it: then late callbacks about an earlier frame are ignored. */
  #isMoved = false;
  /** A time within the frame on screen, on the video's timeline. */
  atS = 0;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    if ('requestVideoFrameCallback' in video) this.#watch();
    else for (const name of ['timeupdate', 'pause', 'seeked']) this.#listen(name);
  }

  /** Show a frame. @param {number} atS a time within the frame */
  moveTo(atS) {
    this.#video.currentTime = atS;
    this.atS = atS;
    this.#isMoved = true;
  }

  close() {
    this.#isClosed = true;
    this.#wires.abort();
  }

  #watch() {
    this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#isClosed) return;
      if (!this.#video.paused) this.#isMoved = false;
      if (!this.#video.seeking && !this.#isMoved) this.atS = mediaTime;
      this.#watch();
    });
  }

  /** @param {string} name */
  #listen(name) {
    this.#video.addEventListener(name, () => (this.atS = this.#video.currentTime), { signal: this.#wires.signal });
  }
}
