// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} PushKey The server's public key (VAPID): `applicationServerKey` of `PushManager.subscribe`.
 * @property {string} public_key uncompressed point of the curve P-256, base64url
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
