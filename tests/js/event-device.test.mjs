import assert from 'node:assert/strict';
import test from 'node:test';

import { DeviceTest, leftOutText, listeningText, messageItems, messageState } from '../../static/js/lib/event-device.js';

const NOON_MS = Date.parse('2026-11-22T12:00:00Z');

/** @param {number} atMs @returns {import('../../static/js/lib/events-api.js').DeviceMessage} */
function message(atMs, change = {}) {
  return {
    ...{ time: new Date(atMs).toISOString(), device_time: null, topic: 'Motion', kind: 'motion', channel: 1, rule: '' },
    ...{ change: 'changed', active: true, items: { IsMotion: 'true' } },
    ...change,
  };
}

test('a test of a device lists the messages that come while it runs', () => {
  const before = message(NOON_MS - 1000);
  const run = new DeviceTest([before], NOON_MS);
  run.take([before]);
  assert.equal(run.stateText(NOON_MS), 'The test runs for 60 s more: no messages so far.');
  run.take([message(NOON_MS + 2000), message(NOON_MS + 1000), before]);
  run.take([message(NOON_MS + 2000), message(NOON_MS + 1000)]);
  assert.deepEqual(
    run.messages.map(({ time }) => Date.parse(time) - NOON_MS),
    [2000, 1000],
  );
  assert.equal(run.isOver(NOON_MS + 59_000), false);
  assert.equal(run.stateText(NOON_MS + 60_000), 'The test is over: 2 messages.');
  assert.equal(new DeviceTest([], NOON_MS).stateText(NOON_MS + 60_000), 'The test is over. The device sent no message.');
});

test('the state of a device and its messages are words', () => {
  const told = { listens: true, problem: null, unlisted_code: '', topics: [], recent: [], left_out: 0, begun_left_out: 0 };
  assert.equal(listeningText(false, told), 'Events are switched off.');
  assert.equal(listeningText(true, { ...told, problem: { code: 'camera_busy', detail: 'Too many.' } }), 'Too many.');
  assert.equal(listeningText(true, { ...told, listens: false }), 'The app does not listen to this device now.');
  assert.equal(listeningText(true, told), 'The app listens, but the device names no events.');
  const unlisted = { ...told, unlisted_code: 'camera_unreachable' };
  assert.equal(listeningText(true, unlisted), 'The device did not list its events: the device does not answer.');
  assert.equal(leftOutText(told), '');
  assert.match(leftOutText({ left_out: 1, begun_left_out: 3 }), /^Not shown: 1 message of more topics\. Not in the log: 3 messages/);
  assert.equal(messageState(message(0, { change: 'state', active: false })), 'state: off');
  assert.equal(messageState(message(0, { active: false })), 'ends');
  assert.equal(messageState(message(0, { change: 'pulse', active: null })), 'happened');
  assert.equal(messageItems(message(0, { items: { IsMotion: 'true', Rule: 'Gate' } })), 'IsMotion=true Rule=Gate');
});
