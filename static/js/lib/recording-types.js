// @ts-check
/** Types of the API's answers about recording on the server. */
export {};

/**
 * @typedef {'off'|'continuous'|'schedule'|'events'} RecordingMode
 * @typedef {'main'|'sub'|'both'} RecordingQuality
 * @typedef {{weekday: number, from_minute: number, until_minute: number}} WeekSpan `weekday`: 0 is Monday
 * @typedef {{mode: RecordingMode, quality: RecordingQuality, schedule: WeekSpan[], time_zone: string, pre_s: number,
 *   post_s: number, keep_days: number|null, keep_bytes: number|null, limit_days: number|null, backfills: boolean}} RuleDraft
 *   `time_zone`: an IANA name, '' for the server's
 * @typedef {RuleDraft & {server_time_zone?: string}} RecordingRule
 *
 * @typedef {'off'|'recording'|'waiting'|'paused'|'problem'} RecordingStateName
 * @typedef {{channel: number, mode: RecordingMode, quality: RecordingQuality, state: RecordingStateName,
 *   since: string|null, reason: string|null, paused_by: string|null, paused_until: string|null,
 *   written_until: string|null}} RecordingState
 *
 * @typedef {{id: number, camera_id: number, channel: number, camera_name: string, channel_name: string,
 *   origin: 'server'|'device', start_time: string, end_time: string|null, reason: string, detail: string,
 *   seen: boolean}} RecordingAlert `end_time`: null while the gap goes on
 *
 * @typedef {'ok'|'slow'|'full'|'read_only'|'gone'} VolumeState
 * @typedef {{id: string, name: string, state: VolumeState, detail: string, size_bytes: number|null,
 *   free_bytes: number|null, used_bytes: number, kept_bytes: number, floor_bytes: number, inflow_bytes_per_day: number, full_at: string|null,
 *   next_to_go: {camera_id: number, channel: number}|null}} StorageVolume `next_to_go`: the recording that
 *   is deleted next
 * @typedef {{camera_id: number, camera_name: string|null, channel: number, channel_name: string|null, bytes: number,
 *   kept_bytes: number, oldest: string|null, newest: string|null,
 *   inflow_bytes_per_day: number, wished_days: number|null, expected_days: number|null,
 *   limit_days: number|null}} StorageChannel
 * @typedef {{volumes: StorageVolume[], channels: StorageChannel[]}} Storage
 *
 * @typedef {{camera_id: number, channel: number, start_time: string, end_time: string, reason: string,
 *   until?: string|null}} KeptDraft
 * @typedef {KeptDraft & {id: number, by: string, created_at: string, limited_until: string|null,
 *   may_delete: boolean}} KeptRange `limited_until`: the limit by law deletes its beginning then
 */
