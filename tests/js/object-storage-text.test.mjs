/** The object storage of the storage page in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { copiesText, lastText, objectStorageProblem, objectStorageWords, waitingText } from '../../static/js/lib/object-storage-text.js';

const NOW = Date.parse('2026-11-24T12:00:00Z');
/** @type {import('../../static/js/lib/object-storage-text.js').ObjectStorage} */
const STORAGE = {
  url: 's3://cameras/north',
  state: 'ok',
  detail: '',
  waiting: [],
  copies: 0,
  copies_bytes: 0,
  only_copies: 0,
  only_copies_bytes: 0,
  days: 0,
  last_copy_at: null,
  last_error: null,
};
const ERROR = { state: /** @type {const} */ ('full'), detail: 'The object storage is full.', at: '2026-11-24T11:00:00Z' };

test('a storage without copies says what it will do', () => {
  assert.equal(waitingText(STORAGE, NOW), 'All finished recordings have a copy.');
  assert.equal(copiesText(STORAGE), 'No copies yet. A copy stays for the days of its channel’s rule.');
  assert.equal(lastText(STORAGE, NOW), '');
  assert.equal(objectStorageProblem(STORAGE), '');
});

test('what waits is told for each server', () => {
  const one = { node: 'north', files: 1, bytes: 2_000_000, oldest: '2026-11-24T11:00:00Z' };
  assert.match(waitingText({ ...STORAGE, waiting: [one] }, NOW), /^1 file \(2(\.0)? MB\) waits for its copy, the oldest from .+\.$/);
  const both = waitingText({ ...STORAGE, waiting: [one, { ...one, node: 'south', files: 3 }] }, NOW);
  assert.match(both, /^1 file of north .+\. 3 files of south .+ wait for their copies, .+\.$/);
});

test('copies that no disk has are counted', () => {
  const text = copiesText({ ...STORAGE, copies: 3, copies_bytes: 3e9, only_copies: 1, only_copies_bytes: 1e9, days: 90 });
  assert.match(text, /^3 copies, 3(\.0)? GB\. 1(\.0)? GB of them are on no disk any more\. Copies stay at least 90 days\.$/);
});

test('each bad state has a word and says that recordings go on', () => {
  for (const state of /** @type {const} */ (['unreachable', 'untrusted', 'refused', 'no_bucket', 'full', 'failed'])) {
    assert.equal(objectStorageWords(state).tone, 'bad');
    assert.notEqual(objectStorageWords(state).text, state);
  }
  assert.match(objectStorageProblem({ ...STORAGE, state: 'full', detail: ERROR.detail }), /^The object storage is full\. Recordings go on/);
});

test('a problem that is over stays readable', () => {
  assert.match(lastText({ ...STORAGE, last_error: ERROR }, NOW), /^Last problem, .+: The object storage is full\.$/);
  assert.equal(lastText({ ...STORAGE, state: 'full', last_error: ERROR }, NOW), '');
});
