// @ts-check
/** The kinds of events: their words and icons, and the groups in which a user chooses them. */

import { topicName } from './marks.js';

/** Words and icon of each kind. The icons are in templates/partials/_event_icons.html. @type {Record<import('./event-types.js').EventKind, [string, string]>} */
const KINDS = {
  person: ['Person', 'person'],
  vehicle: ['Vehicle', 'vehicle'],
  animal: ['Animal', 'animal'],
  face: ['Face', 'face'],
  package: ['Package', 'package'],
  licence_plate: ['Licence plate', 'plate'],
  object: ['Object', 'object'],
  motion: ['Motion', 'motion'],
  intrusion: ['Intrusion', 'intrusion'],
  line_crossed: ['Line crossed', 'line'],
  loitering: ['Loitering', 'loitering'],
  left_object: ['Object left', 'package'],
  removed_object: ['Object removed', 'package'],
  count: ['Count', 'count'],
  doorbell: ['Doorbell', 'doorbell'],
  sound: ['Sound', 'noise'],
  input: ['Alarm input', 'input'],
  output: ['Alarm output', 'input'],
  tamper: ['Tampering', 'tamper'],
  video_loss: ['Video lost', 'lost'],
  device_fault: ['Device fault', 'fault'],
  other: ['Other event', 'other'],
  offline: ['Device offline', 'lost'],
  login_refused: ['Login refused', 'login'],
  clock_wrong: ['Clock wrong', 'clock'],
  recording_gap: ['Gap in the recording', 'gap'],
  storage: ['Storage problem', 'disk'],
};

/** @type {{name: string, kinds: string[]}[]} */
export const KIND_GROUPS = [
  { name: 'People, vehicles, things', kinds: ['person', 'vehicle', 'animal', 'face', 'licence_plate', 'package', 'object'] },
  { name: 'Movement', kinds: ['motion', 'intrusion', 'line_crossed', 'loitering', 'left_object', 'removed_object', 'count'] },
  { name: 'Door, sound, inputs', kinds: ['doorbell', 'sound', 'input', 'output'] },
  { name: 'Cameras and recorders', kinds: ['tamper', 'video_loss', 'device_fault', 'offline', 'login_refused', 'clock_wrong', 'other'] },
  { name: 'This server', kinds: ['recording_gap', 'storage'] },
];

/**
 * True if the page knows the kind.
 *
 * @param {string} kind
 * @returns {kind is import('./event-types.js').EventKind}
 */
export function isKind(kind) {
  return Object.hasOwn(KINDS, kind);
}

/** @param {string} kind @returns {string} `Line crossed` */
export function kindWords(kind) {
  if (isKind(kind)) return KINDS[kind][0];
  const words = kind.replaceAll('_', ' ').trim() || 'event';
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {string} kind @returns {string} the name of its icon */
export function kindIcon(kind) {
  return `event-${isKind(kind) ? KINDS[kind][1] : 'other'}`;
}

/**
 * Return the name of an event: the words of its kind, or of its topic if the app does not know what that means.
 *
 * @param {{kind: string, topic: string}} event
 */
export function eventName({ kind, topic }) {
  return kind === 'other' && topic ? topicName(topic) : kindWords(kind);
}
