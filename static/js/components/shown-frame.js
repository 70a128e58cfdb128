// @ts-check
/**
 * Finds the frame of a `<video>` that is on screen: `currentTime` may be one frame ahead of it, or behind.
 *
 * WebKitGTK has requestVideoFrameCallback and never calls it for MediaSource: there, `currentTime` has to do.
 */
export class ShownFrame {
  #video;
  #wires = new AbortController();
  #isClosed = false;
  #hasCallbacks = false;
  /** True while the video stands where `moveTo()` put it: then late callbacks about an earlier frame are ignored. */
  #isMoved = false;
  #atS = 0;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    video.addEventListener('play', () => (this.#isMoved = false), { signal: this.#wires.signal });
    if ('requestVideoFrameCallback' in video) this.#watch();
  }

  /** A time within the frame on screen, on the video's timeline. */
  get atS() {
    const isAtTarget = this.#isMoved && this.#video.paused;
    return this.#hasCallbacks || isAtTarget ? this.#atS : this.#video.currentTime;
  }

  /** Show a frame. @param {number} atS a time within the frame */
  moveTo(atS) {
    this.#video.currentTime = atS;
    this.#atS = atS;
    this.#isMoved = true;
  }

  close() {
    this.#isClosed = true;
    this.#wires.abort();
  }

  #watch() {
    this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#isClosed) return;
      this.#hasCallbacks = true;
      if (!this.#video.paused) this.#isMoved = false;
      if (!this.#video.seeking && !this.#isMoved) this.#atS = mediaTime;
      this.#watch();
    });
  }
}
