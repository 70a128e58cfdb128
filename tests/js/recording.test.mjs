import assert from 'node:assert/strict';
import test from 'node:test';

import { channelsFor } from '../../static/js/lib/channels.js';
import { RecordingApi } from '../../static/js/lib/recording-api.js';
import { bytesPerDay, costText, daysHeld, daysText, daysWanted, forecastText, preRollText } from '../../static/js/lib/recording-cost.js';
import { fieldsOf, ruleOf } from '../../static/js/lib/recording-rule.js';
import { RecordingStates } from '../../static/js/lib/recording-states.js';
import { alertText, cameraRecordingText, keptText, pauseChoices, shortTime, stateText } from '../../static/js/lib/recording-text.js';
import {
  channelDays,
  keptUntil,
  rangeTimes,
  volumeForecast,
  volumeParts,
  volumeSpace,
  volumeWords,
} from '../../static/js/lib/storage-text.js';
import { WeekSchedule, scheduleText, shareOfWeek } from '../../static/js/lib/week-schedule.js';
import { LOCAL_CLOCK } from '../../static/js/lib/display-clock.js';

const NOW_MS = new Date(2026, 10, 24, 14, 5).getTime(); // a Tuesday
const DAY_MS = 86_400_000;
const iso = (/** @type {number} */ atMs) => new Date(atMs).toISOString();

/** @returns {import('../../static/js/lib/recording-types.js').RuleDraft} */
function rule(change = {}) {
  return {
    ...{ mode: 'continuous', quality: 'main', schedule: [], time_zone: '', pre_s: 10, post_s: 30 },
    ...{ keep_days: 30, keep_bytes: null, limit_days: null, backfills: false },
    ...change,
  };
}

/** @param {Record<string, number|null>} rates bit rates by role @returns {any} */
function channel(rates, number = 1) {
  const profiles = Object.entries(rates).map(([role, rate]) => ({ role, video: { bitrate_kbps: rate } }));
  return { channel: number, name: `Channel ${number}`, profiles };
}

/** @returns {import('../../static/js/lib/recording-types.js').RecordingState} */
function state(change = {}) {
  return {
    ...{ channel: 1, mode: 'continuous', quality: 'main', state: 'recording', since: null, reason: null },
    ...{ paused_by: null, paused_until: null, written_until: null, pre_roll_s: null },
    ...change,
  };
}

/** @returns {import('../../static/js/lib/recording-types.js').StorageVolume} */
function volume(change = {}) {
  return {
    ...{ node: '', id: 'a', name: 'Disk 1', state: 'ok', detail: '', size_bytes: 1000e9, free_bytes: 300e9, used_bytes: 600e9 },
    ...{ kept_bytes: 50e9, floor_bytes: 50e9, inflow_bytes_per_day: 40e9, full_at: null, next_to_go: null },
    ...{ damaged_files: 0, damaged_bytes: 0 },
    ...change,
  };
}

/** @returns {import('../../static/js/lib/recording-types.js').StorageChannel} */
function stored(change = {}) {
  return {
    ...{ node: '', camera_id: 1, camera_name: 'Recorder', channel: 1, channel_name: 'Gate', bytes: 1e9, kept_bytes: 0 },
    ...{ oldest: null, newest: null, inflow_bytes_per_day: 0, wished_days: 30, expected_days: 30, limit_days: null },
    ...change,
  };
}

test('painted rectangles become spans, and spans the same half hours', () => {
  const week = new WeekSchedule().painted({ day: 4, slot: 35 }, { day: 0, slot: 16 }, true);
  assert.deepEqual(
    week.spans,
    [0, 1, 2, 3, 4].map((weekday) => ({ weekday, from_minute: 480, until_minute: 1080 })),
  );
  assert.equal(week.preset, 'working');
  const less = week.painted({ day: 0, slot: 20 }, { day: 0, slot: 21 }, false);
  assert.deepEqual(less.spans.slice(0, 2), [
    { weekday: 0, from_minute: 480, until_minute: 600 },
    { weekday: 0, from_minute: 660, until_minute: 1080 },
  ]);
  assert.equal(less.preset, null);
  assert.deepEqual(WeekSchedule.of(less.spans).spans, less.spans);
  assert.equal(week.preset, 'working', 'the first schedule is unchanged');
});

test('every preset survives the way to the API and back', () => {
  for (const name of /** @type {const} */ (['always', 'nights', 'working', 'never'])) {
    assert.equal(WeekSchedule.of(WeekSchedule.preset(name).spans).preset, name);
  }
  assert.equal(shareOfWeek(WeekSchedule.preset('always').spans), 1);
  assert.equal(shareOfWeek(WeekSchedule.preset('nights').spans), 10 / 24);
});

test('a schedule in words joins days with the same times', () => {
  assert.equal(scheduleText(WeekSchedule.preset('working').spans), 'Mon–Fri 08:00–18:00');
  assert.equal(scheduleText(WeekSchedule.preset('nights').spans), 'Mon–Sun 00:00–06:00, 20:00–24:00');
  assert.equal(scheduleText([{ weekday: 5, from_minute: 615, until_minute: 1440 }]), 'Sat 10:15–24:00');
  assert.equal(scheduleText([]), 'Never');
});

test('fields give the rule that filled them', () => {
  const schedule = WeekSchedule.preset('nights').spans;
  const draft = rule({ mode: 'schedule', schedule, keep_bytes: 250e9, keep_days: 12.5, limit_days: 3, time_zone: 'Asia/Tokyo' });
  assert.deepEqual(ruleOf(fieldsOf(draft), schedule), { rule: draft, errors: [] });
});

test('fields without a valid number are named', () => {
  const fields = { ...fieldsOf(rule()), keepDays: '0', keepGb: 'much', limitDays: '-3', pre: '', post: '1,5' };
  const { rule: read, errors } = ruleOf(fields, []);
  assert.deepEqual(
    errors.map(({ field }) => field),
    ['keep_bytes', 'keep_days', 'limit_days'],
  );
  assert.equal(read.pre_s, 0);
  assert.equal(read.post_s, 1.5);
  assert.equal(ruleOf({ ...fields, keepDays: '', keepGb: '', limitDays: '' }, []).rule.keep_days, null);
});

test('a schedule without a half hour is refused', () => {
  const { errors } = ruleOf(fieldsOf(rule({ mode: 'schedule' })), []);
  assert.deepEqual(
    errors.map(({ field }) => field),
    ['schedule'],
  );
});

test('the cost follows from the bit rates and the schedule', () => {
  const gate = channel({ main: 4000, sub: 500 });
  assert.equal(bytesPerDay(rule(), gate), 43.2e9);
  assert.equal(bytesPerDay(rule({ quality: 'both' }), gate), 48.6e9);
  assert.equal(bytesPerDay(rule({ mode: 'schedule', schedule: WeekSchedule.preset('nights').spans }), gate), 18e9);
  assert.equal(bytesPerDay(rule({ mode: 'off' }), gate), 0);
  assert.equal(bytesPerDay(rule(), channel({ main: null })), null);
  assert.equal(costText(rule(), [gate]), 'About 43 GB a day.');
  assert.equal(costText(rule({ mode: 'events' }), [gate, gate]), 'At most 86 GB a day for 2 channels.');
  assert.match(costText(rule(), [channel({ main: null })]), /unknown/);
});

test('the forecast counts the inflow of all channels', () => {
  const storage = {
    volumes: [volume(), volume({ state: 'gone', free_bytes: null })],
    channels: [stored({ inflow_bytes_per_day: 10e9 }), stored({ channel: 2, inflow_bytes_per_day: 45e9 })],
    silent_nodes: [],
  };
  const held = daysHeld(storage, { cameraId: 1, channels: [1], inflow: 40e9 });
  assert.equal(held, 10);
  assert.equal(daysHeld({ ...storage, channels: [] }, { cameraId: 1, channels: [1], inflow: 0 }), null);
  assert.match(forecastText(held, 30), /^Asked for 30 days, the disks hold about 10 days/);
  assert.equal(forecastText(held, 5), 'The disks have space for 5 days.');
  assert.match(forecastText(held, null), /hold about 10 days/);
  assert.deepEqual([0.5, 1, 2.25, 12.9].map(daysText), ['12 hours', '1 day', '2.3 days', '12 days']);
});

test('a pre-roll that the memory is too small for is told', () => {
  const gate = channel({ main: 8000, sub: 500 });
  const long = rule({ mode: 'events', pre_s: 60 });
  assert.equal(preRollText(long, [gate], 32e6), 'At this bit rate the memory holds only about 29 seconds before an event.');
  assert.equal(preRollText(long, [channel({ main: 1000 }), gate], 32e6), preRollText(long, [gate], 32e6));
  assert.equal(preRollText(long, [gate], 64e6), '');
  assert.equal(preRollText(rule({ mode: 'events', pre_s: 60, quality: 'sub' }), [gate], 32e6), '');
  assert.equal(preRollText(rule({ pre_s: 60 }), [gate], 32e6), '');
  assert.equal(preRollText(long, [channel({ main: null })], 32e6), '');
  const waits = state({ state: 'waiting', mode: 'events', pre_roll_s: 21.7 });
  assert.equal(stateText(waits, NOW_MS).text, 'The recording waits for an event; the memory holds only 21 s before it');
});

test('a limit by law shortens the days that a rule asks for', () => {
  assert.equal(daysWanted(rule({ limit_days: 3 })), 3);
  assert.equal(daysWanted(rule({ limit_days: 90 })), 30);
  assert.equal(daysWanted(rule({ keep_days: null, limit_days: 3 })), 3);
  assert.equal(daysWanted(rule({ keep_days: null })), null);
});

test('each state has words, a problem its reason', () => {
  const text = (/** @type {object} */ change) => stateText(state(change), NOW_MS).text;
  assert.equal(text({ since: iso(NOW_MS - 3_600_000) }), 'Recorded on the server since 13:05');
  assert.equal(text({ state: 'waiting', mode: 'events' }), 'The recording waits for an event');
  assert.equal(text({ state: 'waiting' }), 'The recording is starting');
  assert.equal(text({ state: 'paused', paused_by: 'anna', paused_until: iso(NOW_MS + 3_600_000) }), 'Recording paused by anna until 15:05');
  assert.equal(text({ state: 'problem', reason: 'disk_full' }), 'Not recorded: the disk is full');
  assert.equal(text({ state: 'problem', reason: 'something new' }), 'Not recorded');
});

test('a camera is summed up with its worst channel', () => {
  assert.equal(cameraRecordingText([state({ state: 'off' })]), null);
  assert.deepEqual(cameraRecordingText([state()]), { text: 'Recorded', tone: 'recording' });
  const states = [state(), state({ channel: 2, state: 'problem', reason: 'no_signal' }), state({ channel: 3, state: 'off' })];
  assert.deepEqual(cameraRecordingText(states), {
    text: '2 of 3 channels: 1 recorded, 1 not recorded: the channel has no signal',
    tone: 'problem',
  });
});

test('alerts say what is missing, since when, and why', () => {
  const names = { camera_name: 'Recorder', channel_name: 'Gate' };
  /** @type {import('../../static/js/lib/recording-types.js').RecordingAlert} */
  const alert = {
    ...{ id: 1, camera_id: 1, channel: 1, origin: 'server', reason: 'device_away', detail: '', seen: false },
    ...{ ...names, start_time: iso(NOW_MS - 3_600_000), end_time: null },
  };
  assert.equal(alertText(alert, NOW_MS), 'Gate (Recorder) has not been recorded since 13:05: the camera does not answer.');
  /** @type {import('../../static/js/lib/recording-types.js').RecordingAlert} */
  const ended = { ...alert, end_time: iso(NOW_MS), reason: 'unknown', channel_name: 'Recorder' };
  assert.equal(alertText(ended, NOW_MS), 'Recorder was not recorded from 13:05 to 14:05.');
  const device = { ...ended, origin: /** @type {const} */ ('device') };
  assert.equal(alertText(device, NOW_MS), 'The recorder did not record Recorder from 13:05 to 14:05.');
});

test('a pause until tomorrow ends at the next local midnight', () => {
  const choices = pauseChoices(NOW_MS);
  const tomorrow = choices.find(({ value }) => value === 'tomorrow')?.untilMs ?? 0;
  assert.equal(LOCAL_CLOCK.stamp(tomorrow), '2026-11-25 00:00:00');
  assert.equal(choices.find(({ value }) => value === 'open')?.untilMs, null);
  assert.equal(shortTime(tomorrow, NOW_MS), '2026-11-25 00:00');
});

test('the parts of a disk add up to its size', () => {
  const parts = volumeParts(volume());
  assert.deepEqual(parts, { kept: 50e9, recordings: 550e9, other: 100e9, free: 250e9, floor: 50e9 });
  for (const change of [{ free_bytes: null }, { free_bytes: 2e9 }, { used_bytes: 2000e9 }, { floor_bytes: 900e9 }]) {
    const sum = Object.values(volumeParts(volume(change))).reduce((one, other) => one + other, 0);
    assert.equal(sum, 1000e9, JSON.stringify(change));
  }
  assert.deepEqual(new Set(Object.values(volumeParts(volume({ size_bytes: null, free_bytes: null })))), new Set([0]));
  assert.match(volumeSpace(volume()), /^600 GB of recordings, 50 GB of them kept, 100 GB of other files, 250 GB free/);
  assert.match(volumeSpace(volume({ damaged_files: 2, damaged_bytes: 3e6 })), /50 GB of them kept, 3.0 MB of them in 2 damaged files, /);
});

test('a disk says when it is full and what goes then', () => {
  const nameOf = () => 'Gate';
  const next = { camera_id: 1, channel: 1 };
  const soon = volume({ full_at: iso(NOW_MS + 2 * DAY_MS), next_to_go: next });
  assert.equal(
    volumeForecast(soon, nameOf, NOW_MS),
    '40 GB come in a day. The space is used up on Thursday, 14:05. Then the server deletes the oldest recording of Gate first.',
  );
  const far = volume({ full_at: iso(NOW_MS + 20 * DAY_MS) });
  assert.match(volumeForecast(far, nameOf, NOW_MS), /used up on 2026-12-14\./);
  const now = volume({ full_at: iso(NOW_MS - 1), next_to_go: next });
  assert.match(volumeForecast(now, nameOf, NOW_MS), /deletes old recordings: next the oldest recording of Gate\.$/);
  assert.match(volumeForecast(volume(), nameOf, NOW_MS), /before the space is used up/);
  assert.equal(volumeForecast(volume({ state: 'gone' }), nameOf, NOW_MS), '');
  for (const name of /** @type {const} */ (['ok', 'slow', 'full', 'read_only', 'gone'])) assert.ok(volumeWords(name).text);
});

test('a channel that will hold less than its rule asks for is marked', () => {
  assert.deepEqual(channelDays(stored({ expected_days: 12.4 })), { wanted: '30 days', held: '12 days', isShort: true });
  const limited = channelDays(stored({ wished_days: null, limit_days: 3, expected_days: 3 }));
  assert.deepEqual(limited, { wanted: 'no limit, at most 3 days', held: '3 days', isShort: false });
});

test('a kept part names the limit that ends it earlier', () => {
  const kept = {
    ...{ id: 1, camera_id: 1, channel: 1, start_time: '', end_time: '', reason: '', by: 'anna', created_at: '', may_delete: true },
    ...{ until: iso(NOW_MS + 30 * DAY_MS), limited_until: iso(NOW_MS + 3_600_000) },
  };
  assert.equal(keptUntil(kept, NOW_MS), '15:05, by the limit of the channel');
  assert.equal(keptUntil({ ...kept, limited_until: null }, NOW_MS), '2026-12-24 14:05');
  assert.equal(keptUntil({ ...kept, limited_until: null, until: null }, NOW_MS), 'a user ends it');
});

test('a kept part tells what the server lacks, which an admin can fetch', () => {
  const kept = { limited_until: null, missing_s: 0, backfill_id: null };
  assert.deepEqual(keptText(kept, true, NOW_MS), { text: 'This part is kept.', offer: '' });
  const lacking = { ...kept, missing_s: 300 };
  const offered = keptText(lacking, true, NOW_MS);
  assert.deepEqual(offered, {
    text: 'This part is kept.',
    offer: 'The server lacks 5 min of it. It can fetch what the recorder has of them.',
  });
  const refused = keptText(lacking, false, NOW_MS);
  assert.deepEqual(refused, {
    text: 'This part is kept. The server lacks 5 min of it. An admin can fetch them from the recorder.',
    offer: '',
  });
  const fetching = keptText({ ...lacking, backfill_id: 7 }, true, NOW_MS);
  assert.deepEqual(fetching, {
    text: 'This part is kept. The server lacks 5 min of it and fetches them from the recorder.',
    offer: '',
  });
});

test('states are read of each camera, and of a deleted camera no more', async () => {
  /** @type {string[]} */
  const asked = [];
  const answers = new Map([
    ['/c/1/recording-states', { status: 200, body: { channels: [state({ channel: 4 })] } }],
    ['/c/2/recording-states', { status: 404, body: { code: 'not_found' } }],
  ]);
  const api = new RecordingApi(
    { cameras: '/c', storage: '', kept: '', alerts: '', backfills: '' },
    {
      fetch: async (url) => {
        asked.push(String(url));
        const { status, body } = answers.get(String(url)) ?? { status: 500, body: {} };
        return new Response(JSON.stringify(body), { status });
      },
    },
  );
  const states = new RecordingStates(api);
  /** @type {number[]} */
  const changed = [];
  const both = new Promise((resolve) =>
    states.addEventListener('states', (event) => {
      changed.push(/** @type {CustomEvent<number>} */ (event).detail);
      if (changed.length === 2) resolve(null);
    }),
  );
  states.cameraIds = [1, 2];
  states.start();
  await both;
  states.stop();
  assert.deepEqual(changed, [1, 2]);
  assert.equal(states.of(1, 4)?.state, 'recording');
  assert.equal(states.of(1, 5), null);
  assert.deepEqual(states.ofCamera(2), []);
  assert.deepEqual(asked, [...answers.keys()]);
});

test('a hidden channel is listed only where it is the chosen one', () => {
  const channels = [1, 2, 3].map((number) => ({ ...channel({}, number), position: 3 - number, hidden: number === 2 }));
  const listed = (/** @type {number|null} */ chosen) => channelsFor(channels, chosen).map((each) => each.channel);
  assert.deepEqual(listed(null), [3, 1]);
  assert.deepEqual(listed(2), [3, 2, 1]);
  assert.deepEqual(listed(9), []);
});

test('a range tells the day of its end only if that is another one', () => {
  const range = (/** @type {number[]} */ [day = 0, from = 0], /** @type {number[]} */ [end = 0, to = 0]) =>
    rangeTimes({ start_time: new Date(2026, 10, day, from).toISOString(), end_time: new Date(2026, 10, end, to).toISOString() }, now);
  const now = new Date(2026, 10, 30, 19).getTime();
  assert.equal(range([30, 10], [30, 11]), '10:00 to 11:00');
  assert.equal(range([29, 10], [29, 11]), '2026-11-29 10:00 to 11:00');
  assert.equal(range([29, 22], [30, 2]), '2026-11-29 22:00 to 2026-11-30 02:00');
});
