// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').GapReason} GapReason */

/**
 * @typedef {object} ChannelRecordingState What the server does with a channel now.
 * @property {number} channel
 * @property {RecordingMode} mode
 * @property {'main'|'sub'|'both'} quality the streams to record; a channel without a sub stream is recorded by its main
 *   stream
 * @property {'off'|'recording'|'waiting'|'paused'|'problem'} state waiting: for the schedule, for an event, or for the
 *   first frame
 * @property {string|null} since since when the state holds
 * @property {GapReason|null} reason the reason why nothing is recorded
 * @property {string|null} paused_by
 * @property {string|null} paused_until
 * @property {string|null} written_until time of the last frame that was written
 */

/**
 * @typedef {'device'|'server'} Origin The place of a recording: on the device's own disks, or on those of this server.
 */

/**
 * @typedef {object} RecordingAlert A gap of a minute or more. `origin` device: the recorder itself did not record.
 * @property {number} id
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} camera_name
 * @property {string} channel_name
 * @property {Origin} origin
 * @property {string} start_time RFC 3339, UTC
 * @property {string|null} end_time null: the gap goes on
 * @property {GapReason} reason
 * @property {string} detail the reason as a sentence
 * @property {boolean} seen
 */

/** @typedef {{alerts: RecordingAlert[]}} RecordingAlerts */

/** @typedef {'off'|'continuous'|'schedule'|'events'} RecordingMode The time that a rule records. */

/**
 * @typedef {object} RecordingRule The rule of a channel; `server_time_zone` is the one of an empty `time_zone`.
 * @property {RecordingMode} mode
 * @property {'main'|'sub'|'both'} quality the streams to record; a channel without a sub stream is recorded by its main
 *   stream
 * @property {ScheduleSpan[]} schedule
 * @property {string} time_zone
 * @property {number} pre_s
 * @property {number} post_s
 * @property {number|null} keep_days
 * @property {number|null} keep_bytes
 * @property {number|null} limit_days
 * @property {boolean} backfills
 * @property {string} server_time_zone
 */

/** @typedef {{channels: ChannelRecordingState[]}} RecordingStates */

/**
 * @typedef {object} ScheduleSpan
 * @property {number} weekday 0: Monday
 * @property {number} from_minute
 * @property {number} until_minute
 */
