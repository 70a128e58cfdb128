// @ts-check
import { STILL, gamepadVelocity, isStill, sumOf } from '../lib/ptz-motion.js';

/** @typedef {import('../lib/ptz-motion.js').Velocity} Velocity */

/** Reads all gamepads with each frame of the screen, between `start()` and `stop()`. */
export class PtzGamepad {
  #move;
  #speed;
  /** @type {number|null} */
  #frame = null;
  #wasStill = true;
  /** True until the sticks were in the middle: then nothing moves. */
  #waits = true;

  /** @param {(velocity: Velocity|null) => void} move @param {() => number} speed */
  constructor(move, speed) {
    this.#move = move;
    this.#speed = speed;
  }

  start() {
    if (this.#frame !== null || !('getGamepads' in navigator)) return;
    this.#waits = true;
    this.#frame = requestAnimationFrame(() => this.#read());
  }

  stop() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.halt();
  }

  halt() {
    this.#waits = true;
    this.#wasStill = true;
  }

  #read() {
    this.#frame = requestAnimationFrame(() => this.#read());
    let velocity = STILL;
    try {
      const found = navigator.getGamepads().filter((pad) => pad !== null);
      if (found.length) velocity = sumOf(found.map((pad) => gamepadVelocity(pad, this.#speed())));
    } catch {
      this.stop(); // the page's policy forbids gamepads
      return;
    }
    const still = isStill(velocity);
    if (still) this.#waits = false;
    if (this.#waits || (still && this.#wasStill)) return;
    this.#wasStill = still;
    this.#move(still ? null : velocity);
  }
}
