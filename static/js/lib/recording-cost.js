// @ts-check
/** The disk space that a rule needs, and how long the disks hold recordings. */

import { profileOf } from './channels.js';
import { counted, fileSize } from './format.js';
import { shareOfWeek } from './week-schedule.js';

/**
 * @typedef {import('./api.js').Channel} Channel @typedef {import('./recording-types.js').RuleDraft} RuleDraft
 * @typedef {import('./recording-types.js').Storage} Storage
 */

const BYTES_PER_DAY_OF_KBPS = (1000 / 8) * 86_400;
/** The news of an event takes so long; the server holds this time as well. */
const EVENT_NEWS_S = 3;

/**
 * Return the bytes that a rule writes for a channel in a day, at most; null if the bit rate is unknown.
 *
 * @param {Pick<RuleDraft, 'mode'|'quality'|'schedule'>} rule
 * @param {Channel} channel
 * @returns {number|null}
 */
export function bytesPerDay(rule, channel) {
  if (rule.mode === 'off') return 0;
  const roles = rule.quality === 'both' ? /** @type {const} */ (['main', 'sub']) : [rule.quality];
  const rates = roles.map((role) => profileOf(channel, role)?.video?.bitrate_kbps ?? null);
  if (rates.some((rate) => rate === null)) return null;
  const kbps = rates.reduce((sum, rate) => (sum ?? 0) + (rate ?? 0), 0) ?? 0;
  return kbps * BYTES_PER_DAY_OF_KBPS * (rule.mode === 'schedule' ? shareOfWeek(rule.schedule) : 1);
}

/**
 * Return the days that all disks hold if channels get this inflow and all others keep theirs; null if nothing is known.
 *
 * @param {Storage} storage
 * @param {{cameraId: number, channels: readonly number[], inflow: number}} changed bytes a day of all its channels
 * @returns {number|null}
 */
export function daysHeld(storage, { cameraId, channels, inflow }) {
  const usable = storage.volumes.filter(({ state }) => state === 'ok' || state === 'slow' || state === 'full');
  const space = usable.reduce(
    (sum, { used_bytes: used, free_bytes: free, floor_bytes: floor }) => sum + Math.max(0, used + (free ?? 0) - floor),
    0,
  );
  const others = storage.channels
    .filter((entry) => entry.camera_id !== cameraId || !channels.includes(entry.channel))
    .reduce((sum, entry) => sum + entry.inflow_bytes_per_day, 0);
  const total = others + inflow;
  return usable.length && total > 0 ? space / total : null;
}

/**
 * Return the disk space that a rule needs, in words.
 *
 * @param {RuleDraft} rule
 * @param {readonly Channel[]} channels that get the rule
 */
export function costText(rule, channels) {
  if (rule.mode === 'off' || !channels.length) return '';
  const costs = channels.map((channel) => bytesPerDay(rule, channel));
  if (costs.includes(null)) return 'The device does not tell the bit rate, so the space for a day is unknown.';
  const total = costs.reduce((sum, cost) => (sum ?? 0) + (cost ?? 0), 0) ?? 0;
  const amount = rule.mode === 'events' ? 'At most' : 'About';
  const many = channels.length > 1 ? ` for ${counted(channels.length, 'channel')}` : '';
  return `${amount} ${fileSize(total)} a day${many}.`;
}

/**
 * Return a warning if the memory holds fewer seconds before an event than a rule asks for; '' otherwise.
 *
 * @param {Pick<RuleDraft, 'mode'|'quality'|'pre_s'>} rule
 * @param {readonly Channel[]} channels that get the rule
 * @param {number} limitBytes the memory for one stream
 */
export function preRollText(rule, channels, limitBytes) {
  if (rule.mode !== 'events' || !limitBytes) return '';
  const role = rule.quality === 'sub' ? 'sub' : 'main';
  const rates = channels.map((channel) => profileOf(channel, role)?.video?.bitrate_kbps ?? 0);
  const most = Math.max(0, ...rates) * (1000 / 8);
  const held = most > 0 ? Math.floor(limitBytes / most) - EVENT_NEWS_S : Infinity;
  if (held >= rule.pre_s) return '';
  return `At this bit rate the memory holds only about ${counted(Math.max(0, held), 'second')} before an event.`;
}

/** Return the days that a rule asks for: a limit by law may be shorter than the days of the rule. @param {Pick<RuleDraft, 'keep_days'|'limit_days'>} rule */
export function daysWanted({ keep_days: keep, limit_days: limit }) {
  const days = Math.min(keep ?? Infinity, limit ?? Infinity);
  return Number.isFinite(days) ? days : null;
}

/** @param {number} days @returns {string} `12 days`, `5 hours` */
export function daysText(days) {
  if (days >= 10) return counted(Math.floor(days), 'day');
  if (days >= 1) return counted(Number(days.toFixed(1)), 'day');
  return counted(Math.max(1, Math.floor(days * 24)), 'hour');
}

/**
 * Return how the disks and the wanted days fit together; '' if it is unknown.
 *
 * @param {number|null} held
 * @param {number|null} wanted null: no limit
 */
export function forecastText(held, wanted) {
  if (held === null) return '';
  if (wanted === null) return `With the other channels, the disks hold about ${daysText(held)}. Then the oldest recordings are deleted.`;
  if (held >= wanted) return `The disks have space for ${daysText(wanted)}.`;
  return `Asked for ${daysText(wanted)}, the disks hold about ${daysText(held)}. The oldest recordings are deleted earlier.`;
}
