// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} Case Exports under one name.
 * @property {number} id
 * @property {string} owner
 * @property {string} name
 * @property {string} notes
 * @property {string} created_at RFC 3339, UTC
 * @property {number[]} exports ids, in the order in which they were added
 * @property {EvidencePackage} package
 */

/** @typedef {{cases: Case[]}} CaseList */

/**
 * @typedef {object} EvidenceKey The key that signs evidence packages. Give its fingerprint to the recipient separately
 *   from the package.
 * @property {string} installation_id
 * @property {string} fingerprint SHA-256 of the public key (SubjectPublicKeyInfo): 3A:0F:...
 * @property {string} public_key PEM; ECDSA P-256 with SHA-256
 */

/**
 * @typedef {object} EvidencePackage The signed ZIP of a case. `error`: why it `failed`. `none`: it was not made yet, or
 *   the case was changed since.
 * @property {PackageState} state
 * @property {number} bytes size of the ZIP; 0 until it is ready
 * @property {string|null} url with Range and ETag; null until it is ready
 * @property {string|null} made_at
 * @property {string} made_by the user whom the manifest names
 * @property {number} done_bytes bytes of the exports read so far, while it is made
 * @property {number} total_bytes bytes of all exports of the case
 * @property {Problem|null} error
 */

/**
 * @typedef {'none'|'making'|'ready'|'failed'} PackageState `none` also after a change of the case, which deletes its
 *   package.
 */
