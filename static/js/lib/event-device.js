// @ts-check
/** Words for users about the events that a device reports. */

import { counted, duration } from './format.js';
import { hasMessage, messageOf } from './messages.js';

/** @typedef {import('./events-api.js').DeviceTopics} DeviceTopics @typedef {import('./events-api.js').DeviceMessage} DeviceMessage */

/**
 * Return whether the app listens to a device, as a sentence.
 *
 * @param {boolean} wanted the switch of the device
 * @param {DeviceTopics} told
 */
export function listeningText(wanted, { listens, problem, topics, unlisted_code: code }) {
  if (!wanted) return 'Events are switched off.';
  if (problem) return problem.detail;
  if (!listens) return 'The app does not listen to this device now.';
  if (topics.some(({ count }) => count > 0)) return 'The app listens to this device.';
  if (topics.length) return 'The app listens, and the device has reported nothing yet.';
  return code && hasMessage(code)
    ? `The device did not list its events: ${lowered(messageOf(code).title)}.`
    : 'The app listens, but the device names no events.';
}

/** Return how many messages the page or the log leaves out; '' for none. @param {Pick<DeviceTopics, 'left_out'|'begun_left_out'>} told */
export function leftOutText({ left_out: ofTopics, begun_left_out: begun }) {
  return [
    ofTopics ? `Not shown: ${counted(ofTopics, 'message')} of more topics.` : '',
    begun ? `Not in the log: ${counted(begun, 'message')} about events, because too many events of this device go on.` : '',
  ]
    .filter(Boolean)
    .join(' ');
}

/** @param {DeviceMessage} message @returns {string} `begins`, `ends`, `state: off` */
export function messageState({ change, active }) {
  if (active === null) return change === 'pulse' ? 'happened' : 'no state';
  if (change === 'state') return `state: ${active ? 'on' : 'off'}`;
  return active ? 'begins' : 'ends';
}

/** @param {DeviceMessage} message @returns {string} `IsMotion=true Rule=Gate` */
export function messageItems({ items }) {
  return Object.entries(items)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** The messages of a test: those that were not there when it began. */
export class DeviceTest {
  static lengthMs = 60_000;

  #before;
  #beganMs;
  /** @type {Map<string, DeviceMessage>} */
  #messages = new Map();

  /** @param {DeviceMessage[]} before messages at the start @param {number} nowMs */
  constructor(before, nowMs) {
    this.#before = new Set(before.map(keyOf));
    this.#beganMs = nowMs;
  }

  /** @param {DeviceMessage[]} recent */
  take(recent) {
    for (const message of recent) {
      const key = keyOf(message);
      if (!this.#before.has(key)) this.#messages.set(key, message);
    }
  }

  /** The messages, the newest first. */
  get messages() {
    return [...this.#messages.values()].sort((one, other) => Date.parse(other.time) - Date.parse(one.time));
  }

  /** @param {number} nowMs */
  isOver(nowMs) {
    return nowMs - this.#beganMs >= DeviceTest.lengthMs;
  }

  /** @param {number} nowMs @returns {string} */
  stateText(nowMs) {
    const count = this.#messages.size;
    const words = count === 1 ? '1 message' : `${count || 'no'} messages`;
    if (!this.isOver(nowMs))
      return `The test runs for ${duration((this.#beganMs + DeviceTest.lengthMs - nowMs) / 1000)} more: ${words} so far.`;
    return count ? `The test is over: ${words}.` : 'The test is over. The device sent no message.';
  }
}

/** @param {DeviceMessage} message */
function keyOf({ time, topic, items, active }) {
  return JSON.stringify([time, topic, active, items]);
}

/** @param {string} text */
function lowered(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
