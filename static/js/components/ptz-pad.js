// @ts-check
import { STILL, padVelocity } from '../lib/ptz-motion.js';
import { icon } from './dom.js';
import { holdButton, make } from './ptz-dom.js';

/** @typedef {import('../lib/ptz-motion.js').Velocity} Velocity */

/** @type {[string, string, number, number][]} class, label, pan, tilt */
const ARROWS = [
  ['up', 'Move up', 0, 1],
  ['left', 'Move left', -1, 0],
  ['right', 'Move right', 1, 0],
  ['down', 'Move down', 0, -1],
];

/**
 * The round pad: held, it moves by the angle and the distance from its middle. Its four arrows are buttons for the
 * keyboard and for screen readers; a pointer on them acts on the pad.
 */
export class PtzPad {
  #move;
  #speed;
  #knob = make('span', { class: 'ptz-knob', 'aria-hidden': true });
  /** @type {number|null} */
  #pointer = null;
  /** @type {(() => void)[]} */
  #halts = [];

  /** @param {(velocity: Velocity|null) => void} move null: released @param {() => number} speed */
  constructor(move, speed) {
    this.#move = move;
    this.#speed = speed;
    this.element = make('div', { class: 'ptz-pad', role: 'group', 'aria-label': 'Move the camera' }, this.#knob);
    for (const [name, label, pan, tilt] of ARROWS) this.#addArrow(name, label, pan, tilt);
    // The pad takes the pointer before its arrows do.
    this.element.addEventListener('pointerdown', (event) => this.#down(event), { capture: true });
    this.element.addEventListener('pointermove', (event) => event.pointerId === this.#pointer && this.#at(event));
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel', 'lostpointercapture'])) {
      this.element.addEventListener(type, (event) => event.pointerId === this.#pointer && this.halt());
    }
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  /** Release the pad: it moves again only after another press. */
  halt() {
    const wasHeld = this.#pointer !== null;
    this.#pointer = null;
    this.element.removeAttribute('data-held');
    this.#knob.style.removeProperty('translate');
    for (const halt of this.#halts) halt();
    if (wasHeld) this.#move(null);
  }

  /** @param {string} name @param {string} label @param {number} pan @param {number} tilt */
  #addArrow(name, label, pan, tilt) {
    const button = make('button', { type: 'button', class: `ptz-arrow ${name}`, 'aria-label': label }, icon('up'));
    const hold = () => this.#move({ ...STILL, pan: pan * this.#speed(), tilt: tilt * this.#speed() });
    const { halt } = holdButton(button, { hold, release: () => this.#move(null) });
    this.#halts.push(halt);
    this.element.append(button);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    event.stopPropagation();
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#at(event);
    this.element.setAttribute('data-held', '');
    this.element.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #at(event) {
    const box = this.element.getBoundingClientRect();
    const radius = box.width / 2;
    const x = (event.clientX - box.left - radius) / radius;
    const y = (event.clientY - box.top - radius) / radius;
    const far = Math.max(1, Math.hypot(x, y));
    this.#knob.style.translate = `${(x / far) * radius * 0.6}px ${(y / far) * radius * 0.6}px`;
    this.#move(padVelocity({ x, y }, this.#speed()));
  }
}
