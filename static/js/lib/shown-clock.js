// @ts-check
/**
 * The clock that times are shown by and typed in: the browser's own time zone, whose days may have 23 or 25 hours, or
 * the recorder's own clock. A wall time is what such a clock shows, in ms as if it were UTC.
 */

const MINUTE_MS = 60_000;
const HALF_DAY_MS = 43_200_000;
// Short names that people know are spread over the variants of English: EDT, CEST, AEDT.
const VARIANTS = ['en-US', 'en-GB', 'en-AU'];

export class ShownClock {
  #offsetOf;
  #nameOf;

  /**
   * @param {(atMs: number) => number} offsetOf what is added to a moment to get the wall time, ms
   * @param {(atMs: number) => string} nameOf the zone's name at a moment
   */
  constructor(offsetOf, nameOf) {
    this.#offsetOf = offsetOf;
    this.#nameOf = nameOf;
  }

  /** @param {number} atMs @returns {number} */
  offsetOf(atMs) {
    return this.#offsetOf(atMs);
  }

  /** @param {number} atMs @returns {number} */
  wallOf(atMs) {
    return atMs + this.#offsetOf(atMs);
  }

  /** All moments at which the clock shows this: two in the hour that comes twice, none in the one left out. @param {number} wallMs @returns {number[]} */
  momentsOf(wallMs) {
    const offsets = [...new Set([-1, 1].map((side) => this.#offsetOf(wallMs - this.#offsetOf(wallMs) + side * HALF_DAY_MS)))];
    const moments = offsets.map((offset) => wallMs - offset).filter((atMs) => this.wallOf(atMs) === wallMs);
    return moments.sort((a, b) => a - b);
  }

  /** The first such moment; in an hour that is left out, as much later as the clock was put on. @param {number} wallMs @returns {number} */
  momentOf(wallMs) {
    const [first] = this.momentsOf(wallMs);
    return first ?? wallMs - this.#offsetOf(wallMs - this.#offsetOf(wallMs) - HALF_DAY_MS);
  }

  /** Whether the clock shows this time twice on that day. @param {number} atMs */
  isTwice(atMs) {
    return this.momentsOf(this.wallOf(atMs)).length > 1;
  }

  /** @param {number} atMs @returns {string} `CEST`, `UTC+8` */
  zoneOf(atMs) {
    return this.#nameOf(atMs);
  }

  /** @param {number} atMs @returns {string} `02:30:00`, and `02:30:00 CEST` where it comes twice */
  timeOf(atMs) {
    return this.stamp(atMs).slice(11);
  }

  /** @param {number} atMs @returns {string} `2026-11-22 02:30:00`, and `2026-10-25 02:30:00 CEST` where it comes twice */
  stamp(atMs) {
    const text = new Date(this.wallOf(atMs)).toISOString().slice(0, 19).replace('T', ' ');
    return this.isTwice(atMs) ? `${text} ${this.zoneOf(atMs)}` : text;
  }
}

/** The browser's own time zone. */
export const LOCAL_CLOCK = new ShownClock((atMs) => -new Date(atMs).getTimezoneOffset() * MINUTE_MS, localZone);

/** A recorder's own: `offsetS` is what it shows minus UTC, the fault of its clock counted in. @param {number} offsetS */
export function deviceClock(offsetS) {
  const offsetMs = Math.round(offsetS) * 1000;
  return new ShownClock(() => offsetMs, () => 'recorder’s clock');
}

/** @param {number} offsetMs @returns {string} `UTC`, `UTC+8`, `UTC−3:30` */
export function utcName(offsetMs) {
  const minutes = Math.round(Math.abs(offsetMs) / MINUTE_MS);
  if (!minutes) return 'UTC';
  const rest = minutes % 60 ? `:${String(minutes % 60).padStart(2, '0')}` : '';
  return `UTC${offsetMs < 0 ? '−' : '+'}${Math.floor(minutes / 60)}${rest}`;
}

/** @param {number} atMs */
function localZone(atMs) {
  const at = new Date(atMs);
  for (const variant of VARIANTS) {
    const parts = new Intl.DateTimeFormat(variant, { hour: 'numeric', timeZoneName: 'short' }).formatToParts(at);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (name && !/\d/.test(name)) return name;
  }
  return utcName(-at.getTimezoneOffset() * MINUTE_MS);
}
