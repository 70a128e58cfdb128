// @ts-check
/** Volumes and forecasts of the storage page in words. */

import { LOCAL_CLOCK } from './display-clock.js';
import { counted, fileSize } from './format.js';
import { daysText } from './recording-cost.js';
import { shortTime } from './recording-text.js';

/**
 * @typedef {import('./recording-types.js').StorageVolume} StorageVolume
 * @typedef {import('./recording-types.js').StorageChannel} StorageChannel
 * @typedef {{text: string, tone: 'good'|'busy'|'bad', advice: string}} VolumeWords
 */

const WEEK_MS = 7 * 86_400_000;
const DAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** @type {Record<string, VolumeWords>} */
const VOLUMES = {
  ok: { text: 'OK', tone: 'good', advice: '' },
  slow: { text: 'Slow', tone: 'busy', advice: 'The disk does not take the data fast enough: parts of recordings may be missing.' },
  full: { text: 'Full', tone: 'bad', advice: 'Nothing more is recorded on it. Delete kept parts, shorten the rules, or add a disk.' },
  read_only: { text: 'Read-only', tone: 'bad', advice: 'Nothing is recorded on it. The disk may be damaged.' },
  gone: {
    text: 'Not there',
    tone: 'bad',
    advice: 'Nothing is recorded on it. Connect or mount the disk: recording then goes on by itself.',
  },
};

/** @param {StorageVolume['state']} state @returns {VolumeWords} */
export function volumeWords(state) {
  return VOLUMES[state] ?? { text: state, tone: 'bad', advice: '' };
}

/**
 * Return the parts of a volume for its bar, in bytes.
 *
 * @param {StorageVolume} volume
 * @returns {{kept: number, recordings: number, other: number, free: number, floor: number}} `recordings`: without the
 *   kept ones; `floor`: the part of the free space that stays free
 */
export function volumeParts({ size_bytes: size, used_bytes: used, kept_bytes: kept, free_bytes: free, floor_bytes: floorBytes }) {
  const all = Math.min(used, size ?? 0);
  const left = Math.min(free ?? 0, Math.max(0, (size ?? 0) - all));
  const floor = Math.min(floorBytes, left);
  return {
    kept: Math.min(kept, all),
    recordings: Math.max(0, all - kept),
    other: Math.max(0, (size ?? 0) - all - left),
    free: left - floor,
    floor,
  };
}

/** @param {StorageVolume} volume @returns {string} the bar in words */
export function volumeSpace(volume) {
  const { kept, recordings, other, free, floor } = volumeParts(volume);
  return [
    `${fileSize(kept + recordings)} of recordings`,
    kept ? `${fileSize(kept)} of them kept` : '',
    volume.damaged_files ? `${fileSize(volume.damaged_bytes)} of them in ${counted(volume.damaged_files, 'damaged file')}` : '',
    other > (volume.size_bytes ?? 0) / 1000 ? `${fileSize(other)} of other files` : '',
    `${fileSize(free)} free`,
    floor ? `${fileSize(floor)} in reserve` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/**
 * Return when a volume is full and what is deleted then.
 *
 * @param {StorageVolume} volume
 * @param {(cameraId: number, channel: number) => string} nameOf
 * @param {number} nowMs
 */
export function volumeForecast(volume, nameOf, nowMs) {
  if (volume.state === 'gone' || volume.state === 'read_only') return '';
  if (!volume.inflow_bytes_per_day) return 'Nothing is being recorded on it.';
  const next = volume.next_to_go;
  const first = next ? `the oldest recording of ${nameOf(next.camera_id, next.channel)}` : 'the oldest recording';
  const inflow = `${fileSize(volume.inflow_bytes_per_day)} come in a day.`;
  if (!volume.full_at) return `${inflow} The rules delete recordings before the space is used up.`;
  const fullMs = Date.parse(volume.full_at);
  if (fullMs <= nowMs) return `${inflow} The space is used up, so the server deletes old recordings: next ${first}.`;
  return `${inflow} The space is used up ${dayAndTime(fullMs, nowMs)}. Then the server deletes ${first} first.`;
}

/** @param {number} atMs @param {number} nowMs @returns {string} `on Tuesday, 14:00`, or with a date if it is far away */
function dayAndTime(atMs, nowMs) {
  const time = LOCAL_CLOCK.stamp(atMs).slice(11, 16);
  if (atMs - nowMs < WEEK_MS - 86_400_000) return `on ${DAY_NAMES[new Date(LOCAL_CLOCK.wallOf(atMs)).getUTCDay()]}, ${time}`;
  return `on ${LOCAL_CLOCK.stamp(atMs).slice(0, 10)}`;
}

/**
 * Return how long the recordings of a channel should last and do last.
 *
 * @param {StorageChannel} channel
 * @returns {{wanted: string, held: string, isShort: boolean}}
 */
export function channelDays({ wished_days: wanted, expected_days: expected, limit_days: limit }) {
  const law = limit === null ? '' : `, at most ${daysText(limit)}`;
  return {
    wanted: `${wanted === null ? 'no limit' : daysText(wanted)}${law}`,
    held: expected === null ? '' : daysText(expected),
    isShort: wanted !== null && expected !== null && expected < Math.min(wanted, limit ?? wanted) * 0.99,
  };
}

/**
 * Return the times of a range. The day of its end is there if it is not that of its start.
 *
 * @param {{start_time: string, end_time: string}} range
 * @param {number} nowMs
 */
export function rangeTimes({ start_time: start, end_time: end }, nowMs) {
  return `${shortTime(Date.parse(start), nowMs)} to ${shortTime(Date.parse(end), Date.parse(start))}`;
}

/** @param {import('./recording-types.js').KeptRange} kept @param {number} nowMs @returns {string} when it ends to be kept */
export function keptUntil({ until, limited_until: limit }, nowMs) {
  const isLimited = limit && (!until || Date.parse(limit) < Date.parse(until));
  if (isLimited) return `${shortTime(Date.parse(limit), nowMs)}, by the limit of the channel`;
  return until ? shortTime(Date.parse(until), nowMs) : 'a user ends it';
}

/**
 * Return the volumes by server, in the order of the answer. The name is empty for a single server.
 *
 * @param {import('./recording-types.js').Storage} storage
 * @returns {{name: string, volumes: StorageVolume[]}[]}
 */
export function serversOf({ volumes }) {
  /** @type {Map<string, StorageVolume[]>} */
  const found = new Map();
  for (const volume of volumes) found.set(volume.node, [...(found.get(volume.node) ?? []), volume]);
  return [...found].map(([name, own]) => ({ name, volumes: own }));
}

/** @param {string[]} names of servers that do not answer @returns {string} empty without any */
export function silentText(names) {
  if (!names.length) return '';
  if (names.length === 1) return `The server ${names[0]} does not answer: its disks and recordings are not shown.`;
  return `The servers ${names.slice(0, -1).join(', ')} and ${names.at(-1)} do not answer: their disks and recordings are not shown.`;
}
