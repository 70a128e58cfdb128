// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').GapReason} GapReason */
/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} Backfill A job that fetches a range from the recorder's own disks. `error`: why it waits (`queued`)
 *   or failed, or that the recorder did not send everything that it lists (`done`, `not_on_recorder`).
 * @property {number} id
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {BackfillState} state
 * @property {BackfillProgress} progress
 * @property {number|null} eta_s null while it is not known
 * @property {number|null} lacking_s time that the recorder listed and did not send; it is not requested again
 * @property {number} frames_lost frames that came incomplete, also at a second try, and are missing
 * @property {boolean} automatic made by the rule of the channel
 * @property {string} by the user who asked for it; "" for an automatic one
 * @property {Problem|null} error
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} ended_at
 */

/**
 * @typedef {object} BackfillEstimate The part of a range that the recorder has and the server lacks.
 * @property {number|null} seconds
 * @property {number} bytes by the bit rate that the device states
 * @property {boolean} about the recorder cannot tell exactly what it has recorded
 * @property {number|null} missing_s time that neither the server nor the recorder has
 * @property {FetchableSpan[]} spans
 */

/** @typedef {{backfills: Backfill[], proposals: BackfillProposal[]}} BackfillList */

/**
 * @typedef {object} BackfillProgress `done_s` and `total_s`: seconds of video, which count once they are on the
 *   server's disk.
 * @property {number|null} done_s
 * @property {number|null} total_s
 * @property {number} bytes
 */

/**
 * @typedef {object} BackfillProposal A gap of a channel that the recorder can fill, and whose rule does not fill gaps
 *   by itself.
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {number|null} seconds
 * @property {number} bytes by the bit rate that the device states
 */

/** @typedef {'queued'|'running'|'paused'|'done'|'failed'|'cancelled'} BackfillState */

/**
 * @typedef {object} ChannelRecordingState The present state of a channel's recording.
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
 * @property {number|null} pre_roll_s events: seconds before an event that the memory suffices for; null if it suffices
 *   for the rule
 */

/**
 * @typedef {object} FetchableSpan
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 */

/** @typedef {{kept: KeptRange[]}} KeptList */

/**
 * @typedef {object} KeptRange A range that the app does not delete by itself.
 * @property {number} id
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {string} reason
 * @property {string|null} until
 * @property {string} by
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} limited_until the channel has a limit by law, which wins: its beginning is deleted at this
 *   time. null: no limit
 * @property {boolean} may_delete you may release it: it is yours, or you are an admin
 */

/**
 * @typedef {object} NewKeptRange A range that was just kept, with the parts of it that the server has and lacks. The
 *   last two minutes may still come.
 * @property {number} id
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {string} reason
 * @property {string|null} until
 * @property {string} by
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} limited_until the channel has a limit by law, which wins: its beginning is deleted at this
 *   time. null: no limit
 * @property {boolean} may_delete you may release it: it is yours, or you are an admin
 * @property {number|null} on_server_s
 * @property {number|null} missing_s the recorder may have it
 * @property {number|null} backfill_id fetches the missing part, because the rule of the channel fills gaps. null: you
 *   can ask for it
 */

/**
 * @typedef {object} NextToGo The recording that the app deletes first if the volume needs space.
 * @property {number} camera_id
 * @property {number} channel
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 */

/**
 * @typedef {object} ObjectStorage The bucket with copies of the recordings (OBJECT_STORAGE_URL), as the server that
 *   answers sees it.
 * @property {string} url
 * @property {StorageState} state of the last request to it
 * @property {string} detail the reason of the state, for people; empty if it is `ok`
 * @property {WaitingFiles[]} waiting of all servers
 * @property {number} copies files in the bucket
 * @property {number} copies_bytes
 * @property {number} only_copies of `copies`: those whose file is on no disk any more
 * @property {number} only_copies_bytes
 * @property {number|null} days as OBJECT_STORAGE_DAYS; 0: a copy has the days of its channel's rule
 * @property {string|null} last_copy_at the last upload of the server that answers, since its start
 * @property {ObjectStorageError|null} last_error
 */

/**
 * @typedef {object} ObjectStorageError The last failure since the start of the server that answers.
 * @property {StorageState} state
 * @property {string} detail for people
 * @property {string} at RFC 3339, UTC
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
 * @property {number} pre_roll_bytes the most memory for the pre-roll of one stream: at a high bit rate, it may not
 *   suffice for `pre_s`
 */

/** @typedef {{channels: ChannelRecordingState[]}} RecordingStates */

/**
 * @typedef {object} ScheduleSpan
 * @property {number} weekday 0: Monday
 * @property {number} from_minute
 * @property {number} until_minute
 */

/**
 * @typedef {object} Storage
 * @property {Volume[]} volumes
 * @property {StoredChannel[]} channels
 * @property {string[]} silent_nodes servers (nodes) that do not answer within a second, so their part is missing;
 *   usually empty
 * @property {ObjectStorage|null} [object_storage] null without OBJECT_STORAGE_URL
 */

/**
 * @typedef {'ok'|'unreachable'|'untrusted'|'refused'|'no_bucket'|'full'|'failed'} StorageState The state of the object
 *   storage, as the last request to it showed.
 */

/**
 * @typedef {object} StoredChannel A channel with recordings or a rule. Names are null if the camera or channel is not
 *   known any more. With several servers, a channel is listed once for each that has recordings of it or records it.
 * @property {string} node the server (node) with the recordings; empty for a single server
 * @property {number} camera_id
 * @property {string|null} camera_name
 * @property {number} channel
 * @property {string|null} channel_name
 * @property {number} bytes
 * @property {number} kept_bytes of `bytes`: in kept ranges
 * @property {string|null} oldest begin of its oldest recording that is not kept
 * @property {string|null} newest
 * @property {number} inflow_bytes_per_day
 * @property {number|null} wished_days as its rule says, by days, bytes and limit; null without a limit
 * @property {number|null} expected_days how far back its recordings will reach; null if unknown
 * @property {number|null} limit_days recordings beyond it are always deleted, kept ones too
 */

/**
 * @typedef {object} Volume A folder of ARCHIVE_DIRS. `slow` is still written to.
 * @property {string} node the server (node) with the disk; empty for a single server
 * @property {string} id
 * @property {string} name the folder
 * @property {VolumeState} state
 * @property {string} detail the reason of the state, for people; empty if it is `ok`
 * @property {number|null} size_bytes null while the volume does not answer
 * @property {number|null} free_bytes
 * @property {number} used_bytes by recordings
 * @property {number} kept_bytes of `used_bytes`: in kept ranges
 * @property {number} floor_bytes with less free space the oldest recordings are deleted
 * @property {number} inflow_bytes_per_day measured over the last week or day; in the first day at least by the bit
 *   rates of the cameras
 * @property {string|null} full_at from then on the oldest recordings go; null if the limits of all channels fit
 * @property {NextToGo|null} next_to_go
 * @property {number} damaged_files files that nothing can be read from; they are deleted like recordings
 * @property {number} damaged_bytes of `used_bytes`: in damaged files
 */

/**
 * @typedef {'ok'|'slow'|'full'|'read_only'|'gone'} VolumeState The state of a volume. Files are written to it only if
 *   it is OK or SLOW.
 */

/**
 * @typedef {object} WaitingFiles The finished files of a server that have no copy in the object storage yet.
 * @property {string} node the server (node) with the files; empty for a single server
 * @property {number} files
 * @property {number} bytes
 * @property {string} oldest begin of the oldest one
 */
