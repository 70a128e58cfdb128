// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} Estimate `about`: the size follows from a typical bit rate. `free_bytes`: disk space for exports.
 * @property {number|null} seconds
 * @property {number} bytes
 * @property {boolean} about
 * @property {number} free_bytes
 */

/**
 * @typedef {object} Export A job. `error`: why it waits (`queued`) or failed, or that a `done` one lacks something
 *   (`incomplete`). `expires_at`: its files are deleted then; null: never.
 * @property {number} id
 * @property {string} owner
 * @property {string} name
 * @property {string} notes
 * @property {'mp4'} format mp4: plays everywhere; video copied bit by bit, audio as AAC
 * @property {boolean} subtitles
 * @property {ExportState} state
 * @property {RangeOfExport[]} ranges
 * @property {FileOfExport[]} files
 * @property {Progress} progress
 * @property {number|null} eta_s null while it is not known
 * @property {number|null} speed recorded seconds per second; null while it is not known
 * @property {Problem|null} error
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} ended_at
 * @property {string|null} expires_at
 * @property {boolean} kept
 * @property {string} link page with this export, to share; it asks for a login (see PUBLIC_URL)
 */

/** @typedef {{exports: Export[]}} ExportList */

/**
 * @typedef {'queued'|'running'|'paused'|'done'|'failed'|'cancelled'} ExportState `queued` includes jobs that wait for
 *   their recorder; their `problem` says why.
 */

/**
 * @typedef {object} FileOfExport A finished file. A player shows `start_time` to `end_time`, which are times of the
 *   recorder's frames.
 * @property {string} name
 * @property {number} bytes
 * @property {string} sha256
 * @property {string} url with Range and ETag
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {string} codec
 * @property {number} frames_lost frames that came incomplete from the recorder and are missing
 * @property {boolean} time_confirmed
 */

/**
 * @typedef {object} Progress `done_s` and `total_s`: recorded seconds.
 * @property {number|null} done_s
 * @property {number|null} total_s
 * @property {number} bytes
 */

/**
 * @typedef {object} RangeOfExport
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 */
