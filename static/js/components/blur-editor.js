// @ts-check
import { MOST_AREAS, areaBetween, movedArea, resizedArea } from '../lib/blur-areas.js';
import { part, setText } from './dom.js';
import { drawFrame } from './frame-capture.js';

/** @typedef {import('../lib/blur-areas.js').Area} Area @typedef {import('../lib/blur-areas.js').Point} Point */

const KEY_STEP = 0.01;
const NEW_AREA = { x: 0.4, y: 0.4, width: 0.2, height: 0.2 };

/**
 * Draws rectangles on a picture. A drag on the picture makes one, a drag on a rectangle moves it. Each is a button: arrow
 * keys move it, with Shift they resize it, and Delete removes it.
 */
export class BlurEditor extends HTMLElement {
  /** @type {Area[]} */
  #areas = [];
  /** Index of the rectangle that the user has touched last; -1 if there is none. */
  #chosen = -1;
  /** `moved`: the rectangle under the pointer, as it was; null while a new one is drawn. @type {{pointerId: number, from: Point, to: Point, moved: Area|null}|null} */
  #drag = null;
  #hasPicture = false;

  connectedCallback() {
    const stage = this.#stage;
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) stage.addEventListener(type, (event) => this.#up(event));
    stage.addEventListener('keydown', (event) => this.#key(event));
    part(this, 'add', HTMLElement).addEventListener('click', () => this.#add(NEW_AREA));
    part(this, 'remove', HTMLElement).addEventListener('click', () => this.#removeAt(this.#chosen));
    part(this, 'remove-all', HTMLElement).addEventListener('click', () => this.#removeAll());
    stage.addEventListener('focusin', (event) => this.#choose(this.#indexOf(event.target)));
  }

  get #stage() {
    return part(this, 'stage', HTMLElement);
  }

  /** The rectangles. */
  get areas() {
    return this.#areas.map((area) => ({ ...area }));
  }

  /** False while the rectangles are drawn on an empty picture. */
  get hasPicture() {
    return this.#hasPicture;
  }

  /** Show the picture of a video without rectangles. @param {HTMLVideoElement} video */
  open(video) {
    this.#areas = [];
    this.#chosen = -1;
    Object.assign(part(this, 'canvas', HTMLCanvasElement), { width: 320, height: 180 });
    this.showNote('');
    this.showPicture(video);
    this.#draw();
  }

  /** Show the picture of a video, if it has one. @param {HTMLVideoElement} video */
  showPicture(video) {
    this.#hasPicture = drawFrame(video, part(this, 'canvas', HTMLCanvasElement));
    if (this.#hasPicture) this.showNote('');
  }

  /** Show a text below the picture. @param {string} text */
  showNote(text) {
    const note = part(this, 'note', HTMLElement);
    setText(note, text);
    note.hidden = !text;
  }

  /** Move the focus to where a keyboard draws a rectangle. */
  focusAdd() {
    part(this, 'add', HTMLElement).focus();
  }

  /** @param {Area|null} area */
  #add(area) {
    if (!area || this.#areas.length >= MOST_AREAS) return;
    this.#areas.push(area);
    this.#draw();
    this.#buttons.at(-1)?.focus();
  }

  /** @param {number} index */
  #removeAt(index) {
    this.#areas.splice(index, 1);
    this.#chosen = Math.min(index, this.#areas.length - 1);
    this.#draw();
    const next = this.#buttons[this.#chosen];
    if (next) next.focus();
    else this.focusAdd();
  }

  #removeAll() {
    this.#areas = [];
    this.#chosen = -1;
    this.#draw();
    this.focusAdd();
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    this.#draw();
  }

  /** @param {EventTarget|null} target */
  #indexOf(target) {
    return this.#buttons.findIndex((button) => button === target);
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
    if (event.button !== 0 || this.#drag) return;
    event.preventDefault(); // the browser would move the focus after this handler
    const index = this.#indexOf(event.target);
    this.#stage.setPointerCapture(event.pointerId);
    const from = this.#pointOf(event);
    this.#drag = { pointerId: event.pointerId, from, to: from, moved: this.#areas[index] ?? null };
    this.#buttons[index]?.focus();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#drag?.pointerId) return;
    const { from, moved } = this.#drag;
    const to = this.#pointOf(event);
    this.#drag.to = to;
    if (moved) this.#areas[this.#chosen] = movedArea(moved, { x: to.x - from.x, y: to.y - from.y });
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointerId) return;
    this.#drag = null;
    if (drag.moved) {
      if (event.type === 'pointercancel') this.#areas[this.#chosen] = drag.moved;
    } else if (event.type === 'pointerup') this.#add(areaBetween(drag.from, this.#pointOf(event)));
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const index = this.#indexOf(event.target);
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
    else if (event.key === 'Delete' || event.key === 'Backspace') this.#removeAt(index);
    else return;
    event.preventDefault();
    this.#draw();
  }

  #draw() {
    const stage = this.#stage;
    const drawn = this.#drag && !this.#drag.moved && areaBetween(this.#drag.from, this.#drag.to);
    const areas = drawn ? [...this.#areas, drawn] : this.#areas;
    const buttons = this.#buttons;
    for (const button of buttons.slice(areas.length)) button.remove();
    for (const [index, area] of areas.entries()) {
      const button = buttons[index] ?? document.createElement('button');
      button.type = 'button';
      button.className = 'blur-area';
      button.toggleAttribute('data-chosen', index === this.#chosen);
      button.setAttribute('aria-label', `Blurred area ${index + 1}, ${percent(area.width)} by ${percent(area.height)}`);
      for (const [name, value] of Object.entries(area)) button.style.setProperty(`--area-${name}`, `${value * 100}%`);
      if (!buttons[index]) stage.append(button);
    }
    const remove = part(this, 'remove', HTMLButtonElement);
    remove.disabled = this.#chosen < 0;
    setText(remove, this.#chosen < 0 ? 'Remove' : `Remove area ${this.#chosen + 1}`);
    part(this, 'remove-all', HTMLButtonElement).disabled = !this.#areas.length;
    part(this, 'add', HTMLButtonElement).disabled = this.#areas.length >= MOST_AREAS;
  }
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

customElements.define('blur-editor', BlurEditor);
