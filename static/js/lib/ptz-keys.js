// @ts-check
/** Keys of the control mode: held keys move, others call presets. */
import { STILL } from './ptz-motion.js';

/**
 * @typedef {import('./ptz-motion.js').Velocity} Velocity
 * @typedef {'left'|'right'|'up'|'down'|'in'|'out'} HeldKey
 * @typedef {{key: string, code: string, shiftKey?: boolean, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean}} Pressed
 */

/** @type {Record<string, HeldKey>} */
const HELD = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  '+': 'in',
  '=': 'in',
  '-': 'out',
};

/** @param {Pressed} event @returns {HeldKey|'home'|'leave'|number|null} a number: the preset at this place of the list, from 1 */
export function ptzKeyOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  if (event.key === 'Home') return 'home';
  if (event.key === 'Escape') return 'leave';
  if (/^[1-9]$/.test(event.key)) return Number(event.key);
  return Object.hasOwn(HELD, event.key) ? /** @type {HeldKey} */ (HELD[event.key]) : null;
}

/** The keys that are held down, by their place on the keyboard: "+" may come up as "=" when Shift comes up first. */
export class HeldKeys {
  /** @type {Map<string, HeldKey>} */
  #held = new Map();
  #isFast = false;

  /** @param {Pressed} event @param {HeldKey} key */
  press(event, key) {
    this.#held.set(event.code, key);
    this.#isFast = event.shiftKey ?? false;
  }

  /** @param {Pressed} event @returns {boolean} true if the speed may have changed */
  lift(event) {
    const wasFast = this.#isFast;
    if (event.key === 'Shift') this.#isFast = false;
    return this.#held.delete(event.code) || wasFast !== this.#isFast;
  }

  /** A key that is held repeats itself. @param {Pressed} event */
  has(event) {
    return this.#held.has(event.code);
  }

  clear() {
    this.#held.clear();
    this.#isFast = false;
  }

  /** @param {number} speed without Shift @returns {Velocity} */
  velocity(speed) {
    const keys = new Set(this.#held.values());
    if (!keys.size) return STILL;
    /** @param {HeldKey} more @param {HeldKey} less */
    const axis = (more, less) => Number(keys.has(more)) - Number(keys.has(less));
    const turn = this.#isFast ? 1 : speed;
    const [pan, tilt, zoom] = [axis('right', 'left') * turn, axis('up', 'down') * turn, axis('in', 'out') * speed];
    return { ...STILL, pan, tilt, zoom };
  }
}
