// @ts-check
/** Growing delays between tries. */

/**
 * @typedef {{startMs: number, maxMs: number, firstMs?: number, jitter?: number}} Backoff the delay starts with `startMs`
 *   and doubles up to `maxMs`; `firstMs`: another delay before the first retry; `jitter`: each delay varies by this share
 */

/**
 * Return the delay before the next try, in ms.
 *
 * @param {number} attempt failed tries so far, from 0
 * @param {Backoff} backoff
 * @param {() => number} [random] 0 to 1
 */
export function backoffMs(attempt, { startMs, maxMs, firstMs, jitter = 0 }, random = Math.random) {
  const doublings = firstMs === undefined ? attempt : attempt - 1;
  const delayMs = doublings < 0 ? (firstMs ?? startMs) : Math.min(maxMs, startMs * 2 ** doublings);
  return delayMs * (1 + jitter * (2 * random() - 1));
}
