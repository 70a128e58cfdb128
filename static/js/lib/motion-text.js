// @ts-check
/** Words for users about motion: modes, sensitivity, kinds of zones, and who reports motion on a channel. */

import { counted, fileSize, shareText } from './format.js';
import { hasMessage, messageOf } from './messages.js';
import { FEWEST_POINTS, MOST_POINTS, isCrossed } from './motion-geometry.js';

/**
 * @typedef {import('./motion-api.js').MotionSettings} MotionSettings
 * @typedef {import('./motion-draft.js').Zone} Zone @typedef {import('./motion-draft.js').ZoneKind} ZoneKind
 * @typedef {{title: string, text: string, tone: 'good'|'busy'|'bad'|''}} Words
 */

/** Name and explanation of each mode. @type {Record<string, [string, string]>} */
export const MODES = {
  auto: ['Automatic', 'The camera’s own motion events where it sends them. Otherwise this server looks at the pictures.'],
  key_frames: [
    'This server, by key frames',
    'One picture every few seconds. It costs little, and finds people and things that stay in sight for longer than that.',
  ],
  every_picture: ['This server, by every picture', 'It also finds things that are in sight for a moment, for about five times the work.'],
  device: ['The camera only', 'The camera’s own motion events. This server does not look at the pictures.'],
  off: ['Off', 'This server does not look for motion in this channel.'],
};

/** Name, explanation, and the smallest thing that counts as a share of the picture. @type {Record<string, [string, string, number]>} */
export const SENSITIVITIES = {
  low: ['Low', 'A car, or a person close to the camera', 0.01],
  medium: ['Medium', 'A person some metres away', 0.003],
  high: ['High', 'A person far away, or an animal', 0.001],
  highest: ['Highest', 'Very small things. Leaves and insects count more often, too', 0.0005],
};

/** @type {Record<ZoneKind, {name: string, text: string}>} */
export const ZONE_KINDS = {
  watch: { name: 'Watch', text: 'Motion counts here.' },
  alert: { name: 'Alert', text: 'Motion counts here, and is an alert.' },
  ignore: { name: 'Ignore', text: 'Motion does not count here: a road, a tree, the clock in the picture.' },
};

/** Why this server does not watch a channel, by the code of the server. lib/messages.js has those of device errors. @type {Record<string, string>} */
const REASONS = {
  off: 'This server does not look for motion in this channel.',
  not_installed: 'The detector is not installed on this server.',
  device_tells: 'It has done so in the last seven days, so this server logs no motion itself.',
  device_is_silent: 'The camera has reported no motion in the last seven days, and this server may not look at the pictures.',
  starting: 'The detector is starting.',
  restarting: 'The detector has ended unexpectedly, and starts again.',
  paused: 'A user has paused the recording of this channel. The server does not look at its pictures until the pause is over.',
  ptz_moves: 'The camera is moving. The detector goes on when it rests.',
  no_stream: 'The channel is gone, or it has no stream.',
  unsupported_video: 'The detector cannot read the video of this channel. It reads H.264 and H.265.',
  unreadable_video: 'The video of this channel has ended the detector several times. It is left out until the settings are saved again.',
  too_many: 'This server watches as many channels as it can.',
  camera_busy: 'The device refuses one more stream. Close other viewers of it, or let fewer channels be watched.',
};

/** Reasons that pass by themselves. */
const PASSING = new Set(['starting', 'restarting', 'ptz_moves']);

/** Return who reports motion on a channel, and why. @param {MotionSettings} settings @returns {Words} */
export function toldWords({ state, mode, is_available: isAvailable }) {
  const reason = reasonText(state.reason);
  if (state.told_by === 'device') {
    const isWanted = state.reason === null || state.reason === 'off' || state.reason === 'device_tells';
    const text = isWanted ? reason : `This server does not see the pictures. ${reason}`;
    return { title: 'The camera reports motion itself', text, tone: isWanted ? 'good' : 'busy' };
  }
  if (state.told_by === 'server') {
    if (state.is_restless) {
      return {
        title: 'This server watches a restless picture',
        text: 'Something moves here most of the time, such as snow, a tree or a flag. Only larger movements count until it is calmer. A zone of kind Ignore over that part helps.',
        tone: 'busy',
      };
    }
    const pace = state.key_frame_interval_s ? `It looks at a picture every ${seconds(state.key_frame_interval_s)}.` : '';
    return {
      title: 'This server watches the pictures',
      text: [reason, mode === 'every_picture' ? '' : pace, gapText(state, mode)].filter(Boolean).join(' '),
      tone: 'good',
    };
  }
  if (mode === 'off') return { title: 'Motion is off', text: REASONS.off ?? '', tone: '' };
  if (state.reason !== null && PASSING.has(state.reason)) return { title: 'The detector waits', text: reason, tone: 'busy' };
  const fallback = isAvailable ? '' : (REASONS.not_installed ?? '');
  return { title: 'No motion is reported here', text: reason || fallback, tone: 'bad' };
}

/** @param {string|null} code @returns {string} a sentence, or '' */
export function reasonText(code) {
  if (!code) return '';
  if (Object.hasOwn(REASONS, code)) return REASONS[code] ?? '';
  return hasMessage(code) ? `${messageOf(code).title}.` : '';
}

/** Warn of key frames that are so rare that people pass between two of them. @param {MotionSettings['state']} state @param {string} mode */
function gapText({ key_frame_interval_s: interval }, mode) {
  if (mode !== 'key_frames' || !interval || interval <= 4) return '';
  return 'That is rare: the server misses people who pass between two of them. “Every picture” finds it.';
}

/** @param {number} value */
function seconds(value) {
  const rounded = Math.round(value * 10) / 10;
  return rounded === 1 ? 'second' : `${rounded} seconds`;
}

/** Return the number of corners, and hints about the shape. @param {Zone} zone */
export function shapeText({ points }) {
  const count = `${points.length} points`;
  if (isCrossed(points)) return `${count}. Its edges cross each other: drag the points apart.`;
  if (points.length >= MOST_POINTS) return `${count}, more are not possible.`;
  return points.length <= FEWEST_POINTS ? `${count}, the fewest possible.` : count;
}

/** Return the name of a point for screen readers. @param {Zone} zone @param {number} index */
export function pointName({ name, points }, index) {
  return `${name}, point ${index + 1} of ${points.length}`;
}

/** @param {import('./motion-geometry.js').Point} point */
export function placeText({ x, y }) {
  return `${percent(x)} from the left, ${percent(y)} from the top`;
}

/** Return what the detector sees as a short text. @param {{share: number, blobs: {zones?: number[]}[]}|null} now @param {Zone[]} zones */
export function seenText(now, zones) {
  if (!now) return 'The detector has seen no picture yet.';
  if (!now.blobs.length) return 'Nothing moves.';
  const ids = new Set(now.blobs.flatMap((blob) => blob.zones ?? []));
  const names = zones.filter(({ id }) => ids.has(id)).map(({ name }) => name);
  const things = now.blobs.length === 1 ? '1 thing moves' : `${now.blobs.length} things move`;
  const where = names.length ? ` in ${names.join(', ')}` : '';
  return `${things}${where}: ${shareText(now.share)} of the picture.`;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** Return the errors of the names of zones, by the id of the zone. @param {readonly Zone[]} zones @returns {Map<number, string>} */
export function nameErrors(zones) {
  /** @type {Map<number, string>} */
  const errors = new Map();
  const names = zones.map(({ name }) => name.trim().toLowerCase());
  zones.forEach(({ id }, index) => {
    const name = names[index] ?? '';
    if (!name) errors.set(id, 'Give the zone a name.');
    else if (names.indexOf(name) !== index) errors.set(id, 'Another zone has this name.');
  });
  return errors;
}

/** Return the cost of the detector as a sentence; '' while it does not run. @param {import('./motion-api.js').MotionOverview} overview */
export function childText({ node, child, channels }) {
  if (child.state === 'restarting') return 'The detector has ended unexpectedly, and starts again.';
  if (child.state !== 'running') return '';
  const watched = channels.filter((channel) => channel.told_by === 'server' && channel.node === node).length;
  const isMeasured = child.memory_bytes > 0; // ten seconds after the start
  const costs = isMeasured ? [`${shareText(child.cpu_share)} of one processor core`, `${fileSize(child.memory_bytes)} of memory`] : [];
  const skips = child.skips ? ' It leaves out pictures, because it has too much to do.' : '';
  return `The detector watches ${counted(watched, 'channel')}${costs.length ? ` with ${costs.join(' and ')}` : ''}.${skips}`;
}

/**
 * Return the errors of a refused save as a text, with the names of the zones that they concern.
 *
 * @param {import('./http.js').ApiError} error
 * @param {readonly Zone[]} zones
 */
export function errorTexts({ message, errors }, zones) {
  const texts = errors.map(({ field, message: why }) => {
    const [, number] = /^zones\.(\d+)/.exec(field) ?? [];
    const zone = number === undefined ? null : zones[Number(number)];
    return zone ? `${zone.name}: ${why}.` : `${why}.`;
  });
  return texts.length ? [...new Set(texts)].join(' ') : message;
}
