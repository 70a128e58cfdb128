// @ts-check
/** The object storage of the storage page in words. */

import { counted, fileSize } from './format.js';
import { shortTime } from './recording-text.js';

/**
 * @typedef {import('./archive-types.js').ObjectStorage} ObjectStorage
 * @typedef {ObjectStorage['waiting'][number]} Waiting
 */

/** @type {Record<ObjectStorage['state'], string>} */
const STATES = {
  ok: 'OK',
  unreachable: 'Does not answer',
  untrusted: 'Not trusted',
  refused: 'Access refused',
  no_bucket: 'No bucket',
  full: 'Full',
  failed: 'Fails',
};
const GOES_ON = 'Recordings go on, and wait on the disk until it works again.';

/** @param {ObjectStorage['state']} state @returns {{text: string, tone: 'good'|'bad'}} */
export function objectStorageWords(state) {
  return { text: STATES[state] ?? state, tone: state === 'ok' ? 'good' : 'bad' };
}

/** Return a sentence for each server about its files without a copy. @param {ObjectStorage} storage @param {number} nowMs @returns {string} */
export function waitingText({ waiting }, nowMs) {
  if (!waiting.length) return 'All finished recordings have a copy.';
  const isNamed = waiting.length > 1;
  return waiting.map((one) => waitingSentence(one, isNamed, nowMs)).join(' ');
}

/** @param {Waiting} waiting @param {boolean} isNamed @param {number} nowMs */
function waitingSentence({ node, files, bytes, oldest }, isNamed, nowMs) {
  const place = node && isNamed ? ` of ${node}` : '';
  const verb = files === 1 ? 'waits for its copy' : 'wait for their copies';
  return `${counted(files, 'file')}${place} (${fileSize(bytes)}) ${verb}, the oldest from ${shortTime(Date.parse(oldest), nowMs)}.`;
}

/** @param {ObjectStorage} storage @returns {string} */
export function copiesText({ copies, copies_bytes: bytes, only_copies: only, only_copies_bytes: onlyBytes, days }) {
  const all = copies ? `${counted(copies, 'copy', 'copies')}, ${fileSize(bytes)}.` : 'No copies yet.';
  const alone = only ? ` ${fileSize(onlyBytes)} of them are on no disk any more.` : '';
  const rule = days ? `Copies stay at least ${counted(days, 'day')}.` : 'A copy stays for the days of its channel’s rule.';
  return `${all}${alone} ${rule}`;
}

/** Return the last success and the last failure of the server that answers. @param {ObjectStorage} storage @param {number} nowMs */
export function lastText({ state, last_copy_at: copiedAt, last_error: error }, nowMs) {
  const copied = copiedAt ? `Last copy: ${shortTime(Date.parse(copiedAt), nowMs)}.` : '';
  const failed = error && state === 'ok' ? `Last problem, ${shortTime(Date.parse(error.at), nowMs)}: ${error.detail}` : '';
  return [copied, failed].filter(Boolean).join(' ');
}

/** @param {ObjectStorage} storage @returns {string} the reason of a bad state, and what it means; otherwise '' */
export function objectStorageProblem({ state, detail }) {
  return state === 'ok' ? '' : [detail, GOES_ON].filter(Boolean).join(' ');
}
