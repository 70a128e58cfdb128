// @ts-check
import { DAYS, SLOTS, WeekSchedule, clockTime } from '../lib/week-schedule.js';
import { emit, setAttribute } from './dom.js';

/** @typedef {{day: number, slot: number}} Cell */

const SLOT_MINUTES = 30;
const LABELLED_HOURS = [0, 6, 12, 18];

/**
 * The half hours of a week, to paint: a drag sets a rectangle to the opposite of its first cell, a press on a day's name
 * its whole day. Arrow keys move in the grid, Space changes a cell, and Shift with an arrow key paints on from there.
 * Emits 'week-change' after each change, and 'week-point' with a text about the cell or the rectangle at the pointer.
 */
export class WeekGrid extends HTMLElement {
  #week = new WeekSchedule();
  /** @type {HTMLElement[][]} */
  #cells = [];
  /** @type {Cell} */
  #focused = { day: 0, slot: 0 };
  /** A drag, or a row of Shift with arrow keys. @type {{from: Cell, before: WeekSchedule, isOn: boolean}|null} */
  #paint = null;

  connectedCallback() {
    if (this.#cells.length) return;
    this.#build();
    this.addEventListener('pointerdown', (event) => this.#down(event));
    this.addEventListener('pointermove', (event) => this.#move(event));
    this.addEventListener('pointerup', () => (this.#paint = null));
    // The browser takes the finger to scroll: undo what it has painted.
    this.addEventListener('pointercancel', () => this.#undo());
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('keyup', (event) => event.key === 'Shift' && (this.#paint = null));
    this.addEventListener('focusin', (event) => this.#focusedIn(event));
  }

  /** @param {WeekSchedule} week */
  set week(week) {
    this.#week = week;
    this.#draw();
  }

  get week() {
    return this.#week;
  }

  #build() {
    const head = document.createElement('div');
    head.className = 'week-hours';
    head.setAttribute('aria-hidden', 'true');
    for (const hour of LABELLED_HOURS) {
      const label = document.createElement('span');
      label.textContent = String(hour);
      head.append(label);
    }
    const grid = document.createElement('div');
    grid.className = 'week-rows';
    grid.setAttribute('role', 'grid');
    grid.setAttribute('aria-label', 'Recorded half hours of the week');
    grid.setAttribute('aria-multiselectable', 'true');
    DAYS.forEach((name, day) => {
      const row = document.createElement('div');
      row.className = 'week-row';
      row.setAttribute('role', 'row');
      const title = document.createElement('div');
      title.className = 'week-day';
      title.setAttribute('role', 'rowheader');
      const button = document.createElement('button');
      button.type = 'button';
      button.tabIndex = -1;
      button.dataset.day = String(day);
      button.textContent = name.slice(0, 3);
      button.setAttribute('aria-label', `${name}: all day or never`);
      button.addEventListener('click', () => this.#toggleDay(day));
      title.append(button);
      row.append(title);
      this.#cells.push(
        Array.from({ length: SLOTS }, (_, slot) => {
          const cell = document.createElement('div');
          cell.className = 'week-cell';
          cell.setAttribute('role', 'gridcell');
          cell.setAttribute('aria-label', `${name} ${timesOf(slot, slot)}`);
          cell.tabIndex = -1;
          cell.dataset.slot = String(slot);
          row.append(cell);
          return cell;
        }),
      );
      grid.append(row);
    });
    this.append(head, grid);
    this.#draw();
  }

  #draw() {
    this.#cells.forEach((cells, day) =>
      cells.forEach((cell, slot) => {
        setAttribute(cell, 'aria-selected', this.#week.has(day, slot) ? 'true' : 'false');
        const isStop = day === this.#focused.day && slot === this.#focused.slot;
        setAttribute(cell, 'tabindex', isStop ? '0' : '-1');
      }),
    );
  }

  /** @param {WeekSchedule} week */
  #change(week) {
    this.#week = week;
    this.#draw();
    emit(this, 'week-change');
  }

  /** @param {number} day */
  #toggleDay(day) {
    const isOn = !Array.from({ length: SLOTS }, (_, slot) => this.#week.has(day, slot)).every(Boolean);
    this.#change(this.#week.painted({ day, slot: 0 }, { day, slot: SLOTS - 1 }, isOn));
  }

  // ── Pointer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {PointerEvent} event */
  #down(event) {
    const target = event.target instanceof HTMLElement ? event.target.closest('.week-cell') : null;
    if (!target || event.button !== 0) return;
    const at = this.#cellAt(event);
    if (!at) return;
    this.setPointerCapture(event.pointerId);
    event.preventDefault(); // of the selection of text
    this.#focused = at;
    this.#paint = { from: at, before: this.#week, isOn: !this.#week.has(at.day, at.slot) };
    this.#paintTo(at);
    this.#cells[at.day]?.[at.slot]?.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#cellAt(event);
    if (!at) return;
    if (this.#paint && event.buttons) this.#paintTo(at);
    else if (event.pointerType === 'mouse') emit(this, 'week-point', `${DAYS[at.day]} ${timesOf(at.slot, at.slot)}`);
  }

  /** @param {Cell} to */
  #paintTo(to) {
    const paint = this.#paint;
    if (!paint) return;
    const { from, before, isOn } = paint;
    this.#change(before.painted(from, to, isOn));
    const days = from.day === to.day ? DAYS[from.day] : `${DAYS[Math.min(from.day, to.day)]} to ${DAYS[Math.max(from.day, to.day)]}`;
    const times = timesOf(Math.min(from.slot, to.slot), Math.max(from.slot, to.slot));
    emit(this, 'week-point', `${days} ${times}: ${isOn ? 'recorded' : 'not recorded'}`);
  }

  #undo() {
    const before = this.#paint?.before;
    this.#paint = null;
    if (before) this.#change(before);
  }

  /** Return the cell nearest to the pointer. @param {PointerEvent} event @returns {Cell|null} */
  #cellAt(event) {
    const first = this.#cells[0]?.[0]?.getBoundingClientRect();
    const last = this.#cells.at(-1)?.at(-1)?.getBoundingClientRect();
    if (!first || !last) return null;
    const within = (/** @type {number} */ share, /** @type {number} */ count) =>
      Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return {
      day: within((event.clientY - first.top) / (last.bottom - first.top), DAYS.length),
      slot: within((event.clientX - first.left) / (last.right - first.left), SLOTS),
    };
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!(event.target instanceof HTMLElement) || !event.target.classList.contains('week-cell')) return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { day, slot } = this.#focused;
    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault();
      this.#paint = { from: this.#focused, before: this.#week, isOn: !this.#week.has(day, slot) };
      this.#paintTo(this.#focused);
      return;
    }
    /** @type {Record<string, Cell>} */
    const steps = {
      ArrowLeft: { day, slot: slot - 1 },
      ArrowRight: { day, slot: slot + 1 },
      ArrowUp: { day: day - 1, slot },
      ArrowDown: { day: day + 1, slot },
      Home: { day, slot: 0 },
      End: { day, slot: SLOTS - 1 },
    };
    const to = Object.hasOwn(steps, event.key) ? steps[event.key] : null;
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    const next = this.#cells[to.day]?.[to.slot];
    if (!next) return;
    if (event.shiftKey) this.#paint ??= { from: this.#focused, before: this.#week, isOn: !this.#week.has(day, slot) };
    else this.#paint = null;
    this.#focused = to;
    if (event.shiftKey) this.#paintTo(to);
    else this.#draw();
    next.focus();
  }

  /** @param {FocusEvent} event */
  #focusedIn(event) {
    const cell = event.target instanceof HTMLElement ? event.target : null;
    const day = this.#cells.findIndex((cells) => cell !== null && cells.includes(cell));
    if (day < 0 || !cell) return;
    this.#focused = { day, slot: Number(cell.dataset.slot) };
    this.#draw();
  }
}

/** @param {number} first @param {number} last half hours @returns {string} `08:00–18:30` */
function timesOf(first, last) {
  return `${clockTime(first * SLOT_MINUTES)}–${clockTime((last + 1) * SLOT_MINUTES)}`;
}

customElements.define('week-grid', WeekGrid);
