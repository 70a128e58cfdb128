// @ts-check
/**
 * Show decoded frames, in a worker. A renderer takes frames of any decoder and closes them.
 *
 * A track into a `<video>` costs least: it may reach a hardware overlay, and a canvas never does. Chromium has
 * MediaStreamTrackGenerator, which the page makes and whose `writable` comes here; the standard's VideoTrackGenerator is
 * made here. Firefox has neither: there a canvas of the page shows the frames.
 */

/**
 * @typedef {{show: (frame: VideoFrame) => void, snapshot: () => Promise<ImageBitmap|null>, close: () => void}} FrameRenderer
 *   `snapshot`: the newest frame; null for a track, whose frames the page reads from its `<video>`
 */

/** A track that takes no frames for a moment gets no more than these: waiting frames would use up the decoder's memory. */
const MOST_WAITING = 4;

/** @implements {FrameRenderer} */
export class TrackRenderer {
  #writer;
  #onFailed;
  #waiting = 0;

  /** @param {WritableStream<VideoFrame>} writable of the track's generator @param {(detail: string) => void} onFailed */
  constructor(writable, onFailed) {
    this.#writer = writable.getWriter();
    this.#onFailed = onFailed;
    this.#writer.closed.catch((error) => this.#onFailed(String(error)));
  }

  /** @param {VideoFrame} frame */
  show(frame) {
    if (this.#waiting >= MOST_WAITING) {
      frame.close();
      return;
    }
    this.#waiting += 1;
    this.#writer
      .write(frame)
      .catch(() => frame.close()) // the track closes the frames that it takes
      .finally(() => (this.#waiting -= 1));
  }

  async snapshot() {
    return null;
  }

  close() {
    this.#onFailed = () => {};
    void this.#writer.abort().catch(() => {});
  }
}

/** @implements {FrameRenderer} */
export class CanvasRenderer {
  #canvas;
  #context;
  #onFailed;

  /** @param {OffscreenCanvas} canvas @param {(detail: string) => void} onFailed */
  constructor(canvas, onFailed) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
    this.#onFailed = onFailed;
  }

  /** @param {VideoFrame} frame */
  show(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    try {
      if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
      if (this.#context) this.#context.drawImage(frame, 0, 0);
      else this.#onFailed('The canvas has no 2D context.');
    } finally {
      frame.close();
    }
  }

  snapshot() {
    return createImageBitmap(this.#canvas);
  }

  close() {}
}

/**
 * Return a track generator of the standard; null if this browser has none.
 *
 * @returns {{track: MediaStreamTrack, writable: WritableStream<VideoFrame>}|null}
 */
export function makeTrackGenerator() {
  const { VideoTrackGenerator: Kind } = /** @type {any} */ (globalThis);
  return Kind ? new Kind() : null;
}
