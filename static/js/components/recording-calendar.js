// @ts-check
import { dayKey } from '../lib/coverage.js';
import { weeksOf } from '../lib/ranges.js';
import { part, tell } from './dom.js';

/**
 * A month whose days with recordings are marked. Tells 'calendar-day' with the day that was chosen, and
 * 'calendar-month' with the first of the month when another one is shown. There are no future days to choose.
 */
export class RecordingCalendar extends HTMLElement {
  #month = new Date();
  /** @type {Map<string, 'recorded'|'unknown'>} */
  #days = new Map();
  /** @type {Date|null} */
  #chosen = null;

  connectedCallback() {
    part(this, 'before', HTMLButtonElement).addEventListener('click', () => this.#turn(-1));
    part(this, 'after', HTMLButtonElement).addEventListener('click', () => this.#turn(1));
    part(this, 'days', HTMLElement).addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('button') : null;
      if (button?.dataset.day) tell(this, 'calendar-day', new Date(`${button.dataset.day}T00:00:00`));
    });
    part(this, 'days', HTMLElement).addEventListener('keydown', (event) => this.#key(event));
    this.#render();
  }

  /** The first of the month that is shown. */
  get month() {
    return new Date(this.#month.getFullYear(), this.#month.getMonth(), 1);
  }

  /** @param {Map<string, 'recorded'|'unknown'>} days */
  set days(days) {
    this.#days = days;
    this.#render();
  }

  /** @param {Date|null} day */
  set chosen(day) {
    if (day && this.#chosen && dayKey(day) === dayKey(this.#chosen)) return;
    this.#chosen = day;
    if (day) this.#month = day;
    this.#render();
  }

  /** @param {1|-1} direction */
  #turn(direction) {
    this.#month = new Date(this.#month.getFullYear(), this.#month.getMonth() + direction, 1);
    this.#render();
    tell(this, 'calendar-month', this.month);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step) return;
    const buttons = [...this.querySelectorAll('button[data-day]:enabled')];
    const next = buttons[buttons.indexOf(/** @type {Element} */ (event.target)) + step];
    event.preventDefault();
    event.stopPropagation();
    if (next instanceof HTMLButtonElement) next.focus();
  }

  #render() {
    if (!this.isConnected) return;
    const today = new Date();
    part(this, 'title', HTMLElement).textContent = this.#month.toLocaleDateString('en', { month: 'long', year: 'numeric' });
    part(this, 'after', HTMLButtonElement).disabled =
      this.#month.getFullYear() === today.getFullYear() && this.#month.getMonth() === today.getMonth();
    part(this, 'days', HTMLElement).replaceChildren(...weeksOf(this.#month).map((week) => this.#week(week, today)));
  }

  /** @param {(Date|null)[]} week @param {Date} today */
  #week(week, today) {
    const row = document.createElement('tr');
    for (const day of week) {
      const cell = document.createElement('td');
      if (day) cell.append(this.#day(day, today));
      row.append(cell);
    }
    return row;
  }

  /** @param {Date} day @param {Date} today */
  #day(day, today) {
    const button = document.createElement('button');
    const key = dayKey(day);
    const state = this.#days.get(key);
    button.type = 'button';
    button.dataset.day = key;
    button.textContent = String(day.getDate());
    button.disabled = key > dayKey(today);
    if (state) button.dataset.state = state;
    const words = state === 'recorded' ? ', has recordings' : state === 'unknown' ? ', may have recordings' : '';
    button.setAttribute('aria-label', `${day.toLocaleDateString('en', { dateStyle: 'full' })}${words}`);
    if (key === dayKey(today)) button.setAttribute('aria-current', 'date');
    if (this.#chosen && key === dayKey(this.#chosen)) button.setAttribute('aria-pressed', 'true');
    return button;
  }
}

customElements.define('recording-calendar', RecordingCalendar);
