// @ts-check
/** Types of a package's manifest, as far as it is checked, and of the result. */
export {};

/** @typedef {{sha256: string, start_time?: string, end_time?: string}} Piece */
/** @typedef {{path: string, kind: string, bytes: number, sha256: string, pieces: Piece[]}} ListedFile */

/**
 * @typedef {object} Manifest
 * @property {string} format
 * @property {number} version
 * @property {{name: string, notes: string}} case
 * @property {string} exported_by
 * @property {string} made_at
 * @property {{id: string, public_key: string, key_fingerprint: string}} installation
 * @property {number} piece_bytes
 * @property {ListedFile[]} files
 */

/** @typedef {'good'|'wrong'|'not_checked'} SignatureState */

/**
 * @typedef {object} Finding
 * @property {'changed'|'missing'|'added'|'renamed'|'signature'|'key'|'manifest'|'outside'} kind outside: beside the package
 * @property {string} path
 * @property {string} text
 */

/**
 * @typedef {object} Report
 * @property {Manifest|null} manifest null if there is none that can be read
 * @property {SignatureState} signature
 * @property {string} fingerprint of the key in the manifest; empty if there is none
 * @property {Finding[]} findings empty if nothing was changed
 * @property {string[]} ignored paths of files that file managers add to a folder
 */
