// @ts-check
import { MOST_AREAS, areaBetween, movedArea, resizedArea } from '../lib/blur-areas.js';
import { part } from './dom.js';
import { drawFrame } from './frame-capture.js';

/** @typedef {import('../lib/blur-areas.js').Area} Area @typedef {import('../lib/blur-areas.js').Point} Point */

const KEY_STEP = 0.01;
const NEW_AREA = { x: 0.4, y: 0.4, width: 0.2, height: 0.2 };

/**
 * Draws rectangles on a picture. A drag makes one; each is a button: arrow keys move it, with Shift they resize it, and
 * Delete removes it.
 */
export class BlurEditor extends HTMLElement {
  /** @type {Area[]} */
  #areas = [];
  /** @type {{pointerId: number, from: Point, to: Point}|null} */
  #drag = null;

  connectedCallback() {
    const stage = this.#stage;
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) stage.addEventListener(type, (event) => this.#up(event));
    stage.addEventListener('keydown', (event) => this.#key(event));
    part(this, 'add', HTMLElement).addEventListener('click', () => this.#add(NEW_AREA));
    part(this, 'remove', HTMLElement).addEventListener('click', () => this.#remove());
  }

  get #stage() {
    return part(this, 'stage', HTMLElement);
  }

  /** The rectangles. */
  get areas() {
    return this.#areas.map((area) => ({ ...area }));
  }

  /** Show the picture of a video without rectangles. @param {HTMLVideoElement} video */
  open(video) {
    this.#areas = [];
    const canvas = part(this, 'canvas', HTMLCanvasElement);
    if (!drawFrame(video, canvas)) {
      canvas.width = 320;
      canvas.height = 180;
    }
    this.#draw();
  }

  /** @param {Area|null} area */
  #add(area) {
    if (!area || this.#areas.length >= MOST_AREAS) return;
    this.#areas.push(area);
    this.#draw();
    this.#buttons.at(-1)?.focus();
  }

  #remove() {
    this.#areas = [];
    this.#draw();
    part(this, 'add', HTMLElement).focus();
  }

  get #buttons() {
    return [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.#stage.querySelectorAll('button'))];
  }

  /** @param {PointerEvent} event @returns {Point} */
  #pointOf(event) {
    const box = this.#stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || this.#drag || (event.target instanceof Element && event.target.closest('button'))) return;
    this.#stage.setPointerCapture(event.pointerId);
    const from = this.#pointOf(event);
    this.#drag = { pointerId: event.pointerId, from, to: from };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#drag?.pointerId) return;
    this.#drag.to = this.#pointOf(event);
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointerId) return;
    this.#drag = null;
    if (event.type === 'pointerup') this.#add(areaBetween(drag.from, this.#pointOf(event)));
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const index = this.#buttons.findIndex((button) => button === event.target);
    const area = this.#areas[index];
    if (!area || event.ctrlKey || event.altKey || event.metaKey) return;
    /** @type {Record<string, Point>} */
    const steps = {
      ArrowLeft: { x: -KEY_STEP, y: 0 },
      ArrowRight: { x: KEY_STEP, y: 0 },
      ArrowUp: { x: 0, y: -KEY_STEP },
      ArrowDown: { x: 0, y: KEY_STEP },
    };
    const by = steps[event.key];
    if (by) this.#areas[index] = event.shiftKey ? resizedArea(area, by) : movedArea(area, by);
    else if (event.key === 'Delete' || event.key === 'Backspace') this.#areas.splice(index, 1);
    else return;
    event.preventDefault();
    this.#draw();
    if (!by) (this.#buttons[Math.min(index, this.#areas.length - 1)] ?? part(this, 'add', HTMLElement)).focus();
  }

  #draw() {
    const stage = this.#stage;
    const drawn = this.#drag && areaBetween(this.#drag.from, this.#drag.to);
    const areas = drawn ? [...this.#areas, drawn] : this.#areas;
    const buttons = this.#buttons;
    for (const button of buttons.slice(areas.length)) button.remove();
    for (const [index, area] of areas.entries()) {
      const button = buttons[index] ?? document.createElement('button');
      button.type = 'button';
      button.className = 'blur-area';
      button.setAttribute('aria-label', `Blurred area ${index + 1}, ${percent(area.width)} by ${percent(area.height)}`);
      for (const [name, value] of Object.entries(area)) button.style.setProperty(`--area-${name}`, `${value * 100}%`);
      if (!buttons[index]) stage.append(button);
    }
    part(this, 'remove', HTMLButtonElement).disabled = !this.#areas.length;
    part(this, 'add', HTMLButtonElement).disabled = this.#areas.length >= MOST_AREAS;
  }
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

customElements.define('blur-editor', BlurEditor);
