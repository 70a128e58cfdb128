// @ts-check
/**
 * Decides how long a connection may be silent before it counts as dead. Pure; times are passed in.
 *
 * A large key frame on a thin link is one message, during which nothing else arrives, not even a clock reply. A
 * reconnect loses that message, and the server sends it anew.
 */

const SHORT_MS = 6000;
const LONG_MS = 24_000;
/** A live connection may be silent for so many times its longest silence: the next key frame may be larger. */
const SPARE = 2;
/** A link that was slow may be slow again for so long. */
const KEPT_MS = 600_000;
/** The first messages of a connection include a key frame of each channel. They need less than this. */
const FIRST_MESSAGES_MS = 30_000;
/** A silence after which the link counts as slow. */
const NOTABLE_MS = 1000;
/** The page looks once a second. A silence that ends later than this after the limit is that of a page that slept. */
const LOOK_MS = 2000;

export class SilenceLimit {
  /** Silences that live connections have survived, each one shorter than the one before. @type {{atMs: number, forMs: number}[]} */
  #survived = [];
  /** Of the next connections after a silent one; lapses with `#longerSinceMs`. */
  #longerMs = 0;
  #longerSinceMs = -Infinity;
  #beganMs = 0;
  /** True if the present connection has carried a key frame and has not been silent for long. */
  #isQuick = false;
  #hasKeyFrame = false;
  /** When the oldest question without a reply was sent. @type {number|null} */
  #askedMs = null;

  /** A connection is open. @param {number} nowMs */
  begin(nowMs) {
    this.#beganMs = nowMs;
    this.#askedMs = null;
    this.#isQuick = true;
    this.#hasKeyFrame = false;
  }

  /** The page has sent a question, which the server answers immediately. @param {number} nowMs */
  ask(nowMs) {
    this.#askedMs ??= nowMs;
  }

  /** A message has arrived. @param {number} nowMs @param {{isKeyFrame?: boolean}} [message] */
  hear(nowMs, { isKeyFrame = false } = {}) {
    if (isKeyFrame) this.#hasKeyFrame = true;
    const forMs = this.#askedMs === null ? 0 : nowMs - this.#askedMs;
    if (forMs >= NOTABLE_MS && forMs <= this.#limitMs(nowMs) + LOOK_MS) {
      this.#isQuick = false;
      this.#survived = [...this.#survived.filter((one) => one.forMs > forMs), { atMs: nowMs, forMs }];
    }
    this.#askedMs = null;
  }

  /**
   * True if the connection is dead. Then the next ones may be silent for longer, because this one may have been slow.
   *
   * @param {number} nowMs
   */
  isExceeded(nowMs) {
    this.#forgetDead(nowMs);
    const limitMs = this.#limitMs(nowMs);
    if (this.#askedMs === null || nowMs - this.#askedMs < limitMs) return false;
    this.#longerMs = 2 * limitMs;
    this.#longerSinceMs = nowMs;
    return true;
  }

  /** Quick key frames on this connection show that the last one was dead, not slow. @param {number} nowMs */
  #forgetDead(nowMs) {
    const isProven = this.#isQuick && this.#hasKeyFrame && this.#askedMs === null;
    if (isProven && nowMs - this.#beganMs >= FIRST_MESSAGES_MS) this.#longerMs = 0;
  }

  /** @param {number} nowMs */
  #limitMs(nowMs) {
    this.#survived = this.#survived.filter(({ atMs }) => nowMs - atMs <= KEPT_MS);
    const survivedMs = SPARE * (this.#survived[0]?.forMs ?? 0);
    const longerMs = nowMs - this.#longerSinceMs <= KEPT_MS ? this.#longerMs : 0;
    return Math.min(LONG_MS, Math.max(SHORT_MS, survivedMs, longerMs));
  }
}
