// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  actionsOf,
  cameraIdsOf,
  endedText,
  filtered,
  gapLines,
  pollPauseMs,
  rangeLines,
  titleOf,
} from '../../static/js/lib/export-list.js';
import {
  expiryText,
  fileFacts,
  formatName,
  formatText,
  isPlayable,
  playerProblem,
  progressOf,
  rangeText,
  reasonOf,
  stateOf,
} from '../../static/js/lib/export-text.js';
import { caseFacts, casesPauseMs, lossText, packageReason, packageShare, packageState } from '../../static/js/lib/case-text.js';
import { deviceClock } from '../../static/js/lib/display-clock.js';
import { exactDuration, fileSize } from '../../static/js/lib/format.js';

/**
 * @typedef {import('../../static/js/lib/export-types.js').Export} Export
 * @typedef {import('../../static/js/lib/case-types.js').Case} Case
 */

const UTC = deviceClock(0);
const NOW_MS = Date.parse('2026-11-29T12:00:00Z');

/** @param {Partial<Export>} [more] @returns {Export} */
function job(more = {}) {
  return {
    id: 1,
    owner: 'anna',
    name: '',
    notes: '',
    format: 'mp4',
    subtitles: false,
    link: 'http://localhost:5001/exports#export-1',
    state: 'queued',
    ranges: [{ camera_id: 1, channel: 2, start_time: '2026-11-28T23:59:50Z', end_time: '2026-11-29T00:02:04Z', poster: null, gaps: [] }],
    copies: [],
    files: [],
    progress: { done_s: 0, total_s: 134, bytes: 0 },
    eta_s: null,
    speed: null,
    error: null,
    created_at: '2026-11-29T11:00:00Z',
    ended_at: null,
    expires_at: null,
    kept: false,
    ...more,
  };
}

/** @type {import('../../static/js/lib/export-types.js').FileOfExport} */
const FILE = {
  name: 'Garage_Yard_20261128T235950Z.mp4',
  bytes: 66_400_000,
  sha256: 'ab',
  url: '/api/exports/1/files/Garage_Yard_20261128T235950Z.mp4',
  camera_id: 1,
  channel: 2,
  start_time: '2026-11-28T23:59:50.040Z',
  end_time: '2026-11-29T00:02:04.040Z',
  kind: 'master',
  derived: false,
  codec: 'hevc',
  width: 1920,
  height: 1080,
  audio_codec: 'aac',
  recorded_audio_codec: 'pcm_alaw',
  audio_left_out: null,
  lead_in_s: 0,
  lead_out_s: 0,
  frames_lost: 0,
  time_confirmed: true,
};

/** @param {number} cameraId @param {number} channel */
const namesOf = (cameraId, channel) => ({
  camera: cameraId === 1 ? 'Garage' : 'Town',
  channel: `${channel} ${channel === 2 ? 'Yard' : 'Gate'}`,
});

test('each state offers what its job can do', () => {
  assert.deepEqual(actionsOf(job()), ['pause', 'cancel', 'edit']);
  assert.deepEqual(actionsOf(job({ error: { code: 'camera_busy', detail: 'full' } })), ['retry', 'pause', 'cancel', 'edit']);
  assert.deepEqual(actionsOf(job({ state: 'running' })), ['pause', 'cancel', 'edit']);
  assert.deepEqual(actionsOf(job({ state: 'paused' })), ['resume', 'cancel', 'edit']);
  assert.deepEqual(actionsOf(job({ state: 'done' })), ['keep', 'link', 'edit', 'delete']);
  assert.deepEqual(actionsOf(job({ state: 'done', error: { code: 'incomplete', detail: 'x' } })), [
    'retry',
    'keep',
    'link',
    'edit',
    'delete',
  ]);
  assert.deepEqual(actionsOf(job({ state: 'failed' })), ['retry', 'edit', 'delete']);
  assert.deepEqual(actionsOf(job({ state: 'failed', files: [FILE] })), ['retry', 'keep', 'link', 'edit', 'delete']);
  assert.deepEqual(actionsOf(job({ state: 'cancelled' })), ['retry', 'edit', 'delete']);
});

test('the list is requested again only while something changes by itself', () => {
  assert.equal(pollPauseMs([]), null);
  assert.equal(pollPauseMs([job({ state: 'done' }), job({ state: 'paused' })]), null);
  assert.equal(pollPauseMs([job({ state: 'done' }), job({ state: 'queued' })]), 1500);
  assert.equal(pollPauseMs([job({ state: 'running' })]), 1500);
});

test('the gaps of an export have their reasons, and many become few lines', () => {
  const gap = (/** @type {number} */ second, /** @type {string} */ reason, /** @type {string|null} */ server = null) => ({
    start_time: `2026-11-29T00:00:${String(second).padStart(2, '0')}Z`,
    end_time: `2026-11-29T00:00:${String(second + 1).padStart(2, '0')}Z`,
    reason,
    server,
  });
  const [range] = job().ranges;
  const linesOf = (/** @type {ReturnType<typeof gap>[]} */ gaps) =>
    gapLines(job({ ranges: [{ .../** @type {NonNullable<typeof range>} */ (range), gaps }] }), namesOf, UTC);
  const of = (/** @type {string[]} */ ...reasons) => linesOf(reasons.map((reason, second) => gap(second, reason)));
  assert.deepEqual(linesOf([gap(0, 'away', 'north')]), [
    'Missing: 2026-11-29 00:00:00 to 00:00:01: it is on the server “north”, which did not answer',
  ]);
  assert.deepEqual(of('disk_full', 'away', 'unknown', 'new_reason'), [
    'Missing: 2026-11-29 00:00:00 to 00:00:01: the disk was full',
    'Missing: 2026-11-29 00:00:01 to 00:00:02: it is on another server, which did not answer',
    'Missing: 2026-11-29 00:00:02 to 00:00:03',
    'Missing: 2026-11-29 00:00:03 to 00:00:04',
  ]);
  assert.deepEqual(of(...Array(9).fill('not_sent')).slice(3), ['and 6 more gaps']);
});

test('every state has words, and an incomplete export is no ready one', () => {
  assert.deepEqual(stateOf(job({ state: 'done' })), { text: 'Ready', tone: 'good' });
  const incomplete = job({ state: 'done', error: { code: 'incomplete', detail: 'The recorder did not send 9 of 60 recorded seconds.' } });
  assert.equal(stateOf(incomplete).text, 'Ready, but incomplete');
  assert.match(
    reasonOf(incomplete),
    /^The recorder did not send 9 of 60 recorded seconds\. Press Try again: the app then reads only the missing time\.$/,
  );
  for (const state of /** @type {const} */ (['queued', 'running', 'paused', 'done', 'failed', 'cancelled'])) {
    assert.ok(stateOf(job({ state })).text);
  }
});

test('a job tells why it waits, and what helps after a failure', () => {
  assert.equal(reasonOf(job()), 'It waits for earlier exports.');
  const waits = job({ error: { code: 'camera_unreachable', detail: 'the device does not answer' } });
  assert.equal(stateOf(waits).text, 'Waits for the recorder');
  assert.equal(reasonOf(waits), 'The device does not answer. The app tries again by itself.');
  const full = job({ state: 'failed', error: { code: 'storage_full', detail: 'The disk is full.' } });
  assert.equal(reasonOf(full), 'The disk is full. Delete other exports or other files, then press Try again.');
  const other = job({ state: 'failed', error: { code: 'new_code', detail: 'Something broke' } });
  assert.equal(reasonOf(other), 'Something broke. Press Try again: the export goes on where it ended.');
  assert.equal(reasonOf(job({ state: 'running' })), '');
});

test('a failed export offers to keep its finished files', () => {
  const failed = job({ state: 'failed', error: { code: 'camera_deleted', detail: 'The camera was deleted.' } });
  assert.equal(reasonOf(failed), 'The camera was deleted.');
  const keep = 'Press Keep if you need its finished files after their expiry.';
  assert.equal(reasonOf({ ...failed, files: [FILE] }), `The camera was deleted. ${keep}`);
  assert.equal(reasonOf({ ...failed, files: [FILE], kept: true }), 'The camera was deleted.');
});

test('progress is told in recorded seconds, with speed and time left', () => {
  const running = job({ state: 'running', progress: { done_s: 67.4, total_s: 134, bytes: 33_000_000 }, speed: 43.2, eta_s: 1.6 });
  assert.deepEqual(progressOf(running), {
    share: 67.4 / 134,
    text: '50 %: 1 min 7 s of 2 min 14 s · 43 × real time · about 2.0 s left · 33 MB',
  });
  assert.equal(progressOf(job({ state: 'running' }))?.text, '0 %: 0 s of 2 min 14 s');
  assert.equal(progressOf(job()), null, 'a job that has not begun shows no bar');
  assert.match(progressOf(job({ state: 'paused', progress: { done_s: 60, total_s: 134, bytes: 1 } }))?.text ?? '', /^44 %/);
  assert.equal(progressOf(job({ state: 'done', progress: { done_s: 134, total_s: 134, bytes: 1 } })), null);
  assert.equal(progressOf(job({ state: 'running', progress: { done_s: 9, total_s: 0, bytes: 0 } }))?.share, 0);
});

test('a range within a day has one date', () => {
  const at = Date.parse('2026-11-29T10:00:00Z');
  assert.equal(rangeText(at, at + 61_000, UTC), '2026-11-29 10:00:00 to 10:01:01');
  assert.equal(rangeText(at, at + 86_400_000, UTC), '2026-11-29 10:00:00 to 2026-11-30 10:00:00');
});

test('channels of one time share a line, and many ranges end in a count', () => {
  const [range] = job().ranges;
  assert.ok(range);
  const ranges = [range, { ...range, channel: 1 }, { ...range, camera_id: 3, channel: 1 }];
  assert.deepEqual(rangeLines(job({ ranges }), namesOf, UTC), [
    'Garage: 2 Yard, 1 Gate; Town: 1 Gate · 2026-11-28 23:59:50 to 2026-11-29 00:02:04 · 2 min 14 s',
  ]);
  const times = [10, 11, 12, 13].map((hour) => ({
    ...range,
    start_time: `2026-11-27T${hour}:00:00Z`,
    end_time: `2026-11-27T${hour}:01:00Z`,
  }));
  assert.equal(rangeLines(job({ ranges: times }), namesOf, UTC).length, 3);
  assert.equal(rangeLines(job({ ranges: times }), namesOf, UTC).at(-1), 'and 2 more ranges');
});

test('an export without a name is called by its channels', () => {
  assert.equal(titleOf(job({ name: 'Theft' }), namesOf), 'Theft');
  assert.equal(titleOf(job(), namesOf), 'Garage, 2 Yard');
  const [range] = job().ranges;
  assert.ok(range);
  assert.equal(titleOf(job({ ranges: [range, { ...range, channel: 1 }] }), namesOf), 'Garage, 2 Yard and 1 more');
});

test('filters find names, notes, owners, channels and files', () => {
  const [range] = job().ranges;
  assert.ok(range);
  const jobs = [
    job({ id: 1, name: 'Theft at night', notes: 'for the police' }),
    job({ id: 2, owner: 'ben', ranges: [{ ...range, camera_id: 3, channel: 1 }] }),
    job({ id: 3, state: 'done', files: [FILE] }),
  ];
  /** @param {Partial<import('../../static/js/lib/export-list.js').ExportFilter>} filter */
  const ids = (filter) => filtered(jobs, { cameraId: null, text: '', ...filter }, namesOf).map(({ id }) => id);
  assert.deepEqual(ids({}), [1, 2, 3]);
  assert.deepEqual(ids({ cameraId: 1 }), [1, 3]);
  assert.deepEqual(ids({ text: ' POLICE theft ' }), [1]);
  assert.deepEqual(ids({ text: 'ben' }), [2]);
  assert.deepEqual(ids({ text: 'yard' }), [1, 3]);
  assert.deepEqual(ids({ text: '20261128t2359' }), [3]);
  assert.deepEqual(ids({ text: 'yard', cameraId: 3 }), []);
  assert.deepEqual(cameraIdsOf(jobs), [1, 3]);
});

test('a file tells its size, codec, length and what is wrong with it', () => {
  assert.equal(fileFacts(FILE), '66 MB · H.265 · 1920 × 1080 · 2 min 14 s');
  assert.match(fileFacts({ ...FILE, frames_lost: 3, time_confirmed: false }), /3 damaged frames left out.*does not confirm/);
  const leftOut = { audio_codec: null, audio_left_out: 'the app does not play G.726 in recordings' };
  assert.match(fileFacts({ ...FILE, ...leftOut }), / · sound left out: the app does not play G\.726 in recordings$/);
  assert.match(fileFacts({ ...FILE, kind: 'working_copy', derived: true }), /^Copy, encoded again · 66 MB/);
  assert.match(fileFacts({ ...FILE, kind: 'original', lead_in_s: 1.6 }), /^Picture and sound as recorded.*begins 1\.6 s earlier/);
  const subtitles = { ...FILE, kind: /** @type {const} */ ('subtitles'), codec: 'subrip', bytes: 4200, width: null, height: null };
  assert.equal(fileFacts(subtitles), 'Subtitles with the time of day · 4 kB');
});

test('only files that browsers know can be played on the page', () => {
  const kinds = /** @type {const} */ (['master', 'working_copy', 'original', 'subtitles']);
  assert.deepEqual(
    kinds.map((kind) => isPlayable({ ...FILE, kind })),
    [true, true, false, false],
  );
});

test('files tell when they are deleted', () => {
  const done = job({ state: 'done', files: [FILE], expires_at: '2026-12-06T12:00:00Z' });
  assert.equal(expiryText(done, NOW_MS, UTC), 'Deleted in 7 days, on 2026-12-06 12:00, unless kept');
  assert.equal(expiryText({ ...done, kept: true, expires_at: null }, NOW_MS, UTC), 'Kept until you delete it');
  assert.equal(expiryText({ ...done, files: [] }, NOW_MS, UTC), 'Leaves the list in 7 days, on 2026-12-06 12:00');
  assert.equal(expiryText(job(), NOW_MS, UTC), '');
});

test('only exports that have ended meanwhile are announced', () => {
  const before = [job({ id: 1, state: 'running', name: 'Gate' }), job({ id: 2, state: 'done' })];
  const now = [job({ id: 3, state: 'done' }), job({ id: 1, state: 'done', name: 'Gate' }), job({ id: 2, state: 'done' })];
  assert.equal(endedText(before, now, namesOf), 'Gate is ready.');
  assert.equal(endedText(before, [job({ id: 1, state: 'failed' })], namesOf), 'Garage, 2 Yard has failed.');
});

test('a format that the page does not know keeps its name', () => {
  assert.match(formatText('mp4'), /^MP4: picture unchanged/);
  assert.equal(formatName('original'), 'Original');
  assert.equal(formatText('future'), 'future');
  assert.equal(formatText('constructor'), 'constructor');
});

test('sizes and exact lengths are formatted', () => {
  assert.deepEqual([0, 999, 41_000, 66_400_000, 1_240_000_000, 999_999].map(fileSize), [
    '0 B',
    '999 B',
    '41 kB',
    '66 MB',
    '1.2 GB',
    '1.0 MB',
  ]);
  assert.deepEqual([0, 0.04, 11.24, 59.999, 131, 3600, 3725].map(exactDuration), [
    '0 s',
    '0.04 s',
    '11.24 s',
    '60 s',
    '2 min 11 s',
    '1 h',
    '1 h 2 min 5 s',
  ]);
});

/** @param {Partial<Case['package']>} [made] @param {number[]} [exports] @returns {Case} */
function evidenceCase(made = {}, exports = [1, 2]) {
  return {
    id: 1,
    owner: 'anna',
    name: 'Theft',
    notes: '',
    created_at: '2026-11-29T11:00:00Z',
    exports,
    package: { state: 'none', bytes: 0, url: null, made_at: null, made_by: '', done_bytes: 0, total_bytes: 100, error: null, ...made },
  };
}

test('an evidence package tells its state, size, and who signed it when', () => {
  const ready = evidenceCase({ state: 'ready', bytes: 66_400_000, made_at: '2026-11-29T11:30:00Z', made_by: 'anna' });
  assert.deepEqual(packageState(ready), { text: 'Ready', tone: 'good' });
  assert.equal(caseFacts(ready, UTC), '2 exports · ZIP of 66 MB · signed on 2026-11-29 11:30 by anna');
  assert.equal(caseFacts(evidenceCase({}, [1]), UTC), '1 export');
  assert.match(packageReason(evidenceCase()), /changed since/);
  assert.match(packageReason(evidenceCase({}, [])), /deleted/);
  assert.equal(
    packageReason(evidenceCase({ state: 'failed', error: { code: 'storage_full', detail: 'The disk is full.' } })),
    'The disk is full.',
  );
});

test('the deletion of an export names the packages that lose it', () => {
  assert.equal(lossText([]), '');
  assert.equal(lossText(['Theft']), 'The evidence package “Theft” loses this export, and must be made again.');
  assert.equal(lossText(['A', 'B', 'C']), 'The evidence packages “A”, “B” and “C” lose this export, and must be made again.');
});

test('a player that stops tells a broken connection from an unknown format', () => {
  assert.match(playerProblem(2), /^The connection broke off/);
  assert.match(playerProblem(4), /^This browser cannot play this file/);
});

test('only a package in the making has progress, and is asked for again', () => {
  const making = evidenceCase({ state: 'making', done_bytes: 25 });
  assert.equal(packageShare(making), 0.25);
  assert.equal(packageShare(evidenceCase({ state: 'making', total_bytes: 0 })), 0);
  assert.equal(packageShare(evidenceCase()), null);
  assert.equal(casesPauseMs([evidenceCase(), making]), 1500);
  assert.equal(casesPauseMs([evidenceCase()]), null);
});

test('an export whose server does not run says so, whatever its state is', () => {
  const error = { code: 'node_away', detail: 'The server b has the files, and it is not running.' };
  for (const state of /** @type {const} */ (['done', 'queued'])) {
    assert.deepEqual(stateOf(job({ state, error })), { text: 'Its server is not running', tone: 'bad' });
  }
});
