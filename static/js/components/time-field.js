// @ts-check
import { inputValue, wallOfInput } from '../lib/ranges.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { part } from './dom.js';

/**
 * A date and a time in the shown clock. For a time that occurs twice the user chooses one of both; for a time that is
 * skipped the field shows which one it takes instead.
 */
export class TimeField extends HTMLElement {
  #clock = LOCAL_CLOCK;

  connectedCallback() {
    this.input.addEventListener('input', () => this.#draw());
  }

  get input() {
    return part(this, 'input', HTMLInputElement);
  }

  get #which() {
    return part(this, 'which', HTMLSelectElement);
  }

  /** The chosen moment; null while the field is empty. */
  get atMs() {
    const wallMs = wallOfInput(this.input.value);
    if (wallMs === null) return null;
    return this.#clock.momentsOf(wallMs)[Math.max(0, this.#which.selectedIndex)] ?? this.#clock.momentOf(wallMs);
  }

  /** @param {number|null} atMs */
  set atMs(atMs) {
    this.input.value = atMs === null ? '' : inputValue(atMs, this.#clock, Number(this.input.step) < 1);
    this.#draw();
    const later = atMs !== null && this.#clock.momentsOf(wallOfInput(this.input.value) ?? 0).findLastIndex((ms) => ms <= atMs);
    this.#which.selectedIndex = this.#which.options.length ? Math.max(0, Number(later)) : -1;
  }

  /** @param {import('../lib/display-clock.js').DisplayClock} clock */
  set clock(clock) {
    const { atMs } = this;
    this.#clock = clock;
    this.atMs = atMs;
  }

  #draw() {
    const wallMs = wallOfInput(this.input.value);
    const moments = wallMs === null ? [] : this.#clock.momentsOf(wallMs);
    const names = moments.length > 1 ? moments.map((atMs) => this.#clock.zoneOf(atMs)) : [];
    const which = this.#which;
    which.hidden = !names.length;
    if (names.join() !== [...which.options].map((option) => option.value).join()) {
      which.replaceChildren(...names.map((name) => new Option(name, name)));
    }
    const note = part(this, 'note', HTMLElement);
    note.hidden = wallMs === null || moments.length > 0;
    note.textContent = note.hidden
      ? ''
      : `This time does not exist on that day. ${this.#clock.timeOf(this.#clock.momentOf(wallMs ?? 0))} is used.`;
  }
}

customElements.define('time-field', TimeField);
