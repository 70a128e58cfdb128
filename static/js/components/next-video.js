// @ts-check
/**
 * The second `<video>` of a live player, in which the next stream starts behind the present one.
 *
 * WebKit allows audio for each element by itself: play() within a click or a key press allows it from then on. The next
 * stream may start long after the click. So from the first click on the same two elements take turns.
 */

/** A `<video>` that has played for so long shows a frame. */
const SHOWS_AFTER_S = 0.2;

export class NextVideo {
  /** The element that is not on the page. @type {HTMLVideoElement|null} */
  #spare = null;
  /** Elements that may play audio. @type {WeakSet<HTMLVideoElement>} */
  #allowed = new WeakSet();
  #isAllowed = false;
  /** @type {AbortController|null} */
  #wires = null;

  /**
   * Let the present element and the one of the next stream play audio later. Has an effect within a click or a key press.
   *
   * @param {HTMLVideoElement} present
   * @param {HTMLVideoElement|null} next of a stream that has begun; null: the spare element
   */
  allowAudio(present, next) {
    if (navigator.userActivation?.isActive === false) return;
    this.#isAllowed = true;
    if (!next) {
      this.#spare ??= likeIt(present);
      this.#spare.muted = false;
    }
    for (const video of [present, next, this.#spare]) {
      if (!video) continue;
      const { paused } = video;
      video.play().catch(() => {}); // pause() interrupts it
      if (paused) video.pause();
      this.#allowed.add(video);
    }
  }

  /**
   * Return a muted element below the present one.
   *
   * @param {HTMLVideoElement} present
   * @param {() => void} onShown the element shows a frame
   */
  put(present, onShown) {
    const video = this.#spare ?? likeIt(present);
    this.#spare = null;
    video.muted = true;
    video.dataset.next = '';
    present.before(video);
    this.#wires = new AbortController();
    watchFirstFrame(video, onShown, this.#wires.signal);
    return video;
  }

  /** Stop the wait for the first frame of the last element. */
  settle() {
    this.#wires?.abort();
  }

  /** Remove an element whose engine is closed. @param {HTMLVideoElement} video */
  remove(video) {
    video.remove();
    delete video.dataset.next;
    delete video.dataset.part;
    if (this.#isAllowed && (!this.#spare || this.#allowed.has(video))) this.#spare = video;
  }
}

/** Return an element with the attributes of the present one, without its media. @param {HTMLVideoElement} present */
function likeIt(present) {
  const video = /** @type {HTMLVideoElement} */ (present.cloneNode());
  video.removeAttribute('src');
  video.removeAttribute('data-part');
  return video;
}

/**
 * Report the first frame on screen. The first decoded frame may be skipped: while the video seeks, it is black.
 *
 * WebKitGTK has requestVideoFrameCallback and never calls it for MediaSource, so the position counts, too.
 *
 * @param {HTMLVideoElement} video
 * @param {() => void} onShown
 * @param {AbortSignal} signal
 */
function watchFirstFrame(video, onShown, signal) {
  const isShowing = () => !video.paused && !video.seeking;
  const onFrame = () => {
    if (signal.aborted) return;
    if (isShowing()) onShown();
    else video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback?.(onFrame);
  /** @type {number|null} */
  let fromS = null;
  const look = () => {
    fromS = isShowing() ? (fromS ?? video.currentTime) : null;
    if (fromS !== null && video.currentTime - fromS > SHOWS_AFTER_S) onShown();
  };
  video.addEventListener('timeupdate', look, { signal });
}
