// @ts-check
import { dayKey } from '../lib/coverage.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { dayOf } from '../lib/ranges.js';
import { enlargedTime, takenOf } from '../lib/thumbnail-text.js';
import { timeOfDay } from '../lib/thumbnail-times.js';

/**
 * @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {import('../lib/display-clock.js').DisplayClock} DisplayClock
 * @typedef {import('./recording-calendar.js').RecordingCalendar} RecordingCalendar
 * @typedef {import('./storyboard.js').Source} Source
 * @typedef {{key: string, channel: number, stepS: number, atMs: number}} Day
 */

const DAY_MS = 86_400_000;
const MOST_REQUESTS = 4;

/** One thumbnail for each day of the calendar's month with a recording. They load while the calendar is on screen. */
export class CalendarThumbnails {
  #calendar;
  #source;
  /** @type {Day[]} */
  #days = [];
  /** Addresses of loaded images, by day. @type {Map<string, string>} */
  #loaded = new Map();
  #isOnScreen = false;
  #channel = /** @type {number|null} */ (null);
  #clock = LOCAL_CLOCK;
  /** @type {Set<string>} */
  #loading = new Set();

  /** @param {RecordingCalendar} calendar @param {Source} source */
  constructor(calendar, source) {
    this.#calendar = calendar;
    this.#source = source;
    new IntersectionObserver((changes) => {
      this.#isOnScreen = changes.at(-1)?.isIntersecting ?? false;
      this.update();
    }).observe(calendar);
  }

  /** Set the row whose thumbnails are shown, with its spans in the month; null: none. @param {Row|null} row @param {DisplayClock} clock */
  setRow(row, clock) {
    const channel = row?.channel ?? null;
    if (channel !== this.#channel) {
      this.#loaded = new Map();
      this.#calendar.thumbnails = this.#loaded;
    }
    this.#channel = channel;
    this.#clock = clock;
    this.#days = row && channel !== null ? daysOf(row, channel, this.#calendar.month, clock) : [];
    this.update();
  }

  /** Return the time of a day's thumbnail as text. @param {string} key */
  timeOf(key) {
    const day = this.#days.find((other) => other.key === key);
    if (!day) return '';
    return enlargedTime(this.#clock, takenOf(this.#source.store.get(day.channel, day.stepS, day.atMs), day.atMs));
  }

  update() {
    const { store } = this.#source;
    const nowMs = Date.now();
    for (const { key, channel, stepS, atMs } of this.#isOnScreen ? this.#days : []) {
      const { state, url } = store.get(channel, stepS, atMs) ?? {};
      if (state === 'ready' && url && !this.#loaded.has(key)) void this.#load(channel, key, url);
    }
    const open = this.#days.filter(({ channel, stepS, atMs }) => store.isOpen(channel, stepS, atMs, nowMs));
    const wanted = this.#isOnScreen ? open.slice(0, MOST_REQUESTS) : [];
    this.#source.want('calendar', this.#channel, wanted);
  }

  /** @param {number} channel @param {string} key @param {string} url */
  async #load(channel, key, url) {
    if (this.#loading.has(url)) return;
    this.#loading.add(url);
    const image = await this.#source.queue.load({}, url);
    this.#loading.delete(url);
    if (!image || channel !== this.#channel) return;
    this.#loaded.set(key, url);
    this.#calendar.thumbnails = this.#loaded;
  }
}

/** @param {Row} row @param {number} channel @param {{startMs: number, endMs: number}} month wall times @param {DisplayClock} clock @returns {Day[]} */
function daysOf(row, channel, month, clock) {
  /** @type {Day[]} */
  const days = [];
  for (let wallMs = month.startMs; wallMs < month.endMs; wallMs += DAY_MS) {
    const found = timeOfDay(row, dayOf(wallMs, clock));
    if (found && found.atMs < Date.now()) days.push({ key: dayKey(wallMs), channel, ...found });
  }
  return days.reverse(); // the newest day first
}
