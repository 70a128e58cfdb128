// @ts-check
/** Speeds of a head: from a place on the pad, from keys, from a gamepad, and their sum. */

/** @typedef {{pan: number, tilt: number, zoom: number, focus: number}} Velocity -1 to 1: to the right, up, towards the scene, further */

/** @type {Readonly<Velocity>} */
export const STILL = Object.freeze({ pan: 0, tilt: 0, zoom: 0, focus: 0 });

const PAD_DEAD = 0.14;
/** Near an axis the pad moves along it exactly. */
const SNAP_RAD = (10 * Math.PI) / 180;
/** Speeds are multiples of this, so that a trembling hand sends no commands. */
const STEP = 0.05;

const STICK_DEAD = 0.15;

/** @param {number} value */
function rounded(value) {
  return Math.max(-1, Math.min(1, Math.round(value / STEP) * STEP)) + 0;
}

/** @param {Velocity} velocity */
export function isStill(velocity) {
  return isSameVelocity(velocity, STILL);
}

/** @param {Velocity} one @param {Velocity} other */
export function isSameVelocity(one, other) {
  return one.pan === other.pan && one.tilt === other.tilt && one.zoom === other.zoom && one.focus === other.focus;
}

/** Return the sum, at most full speed in each axis. @param {Iterable<Velocity>} velocities @returns {Velocity} */
export function sumOf(velocities) {
  const sum = { ...STILL };
  for (const each of velocities) {
    sum.pan += each.pan;
    sum.tilt += each.tilt;
    sum.zoom += each.zoom;
    sum.focus += each.focus;
  }
  return { pan: rounded(sum.pan), tilt: rounded(sum.tilt), zoom: rounded(sum.zoom), focus: rounded(sum.focus) };
}

/**
 * Return the speed for a place on the pad: the angle is the direction, the distance from the middle the speed.
 *
 * @param {{x: number, y: number}} at from the middle; 1 is the edge; y counts downwards
 * @param {number} speed at the edge, up to 1
 * @returns {Velocity}
 */
export function padVelocity({ x, y }, speed) {
  const distance = Math.hypot(x, y);
  if (distance <= PAD_DEAD) return STILL;
  const part = Math.min(1, (distance - PAD_DEAD) / (1 - PAD_DEAD));
  const quarter = Math.PI / 2;
  const angle = Math.atan2(-y, x);
  const axis = Math.round(angle / quarter) * quarter;
  const direction = Math.abs(angle - axis) < SNAP_RAD ? axis : angle;
  const fast = Math.max(STEP, part * speed);
  return { ...STILL, pan: rounded(Math.cos(direction) * fast), tilt: rounded(Math.sin(direction) * fast) };
}

/** Return a stick's speed: none in its dead zone, then the square, so that slow movements are easy. @param {number} value -1 to 1 */
export function stickCurve(value) {
  const outside = (Math.min(1, Math.abs(value)) - STICK_DEAD) / (1 - STICK_DEAD);
  return outside > 0 ? Math.sign(value) * outside ** 2 : 0;
}

/**
 * Return the speed that a gamepad in the standard layout asks for: left stick and cross pan and tilt, right stick and
 * triggers zoom.
 *
 * @param {{axes: readonly number[], buttons: readonly {pressed: boolean, value: number}[]}} pad
 * @param {number} speed at the end of a stick
 * @returns {Velocity}
 */
export function gamepadVelocity({ axes, buttons }, speed) {
  /** @param {number} index */
  const axis = (index) => stickCurve(axes[index] ?? 0);
  /** @param {number} index */
  const cross = (index) => (buttons[index]?.pressed ? 1 : 0);
  /** @param {number} index */
  const trigger = (index) => stickCurve(buttons[index]?.value ?? 0);
  const pan = axis(0) + cross(15) - cross(14);
  const tilt = -axis(1) + cross(12) - cross(13);
  const zoom = -axis(3) + trigger(7) - trigger(6);
  return { ...STILL, pan: rounded(pan * speed), tilt: rounded(tilt * speed), zoom: rounded(zoom * speed) };
}

/**
 * Return the place in a picture that its box shows whole and centred ("contain"); null in the bars around it.
 *
 * @param {{x: number, y: number}} at in the box
 * @param {{width: number, height: number}} box
 * @param {{width: number, height: number}} picture its size in any unit; 0 if unknown: then it fills the box
 * @returns {{x: number, y: number}|null} 0 to 1, from the left and from the top
 */
export function placeInPicture(at, box, picture) {
  const isKnown = picture.width > 0 && picture.height > 0;
  const scale = isKnown ? Math.min(box.width / picture.width, box.height / picture.height) : 1;
  const [width, height] = isKnown ? [picture.width * scale, picture.height * scale] : [box.width, box.height];
  const x = (at.x - (box.width - width) / 2) / width;
  const y = (at.y - (box.height - height) / 2) / height;
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
}
