// @ts-check
/** Delays before another try, by error code. */

import { backoffMs } from './backoff.js';

/** Fixed delays before another try, in seconds, by error code. All other codes have a growing delay. */
const FIXED_S = /** @type {Record<string, number>} */ ({
  storage_full: 20,
  stream_limit: 15,
  transcode_limit: 15,
  ffmpeg_missing: 60,
  camera_no_signal: 30,
});

/** Codes that another try cannot help: a user has to change something first. */
const FINAL = new Set(['camera_auth_failed', 'certificate_changed', 'not_found', 'invalid_request', 'camera_unsupported', 'cannot_play']);

const UNREACHABLE = { startMs: 1000, maxMs: 5000, jitter: 0.15 };
const OTHER = { startMs: 3000, maxMs: 30_000, jitter: 0.15 };

/**
 * @param {string} code
 * @param {number} attempt counts from 0
 * @param {() => number} [random] 0 to 1
 * @returns {number|null} seconds until the next try; null if there is none without the user
 */
export function retryDelayS(code, attempt, random = Math.random) {
  if (FINAL.has(code)) return null;
  if (Object.hasOwn(FIXED_S, code)) return /** @type {number} */ (FIXED_S[code]);
  return backoffMs(attempt, code === 'server_unreachable' ? UNREACHABLE : OTHER, random) / 1000;
}
