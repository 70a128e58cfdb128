// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};

/**
 * @typedef {object} ChannelMotion The settings of a channel, and its state.
 * @property {'off'|'auto'|'device'|'key_frames'|'every_picture'} mode
 * @property {'low'|'medium'|'high'|'highest'} sensitivity
 * @property {ShownZone[]} zones
 * @property {ChannelMotionState} state
 * @property {boolean} is_available the packages that the app needs for looking are installed
 * @property {string} install_command the command that installs them
 */

/**
 * @typedef {object} ChannelMotionState The watching of a channel at this moment.
 * @property {'device'|'server'|'none'} told_by who tells motion in this channel
 * @property {string|null} reason why the app does not look: off, not_installed, device_tells, device_is_silent,
 *   starting, restarting, paused, ptz_moves, no_stream, unsupported_video, unreadable_video, too_many, or the code of
 *   the device's error, such as camera_busy; null while all is well
 * @property {boolean} is_restless the picture moves most of the time, so that larger movements count, or there are 60
 *   events an hour
 * @property {string|null} watched_at the time of the newest picture that was looked at
 * @property {number|null} key_frame_interval_s seconds between key frames; null if it is not known yet
 */

/**
 * @typedef {object} Motion Motion in all channels that you may see, on all servers. The rest is of the server that
 *   answers.
 * @property {MotionChannel[]} channels
 * @property {string} node the server (node) that answers; empty for a single server
 * @property {boolean} is_available
 * @property {string} install_command
 * @property {MotionChild} child
 * @property {string[]} silent_nodes servers (nodes) that do not answer within a second, so their part is missing;
 *   usually empty
 */

/**
 * @typedef {object} MotionBlob A part of the picture that moves.
 * @property {number[]} box x, y, width and height, as parts of the picture
 * @property {number[]} foot the middle of its lower edge
 * @property {number} share its part of the picture
 * @property {number[]} zones the ids of the zones that it is in
 */

/**
 * @typedef {object} MotionChannel A channel whose mode is not off.
 * @property {string} node the server (node) with the camera; empty for a single server, or if none has it
 * @property {number} camera_id
 * @property {number} channel
 * @property {'device'|'server'|'none'} told_by
 * @property {string|null} reason as in the state of the channel
 * @property {boolean} is_restless
 * @property {number} hits_today movements since midnight that the app has seen
 */

/**
 * @typedef {object} MotionChild The process that looks at the pictures, over the last seconds.
 * @property {'off'|'running'|'restarting'} state
 * @property {number} cpu_share 1.0 is one core
 * @property {number} memory_bytes
 * @property {number} pictures_per_s
 * @property {boolean} skips it is over its share of the processor, and looks at every second key frame
 */

/**
 * @typedef {object} MotionNow A look at a picture of a channel.
 * @property {string|null} time null while there is none, and a few seconds after a picture that you name
 * @property {number} share the part of the picture that moves
 * @property {string} cells 144 hexadecimal digits: a bit for each of 32 x 18 cells, row by row, the first in the
 *   highest bit
 * @property {MotionBlob[]} blobs
 */

/**
 * @typedef {object} ShownZone
 * @property {number} id
 * @property {string} name
 * @property {'watch'|'ignore'|'alert'} kind
 * @property {number[][]} points the corners [x, y], as parts of the picture
 */
