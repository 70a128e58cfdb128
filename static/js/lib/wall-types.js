// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} Tile
 * @property {number} camera_id
 * @property {number} channel
 * @property {'main'|'sub'|'saver'|null} quality null: depends on the page, the size of the tile and the link; saver:
 *   key frames alone
 */

/**
 * @typedef {object} Wall A named layout. `everybodys`: shared, made while there were no accounts. `may_change`: you may
 *   change it.
 * @property {number} id
 * @property {string} name
 * @property {1|4|6|9|16} layout Number of tiles
 * @property {(Tile|null)[]} tiles
 * @property {boolean} everybodys
 * @property {boolean} may_change
 */

/** @typedef {{walls: Wall[]}} WallList */
