// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} Node A server. `leaving`: it gives its cameras to the others and takes none. `gone`: it does not
 *   answer.
 * @property {string} name from NODE_NAME; empty for a single server
 * @property {string} address address at which the front door reaches it; empty for a single server
 * @property {string} place the `place` of its cameras in /api/cameras
 * @property {NodeState} state
 * @property {boolean} is_this true for the server that answers this request
 * @property {number} cameras that it has; those of one that is gone wait for another
 * @property {number} channels
 * @property {number|null} capacity most channels that it takes (NODE_CAPACITY); null: no limit
 * @property {string} site from SITE; empty: it takes cameras without a site only
 * @property {string} version of its API; empty for a single server
 * @property {string} build a word that differs if the files of the program do; empty for a single server
 * @property {number|null} streams running streams; null for one that is gone
 * @property {number|null} cpu_share processor time of its process, of one core: near 1, it can take no more. null for
 *   one that is gone, and for a single server
 * @property {number|null} lease_left_s until the others take its cameras, unless it renews its lease, which it does
 *   each third of `lease_s`; null for one that is gone, and for a single server
 */

/**
 * @typedef {object} NodeList All known servers by name. A server that stops properly is not in the list any more.
 * @property {boolean} is_alone a single server has all cameras, because it has no NODE_NAME
 * @property {number|null} lease_s life of a lease without a renewal (NODE_LEASE_S)
 * @property {Node[]} nodes
 */

/**
 * @typedef {'alive'|'leaving'|'gone'} NodeState LEAVING: the node is drained, so it gives its cameras to the others.
 *   GONE: its lease has ended.
 */
