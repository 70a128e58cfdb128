// @ts-check
/** The clock of the page: the browser's, or the recorder's own with its time zone and its error. */
import { duration } from '../lib/format.js';
import { LOCAL_CLOCK, DisplayClock, deviceClock, utcName } from '../lib/display-clock.js';
import { byId } from './page.js';

const MATTERS_S = 5; // the server corrects no smaller error either

/** Emits 'clock' when the clock has changed. */
class PageClock extends EventTarget {
  #aheadS = 0;
  /** @type {number|null} */
  #zoneS = null;
  #clock = LOCAL_CLOCK;

  constructor() {
    super();
    byId('device-clock', HTMLInputElement).addEventListener('change', () => this.#draw());
  }

  get clock() {
    return this.#clock;
  }

  /** The recorder's clock minus the true time; null if unknown. @param {number|null} offsetS */
  set offsetS(offsetS) {
    this.#aheadS = Math.abs(offsetS ?? 0) > MATTERS_S ? Math.round(offsetS ?? 0) : 0;
    byId('clock-notice', HTMLElement).hidden = !this.#aheadS;
    byId('clock-text', HTMLElement).textContent = this.#aheadS
      ? `The recorder’s clock is ${this.#fault()}. All times here are corrected for that.`
      : '';
    this.#draw();
  }

  /**
   * The recorder's present local time minus UTC; null if the recorder does not report it.
   *
   * @param {number|null} zoneS
   */
  set zoneS(zoneS) {
    this.#zoneS = zoneS;
    this.#draw();
  }

  /** @param {number} atMs @returns {string} `2026-11-22 02:13:04` */
  stamp(atMs) {
    return this.#clock.stamp(atMs);
  }

  #fault() {
    return `${duration(Math.abs(this.#aheadS))} ${this.#aheadS > 0 ? 'ahead' : 'behind'}`;
  }

  #draw() {
    const nowMs = Date.now();
    const zoneMs = this.#zoneS === null ? LOCAL_CLOCK.offsetOf(nowMs) : this.#zoneS * 1000;
    const differs = this.#aheadS !== 0 || zoneMs !== LOCAL_CLOCK.offsetOf(nowMs);
    byId('device-clock-label', HTMLElement).hidden = !differs;
    const facts = [this.#zoneS === null ? '' : utcName(zoneMs), this.#aheadS ? this.#fault() : ''].filter(Boolean);
    byId('device-clock-zone', HTMLElement).textContent = facts.length ? `(${facts.join(', ')})` : '';
    const isOn = differs && byId('device-clock', HTMLInputElement).checked;
    const before = this.#clock;
    if (!isOn) this.#clock = LOCAL_CLOCK;
    else if (this.#zoneS !== null) this.#clock = deviceClock(this.#zoneS + this.#aheadS);
    else
      this.#clock = new DisplayClock(
        (atMs) => LOCAL_CLOCK.offsetOf(atMs) + this.#aheadS * 1000,
        (atMs) => LOCAL_CLOCK.zoneOf(atMs),
      );
    if (before === this.#clock || (isOn && before !== LOCAL_CLOCK && before.wallOf(nowMs) === this.#clock.wallOf(nowMs))) return;
    this.dispatchEvent(new Event('clock'));
  }
}

export const pageClock = new PageClock();
