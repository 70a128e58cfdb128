// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} Detector The state of the detector since the app started. Each of several servers has a detector
 *   and models of its own.
 * @property {string} node the server (node) that answers; empty for a single server
 * @property {'off'|'idle'|'running'|'failed'} state idle: it starts with the next movement
 * @property {boolean} is_installed
 * @property {string} install_command
 * @property {string} model the chosen model; empty for none
 * @property {number} pictures
 * @property {number} dropped pictures that were replaced by newer ones
 * @property {number|null} ms processor time of a picture; null before the first one
 * @property {string} problem
 * @property {DetectorModel[]} models those in the folder `models` of the data folder, at most 50
 */

/**
 * @typedef {object} DetectorModel
 * @property {string} name
 * @property {number} size_bytes
 * @property {string} format as the description names it; empty: the shapes of the outputs tell it
 * @property {string} licence
 * @property {boolean} is_chosen
 * @property {string} problem why it cannot be used, as far as its files tell; empty for none
 */

/**
 * @typedef {object} ModelTrial
 * @property {string} format
 * @property {number} width of the model's input
 * @property {number} height
 * @property {number} labels
 * @property {number} load_ms until the model was ready
 * @property {number} ms processor time of the picture
 * @property {TrialObject[]} objects those with a score of at least 0.25, the surest first
 */

/**
 * @typedef {object} TrialObject
 * @property {string} label
 * @property {'person'|'vehicle'|'animal'|''} kind empty: it would be no event
 * @property {number} score
 * @property {number[]} box x, y, width, height in the picture, 0 to 1
 * @property {('black'|'white'|'grey'|'red'|'yellow'|'green'|'blue'|'brown')[]} colours
 */
