// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/** @typedef {import('./api-types.js').Problem} Problem */

/**
 * @typedef {object} Imaging Settings of the picture. null: the device does not have this one.
 * @property {ImagingRange|null} brightness
 * @property {ImagingRange|null} contrast
 * @property {ImagingRange|null} saturation
 * @property {ImagingRange|null} sharpness
 * @property {ImagingCutFilter|null} ir_cut_filter
 * @property {ImagingWideDynamicRange|null} wide_dynamic_range
 * @property {ImagingBefore|null} before the values before the last change of this run: PUT them to undo it; null:
 *   nothing was changed
 */

/**
 * @typedef {object} ImagingBefore A body of PUT imaging.
 * @property {number|null} brightness
 * @property {number|null} contrast
 * @property {number|null} saturation
 * @property {number|null} sharpness
 * @property {string|null} ir_cut_filter
 * @property {boolean|null} wide_dynamic_range
 * @property {number|null} wide_dynamic_range_level
 */

/** @typedef {{value: string, options: string[]}} ImagingCutFilter */

/** @typedef {{value: number, min: number, max: number}} ImagingRange */

/** @typedef {{on: boolean, level: ImagingRange|null}} ImagingWideDynamicRange */

/**
 * @typedef {object} Ptz Abilities of the head of a channel, and its mover. Without a head, all abilities are false,
 *   null or empty.
 * @property {boolean} pan_tilt
 * @property {boolean} zoom
 * @property {boolean} certain false: the device does not say what its head can do; try it
 * @property {boolean} continuous POST ptz/move works
 * @property {boolean} absolute
 * @property {boolean} relative
 * @property {boolean} center POST ptz/goto works with x and y
 * @property {boolean} home
 * @property {boolean} home_settable
 * @property {boolean} presets
 * @property {number|null} max_presets
 * @property {boolean} focus POST ptz/move works with `focus`, and POST ptz/focus with a speed
 * @property {boolean} auto_focus POST ptz/focus works with auto
 * @property {PtzIris|null} iris
 * @property {string[]} auxiliary commands of POST ptz/auxiliary, such as tt:Wiper|On or tt:IRLamp|Off
 * @property {boolean} outputs the only channel of a device that has auxiliary commands or relay outputs
 * @property {boolean} imaging GET imaging works
 * @property {PtzMover|null} mover
 * @property {number|null} tour_id the tour that runs
 * @property {Problem|null} error why the last command failed
 */

/**
 * @typedef {object} PtzDone `done`: the device has accepted the command. false: the command is still on its way, a
 *   newer one replaced it, or a move was dropped because it came too late.
 * @property {boolean} done
 * @property {PtzMover|null} mover
 */

/** @typedef {{value: number|null, min: number, max: number, auto: boolean}} PtzIris */

/**
 * @typedef {object} PtzMover The mover: the one user of the head. Others get 409 `ptz_in_use` until `free_in_s` is
 *   over.
 * @property {string} name
 * @property {boolean} own it is you
 * @property {boolean} moving
 * @property {number|null} for_s seconds since this user began
 * @property {number|null} free_in_s seconds until other users may move the head, if this user does nothing more
 */

/** @typedef {{token: string, name: string}} PtzPreset */

/**
 * @typedef {object} PtzPresetList
 * @property {PtzPreset[]} presets
 * @property {number} hidden unused factory slots and functions that are left out; see `all`
 * @property {number|null} max_presets
 * @property {boolean} listed false: the device does not list its presets; these are the ones set by this app
 */

/** @typedef {{id: number, name: string, stops: PtzTourStop[], running: boolean}} PtzTour */

/** @typedef {{tours: PtzTour[]}} PtzTourList */

/** @typedef {{preset: string, stay_s: number}} PtzTourStop */

/** @typedef {{relays: RelayOutput[]}} RelayList */

/**
 * @typedef {object} RelayOutput
 * @property {string} token
 * @property {boolean} monostable it returns to its idle state after `delay_s`
 * @property {number|null} delay_s
 * @property {boolean|null} active the state that the app has set last; null: none yet. ONVIF cannot ask for the present
 *   state
 */
