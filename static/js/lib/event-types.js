// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} Event An event. Texts in `topic`, `rule`, `label` and `zone` are the device's own.
 * @property {number} id
 * @property {number|null} camera_id null: it concerns the server itself
 * @property {string} camera_name
 * @property {number|null} channel null: the whole device, or a channel that the app does not know
 * @property {string} channel_name
 * @property {EventKind} kind
 * @property {string} topic of the device's message, without prefixes; empty for events of the app itself
 * @property {string} rule the device's detection rule, or the reason of an event of the app itself; of motion that the
 *   app has seen, the fate of its object: came_to_rest, left, or empty
 * @property {'device'|'server'|'import'|'watch'} source device: its messages; server: the app's own connection; import:
 *   the device's list of recorded events; watch: the app's own motion detector
 * @property {'alert'|'notice'} severity
 * @property {string} start_time RFC 3339, UTC
 * @property {string|null} end_time null: it goes on
 * @property {boolean} is_device_time `start_time` is the device's; otherwise the time of arrival
 * @property {string|null} device_time `start_time` by the device's own clock, as the device told it; null if the device
 *   did not tell it
 * @property {number} count how often the state changed; large numbers mean a storm of messages
 * @property {''|'missed'|'timeout'|'storm'|'stopped'} closed_why why it ended; empty: the device told the end, or it
 *   goes on
 * @property {number|null} score 0 to 1, if an object was recognized
 * @property {string} label the recognized object
 * @property {number[]|null} box x, y, width, height in the picture, 0 to 1
 * @property {string} zone
 * @property {boolean} seen you have marked it as seen; without accounts: someone has
 * @property {('black'|'white'|'grey'|'red'|'yellow'|'green'|'blue'|'brown')[]} colours of the object that the app's own
 *   detector has seen
 * @property {boolean} has_look similar events can be found: the app knows the colours of its object
 * @property {string|null} picture_url null if the app does not know the channel; the picture may be missing
 */

/** @typedef {{camera_id: number, channel: number}} EventChannel */

/**
 * @typedef {object} EventDay
 * @property {string} day such as 2026-11-24, by the server's time zone
 * @property {number} count
 * @property {number} alerts
 */

/** @typedef {{days: EventDay[]}} EventDays */

/**
 * @typedef
 *   {'motion'|'person'|'vehicle'|'animal'|'face'|'package'|'licence_plate'|'object'|'intrusion'|'line_crossed'|'loitering'|'left_object'|'removed_object'|'tamper'|'video_loss'|'sound'|'input'|'output'|'doorbell'|'count'|'device_fault'|'other'|'offline'|'login_refused'|'clock_wrong'|'recording_gap'|'storage'}
 *   EventKind The meaning of an event, whatever topic the device's maker has chosen.
 */

/**
 * @typedef {object} EventList
 * @property {Event[]} events
 * @property {string|null} next_cursor
 * @property {string} as_of for `after` of the question about news
 * @property {UnderstoodWords|null} understood null without `words`
 * @property {string[]} not_understood the words that are ignored
 */

/**
 * @typedef {object} EventMessage A message of a device. All texts in it are the device's own.
 * @property {string} time of its arrival
 * @property {string|null} device_time by the device's clock; null if it is missing or unreadable
 * @property {string} topic
 * @property {EventKind} kind
 * @property {number|null} channel null: it names no channel that the app knows
 * @property {string} rule
 * @property {'state'|'changed'|'ended'|'pulse'} change state: the present state, which is no news; pulse: it tells no
 *   state
 * @property {boolean|null} active the state that it tells; null if it tells none
 * @property {Record<string, string>} items names and values of its source and its data
 */

/**
 * @typedef {object} EventNews
 * @property {Event[]} events in the order of their changes
 * @property {number[]} gone ids of motion that a list with `joined` leaves out now
 * @property {string} as_of RFC 3339, UTC
 * @property {boolean} has_more ask again immediately, with this `as_of`
 */

/** @typedef {{code: string, detail: string}} EventProblem */

/**
 * @typedef {object} EventSwitch
 * @property {boolean} listens_wanted the app listens to the camera's events, if it has any, and logs them
 */

/**
 * @typedef {object} EventTopic
 * @property {string} topic
 * @property {EventKind} kind
 * @property {number} count messages since the start of the app
 * @property {string|null} last_time
 * @property {EventMessage|null} last_message
 * @property {boolean} is_listed the device names it in its event properties
 */

/**
 * @typedef {object} EventTopics
 * @property {boolean} listens the app has a subscription at the moment
 * @property {EventProblem|null} problem why no events come; null if they come or are not wanted
 * @property {string} unlisted_code code of the error if the device did not list its topics; otherwise empty
 * @property {EventTopic[]} topics
 * @property {EventMessage[]} recent of the last minute, the newest first, at most 200
 * @property {number} left_out messages of topics beyond the first 200
 * @property {number} begun_left_out messages about events that are not in the log, because 256 other events of the
 *   device went on
 */

/**
 * @typedef {object} EventZone
 * @property {number} camera_id
 * @property {number|null} channel
 * @property {string} zone its name; events of a device have the device's own
 * @property {number} count
 */

/** @typedef {{zones: EventZone[]}} EventZones */

/**
 * @typedef {object} SimilarEvent
 * @property {number} id
 * @property {number|null} camera_id null: it concerns the server itself
 * @property {string} camera_name
 * @property {number|null} channel null: the whole device, or a channel that the app does not know
 * @property {string} channel_name
 * @property {EventKind} kind
 * @property {string} topic of the device's message, without prefixes; empty for events of the app itself
 * @property {string} rule the device's detection rule, or the reason of an event of the app itself; of motion that the
 *   app has seen, the fate of its object: came_to_rest, left, or empty
 * @property {'device'|'server'|'import'|'watch'} source device: its messages; server: the app's own connection; import:
 *   the device's list of recorded events; watch: the app's own motion detector
 * @property {'alert'|'notice'} severity
 * @property {string} start_time RFC 3339, UTC
 * @property {string|null} end_time null: it goes on
 * @property {boolean} is_device_time `start_time` is the device's; otherwise the time of arrival
 * @property {string|null} device_time `start_time` by the device's own clock, as the device told it; null if the device
 *   did not tell it
 * @property {number} count how often the state changed; large numbers mean a storm of messages
 * @property {''|'missed'|'timeout'|'storm'|'stopped'} closed_why why it ended; empty: the device told the end, or it
 *   goes on
 * @property {number|null} score 0 to 1, if an object was recognized
 * @property {string} label the recognized object
 * @property {number[]|null} box x, y, width, height in the picture, 0 to 1
 * @property {string} zone
 * @property {boolean} seen you have marked it as seen; without accounts: someone has
 * @property {('black'|'white'|'grey'|'red'|'yellow'|'green'|'blue'|'brown')[]} colours of the object that the app's own
 *   detector has seen
 * @property {boolean} has_look similar events can be found: the app knows the colours of its object
 * @property {string|null} picture_url null if the app does not know the channel; the picture may be missing
 * @property {number} similarity of the colours, 0 to 1
 */

/**
 * @typedef {object} SimilarEvents
 * @property {SimilarEvent[]} events the most similar first; of equally similar ones the nearer in time
 */

/**
 * @typedef {object} UnderstoodWords The meaning of the words: one of the kinds or labels, one of the colours, one of
 *   the zones, one of the places.
 * @property {EventKind[]} kinds
 * @property {string[]} labels
 * @property {('black'|'white'|'grey'|'red'|'yellow'|'green'|'blue'|'brown')[]} colours
 * @property {string[]} zones
 * @property {number[]} camera_ids
 * @property {EventChannel[]} channels
 * @property {string|null} start_time
 * @property {string|null} end_time
 * @property {string[][]} times_of_day such as [[18:00, 20:00]]; of the day, if the words name one
 */
