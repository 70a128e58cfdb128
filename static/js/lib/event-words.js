// @ts-check
/** The server’s reading of the words of a search, as texts for users. */

import { LOCAL_CLOCK } from './display-clock.js';
import { kindWords } from './event-kinds.js';

/**
 * @typedef {import('./events-api.js').UnderstoodWords} UnderstoodWords @typedef {import('./api.js').Camera} Camera
 * @typedef {{text: string, isUnderstood: boolean}} Piece
 */

const DAY_MS = 86_400_000;

/**
 * Return the pieces of a search: what the server filters by, and the words that it has left out.
 *
 * @param {{understood?: UnderstoodWords|null, not_understood?: string[]|null}} told
 * @param {Camera[]} cameras
 * @returns {Piece[]}
 */
export function wordPieces({ understood, not_understood: left }, cameras, clock = LOCAL_CLOCK) {
  const texts = understood ? understoodTexts(understood, cameras, clock) : [];
  return [
    ...[...new Set(texts)].map((text) => ({ text, isUnderstood: true })),
    ...(left ?? []).map((text) => ({ text, isUnderstood: false })),
  ];
}

/** @param {UnderstoodWords} understood @param {Camera[]} cameras @param {import('./display-clock.js').DisplayClock} clock */
function understoodTexts(understood, cameras, clock) {
  const nameOf = (/** @type {number} */ id) => {
    const camera = cameras.find((one) => one.id === id);
    return camera ? camera.name || camera.host : `Camera ${id}`;
  };
  return [
    ...understood.kinds.map(kindWords),
    ...understood.labels.map((label) => label.charAt(0).toUpperCase() + label.slice(1)),
    ...understood.colours.map((colour) => colour.charAt(0).toUpperCase() + colour.slice(1)),
    ...understood.zones.map((zone) => `Zone: ${zone}`),
    ...understood.camera_ids.map(nameOf),
    ...understood.channels.map(({ camera_id: id, channel }) => `${nameOf(id)}, channel ${channel}`),
    spanText(understood, clock),
    ...understood.times_of_day.map(([from = '', until = '']) => `${from} to ${until}`),
  ].filter(Boolean);
}

/** @param {Pick<UnderstoodWords, 'start_time'|'end_time'>} span @param {import('./display-clock.js').DisplayClock} clock */
function spanText({ start_time: start, end_time: end }, clock) {
  const days = start && end ? daysText(Date.parse(start), Date.parse(end), clock) : '';
  if (days) return days;
  const [from, until] = [start, end].map((time) => (time ? shortStamp(Date.parse(time), clock) : ''));
  if (from && until) return `${from} to ${until}`;
  if (from) return `since ${from}`;
  return until ? `until ${until}` : '';
}

/**
 * Return whole days as `2026-11-22`, or `2026-11-22 to 2026-11-24`; '' for other times.
 *
 * @param {number} fromMs @param {number} endMs @param {import('./display-clock.js').DisplayClock} clock
 */
function daysText(fromMs, endMs, clock) {
  if (endMs <= fromMs || clock.wallOf(fromMs) % DAY_MS || clock.wallOf(endMs) % DAY_MS) return '';
  const [first, last] = [fromMs, endMs - 1].map((atMs) => clock.stamp(atMs).slice(0, 10));
  return first === last ? `${first}` : `${first} to ${last}`;
}

/** @param {number} atMs @param {import('./display-clock.js').DisplayClock} clock @returns {string} `2026-11-22 18:00` */
function shortStamp(atMs, clock) {
  return clock.stamp(atMs).slice(0, 16);
}

/** Return the words for a screen reader once a search has been answered. @param {Piece[]} pieces */
export function piecesText(pieces) {
  const understood = pieces.filter(({ isUnderstood }) => isUnderstood).map(({ text }) => text);
  const left = pieces.filter(({ isUnderstood }) => !isUnderstood).map(({ text }) => text);
  return [
    understood.length ? `Searching for ${understood.join(', ')}.` : '',
    left.length ? `Not understood, and left out: ${left.join(', ')}.` : '',
  ]
    .filter(Boolean)
    .join(' ');
}
