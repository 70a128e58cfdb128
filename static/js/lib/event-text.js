// @ts-check
/** Events in words for users. */

import { LOCAL_CLOCK } from './display-clock.js';
import { eventName } from './event-kinds.js';
import { MOST_WAITING } from './event-list.js';
import { counted, duration, shareText } from './format.js';
import { hasMessage, messageOf } from './messages.js';
import { reasonThen } from './recording-text.js';

/** @typedef {import('./events-api.js').LoggedEvent} LoggedEvent @typedef {import('./display-clock.js').DisplayClock} DisplayClock */

const DAY_MS = 86_400_000;
/** A shorter event counts as a moment. */
const MOMENT_MS = 1000;
/** An event has two changes, its beginning and its end; only a larger number tells something. */
const MANY_CHANGES = 10;
/** A smaller difference of the device's clock is not worth a word. */
const CLOCK_DIFFERS_MS = 2000;

/** Why an event was closed without a message about its end. @type {Record<string, string>} */
const CLOSED = {
  missed: 'Its end was missed.',
  timeout: 'The device did not report the end.',
  storm: 'Many messages in a short time.',
  stopped: 'The app stopped listening before the end.',
};

/** Why the app logged an event of its own, where the reasons of the recording have no words. @type {Record<string, string>} */
const OWN_REASONS = {
  slow: 'The disk was too slow.',
  full: 'The disk was full.',
  read_only: 'The disk could only be read.',
  gone: 'The disk was missing or failing.',
  copies_unreachable: 'The object storage did not answer.',
  copies_untrusted: 'The certificate of the object storage could not be verified.',
  copies_refused: 'The object storage refused the access key.',
  copies_no_bucket: 'The object storage has no such bucket.',
  copies_full: 'The object storage was full.',
  copies_failed: 'The object storage answered with errors.',
  recorder: 'The recorder itself did not record.',
};

/** The fate of the object of a movement that this server has seen. @type {Record<string, string>} */
const RESTS = {
  came_to_rest: 'An object came to rest.',
  left: 'An object left its place.',
};

/** @type {Record<string, string>} */
const SOURCES = {
  import: 'Read from the recorder’s own list of events.',
  watch: 'Detected by this server.',
};

/** Return the title of an event, with its label: `Licence plate: AB 123`. @param {LoggedEvent} event */
export function eventTitle(event) {
  const name = eventName(event);
  return event.label && event.label.toLowerCase() !== name.toLowerCase() ? `${name}: ${event.label}` : name;
}

/** @param {Pick<LoggedEvent, 'camera_id'|'camera_name'|'channel'|'channel_name'|'source'>} event @returns {string} `Garage: Main street` */
export function eventPlace({ camera_id: id, camera_name: camera, channel, channel_name: name, source }) {
  if (id === null) return 'This server';
  if (channel === null) return source === 'server' ? `${camera}, the whole device` : `${camera}, channel unknown`;
  const channelName = name || `channel ${channel}`;
  return channelName === camera || !camera ? channelName : `${camera}: ${channelName}`;
}

/** @param {Pick<LoggedEvent, 'start_time'|'end_time'>} event @param {number} nowMs @returns {string} `12 s`, `goes on`, or '' */
export function eventLength({ start_time: start, end_time: end }, nowMs) {
  const startMs = Date.parse(start);
  if (end === null) return `going on for ${duration((nowMs - startMs) / 1000)}`;
  const lengthMs = Date.parse(end) - startMs;
  return lengthMs < MOMENT_MS ? '' : duration(lengthMs / 1000);
}

/** @param {LoggedEvent} event @param {DisplayClock} [clock] @returns {string} `14:05:09` */
export function eventTime(event, clock = LOCAL_CLOCK) {
  return clock.timeOf(Date.parse(event.start_time));
}

/** Return the facts that the first lines of an event leave out. @param {LoggedEvent} event @returns {string[]} */
export function eventFacts(event) {
  return [
    ruleText(event),
    event.zone ? `Zone: ${event.zone}` : '',
    event.colours.length ? `Colours: ${event.colours.join(', ')}` : '',
    scoreText(event),
    event.count > MANY_CHANGES ? `${event.count} changes` : '',
    CLOSED[event.closed_why] ?? '',
    SOURCES[event.source] ?? '',
    deviceClockText(event),
    event.source === 'device' && !event.is_device_time ? 'The device’s clock was wrong: this is the time of arrival.' : '',
  ].filter(Boolean);
}

/** @param {LoggedEvent} event */
function ruleText({ source, rule }) {
  if (source === 'server') return reasonOf(rule);
  if (source === 'watch') return (Object.hasOwn(RESTS, rule) && RESTS[rule]) || '';
  return rule ? `Rule: ${rule}` : '';
}

/** Return the time by the device's own clock if that is another one. @param {LoggedEvent} event */
function deviceClockText({ device_time: told, start_time: start }) {
  const differsMs = told ? Math.abs(Date.parse(told) - Date.parse(start)) : 0;
  return told && differsMs >= CLOCK_DIFFERS_MS ? `By the device’s clock: ${LOCAL_CLOCK.stamp(Date.parse(told))}` : '';
}

/** The score of motion that this server has seen is the part of the picture that moved. @param {LoggedEvent} event */
function scoreText({ score, source, kind }) {
  if (score === null || score === undefined) return '';
  return source === 'watch' && kind === 'motion' ? `${shareText(score)} of the picture moved` : `${Math.round(score * 100)} % sure`;
}

/** Return the reason of an event of the app itself as a sentence; '' if it has no words. @param {string} code */
function reasonOf(code) {
  const [, sign, seconds] = /^([+-])(\d+) s$/.exec(code) ?? [];
  if (seconds) return `The device’s clock was ${duration(Number(seconds))} ${sign === '+' ? 'ahead' : 'behind'}.`;
  if (Object.hasOwn(OWN_REASONS, code)) return OWN_REASONS[code] ?? '';
  const reason = reasonThen(code);
  if (reason) return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  return hasMessage(code) ? `${messageOf(code).title}.` : '';
}

/** @param {number} wallMs of a day's midnight @param {number} todayMs wall time of today @returns {string} `Sunday 22 November 2026` */
export function dayWords(wallMs, todayMs) {
  const at = new Date(wallMs);
  const weekday = at.toLocaleDateString('en-GB', { weekday: 'long', timeZone: 'UTC' });
  const date = `${weekday} ${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })}`;
  const days = Math.floor(todayMs / DAY_MS) - Math.floor(wallMs / DAY_MS);
  if (days === 0) return `Today, ${date}`;
  return days === 1 ? `Yesterday, ${date}` : date;
}

/** @param {number} count */
export function newsWords(count) {
  return count < MOST_WAITING ? counted(count, 'new event') : `${MOST_WAITING} or more new events`;
}
