// @ts-check
/** Types of recording on the server: those of the API's answers, and those of requests. */
export {};

/**
 * @typedef {import('./archive-types.js').RecordingRule} RecordingRule
 * @typedef {RecordingRule['mode']} RecordingMode
 * @typedef {RecordingRule['schedule'][number]} WeekSpan
 * @typedef {Omit<RecordingRule, 'server_time_zone'|'pre_roll_bytes'>} RuleDraft
 * @typedef {import('./archive-types.js').ChannelRecordingState} RecordingState
 * @typedef {import('./archive-types.js').RecordingAlert} RecordingAlert
 * @typedef {import('./archive-types.js').Volume} StorageVolume
 * @typedef {import('./archive-types.js').StoredChannel} StorageChannel
 * @typedef {import('./archive-types.js').Storage} Storage
 * @typedef {import('./archive-types.js').KeptRange} KeptRange
 * @typedef {{camera_id: number, channel: number, start_time: string, end_time: string, reason: string,
 *   until: string|null}} KeptDraft
 */
