// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} CopyOfExport The changes of a working copy.
 * @property {boolean} burn_time
 * @property {RectangleOfCopy[]} blur
 * @property {number|null} height
 */

/**
 * @typedef {object} Estimate `about`: the size follows from a bit rate, not from files of the app. `free_bytes`: for
 *   exports.
 * @property {number|null} seconds
 * @property {number} bytes
 * @property {boolean} about
 * @property {number} free_bytes
 */

/**
 * @typedef {object} Export A job. `error`: why it waits (`queued`) or failed, or that a `done` one lacks something:
 *   recorded time (`incomplete`), or working copies (`copy_failed`). `expires_at`: its files are deleted then; null:
 *   never.
 * @property {number} id
 * @property {string} owner
 * @property {string} name
 * @property {string} notes
 * @property {'mp4'|'original'|'h264'} format mp4: video copied bit by bit, audio as AAC; H.265 needs a newer player.
 *   original: an MKV with the audio as it was recorded, too. h264: as mp4, and beside each H.265 video a copy that is
 *   encoded as H.264, which every player plays
 * @property {boolean} subtitles
 * @property {CopyOfExport[]} copies
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
 * @property {string} link page with this export, for its owner and admins, after a login (see PUBLIC_URL)
 */

/**
 * @typedef {object} ExportList `used_bytes`: disk space of the files of all users' exports; `limit_bytes`: most that
 *   they may use together.
 * @property {Export[]} exports
 * @property {number} used_bytes
 * @property {number} limit_bytes
 */

/**
 * @typedef {'queued'|'running'|'paused'|'done'|'failed'|'cancelled'} ExportState `queued` includes jobs that wait for
 *   their recorder; their `problem` says why.
 */

/**
 * @typedef {'master'|'original'|'working_copy'|'subtitles'} FileKind `master` and `original` have the frames of the
 *   recorder bit by bit, `working_copy` has encoded ones.
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
 * @property {FileKind} kind
 * @property {boolean} derived the video is encoded again, so it is not the recorder's
 * @property {string} codec
 * @property {number|null} width pixels; null for subtitles, and if it is not known
 * @property {number|null} height
 * @property {string|null} audio_codec null: no audio, or not known
 * @property {string|null} recorded_audio_codec of the recorder; audio_codec differs if it was converted
 * @property {string|null} audio_left_out why the file lacks the audio of the recorder: `the app does not play G.726 in
 *   recordings`
 * @property {number} lead_in_s a player shows this much before start_time: an MKV begins with a key frame, without an
 *   edit list
 * @property {number} lead_out_s a player shows this much after end_time
 * @property {number} frames_lost frames that came incomplete from the recorder and are missing
 * @property {boolean} time_confirmed
 */

/**
 * @typedef {object} GapOfExport A part of a range that no file shows. `server`: the name of the server that has it, for
 *   the reason away.
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {string} reason not_recorded; not_sent: the list of recordings has one; away: only another server has it,
 *   which does not answer; unknown; or why the server has not recorded it, as in coverage
 * @property {string|null} server
 */

/**
 * @typedef {object} Progress `done_s` and `total_s`: seconds of video. Those that are recorded count, and those of
 *   copies to be encoded.
 * @property {number|null} done_s
 * @property {number|null} total_s
 * @property {number} bytes
 */

/**
 * @typedef {object} RangeOfExport `poster`: address of a small JPEG, the first frame; null until there is one. `gaps`:
 *   once the export is done.
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {string|null} poster
 * @property {GapOfExport[]} gaps
 */

/**
 * @typedef {object} RectangleOfCopy A part of the picture, from its top left corner, 0 to 1.
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */
