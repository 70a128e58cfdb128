// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} Delivery A notification for one sink.
 * @property {number} id
 * @property {string} time RFC 3339, UTC
 * @property {string} changed_time RFC 3339, UTC
 * @property {number} rule_id
 * @property {string} rule_name
 * @property {number} sink_id
 * @property {string} sink_name
 * @property {'push'|'webhook'|'email'|'mqtt'} sink_kind
 * @property {number|null} event_id null: a test
 * @property {EventKind} event_kind
 * @property {number|null} camera_id
 * @property {string} camera_name
 * @property {number|null} channel
 * @property {string} channel_name
 * @property {'waiting'|'sent'|'failed'|'dropped'} state
 * @property {number} tries
 * @property {string} code why it failed or was dropped
 * @property {string} detail for people
 */

/** @typedef {{deliveries: Delivery[], next_cursor: string|null}} DeliveryList */

/**
 * @typedef {object} Email
 * @property {string} host
 * @property {number} port
 * @property {'tls'|'starttls'|'none'} security
 * @property {string} username
 * @property {string} sender
 * @property {string[]} recipients
 */

/**
 * @typedef
 *   {'motion'|'person'|'vehicle'|'animal'|'face'|'package'|'licence_plate'|'object'|'intrusion'|'line_crossed'|'loitering'|'left_object'|'removed_object'|'tamper'|'video_loss'|'sound'|'input'|'output'|'doorbell'|'count'|'device_fault'|'other'|'offline'|'login_refused'|'clock_wrong'|'recording_gap'|'storage'}
 *   EventKind The meaning of an event, whatever topic the device's maker has chosen.
 */

/**
 * @typedef {object} Mqtt
 * @property {string} host
 * @property {number} port
 * @property {boolean} is_tls
 * @property {string} username
 * @property {string} base_topic
 * @property {boolean} with_home_assistant
 * @property {boolean} with_pictures
 */

/**
 * @typedef {object} PushKey The server's public key (VAPID): `applicationServerKey` of `PushManager.subscribe`.
 * @property {string} public_key uncompressed point of the curve P-256, base64url
 */

/**
 * @typedef {object} Rule A rule. Sinks that were removed are left out.
 * @property {number} id
 * @property {number|null} user_id whose rule; null: made while there were no accounts
 * @property {string} name
 * @property {boolean} is_on
 * @property {EventKind[]} kinds
 * @property {'alert'|null} severity
 * @property {number|null} camera_id
 * @property {number|null} channel
 * @property {string|null} zone
 * @property {number[]} days
 * @property {string|null} from_time_of_day
 * @property {string|null} until_time_of_day
 * @property {string} time_zone
 * @property {number} min_length_s
 * @property {number} cool_down_s
 * @property {number[]} sinks
 * @property {string|null} snooze_until
 * @property {''|'no_sinks'|'no_permission'} problem why it sends nothing although it is on: its owner may not use its
 *   sinks, or it has none
 */

/** @typedef {{rules: Rule[]}} RuleList */

/**
 * @typedef {object} Sink A sink. Users without permission to manage see the push sink alone, without its state.
 * @property {number} id
 * @property {string} name
 * @property {'push'|'webhook'|'email'|'mqtt'} kind
 * @property {boolean} is_on
 * @property {boolean} has_secret
 * @property {Webhook|null} webhook
 * @property {Email|null} email
 * @property {Mqtt|null} mqtt
 * @property {SinkState|null} state
 */

/** @typedef {{sinks: Sink[]}} SinkList */

/**
 * @typedef {object} SinkState
 * @property {boolean|null} is_connected of an MQTT broker; null for other sinks
 * @property {number} waiting notices in its queue
 * @property {number} dropped notices dropped since the start of the app, because its queue was full
 * @property {string} code of its last failure; empty after a success
 * @property {string} detail
 */

/**
 * @typedef {object} Subscription A browser with your notifications.
 * @property {number} id
 * @property {string} name browser and system, such as `Firefox on Android`
 * @property {string} endpoint_sha256 SHA-256 of the endpoint as hex: the page finds its own browser by it
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} last_sent_at
 * @property {string} last_code why the last message was not sent: `busy`, `unreachable`, `refused`, `address_refused`,
 *   `unreadable`; empty if it was
 */

/** @typedef {{subscriptions: Subscription[]}} SubscriptionList */

/**
 * @typedef {object} TestResult
 * @property {'sent'|'failed'} state
 * @property {string} code of the failure; empty for `sent`
 * @property {string} detail for people
 */

/** @typedef {{url: string, with_picture: boolean}} Webhook */
