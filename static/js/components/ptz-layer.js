// @ts-check
import { STILL, placeInPicture } from '../lib/ptz-motion.js';
import { make } from './ptz-dom.js';

/**
 * @typedef {import('../lib/ptz-motion.js').Velocity} Velocity
 * @typedef {object} LayerOptions
 * @property {(velocity: Velocity|null) => void} move
 * @property {() => number} speed
 * @property {((place: {x: number, y: number}) => void)|null} center null: the head cannot
 * @property {boolean} zooms
 * @property {() => {width: number, height: number}} pictureSize
 */

/** The lens moves on for this long after a turn of the wheel or a movement of the fingers. */
const GLIDE_MS = 250;
const TAP_MS = 500;
const TAP_PX = 10;
const PINCH_PX = 2;

/** A layer over the picture that takes wheel, pinch and click from the digital zoom while the camera is controlled. */
export class PtzLayer {
  #options;
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();
  /** The press that may become a click. @type {{id: number, x: number, y: number, ms: number}|null} */
  #press = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {LayerOptions} options */
  constructor(options) {
    this.#options = options;
    this.element = make('div', { class: 'ptz-layer', 'data-centers': options.center !== null });
    this.element.append(make('span', { class: 'ptz-sign', 'aria-hidden': true }, 'Camera control'));
    this.element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.element.addEventListener('pointerdown', (event) => this.#down(event));
    this.element.addEventListener('pointermove', (event) => this.#move(event));
    this.element.addEventListener('pointerup', (event) => this.#up(event));
    for (const type of /** @type {const} */ (['pointercancel', 'lostpointercapture'])) {
      this.element.addEventListener(type, (event) => this.#forget(event.pointerId));
    }
  }

  halt() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#fingers.clear();
    this.#press = null;
  }

  /** Show the place of a click for a moment. @param {number} x @param {number} y */
  #mark(x, y) {
    const mark = make('span', { class: 'ptz-mark', 'aria-hidden': true });
    mark.style.left = `${x}px`;
    mark.style.top = `${y}px`;
    mark.addEventListener('animationend', () => mark.remove());
    this.element.append(mark);
  }

  /** @param {number} direction */
  #zoom(direction) {
    if (!this.#options.zooms) return;
    this.#options.move({ ...STILL, zoom: direction * this.#options.speed() });
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#options.move(null), GLIDE_MS);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (event.deltaY === 0) return;
    event.preventDefault();
    this.#zoom(-Math.sign(event.deltaY));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.element.setPointerCapture(event.pointerId);
    const { clientX: x, clientY: y, timeStamp: ms } = event;
    this.#press = this.#fingers.size === 1 ? { id: event.pointerId, x, y, ms } : null;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const [one, two] = [...this.#fingers].filter(([id]) => id !== event.pointerId);
    if (one && !two) {
      const [, other] = one;
      const change = Math.hypot(now.x - other.x, now.y - other.y) - Math.hypot(before.x - other.x, before.y - other.y);
      if (Math.abs(change) < PINCH_PX) return; // the next event adds to it
      this.#zoom(Math.sign(change));
    }
    this.#fingers.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const press = this.#press;
    this.#forget(event.pointerId);
    if (!press || press.id !== event.pointerId || event.timeStamp - press.ms > TAP_MS) return;
    if (Math.hypot(event.clientX - press.x, event.clientY - press.y) > TAP_PX) return;
    const { center, pictureSize } = this.#options;
    if (!center) return;
    const box = this.element.getBoundingClientRect();
    const at = { x: event.clientX - box.left, y: event.clientY - box.top };
    const place = placeInPicture(at, box, pictureSize());
    if (!place) return;
    this.#mark(at.x, at.y);
    center(place);
  }

  /** @param {number} id */
  #forget(id) {
    this.#fingers.delete(id);
    this.#press = null;
  }
}
