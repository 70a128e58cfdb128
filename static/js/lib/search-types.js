// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} Search A search. While it waits for its turn or its recorder, `waits_for` and `problem` tell why.
 * @property {number} id
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {number[][]} points the corners [x, y], as parts of the picture
 * @property {SearchKind} kind
 * @property {'device'|'server'|null} source
 * @property {SearchState} state waiting: the quick steps are done, and `continue` begins the exhaustive one, see
 *   `estimate`
 * @property {WaitsFor|null} waits_for turn: other searches run. recorder: viewers use its replay sessions, or it is
 *   away. user: waiting
 * @property {number|null} progress the part of the recorded time that was looked at, 0 to 1
 * @property {number|null} recorded_s seconds of the range that are recorded
 * @property {number} key_frames fetched so far
 * @property {number} bytes from the recorder so far
 * @property {SearchEstimate|null} estimate null before state waiting
 * @property {Problem|null} problem why it waits, has failed, or is incomplete
 * @property {boolean} is_small fewer than 24 pixels in a direction: the answers are unsure
 * @property {SearchResult[]} results the strongest first; at most 500
 * @property {string} by the user who asked
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} ended_at
 */

/**
 * @typedef {object} SearchEstimate The cost of the rest, which only `continue` begins.
 * @property {number} key_frames
 * @property {number} bytes from the recorder; 0 for recordings of this server
 * @property {number|null} seconds
 */

/** @typedef {'moved'|'changed'} SearchKind The question of a search. */

/**
 * @typedef {object} SearchList The searches of the last day that you may see.
 * @property {boolean} can_compare false: the index and events alone answer, until packages are installed
 * @property {string} install_command the command that installs the packages
 * @property {Search[]} searches
 */

/**
 * @typedef {object} SearchResult A stretch of time with a movement, or the moment of a lasting change.
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {number|null} score 0 to 1: changed part, contrast, length and rarity
 * @property {string} picture_time the moment that shows it best
 * @property {string} picture_url a JPEG, 320 pixels wide; 202 with Retry-After while it is made
 * @property {string|null} before_picture_url changed: the same place before the change
 * @property {string} play_url the page that plays it, from a little before
 */

/**
 * @typedef {'estimating'|'waiting'|'running'|'done'|'cancelled'|'failed'} SearchState `waiting`: the quick steps are
 *   done, and the user decides about the exhaustive one.
 */

/** @typedef {'turn'|'recorder'|'user'} WaitsFor The reason why an unfinished search makes no progress. */
