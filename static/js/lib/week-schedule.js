// @ts-check
/** A weekly schedule as half hours of seven days, Monday first, and as the spans of the API. */

/** @typedef {import('./recording-types.js').WeekSpan} WeekSpan @typedef {'always'|'nights'|'working'|'never'} Preset */

export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
export const SLOTS = 48;
const SLOT_MINUTES = 30;
const DAY_MINUTES = 1440;
const WORKING_DAYS = 5;

/** The half hours of a week. */
export class WeekSchedule {
  #slots = Array.from({ length: DAYS.length }, () => new Array(SLOTS).fill(false));

  /** Return the schedule with every half hour that a span touches. @param {readonly WeekSpan[]} spans */
  static of(spans) {
    const week = new WeekSchedule();
    for (const { weekday, from_minute: from, until_minute: until } of spans) {
      if (!week.#slots[weekday]) continue;
      for (let slot = Math.floor(from / SLOT_MINUTES); slot < Math.ceil(until / SLOT_MINUTES); slot += 1) week.set(weekday, slot, true);
    }
    return week;
  }

  /** @param {Preset} preset */
  static preset(preset) {
    const week = new WeekSchedule();
    DAYS.forEach((_, day) => {
      for (let slot = 0; slot < SLOTS; slot += 1) week.set(day, slot, isInPreset(preset, day, (slot * SLOT_MINUTES) / 60));
    });
    return week;
  }

  /** @param {number} day @param {number} slot */
  has(day, slot) {
    return this.#slots[day]?.[slot] ?? false;
  }

  /** @param {number} day @param {number} slot @param {boolean} isOn */
  set(day, slot, isOn) {
    const slots = this.#slots[day];
    if (slots && slot >= 0 && slot < SLOTS) slots[slot] = isOn;
  }

  /**
   * Return a copy in which a rectangle has one value.
   *
   * @param {{day: number, slot: number}} from
   * @param {{day: number, slot: number}} to the opposite corner, included
   * @param {boolean} isOn
   */
  painted(from, to, isOn) {
    const copy = WeekSchedule.of(this.spans);
    const [firstDay, lastDay] = [Math.min(from.day, to.day), Math.max(from.day, to.day)];
    const [firstSlot, lastSlot] = [Math.min(from.slot, to.slot), Math.max(from.slot, to.slot)];
    for (let day = firstDay; day <= lastDay; day += 1) {
      for (let slot = firstSlot; slot <= lastSlot; slot += 1) copy.set(day, slot, isOn);
    }
    return copy;
  }

  /** @returns {WeekSpan[]} */
  get spans() {
    /** @type {WeekSpan[]} */
    const spans = [];
    this.#slots.forEach((slots, weekday) => {
      let from = -1;
      for (let slot = 0; slot <= SLOTS; slot += 1) {
        if (slots[slot] && from < 0) from = slot;
        if (slots[slot] || from < 0) continue;
        spans.push({ weekday, from_minute: from * SLOT_MINUTES, until_minute: slot * SLOT_MINUTES });
        from = -1;
      }
    });
    return spans;
  }

  /** The preset with the same half hours; null if there is none. @returns {Preset|null} */
  get preset() {
    const own = JSON.stringify(this.#slots);
    const presets = /** @type {const} */ (['always', 'nights', 'working', 'never']);
    return presets.find((name) => JSON.stringify(WeekSchedule.preset(name).#slots) === own) ?? null;
  }
}

/** @param {Preset} preset @param {number} day @param {number} hour */
function isInPreset(preset, day, hour) {
  if (preset === 'nights') return hour < 6 || hour >= 20;
  if (preset === 'working') return day < WORKING_DAYS && hour >= 8 && hour < 18;
  return preset === 'always';
}

/** Return the share of the week that is scheduled. @param {readonly WeekSpan[]} spans */
export function shareOfWeek(spans) {
  const minutes = spans.reduce((sum, span) => sum + span.until_minute - span.from_minute, 0);
  return Math.min(1, minutes / (DAY_MINUTES * DAYS.length));
}

/** @param {number} minutes since midnight @returns {string} `08:30`, `24:00` */
export function clockTime(minutes) {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

/**
 * Return a schedule in words, days with the same times together: `Mon–Fri 08:00–18:00; Sat 10:00–12:00`.
 *
 * @param {readonly WeekSpan[]} spans
 */
export function scheduleText(spans) {
  const ofDays = DAYS.map((_, day) =>
    spans
      .filter(({ weekday }) => weekday === day)
      .toSorted((one, other) => one.from_minute - other.from_minute)
      .map((span) => `${clockTime(span.from_minute)}–${clockTime(span.until_minute)}`)
      .join(', '),
  );
  /** @type {string[]} */
  const pieces = [];
  for (let first = 0; first < DAYS.length;) {
    let last = first;
    while (ofDays[last + 1] === ofDays[first] && last + 1 < DAYS.length) last += 1;
    if (ofDays[first]) pieces.push(`${daysText(first, last)} ${ofDays[first]}`);
    first = last + 1;
  }
  return pieces.join('; ') || 'Never';
}

/** @param {number} first @param {number} last */
function daysText(first, last) {
  const short = (/** @type {number} */ day) => (DAYS[day] ?? '').slice(0, 3);
  if (first === last) return short(first);
  return last === first + 1 ? `${short(first)}, ${short(last)}` : `${short(first)}–${short(last)}`;
}
