// @ts-check
/** The server's answers about the thumbnails of one camera. Pure; times are passed in. */

/**
 * @typedef {import('./thumbnails-api.js').Thumbnail} Thumbnail
 * @typedef {{thumbnail: Thumbnail, heardMs: number}} Known
 */

/** Older entries are dropped beyond this number. */
const MOST = 6000;
/** A refused thumbnail may be there later: the recorder was busy, or has written more. */
const LOOK_AGAIN_MS = 60_000;
const LOOK_AGAIN_SOON_MS = 10_000;
/** Recorders write with a delay, so younger times change soon. */
const RECENT_MS = 180_000;

export class ThumbnailStore {
  /** @type {Map<string, Known>} */
  #known = new Map();

  /** @param {number} channel @param {number} stepS @param {Thumbnail[]} thumbnails @param {number} nowMs */
  add(channel, stepS, thumbnails, nowMs) {
    for (const thumbnail of thumbnails) {
      const key = keyOf(channel, stepS, thumbnail.atMs);
      this.#known.delete(key);
      this.#known.set(key, { thumbnail, heardMs: nowMs });
    }
    let surplus = this.#known.size - MOST;
    for (const key of this.#known.keys()) {
      if (surplus-- <= 0) break;
      this.#known.delete(key);
    }
  }

  /** @param {number} channel @param {number} stepS @param {number} atMs @returns {Thumbnail|null} */
  get(channel, stepS, atMs) {
    return this.#known.get(keyOf(channel, stepS, atMs))?.thumbnail ?? null;
  }

  /** When the server was heard last about a thumbnail; null if never. @param {number} channel @param {number} stepS @param {number} atMs */
  heardMs(channel, stepS, atMs) {
    return this.#known.get(keyOf(channel, stepS, atMs))?.heardMs ?? null;
  }

  /** The image cannot be loaded: the server may have dropped it. It is requested again later. @param {string} url @param {number} nowMs */
  markMissing(url, nowMs) {
    for (const [key, { thumbnail }] of this.#known) {
      if (thumbnail.url !== url) continue;
      this.#known.set(key, { thumbnail: { ...thumbnail, state: 'missing', takenMs: null, url: null }, heardMs: nowMs });
    }
  }

  /**
   * True if a thumbnail is to be requested, because its answer is missing, is not final, or is too old.
   *
   * @param {number} channel
   * @param {number} stepS
   * @param {number} atMs
   * @param {number} nowMs
   */
  isOpen(channel, stepS, atMs, nowMs) {
    const known = this.#known.get(keyOf(channel, stepS, atMs));
    if (!known || known.thumbnail.state === 'pending') return true;
    if (known.thumbnail.state === 'ready') return false;
    return nowMs - known.heardMs >= (nowMs - atMs < RECENT_MS ? LOOK_AGAIN_SOON_MS : LOOK_AGAIN_MS);
  }

  /**
   * Return the finished thumbnail of any step that was taken nearest to a moment; null if none is near enough.
   *
   * @param {number} channel
   * @param {number} atMs
   * @param {number} withinMs
   * @returns {Thumbnail|null}
   */
  nearest(channel, atMs, withinMs) {
    const prefix = `${channel} `;
    /** @type {Thumbnail|null} */
    let nearest = null;
    let distanceMs = withinMs;
    for (const [key, { thumbnail }] of this.#known) {
      if (thumbnail.state !== 'ready' || !key.startsWith(prefix)) continue;
      const awayMs = Math.abs((thumbnail.takenMs ?? thumbnail.atMs) - atMs);
      if (awayMs > distanceMs) continue;
      distanceMs = awayMs;
      nearest = thumbnail;
    }
    return nearest;
  }
}

/** @param {number} channel @param {number} stepS @param {number} atMs */
function keyOf(channel, stepS, atMs) {
  const stepMs = stepS * 1000;
  return `${channel} ${stepS} ${Math.round(atMs / stepMs) * stepMs}`;
}
