// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./account-types.js').AllowedCamera} AllowedCamera */
/** @typedef {import('./account-types.js').AuditLine} AuditLine */
/** @typedef {import('./account-types.js').AuditList} AuditList */
/** @typedef {import('./archive-types.js').Backfill} Backfill */
/** @typedef {import('./archive-types.js').BackfillEstimate} BackfillEstimate */
/** @typedef {import('./archive-types.js').BackfillList} BackfillList */
/** @typedef {import('./archive-types.js').BackfillProgress} BackfillProgress */
/** @typedef {import('./archive-types.js').BackfillProposal} BackfillProposal */
/** @typedef {import('./archive-types.js').BackfillState} BackfillState */
/** @typedef {import('./case-types.js').Case} Case */
/** @typedef {import('./case-types.js').CaseList} CaseList */
/** @typedef {import('./motion-types.js').ChannelMotion} ChannelMotion */
/** @typedef {import('./motion-types.js').ChannelMotionState} ChannelMotionState */
/** @typedef {import('./archive-types.js').ChannelRecordingState} ChannelRecordingState */
/** @typedef {import('./export-types.js').CopyOfExport} CopyOfExport */
/** @typedef {import('./notification-types.js').Delivery} Delivery */
/** @typedef {import('./notification-types.js').DeliveryList} DeliveryList */
/** @typedef {import('./detector-types.js').Detector} Detector */
/** @typedef {import('./detector-types.js').DetectorModel} DetectorModel */
/** @typedef {import('./notification-types.js').Email} Email */
/** @typedef {import('./export-types.js').Estimate} Estimate */
/** @typedef {import('./event-types.js').Event} Event */
/** @typedef {import('./event-types.js').EventChannel} EventChannel */
/** @typedef {import('./event-types.js').EventDay} EventDay */
/** @typedef {import('./event-types.js').EventDays} EventDays */
/** @typedef {import('./notification-types.js').EventKind} EventKind */
/** @typedef {import('./event-types.js').EventList} EventList */
/** @typedef {import('./event-types.js').EventMessage} EventMessage */
/** @typedef {import('./event-types.js').EventNews} EventNews */
/** @typedef {import('./event-types.js').EventProblem} EventProblem */
/** @typedef {import('./event-types.js').EventSwitch} EventSwitch */
/** @typedef {import('./event-types.js').EventTopic} EventTopic */
/** @typedef {import('./event-types.js').EventTopics} EventTopics */
/** @typedef {import('./event-types.js').EventZone} EventZone */
/** @typedef {import('./event-types.js').EventZones} EventZones */
/** @typedef {import('./case-types.js').EvidenceKey} EvidenceKey */
/** @typedef {import('./case-types.js').EvidencePackage} EvidencePackage */
/** @typedef {import('./export-types.js').Export} Export */
/** @typedef {import('./export-types.js').ExportList} ExportList */
/** @typedef {import('./export-types.js').ExportState} ExportState */
/** @typedef {import('./archive-types.js').FetchableSpan} FetchableSpan */
/** @typedef {import('./export-types.js').FileKind} FileKind */
/** @typedef {import('./export-types.js').FileOfExport} FileOfExport */
/** @typedef {import('./export-types.js').GapOfExport} GapOfExport */
/** @typedef {import('./ptz-types.js').Imaging} Imaging */
/** @typedef {import('./ptz-types.js').ImagingBefore} ImagingBefore */
/** @typedef {import('./ptz-types.js').ImagingCutFilter} ImagingCutFilter */
/** @typedef {import('./ptz-types.js').ImagingRange} ImagingRange */
/** @typedef {import('./ptz-types.js').ImagingWideDynamicRange} ImagingWideDynamicRange */
/** @typedef {import('./archive-types.js').KeptList} KeptList */
/** @typedef {import('./archive-types.js').KeptRange} KeptRange */
/** @typedef {import('./account-types.js').LoginSession} LoginSession */
/** @typedef {import('./account-types.js').LoginSessionList} LoginSessionList */
/** @typedef {import('./account-types.js').MadeToken} MadeToken */
/** @typedef {import('./detector-types.js').ModelTrial} ModelTrial */
/** @typedef {import('./motion-types.js').Motion} Motion */
/** @typedef {import('./motion-types.js').MotionBlob} MotionBlob */
/** @typedef {import('./motion-types.js').MotionChannel} MotionChannel */
/** @typedef {import('./motion-types.js').MotionChild} MotionChild */
/** @typedef {import('./motion-types.js').MotionNow} MotionNow */
/** @typedef {import('./notification-types.js').Mqtt} Mqtt */
/** @typedef {import('./archive-types.js').NewKeptRange} NewKeptRange */
/** @typedef {import('./archive-types.js').NextToGo} NextToGo */
/** @typedef {import('./node-types.js').Node} Node */
/** @typedef {import('./node-types.js').NodeList} NodeList */
/** @typedef {import('./node-types.js').NodeState} NodeState */
/** @typedef {import('./archive-types.js').ObjectStorage} ObjectStorage */
/** @typedef {import('./archive-types.js').ObjectStorageError} ObjectStorageError */
/** @typedef {import('./archive-types.js').Origin} Origin */
/** @typedef {import('./case-types.js').PackageState} PackageState */
/** @typedef {import('./export-types.js').Progress} Progress */
/** @typedef {import('./ptz-types.js').Ptz} Ptz */
/** @typedef {import('./ptz-types.js').PtzDone} PtzDone */
/** @typedef {import('./ptz-types.js').PtzIris} PtzIris */
/** @typedef {import('./ptz-types.js').PtzMover} PtzMover */
/** @typedef {import('./ptz-types.js').PtzPreset} PtzPreset */
/** @typedef {import('./ptz-types.js').PtzPresetList} PtzPresetList */
/** @typedef {import('./ptz-types.js').PtzTour} PtzTour */
/** @typedef {import('./ptz-types.js').PtzTourList} PtzTourList */
/** @typedef {import('./ptz-types.js').PtzTourStop} PtzTourStop */
/** @typedef {import('./notification-types.js').PushKey} PushKey */
/** @typedef {import('./export-types.js').RangeOfExport} RangeOfExport */
/** @typedef {import('./archive-types.js').RecordingAlert} RecordingAlert */
/** @typedef {import('./archive-types.js').RecordingAlerts} RecordingAlerts */
/** @typedef {import('./archive-types.js').RecordingMode} RecordingMode */
/** @typedef {import('./archive-types.js').RecordingRule} RecordingRule */
/** @typedef {import('./archive-types.js').RecordingStates} RecordingStates */
/** @typedef {import('./export-types.js').RectangleOfCopy} RectangleOfCopy */
/** @typedef {import('./ptz-types.js').RelayList} RelayList */
/** @typedef {import('./ptz-types.js').RelayOutput} RelayOutput */
/** @typedef {import('./notification-types.js').Rule} Rule */
/** @typedef {import('./notification-types.js').RuleList} RuleList */
/** @typedef {import('./archive-types.js').ScheduleSpan} ScheduleSpan */
/** @typedef {import('./search-types.js').Search} Search */
/** @typedef {import('./search-types.js').SearchEstimate} SearchEstimate */
/** @typedef {import('./search-types.js').SearchKind} SearchKind */
/** @typedef {import('./search-types.js').SearchList} SearchList */
/** @typedef {import('./search-types.js').SearchResult} SearchResult */
/** @typedef {import('./search-types.js').SearchState} SearchState */
/** @typedef {import('./account-types.js').Session} Session */
/** @typedef {import('./motion-types.js').ShownZone} ShownZone */
/** @typedef {import('./event-types.js').SimilarEvent} SimilarEvent */
/** @typedef {import('./event-types.js').SimilarEvents} SimilarEvents */
/** @typedef {import('./notification-types.js').Sink} Sink */
/** @typedef {import('./notification-types.js').SinkList} SinkList */
/** @typedef {import('./notification-types.js').SinkState} SinkState */
/** @typedef {import('./archive-types.js').Storage} Storage */
/** @typedef {import('./archive-types.js').StorageState} StorageState */
/** @typedef {import('./archive-types.js').StoredChannel} StoredChannel */
/** @typedef {import('./notification-types.js').Subscription} Subscription */
/** @typedef {import('./notification-types.js').SubscriptionList} SubscriptionList */
/** @typedef {import('./notification-types.js').TestResult} TestResult */
/** @typedef {import('./wall-types.js').Tile} Tile */
/** @typedef {import('./account-types.js').Token} Token */
/** @typedef {import('./account-types.js').TokenList} TokenList */
/** @typedef {import('./detector-types.js').TrialObject} TrialObject */
/** @typedef {import('./event-types.js').UnderstoodWords} UnderstoodWords */
/** @typedef {import('./account-types.js').User} User */
/** @typedef {import('./account-types.js').UserList} UserList */
/** @typedef {import('./archive-types.js').Volume} Volume */
/** @typedef {import('./archive-types.js').VolumeState} VolumeState */
/** @typedef {import('./archive-types.js').WaitingFiles} WaitingFiles */
/** @typedef {import('./search-types.js').WaitsFor} WaitsFor */
/** @typedef {import('./wall-types.js').Wall} Wall */
/** @typedef {import('./wall-types.js').WallList} WallList */
/** @typedef {import('./notification-types.js').Webhook} Webhook */

/** @typedef {{codec: string, sample_rate: number|null, channels: number|null}} Audio */

/**
 * @typedef {object} Camera
 * @property {number} id
 * @property {string} name
 * @property {string} host
 * @property {number|null} port
 * @property {string} username
 * @property {CameraStatus} status
 * @property {Problem|null} error of an online camera without ONVIF: its stream has no picture
 * @property {string} manufacturer
 * @property {string} model
 * @property {string} firmware
 * @property {number} channels
 * @property {string[]} services
 * @property {number|null} clock_offset_s device time minus the app's time
 * @property {string|null} last_seen_at
 * @property {boolean} pretend
 * @property {number|null} same_device_as an older camera with the same make, model and serial number
 * @property {boolean} onvif false: added by its stream addresses, without ONVIF; it has no recordings
 * @property {StreamUris|null} stream_uris a camera without ONVIF: its streams, without a login; `{password}` stands for
 *   the password. Only for admins
 * @property {string} address address of the device service: scheme, host, port and path
 * @property {boolean} readable_password logins that send the password readable are allowed
 * @property {string} recording_time_zone time zone of a recorder that keeps local time in its recordings, as a user has
 *   chosen it; empty: the app finds it
 * @property {Certificate|null} certificate of a device with TLS; a changed one goes first
 * @property {string|null} [place] with several servers, the same word for all cameras of one, for `/live?place=`; null:
 *   no server has the camera at the moment. Empty for a single server
 */

/** @typedef {{cameras: Camera[], next_cursor: string|null}} CameraList */

/** @typedef {'connecting'|'online'|'offline'|'auth_failed'} CameraStatus State of the connection with a device. */

/**
 * @typedef {object} Certificate The pinned TLS certificate of a device. It is pinned at its first use.
 * @property {number} port
 * @property {string} sha256
 * @property {string} pinned_at RFC 3339, UTC
 * @property {boolean} changed
 * @property {string|null} new_sha256 fingerprint of the other certificate, which the app refuses
 */

/**
 * @typedef {object} Channel
 * @property {number} channel
 * @property {string} name
 * @property {string} video_source_token
 * @property {boolean} hidden
 * @property {number} position
 * @property {Problem|null} problem
 * @property {Profile[]} profiles
 */

/**
 * @typedef {object} ChannelCoverage One row of the timeline. `spans` cover the whole window.
 * @property {number|null} channel the channel's number; null for a recording of an unknown channel
 * @property {string} name
 * @property {'server'|'job'|'video_source'|'name'|'only_channel'|'number'|'order'|'nothing'} matched_by
 * @property {string} recording_token
 * @property {CoverageSpan[]} spans
 * @property {RecordingEvent[]} events
 * @property {boolean} events_truncated
 */

/** @typedef {{channels: Channel[]}} ChannelList */

/** @typedef {{name: string, outcome: string, detail: string, took_ms: number|null, at: string|null}} Check */

/**
 * @typedef {object} Coverage
 * @property {ChannelCoverage[]} channels
 * @property {IndexingProgress|null} indexing null while no requests are sent to the device
 * @property {boolean} indexing_stopped true: a user stopped it; it continues after a resume or a search
 * @property {boolean} may_stop_indexing false: you may see only some channels, and stopping and resuming affect all
 *   channels
 * @property {boolean} event_search false: the device cannot search events, which report when it recorded
 * @property {number|null} clock_offset_s
 * @property {Problem|null} error why the requests to the device stopped before the end
 */

/**
 * @typedef {object} CoverageSpan
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {'recorded'|'not_recorded'|'not_asked'|'unknown'|'away'} state away: recorded, but only by another server
 *   that does not answer now
 * @property {string|null} recording_token the recording that plays this span, if it is recorded or may be
 * @property {'device'|'server'|null} source the place of that recording; null without one
 * @property {GapReason|null} reason why this server did not record a span with the state not_recorded, if it should
 *   have and knows it
 * @property {string|null} server the name of the other server that has the footage; null: this server, or the device
 *   itself
 * @property {boolean} from_object_storage true if the span plays from its copy in the object storage
 */

/** @typedef {{field: string, message: string}} FieldProblem */

/**
 * @typedef {object} Found
 * @property {string} host
 * @property {number} port
 * @property {string} name
 * @property {string} hardware
 * @property {boolean} already_added
 * @property {number|null} camera_id
 * @property {string} address address to add it with
 */

/** @typedef {{devices: Found[]}} FoundList */

/**
 * @typedef {object} FoundRecording A recording, clipped to the requested window, whatever the device returns.
 * @property {string} recording_token
 * @property {number|null} channel the channel's number; null for a recording of an unknown channel
 * @property {'server'|'job'|'video_source'|'name'|'only_channel'|'number'|'order'|'nothing'} matched_by
 * @property {'device'|'server'} source the place of the recording: the device's own disks, or this server
 * @property {string} source_name
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 * @property {Track[]} tracks
 * @property {Stretch[]} spans
 * @property {'known'|'unknown'} coverage unknown: the device does not report gaps, so parts of the spans may be empty
 */

/**
 * @typedef {object} FoundRecordings
 * @property {FoundRecording[]} recordings
 * @property {boolean} complete false: the device was not asked about the whole window
 * @property {string|null} next_cursor
 * @property {Problem|null} error why the result is incomplete, if not because the time was up
 */

/**
 * @typedef
 *   {'switched_off'|'not_scheduled'|'no_event'|'paused'|'device_away'|'no_signal'|'refused'|'stalled'|'disk_full'|'disk_too_slow'|'disk_gone'|'server_off'|'clock_stepped'|'damaged'|'expired'|'unsupported'|'unknown'}
 *   GapReason The reason why a stretch of time is not in the archive, or why a stretch ended.
 */

/**
 * @typedef {object} Health
 * @property {Camera} camera
 * @property {string} serial
 * @property {string} hardware
 * @property {string} made_at RFC 3339, UTC
 * @property {string|null} clock_measured_at
 * @property {string|null} next_try_at
 * @property {number} failures
 * @property {Check[]} checks
 * @property {Channel[]} channels
 * @property {string} text the card as text for copying, without secrets
 * @property {string|null} [node] with several servers, the name of the one with the connection; null: none has it at
 *   the moment. Empty for a single server
 */

/** @typedef {{done: number, total: number}} IndexingProgress Progress in hours of recorded time. */

/**
 * @typedef {object} KnownRecording
 * @property {string} recording_token
 * @property {number|null} channel the channel's number; null for a recording of an unknown channel
 * @property {'server'|'job'|'video_source'|'name'|'only_channel'|'number'|'order'|'nothing'} matched_by
 * @property {'device'|'server'} source the place of the recording: the device's own disks, or this server
 * @property {string} source_name
 * @property {string|null} earliest
 * @property {string|null} latest
 * @property {Track[]} tracks
 */

/**
 * @typedef {object} ListedStream
 * @property {string} stream_id
 * @property {number} camera_id
 * @property {string} profile_token
 * @property {StreamKind} kind
 * @property {StreamState} status
 * @property {Problem|null} error
 * @property {string} started_at RFC 3339, UTC
 * @property {number} uptime_s
 * @property {number} viewers
 * @property {number} restarts
 * @property {StreamVideo|null} video
 * @property {Audio|null} audio
 * @property {string|null} audio_left_out why there is no audio although the device offers some: `the device refuses its
 *   track`
 * @property {boolean} transcoding
 * @property {number|null} bitrate_kbps
 * @property {number|null} last_segment_age_s seconds since the last segment; for viewers of live video on sockets,
 *   since the last fragment
 * @property {number} frames_dropped frames that came from the device incomplete and were discarded, since the session's
 *   start. Frames that a slow viewer skips do not count
 * @property {string|null} damage the fault of the last discarded frame; null if none was discarded in the last ten
 *   seconds
 * @property {string} playlist_url
 * @property {'connecting'|'video'|'key_frame'|'buffering'|'hls'|'recording'|null} waiting_for why there is no video
 *   yet; `video`: the device has agreed to play and sends none; `key_frame`: it sends video, but no key frame has come;
 *   `hls`: this codec goes over HLS only, encoded; `recording`: a replay has sent everything that is recorded so far
 * @property {string|null} source_codec
 * @property {string|null} recording_token kind replay: the recording that plays now; `profile_token` is empty
 * @property {string|null} start_time kind replay: the true time of the first frame that plays now
 * @property {boolean|null} time_confirmed kind replay; false: the recorder sends no times, or times that fit neither
 *   the request nor its answer, so frames are counted from the requested time, or it writes local times and its time
 *   zone of then is not known; null before the first frame
 * @property {boolean|null} beats_real_time kind replay: true if the recorder sends faster than it recorded; null: not
 *   known (yet)
 * @property {ReplayQuality|null} replay_quality kind replay: the quality that plays; null until the recording was
 *   chosen
 * @property {boolean|null} has_sub_recording kind replay: true if the channel also has a recording of the sub stream at
 *   the time that plays; null until that is known
 * @property {string} node the server (node) that runs it; empty for a single server
 */

/**
 * @typedef {object} NodeCounts Servers (nodes) by state, as /api/nodes has them.
 * @property {number} alive
 * @property {number} leaving
 * @property {number} gone
 */

/**
 * @typedef {object} Ok
 * @property {'ok'} status
 * @property {string} node with several servers, the name of the one that answers; empty for a single server
 * @property {NodeCounts|null} nodes all servers, as this one has seen them last; null without a login, and for a single
 *   server
 */

/**
 * @typedef {object} PlaybackUri For another RTSP client, which needs its own user name and password.
 * @property {string} uri
 * @property {string} range
 * @property {string[]} requires
 */

/**
 * @typedef {object} PlayerLink An address for a player. `expires_at` null: it has no end, and works on this machine
 *   only, without accounts.
 * @property {string} address
 * @property {string|null} expires_at
 */

/** @typedef {{code: string, detail: string}} Problem A problem of a camera, channel or stream. */

/**
 * @typedef {object} ProblemDocument An error (RFC 9457), sent as application/problem+json.
 * @property {string} code
 * @property {string} detail
 * @property {string} type
 * @property {string} title
 * @property {number} status
 * @property {FieldProblem[]|null} [errors]
 * @property {string[]|null} [used_by] limits: the ids of the streams that use the limit up
 * @property {string|null} [service] camera_unsupported: the missing ONVIF service
 * @property {number|null} [camera_id] already_added: the id of the existing camera
 * @property {string|null} [moved_by] ptz_in_use: the name of the mover
 * @property {number|null} [moving_for_s] ptz_in_use: seconds since that user began
 * @property {number|null} [free_in_s] ptz_in_use: seconds until the head is free
 */

/** @typedef {{profile_token: string, name: string, role: ProfileRole, video: Video|null, audio: Audio|null}} Profile */

/** @typedef {'main'|'sub'|'other'} ProfileRole Role of a media profile within its channel. */

/**
 * @typedef {object} RecordingEvent
 * @property {string} time RFC 3339, UTC
 * @property {string} topic
 * @property {boolean|null} active
 */

/**
 * @typedef {object} RecordingPicture A time of the grid and the picture for it. pending: it is being made, or the
 *   device has not told yet whether it recorded then. missing: the device recorded then and gave no picture.
 * @property {string} time RFC 3339, UTC
 * @property {string|null} picture_time the device's own time of the picture; null before it is ready, and if no device
 *   confirms it
 * @property {'ready'|'pending'|'missing'|'not_recorded'} state
 * @property {string|null} url address of the picture; null unless it is ready
 */

/** @typedef {{pictures: RecordingPicture[]}} RecordingPictures */

/**
 * @typedef {object} RecordingSummary All recordings of a camera: those of the device, and those of this server.
 *   `service`: the ONVIF service that listed them, `server` if the device has none. `zone_s`: the device's present
 *   local time minus UTC; null if the device does not report it.
 * @property {string|null} data_from
 * @property {string|null} data_until
 * @property {number} number_recordings
 * @property {string} service
 * @property {KnownRecording[]} recordings
 * @property {number|null} clock_offset_s
 * @property {number|null} zone_s
 * @property {Problem|null} error why the recordings of the device are missing; null if they are not
 */

/**
 * @typedef {'full'|'sub'|'small'} ReplayQuality The video of a replay. FULL: the recording of the main stream, or of
 *   the only one.
 */

/**
 * @typedef {object} SoughtPlayback
 * @property {string} stream_id
 * @property {string} playlist_url of the new run; the previous playlist does not grow any more
 * @property {string} start_time time of the first frame: at or before the requested time
 * @property {boolean|null} time_confirmed false: the recorder confirms no times, so the true time may differ
 * @property {ReplayQuality|null} replay_quality the quality that plays
 * @property {boolean|null} has_sub_recording true if the channel has a recording of the sub stream there
 */

/**
 * @typedef {object} StartedPlayback A stream of kind `replay`. `start_time` is the requested time until the first frame
 *   has come.
 * @property {string} stream_id
 * @property {number} camera_id
 * @property {string} profile_token
 * @property {StreamKind} kind
 * @property {StreamState} status
 * @property {Problem|null} error
 * @property {string} started_at RFC 3339, UTC
 * @property {number} uptime_s
 * @property {number} viewers
 * @property {number} restarts
 * @property {StreamVideo|null} video
 * @property {Audio|null} audio
 * @property {string|null} audio_left_out why there is no audio although the device offers some: `the device refuses its
 *   track`
 * @property {boolean} transcoding
 * @property {number|null} bitrate_kbps
 * @property {number|null} last_segment_age_s seconds since the last segment; for viewers of live video on sockets,
 *   since the last fragment
 * @property {number} frames_dropped frames that came from the device incomplete and were discarded, since the session's
 *   start. Frames that a slow viewer skips do not count
 * @property {string|null} damage the fault of the last discarded frame; null if none was discarded in the last ten
 *   seconds
 * @property {string} playlist_url
 * @property {'connecting'|'video'|'key_frame'|'buffering'|'hls'|'recording'|null} waiting_for why there is no video
 *   yet; `video`: the device has agreed to play and sends none; `key_frame`: it sends video, but no key frame has come;
 *   `hls`: this codec goes over HLS only, encoded; `recording`: a replay has sent everything that is recorded so far
 * @property {string|null} source_codec
 * @property {string|null} recording_token kind replay: the recording that plays now; `profile_token` is empty
 * @property {string|null} start_time kind replay: the true time of the first frame that plays now
 * @property {boolean|null} time_confirmed kind replay; false: the recorder sends no times, or times that fit neither
 *   the request nor its answer, so frames are counted from the requested time, or it writes local times and its time
 *   zone of then is not known; null before the first frame
 * @property {boolean|null} beats_real_time kind replay: true if the recorder sends faster than it recorded; null: not
 *   known (yet)
 * @property {ReplayQuality|null} replay_quality kind replay: the quality that plays; null until the recording was
 *   chosen
 * @property {boolean|null} has_sub_recording kind replay: true if the channel also has a recording of the sub stream at
 *   the time that plays; null until that is known
 * @property {string} viewer_id
 */

/**
 * @typedef {object} StartedStream
 * @property {string} stream_id
 * @property {number} camera_id
 * @property {string} profile_token
 * @property {StreamKind} kind
 * @property {StreamState} status
 * @property {Problem|null} error
 * @property {string} started_at RFC 3339, UTC
 * @property {number} uptime_s
 * @property {number} viewers
 * @property {number} restarts
 * @property {StreamVideo|null} video
 * @property {Audio|null} audio
 * @property {string|null} audio_left_out why there is no audio although the device offers some: `the device refuses its
 *   track`
 * @property {boolean} transcoding
 * @property {number|null} bitrate_kbps
 * @property {number|null} last_segment_age_s seconds since the last segment; for viewers of live video on sockets,
 *   since the last fragment
 * @property {number} frames_dropped frames that came from the device incomplete and were discarded, since the session's
 *   start. Frames that a slow viewer skips do not count
 * @property {string|null} damage the fault of the last discarded frame; null if none was discarded in the last ten
 *   seconds
 * @property {string} playlist_url
 * @property {'connecting'|'video'|'key_frame'|'buffering'|'hls'|'recording'|null} waiting_for why there is no video
 *   yet; `video`: the device has agreed to play and sends none; `key_frame`: it sends video, but no key frame has come;
 *   `hls`: this codec goes over HLS only, encoded; `recording`: a replay has sent everything that is recorded so far
 * @property {string|null} source_codec
 * @property {string|null} recording_token kind replay: the recording that plays now; `profile_token` is empty
 * @property {string|null} start_time kind replay: the true time of the first frame that plays now
 * @property {boolean|null} time_confirmed kind replay; false: the recorder sends no times, or times that fit neither
 *   the request nor its answer, so frames are counted from the requested time, or it writes local times and its time
 *   zone of then is not known; null before the first frame
 * @property {boolean|null} beats_real_time kind replay: true if the recorder sends faster than it recorded; null: not
 *   known (yet)
 * @property {ReplayQuality|null} replay_quality kind replay: the quality that plays; null until the recording was
 *   chosen
 * @property {boolean|null} has_sub_recording kind replay: true if the channel also has a recording of the sub stream at
 *   the time that plays; null until that is known
 * @property {string} viewer_id
 */

/** @typedef {{stream_id: string, status: 'running'|'stopped'}} StoppedStream */

/** @typedef {'live'|'replay'} StreamKind */

/**
 * @typedef {object} StreamList
 * @property {ListedStream[]} streams
 * @property {string[]} silent_nodes servers (nodes) that do not answer within a second, so their part is missing;
 *   usually empty
 */

/**
 * @typedef {'starting'|'running'|'reconnecting'|'stalled'|'failed'|'stopped'} StreamState The life of a session. Only
 *   `stopped` is final: a `failed` one tries again, or plays after a seek.
 */

/**
 * @typedef {object} StreamStatus
 * @property {string} stream_id
 * @property {number} camera_id
 * @property {string} profile_token
 * @property {StreamKind} kind
 * @property {StreamState} status
 * @property {Problem|null} error
 * @property {string} started_at RFC 3339, UTC
 * @property {number} uptime_s
 * @property {number} viewers
 * @property {number} restarts
 * @property {StreamVideo|null} video
 * @property {Audio|null} audio
 * @property {string|null} audio_left_out why there is no audio although the device offers some: `the device refuses its
 *   track`
 * @property {boolean} transcoding
 * @property {number|null} bitrate_kbps
 * @property {number|null} last_segment_age_s seconds since the last segment; for viewers of live video on sockets,
 *   since the last fragment
 * @property {number} frames_dropped frames that came from the device incomplete and were discarded, since the session's
 *   start. Frames that a slow viewer skips do not count
 * @property {string|null} damage the fault of the last discarded frame; null if none was discarded in the last ten
 *   seconds
 * @property {string} playlist_url
 * @property {'connecting'|'video'|'key_frame'|'buffering'|'hls'|'recording'|null} waiting_for why there is no video
 *   yet; `video`: the device has agreed to play and sends none; `key_frame`: it sends video, but no key frame has come;
 *   `hls`: this codec goes over HLS only, encoded; `recording`: a replay has sent everything that is recorded so far
 * @property {string|null} source_codec
 * @property {string|null} recording_token kind replay: the recording that plays now; `profile_token` is empty
 * @property {string|null} start_time kind replay: the true time of the first frame that plays now
 * @property {boolean|null} time_confirmed kind replay; false: the recorder sends no times, or times that fit neither
 *   the request nor its answer, so frames are counted from the requested time, or it writes local times and its time
 *   zone of then is not known; null before the first frame
 * @property {boolean|null} beats_real_time kind replay: true if the recorder sends faster than it recorded; null: not
 *   known (yet)
 * @property {ReplayQuality|null} replay_quality kind replay: the quality that plays; null until the recording was
 *   chosen
 * @property {boolean|null} has_sub_recording kind replay: true if the channel also has a recording of the sub stream at
 *   the time that plays; null until that is known
 */

/** @typedef {{main: string, sub: string|null}} StreamUris */

/** @typedef {{codec: string, width: number|null, height: number|null, fps: number|null}} StreamVideo */

/**
 * @typedef {object} Stretch
 * @property {string} start_time RFC 3339, UTC
 * @property {string} end_time RFC 3339, UTC
 */

/** @typedef {{track_token: string, type: 'video'|'audio'|'metadata', codec?: string|null}} Track */

/**
 * @typedef {object} Video
 * @property {string} codec
 * @property {number|null} width
 * @property {number|null} height
 * @property {number|null} fps
 * @property {number|null} bitrate_kbps
 * @property {number|null} gop
 */
