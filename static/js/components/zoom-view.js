// @ts-check
import { WHOLE, panned, zoomedAt } from '../lib/zoom.js';
import { emit } from './dom.js';

/** @typedef {import('../lib/zoom.js').ZoomView} Zoom */

/**
 * Digital zoom of its content: wheel, pinch and drag. Emits 'zoom-changed' with the scale, and 'zoom-tap' for a double
 * click or double tap. At scale 1 the page itself gets wheel down and one finger, so that it scrolls. `fixed`: no zoom.
 */
export class ZoomView extends HTMLElement {
  static observedAttributes = ['fixed'];
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {Zoom} */
  #view = WHOLE;
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();
  #lastTapMs = 0;
  #dragged = false;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    this.addEventListener('wheel', (event) => this.#wheel(event), { signal, passive: false });
    this.addEventListener('pointerdown', (event) => this.#down(event), { signal });
    this.addEventListener('pointermove', (event) => this.#move(event), { signal });
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel', 'lostpointercapture'])) {
      this.addEventListener(type, (event) => this.#up(event), { signal });
    }
    this.addEventListener('dblclick', () => !this.#dragged && emit(this, 'zoom-tap'), { signal });
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#fingers.clear();
  }

  attributeChangedCallback() {
    if (this.#isFixed) this.reset();
  }

  get #isFixed() {
    return this.hasAttribute('fixed');
  }

  get scale() {
    return this.#view.scale;
  }

  /** Zoom around the middle. @param {number} factor */
  zoomBy(factor) {
    this.#set(zoomedAt(this.#view, factor, { x: 0, y: 0 }));
  }

  reset() {
    this.#set(WHOLE);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (this.#isFixed || event.deltaY === 0 || (event.deltaY > 0 && this.#view.scale === 1)) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 30 : event.deltaY;
    this.#set(zoomedAt(this.#view, Math.exp(-Math.max(-240, Math.min(240, lines)) / 400), this.#at(event)));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#dragged = this.#fingers.size > 1; // two fingers make no double tap
    if (!this.#isFixed && (this.#view.scale > 1 || this.#fingers.size > 1)) {
      for (const id of this.#fingers.keys()) this.setPointerCapture(id);
      event.preventDefault();
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before || this.#isFixed) return;
    const now = { x: event.clientX, y: event.clientY };
    const box = this.getBoundingClientRect();
    if (this.#fingers.size === 2) {
      const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (!other) return;
      const was = Math.hypot(before.x - other.x, before.y - other.y);
      const is = Math.hypot(now.x - other.x, now.y - other.y);
      const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
      const moved = panned(this.#view, (now.x - before.x) / 2 / box.width, (now.y - before.y) / 2 / box.height);
      this.#set(was > 0 ? zoomedAt(moved, is / was, this.#at(middle)) : moved);
      this.#dragged = true;
    } else if (this.#view.scale > 1) {
      if (Math.hypot(now.x - before.x, now.y - before.y) > 0) this.#dragged = true;
      this.#set(panned(this.#view, (now.x - before.x) / box.width, (now.y - before.y) / box.height));
    }
    this.#fingers.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const was = this.#fingers.delete(event.pointerId);
    if (!was || event.type !== 'pointerup' || event.pointerType !== 'touch' || this.#dragged) return;
    // Not all browsers emit dblclick for a double tap.
    const nowMs = event.timeStamp;
    if (nowMs - this.#lastTapMs < 320) {
      event.preventDefault();
      emit(this, 'zoom-tap');
      this.#lastTapMs = 0;
    } else {
      this.#lastTapMs = nowMs;
    }
  }

  /** @param {{clientX: number, clientY: number}} point @returns {{x: number, y: number}} from the middle */
  #at({ clientX, clientY }) {
    const box = this.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width - 0.5, y: (clientY - box.top) / box.height - 0.5 };
  }

  /** @param {Zoom} view */
  #set(view) {
    if (view.scale === this.#view.scale && view.x === this.#view.x && view.y === this.#view.y) return;
    this.#view = view;
    const { style } = this;
    style.setProperty('--zoom-scale', String(view.scale));
    style.setProperty('--zoom-x', `${view.x * 100}%`);
    style.setProperty('--zoom-y', `${view.y * 100}%`);
    this.toggleAttribute('zoomed', view.scale > 1);
    emit(this, 'zoom-changed', view.scale);
  }
}

customElements.define('zoom-view', ZoomView);
