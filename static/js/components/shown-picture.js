// @ts-check
/**
 * Which picture of a `<video>` is on screen: the video's own clock may be a picture ahead of it, or behind.
 */
export class ShownPicture {
  #video;
  #wires = new AbortController();
  #isClosed = false;
  /** It stands where it was moved to: what a late callback says of the picture before does not count. */
  #isMoved = false;
  /** A time within it, by the video's clock. */
  atS = 0;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    if ('requestVideoFrameCallback' in video) this.#watch();
    else for (const name of ['timeupdate', 'pause', 'seeked']) this.#listen(name);
  }

  /** @param {number} atS inside the picture to be shown */
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
