// @ts-check
import { dayKey } from '../lib/coverage.js';
import { counted } from '../lib/format.js';
import { weeksOf } from '../lib/ranges.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { emit, part } from './dom.js';

const DAY_MS = 86_400_000;

/**
 * A month whose days with recordings, or with events, are marked. Emits 'calendar-day' with the wall time of the chosen day's midnight,
 * and 'calendar-month' when another month is shown. Future days cannot be chosen.
 */
export class RecordingCalendar extends HTMLElement {
  #clock = LOCAL_CLOCK;
  #month = monthOf(LOCAL_CLOCK.wallOf(Date.now()));
  /** @type {Map<string, 'recorded'|'unknown'>} */
  #days = new Map();
  /** @type {Map<string, {count: number, alerts: number}>} */
  #counts = new Map();
  /** @type {Map<string, string>} */
  #thumbnails = new Map();
  /** @type {string|null} */
  #chosen = null;

  connectedCallback() {
    part(this, 'before', HTMLButtonElement).addEventListener('click', () => this.#changeMonth(-1));
    part(this, 'after', HTMLButtonElement).addEventListener('click', () => this.#changeMonth(1));
    part(this, 'days', HTMLElement).addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('button') : null;
      if (button?.dataset.day) emit(this, 'calendar-day', Date.parse(button.dataset.day));
    });
    part(this, 'days', HTMLElement).addEventListener('keydown', (event) => this.#key(event));
    this.#render();
  }

  /** The wall times of the month's first midnight and of the next month's. */
  get month() {
    return { startMs: this.#month, endMs: monthOf(this.#month + 32 * DAY_MS) };
  }

  /** The clock of the days. @param {import('../lib/display-clock.js').DisplayClock} clock */
  set clock(clock) {
    this.#clock = clock;
    this.#render();
  }

  /** @param {Map<string, 'recorded'|'unknown'>} days */
  set days(days) {
    this.#days = days;
    this.#render();
  }

  /** Numbers of events, by the keys of `dayKey()`. @param {Map<string, {count: number, alerts: number}>} counts */
  set counts(counts) {
    this.#counts = counts;
    this.#render();
  }

  /** Addresses of the days' thumbnails, by the keys of `dayKey()`. @param {Map<string, string>} thumbnails */
  set thumbnails(thumbnails) {
    this.#thumbnails = thumbnails;
    for (const button of this.querySelectorAll('button[data-day]')) this.#showThumbnail(/** @type {HTMLButtonElement} */ (button));
  }

  /** A moment of the chosen day. @param {number|null} atMs */
  set chosen(atMs) {
    const wallMs = atMs === null ? null : this.#clock.wallOf(atMs);
    const day = wallMs === null ? null : dayKey(wallMs);
    if (day === this.#chosen) return;
    this.#chosen = day;
    if (wallMs !== null) this.#month = monthOf(wallMs);
    this.#render();
  }

  /** @param {1|-1} direction */
  #changeMonth(direction) {
    this.#month = monthOf(this.#month + (direction > 0 ? 32 : -1) * DAY_MS);
    this.#render();
    emit(this, 'calendar-month');
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
    const focused =
      document.activeElement instanceof HTMLElement && this.contains(document.activeElement) ? document.activeElement.dataset.day : '';
    const today = this.#clock.wallOf(Date.now());
    part(this, 'title', HTMLElement).textContent = text(this.#month, { month: 'long', year: 'numeric' });
    part(this, 'after', HTMLButtonElement).disabled = this.#month === monthOf(today);
    part(this, 'days', HTMLElement).replaceChildren(...weeksOf(this.#month).map((week) => this.#week(week, today)));
    const again = focused ? this.querySelector(`button[data-day="${focused}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
  }

  /** @param {(number|null)[]} week @param {number} today */
  #week(week, today) {
    const row = document.createElement('tr');
    for (const day of week) {
      const cell = document.createElement('td');
      if (day !== null) cell.append(this.#day(day, today));
      row.append(cell);
    }
    return row;
  }

  /** @param {number} day @param {number} today */
  #day(day, today) {
    const button = document.createElement('button');
    const key = dayKey(day);
    const state = this.#days.get(key);
    button.type = 'button';
    button.dataset.day = key;
    const number = document.createElement('span');
    number.textContent = String(new Date(day).getUTCDate());
    button.append(number);
    button.disabled = key > dayKey(today);
    if (state) button.dataset.state = state;
    const counts = this.#counts.get(key);
    if (counts) this.#showCount(button, counts);
    const recorded = state === 'recorded' ? ', has recordings' : state === 'unknown' ? ', may have recordings' : '';
    const happened = counts ? `, ${counted(counts.count, 'event')}, ${counted(counts.alerts, 'alert')}` : '';
    button.setAttribute('aria-label', `${text(day, { dateStyle: 'full' })}${recorded}${happened}`);
    if (key === dayKey(today)) button.setAttribute('aria-current', 'date');
    if (key === this.#chosen) button.setAttribute('aria-pressed', 'true');
    this.#showThumbnail(button);
    return button;
  }

  /** @param {HTMLButtonElement} button of a day @param {{count: number, alerts: number}} counts */
  #showCount(button, { count, alerts }) {
    button.dataset.state = alerts ? 'alerts' : 'recorded';
    const number = document.createElement('small');
    // By CSS, because the name of the button must have all of its text (WCAG 2.5.3), and "245" is no day.
    number.dataset.count = count > 999 ? '999+' : String(count);
    button.append(number);
  }

  /** @param {HTMLButtonElement} button of a day */
  #showThumbnail(button) {
    const url = this.#thumbnails.get(button.dataset.day ?? '');
    const shown = button.querySelector('img');
    if (url === shown?.getAttribute('src')) return;
    shown?.remove();
    if (!url) return;
    const image = document.createElement('img');
    image.alt = '';
    image.src = url;
    button.prepend(image);
  }
}

/** Return the wall time of the first midnight of a month. @param {number} wallMs */
function monthOf(wallMs) {
  const at = new Date(wallMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
}

/** @param {number} wallMs @param {Intl.DateTimeFormatOptions} how */
function text(wallMs, how) {
  return new Date(wallMs).toLocaleDateString('en', { ...how, timeZone: 'UTC' });
}

customElements.define('recording-calendar', RecordingCalendar);
