// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {{camera_id: number, channels: number[]|null}} AllowedCamera */

/**
 * @typedef {object} AuditLine An action of a user or script.
 * @property {string} node the server (node) that wrote the line; empty for a single server
 * @property {string} time RFC 3339, UTC
 * @property {string} who name of the user; empty for none
 * @property {string} kind `local`, `session`, `token`, or `nobody` without a login
 * @property {string} address of the client
 * @property {string} action
 * @property {string} outcome `ok`, or the code of the error
 * @property {Record<string, unknown>} about the object of the action, such as `camera_id`
 */

/**
 * @typedef {object} AuditList Lines of all servers, the newest first.
 * @property {AuditLine[]} lines
 * @property {string|null} next_before null if there are no older lines
 * @property {string[]} silent_nodes servers (nodes) that do not answer within a second, so their part is missing;
 *   usually empty
 */

/**
 * @typedef {object} LoginSession
 * @property {number} id
 * @property {number} user_id
 * @property {string} user
 * @property {string} created_at RFC 3339, UTC
 * @property {string} last_seen_at RFC 3339, UTC
 * @property {string} address
 * @property {string} agent
 * @property {boolean} is_this
 */

/** @typedef {{sessions: LoginSession[]}} LoginSessionList */

/**
 * @typedef {object} MadeToken A new token with its secret, which is not shown again.
 * @property {number} id
 * @property {string} name
 * @property {string} user
 * @property {'viewer'|'reviewer'|'operator'|'admin'} role
 * @property {AllowedCamera[]|null} cameras
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} expires_at
 * @property {string|null} last_used_at
 * @property {string} token
 */

/**
 * @typedef {object} Session The own login. `user` null: not logged in. `accounts`: true if any exist. `csrf_token`: for
 *   X-CSRF-Token.
 * @property {boolean} accounts
 * @property {string|null} user
 * @property {'viewer'|'reviewer'|'operator'|'admin'|null} role
 * @property {('live'|'recordings'|'export'|'operate'|'ptz'|'recording_pause'|'manage')[]} permissions
 * @property {AllowedCamera[]|null} cameras
 * @property {string|null} csrf_token
 */

/**
 * @typedef {object} Token
 * @property {number} id
 * @property {string} name
 * @property {string} user
 * @property {'viewer'|'reviewer'|'operator'|'admin'} role
 * @property {AllowedCamera[]|null} cameras
 * @property {string} created_at RFC 3339, UTC
 * @property {string|null} expires_at
 * @property {string|null} last_used_at
 */

/** @typedef {{tokens: Token[]}} TokenList */

/**
 * @typedef {object} User
 * @property {number} id
 * @property {string} name
 * @property {'viewer'|'reviewer'|'operator'|'admin'} role
 * @property {AllowedCamera[]|null} cameras
 * @property {boolean} disabled
 * @property {string} created_at RFC 3339, UTC
 * @property {string} password_changed_at RFC 3339, UTC
 */

/** @typedef {{users: User[]}} UserList */
