// @ts-check
/** Finds the next or the previous event of a channel, window by window, also outside of the timeline's window. */

import { adjacentEvent } from './coverage.js';
import { Finder } from './finder.js';

/**
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./coverage.js').RowEvent} RowEvent
 * @typedef {{event: RowEvent|null, endMs: number, why: 'found'|'edge'|'bound'|'stopped'|'silent'|'given up'}} Search
 *   `endMs`: the search covered the time up to here; `why` it ended: `edge`: it reached now, the recorder's first
 *   recording or FARTHEST_MS; `bound`: it took too long; `stopped`: indexing was stopped before this time; `silent`:
 *   the recorder has no events
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const FIRST_MS = 6 * HOUR_MS;
const LARGEST_MS = 4 * DAY_MS;
const FARTHEST_MS = 62 * DAY_MS;
const OPEN_END_MS = 2 * MINUTE_MS;
const BOUND_MS = 30_000;

export class EventFinder extends Finder {
  /** Start of the recorder's first recording, as far as it is known. */
  sinceMs = -Infinity;

  /**
   * @param {Pick<import('./api.js').Api, 'coverage'>} api
   * @param {number} cameraId
   * @param {import('./finder.js').FinderOptions} [options]
   */
  constructor(api, cameraId, options) {
    super(api, cameraId, { boundMs: BOUND_MS, ...options });
  }

  /**
   * Find the first event that begins after `atMs`, or the last one before it. Rejects with an ApiError.
   *
   * @param {Row} row
   * @param {number} atMs
   * @param {1|-1} direction
   * @param {AbortSignal} signal
   * @param {number|null} [untilMs] the search ends here; null: nowhere
   * @returns {Promise<Search>}
   */
  async find(row, atMs, direction, signal, untilMs = null) {
    const beganMs = this.nowMs();
    const farthestMs = direction > 0 ? beganMs : atMs - FARTHEST_MS;
    const limitMs = untilMs === null ? farthestMs : direction * Math.min(direction * farthestMs, direction * untilMs);
    let edgeMs = atMs;
    let length = FIRST_MS;
    while ((limitMs - edgeMs) * direction > 0) {
      if (signal.aborted) return { event: null, endMs: edgeMs, why: 'given up' };
      const farMs = direction > 0 ? Math.min(limitMs, edgeMs + length) : Math.max(limitMs, edgeMs - length);
      const startMs = Math.min(edgeMs, farMs);
      const endMs = Math.max(edgeMs, farMs);
      const { coverage, current } = await this.ask(row, startMs, endMs + 1, true);
      if (!coverage.event_search) return { event: null, endMs: edgeMs, why: 'silent' };
      if (!current) return { event: null, endMs: edgeMs, why: 'edge' };
      if (current.completeUntilMs !== null && direction < 0 && length > MINUTE_MS) {
        length = Math.max(MINUTE_MS, length / 4); // the answer only has the window's first events, not its last
        continue;
      }
      const holeMs = firstUnindexed(current, startMs, endMs, direction, beganMs - OPEN_END_MS);
      const event = adjacentEvent(current, atMs, direction);
      if (event && (holeMs === null || (holeMs - event.atMs) * direction > 0)) return { event, endMs: event.atMs, why: 'found' };
      if (holeMs !== null) {
        edgeMs = holeMs;
        if (coverage.indexing === null) return { event: null, endMs: edgeMs, why: 'stopped' };
        if (this.isOverdue(beganMs)) return { event: null, endMs: edgeMs, why: 'bound' };
        await this.pause();
        continue;
      }
      edgeMs = direction > 0 && current.completeUntilMs !== null ? current.completeUntilMs + 1 : farMs;
      length = Math.min(LARGEST_MS, length * 2);
      if (direction < 0 && edgeMs <= this.sinceMs) break;
    }
    return { event: null, endMs: edgeMs, why: 'edge' };
  }
}

/**
 * Return the near end of the first span, in search direction, that is not indexed yet; null if there is none.
 *
 * @param {Row} row
 * @param {number} startMs
 * @param {number} endMs
 * @param {1|-1} direction
 * @param {number} openMs end of the time that is ever indexed
 */
function firstUnindexed(row, startMs, endMs, direction, openMs) {
  const holes = row.spans.filter((span) => span.state === 'not_asked' && span.startMs < Math.min(endMs, openMs) && span.endMs > startMs);
  const hole = direction > 0 ? holes[0] : holes.at(-1);
  if (!hole) return null;
  return direction > 0 ? Math.max(startMs, hole.startMs) : Math.min(endMs, hole.endMs);
}
