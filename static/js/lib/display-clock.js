// @ts-check
/**
 * The clock in which the pages show and read times: either the browser's time zone, whose days may have 23 or 25 hours,
 * or the recorder's own clock. A wall time is the reading of such a clock, in ms as if it were UTC.
 */

const MINUTE_MS = 60_000;
const HALF_DAY_MS = 43_200_000;
// Each variant of English has short names only for the zones of its own region: EDT, CEST, AEDT.
const VARIANTS = ['en-US', 'en-GB', 'en-AU'];

export class DisplayClock {
  #offsetOf;
  #nameOf;

  /**
   * @param {(atMs: number) => number} offsetOf returns wall time minus UTC at a moment, in ms
   * @param {(atMs: number) => string} nameOf returns the zone's name at a moment
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

  /**
   * Return all moments with this wall time: two in an hour that is repeated, none in an hour that is skipped.
   *
   * @param {number} wallMs
   * @returns {number[]} ascending
   */
  momentsOf(wallMs) {
    const offsets = [...new Set([-1, 1].map((side) => this.#offsetOf(wallMs - this.#offsetOf(wallMs) + side * HALF_DAY_MS)))];
    const moments = offsets.map((offset) => wallMs - offset).filter((atMs) => this.wallOf(atMs) === wallMs);
    return moments.sort((a, b) => a - b);
  }

  /**
   * Return the first moment with this wall time. A skipped wall time gives a later one: 02:30 gives 03:30.
   *
   * @param {number} wallMs
   * @returns {number}
   */
  momentOf(wallMs) {
    const [first] = this.momentsOf(wallMs);
    return first ?? wallMs - this.#offsetOf(wallMs - this.#offsetOf(wallMs) - HALF_DAY_MS);
  }

  /** True if the clock shows the wall time of this moment twice on that day. @param {number} atMs */
  isTwice(atMs) {
    return this.momentsOf(this.wallOf(atMs)).length > 1;
  }

  /** @param {number} atMs @returns {string} `CEST`, `UTC+8` */
  zoneOf(atMs) {
    return this.#nameOf(atMs);
  }

  /** @param {number} atMs @returns {string} `02:30:00`, or `02:30:00 CEST` if this wall time is repeated */
  timeOf(atMs) {
    return this.stamp(atMs).slice(11);
  }

  /** @param {number} atMs @returns {string} `2026-11-22 02:30:00`, or `2026-10-25 02:30:00 CEST` if it is repeated */
  stamp(atMs) {
    const text = new Date(this.wallOf(atMs)).toISOString().slice(0, 19).replace('T', ' ');
    return this.isTwice(atMs) ? `${text} ${this.zoneOf(atMs)}` : text;
  }
}

/** The browser's time zone. */
export const LOCAL_CLOCK = new DisplayClock((atMs) => -new Date(atMs).getTimezoneOffset() * MINUTE_MS, localZone);

/** Return a recorder's clock. @param {number} offsetS its reading minus UTC, its error included */
export function deviceClock(offsetS) {
  const offsetMs = Math.round(offsetS) * 1000;
  return new DisplayClock(
    () => offsetMs,
    () => 'recorder’s clock',
  );
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
