// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkMonitor } from '../../static/js/lib/link-monitor.js';

const QUIET = { intervalMs: 1000, takenBytes: 60_000, busyMs: 0, busyBytes: 0, backlogBytes: 0, backlogMs: 0 };

/** One second with a backlog on a link of this throughput. @param {number} kbps @param {number} [backlogMs] */
const busy = (kbps, backlogMs = 900) => ({ ...QUIET, busyMs: 1000, busyBytes: kbps * 125, takenBytes: kbps * 125, backlogMs });

/** A message of watch 1: frames whose first one the server received at `takenMs`. @param {Partial<{isKey: boolean, startS: number, takenMs: number|null, bytes: number}>} more */
const message = (more = {}) => ({ isKey: false, startS: 0, takenMs: null, bytes: 1000, ...more });

test('the throughput is unknown until there is a backlog', () => {
  const link = new LinkMonitor(0);
  link.takePace(QUIET, 1000);
  assert.deepEqual(link.stateAt(1000), { isLate: false, calmMs: 1000, kbps: null, burstKbps: null, bestBurstKbps: null, measuredMs: 0 });
  link.takePace(busy(1500), 2000);
  assert.equal(link.stateAt(2000).kbps, 1500);
});

test('a backlog of a few milliseconds is no measurement', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...QUIET, busyMs: 40, busyBytes: 100_000 }, 1000);
  assert.equal(link.stateAt(1000).kbps, null);
});

test('reports of one backlog are added until they show a rate', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...QUIET, busyMs: 120, busyBytes: 1215, backlogBytes: 9000, backlogMs: 120 }, 1000);
  assert.equal(link.stateAt(1000).kbps, null, '81 kbit/s, because the page acknowledges bytes in lumps');
  link.takePace({ ...QUIET, busyMs: 730, busyBytes: 35_975, backlogBytes: 30_000, backlogMs: 850 }, 1730);
  assert.equal(Math.round(link.stateAt(1730).kbps ?? 0), 350);
});

test('two short backlogs show no rate together', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...QUIET, busyMs: 400, busyBytes: 32_000 }, 1000);
  link.takePace({ ...QUIET, busyMs: 400, busyBytes: 32_000 }, 2000);
  assert.equal(link.stateAt(2000).kbps, null);
});

test('bytes that fill the kernel before a backlog raise no throughput', () => {
  const link = new LinkMonitor(0);
  link.takePace(busy(350), 1000);
  link.takePace({ ...QUIET, takenBytes: 400_000, busyMs: 100, busyBytes: 2000, backlogBytes: 5000, backlogMs: 100 }, 2000);
  assert.equal(link.stateAt(2000).kbps, 350);
});

test('one odd report of a link that has become slow counts little', () => {
  const link = new LinkMonitor(0);
  for (let second = 1; second <= 5; second += 1) link.takePace(busy(20_000, 100), second * 1000);
  for (const [second, kbps] of [
    [6, 350],
    [7, 180],
    [8, 520],
  ])
    link.takePace({ ...busy(kbps), backlogBytes: 1 }, second * 1000);
  const { kbps, measuredMs } = link.stateAt(8000);
  assert.deepEqual([kbps, measuredMs], [350, 3000]);
});

test('a full link says its own throughput before media is late', () => {
  const link = new LinkMonitor(0);
  for (let second = 1; second <= 5; second += 1) link.takePace(busy(20_000, 100), second * 1000);
  link.takePace({ ...busy(350, 700), backlogBytes: 30_000 }, 6000);
  assert.deepEqual([link.stateAt(6000).isLate, link.stateAt(6000).kbps], [false, 350]);
});

test('the throughput of a late link follows its last second', () => {
  const link = new LinkMonitor(0);
  for (let second = 1; second <= 5; second += 1) link.takePace(busy(20_000, 100), second * 1000);
  link.takePace(busy(1500), 6000);
  assert.equal(link.stateAt(6000).kbps, 1500);
  link.takePace(QUIET, 7000);
  const averageKbps = link.stateAt(7000).kbps;
  assert.ok(averageKbps !== null && averageKbps > 10_000 && averageKbps < 16_000, String(averageKbps));
});

test('without a backlog the link carries at least the rate', () => {
  const link = new LinkMonitor(0);
  link.takePace(busy(500), 1000);
  link.takePace({ ...QUIET, takenBytes: 500_000 }, 2000);
  assert.equal(link.stateAt(2000).kbps, 4000);
  link.takePace({ ...QUIET, takenBytes: 1000 }, 3000);
  assert.equal(link.stateAt(3000).kbps, 4000);
});

test('an old backlog makes the link late, until its report is old', () => {
  const link = new LinkMonitor(0);
  link.takePace(busy(1500, 700), 1000);
  assert.equal(link.stateAt(1000).isLate, false);
  link.takePace(busy(1500, 900), 2000);
  assert.deepEqual(link.stateAt(2000), { isLate: true, calmMs: 0, kbps: 1500, burstKbps: null, bestBurstKbps: null, measuredMs: 2000 });
  assert.equal(link.stateAt(5000).isLate, false);
});

test('calm lasts from the last backlog on', () => {
  const link = new LinkMonitor(0);
  link.takePace(busy(1500, 400), 3000);
  for (let second = 4; second <= 9; second += 1) link.takePace(busy(1500, 100), second * 1000);
  assert.equal(link.stateAt(9000).calmMs, 6000);
});

test('silence is no calm: it begins again with the next report', () => {
  const link = new LinkMonitor(0);
  for (let second = 1; second <= 5; second += 1) link.takePace(QUIET, second * 1000);
  assert.equal(link.stateAt(7000).calmMs, 7000);
  assert.equal(link.stateAt(8000).calmMs, 0);
  link.takePace(QUIET, 20_000);
  link.takePace(QUIET, 21_000);
  assert.equal(link.stateAt(21_000).calmMs, 1000);
});

test('media alone keeps the calm', () => {
  const link = new LinkMonitor(0);
  for (let number = 0; number <= 50; number += 1) {
    const atMs = number * 100;
    link.takeFragments(1, message({ isKey: true, startS: number / 10, takenMs: atMs }), atMs, atMs);
  }
  assert.equal(link.stateAt(5000).calmMs, 5000);
});

test('frames that arrive late for a second make the link late', () => {
  const link = new LinkMonitor(0);
  link.takeFragments(1, message({ isKey: true, startS: 10, takenMs: 0 }), 2000, 0);
  assert.equal(link.stateAt(1500).isLate, false, 'the first message holds old frames');
  for (let number = 1; number <= 20; number += 1) {
    // Each frame is 1.5 s under way, and carries 12.5 kB in 100 ms: 1 Mbit/s.
    const fragments = message({ startS: 10 + number / 10, bytes: 12_500 });
    link.takeFragments(1, fragments, number * 100 + 1500, number * 100);
  }
  assert.equal(link.stateAt(2000).isLate, true);
  assert.equal(Math.round(link.stateAt(2000).kbps ?? 0), 1000, 'before the first report of the server');
  link.takePace(QUIET, 2100);
  assert.equal(Math.round(link.stateAt(2100).kbps ?? 0), 1000);
  link.takeFragments(1, message({ isKey: true, startS: 12.2, takenMs: 2200 }), 2250, 2200);
  assert.equal(link.stateAt(2200).isLate, false);
  assert.equal(link.stateAt(3200).calmMs, 1200);
});

test('the delay of a large key frame shows the throughput', () => {
  const link = new LinkMonitor(0);
  /** A group of frames: 25 kB that take `extraMs` longer than the small ones. @param {number} second @param {number} extraMs */
  const group = (second, extraMs) => {
    const takenMs = second * 1000;
    link.takeFragments(1, message({ isKey: true, startS: second, takenMs, bytes: 25_000 }), takenMs + 20 + extraMs, takenMs);
    link.takeFragments(1, message({ startS: second + 0.5 }), takenMs + 520, takenMs + 500);
  };
  group(1, 0);
  group(2, 100);
  assert.equal(link.stateAt(2000).burstKbps, null, 'one is not enough');
  group(3, 200);
  assert.equal(link.stateAt(3000).burstKbps, 1000);
  group(4, 10);
  group(5, 10);
  assert.equal(link.stateAt(5000).burstKbps, 20_000);
  group(6, 0);
  group(7, 1000);
  assert.deepEqual([link.stateAt(7000).burstKbps, link.stateAt(7000).bestBurstKbps], [200, 20_000], 'the page was busy');
  assert.equal(link.stateAt(30_000).burstKbps, null);
  link.forget(30_000);
  assert.equal(link.stateAt(30_000).burstKbps, null);
});

/**
 * Five seconds with frames that are 1.5 s late for the timeline, and reports that are under way for `delayMs`.
 *
 * @param {number|null} delayMs
 */
function withLateFrames(delayMs) {
  const link = new LinkMonitor(0);
  for (let nowMs = 100; nowMs <= 5000; nowMs += 100) {
    if (nowMs % 1000 === 0) link.takePace(QUIET, nowMs, delayMs);
    const isKey = nowMs % 1000 === 100;
    link.takeFragments(1, message({ isKey, startS: nowMs / 1000, takenMs: isKey ? nowMs : null }), nowMs + 1500, nowMs);
  }
  return link.stateAt(5000);
}

test('frames that the camera sends late are no sign of a late link', () => {
  const { isLate, calmMs } = withLateFrames(20);
  assert.deepEqual({ isLate, calmMs }, { isLate: false, calmMs: 4100 });
  assert.equal(withLateFrames(1500).isLate, true);
  assert.equal(withLateFrames(null).isLate, true, 'a server that does not name its time');
});

test('a report that does not come is late, too', () => {
  const link = new LinkMonitor(0);
  link.takePace(QUIET, 1000, 20);
  for (let nowMs = 1000; nowMs <= 5000; nowMs += 100) {
    const isKey = nowMs === 1000;
    link.takeFragments(1, message({ isKey, startS: nowMs / 1000, takenMs: isKey ? nowMs : null }), nowMs + 2000, nowMs);
  }
  assert.equal(link.stateAt(5000).isLate, true);
});

test('one late frame is no late link', () => {
  const link = new LinkMonitor(0);
  link.takeFragments(1, message({ isKey: true, takenMs: 0 }), 0, 0);
  link.takeFragments(1, message({ startS: 0.1 }), 2000, 2000);
  link.takeFragments(1, message({ startS: 2 }), 2050, 2050);
  assert.equal(link.stateAt(3100).isLate, false);
});

test('frames without a known time are not judged', () => {
  const link = new LinkMonitor(0);
  for (let number = 0; number < 30; number += 1) link.takeFragments(1, message({ startS: number / 10 }), 1e9, number * 100);
  link.takeFragments(2, message({ isKey: true, takenMs: 0 }), 0, 3000);
  link.forgetWatch(2);
  link.takeFragments(2, message({ startS: 9 }), 1e9, 3100);
  assert.equal(link.stateAt(5000).isLate, false);
});

test('another connection is measured anew', () => {
  const link = new LinkMonitor(0);
  link.takePace(busy(1500), 1000);
  link.forget(2000);
  assert.deepEqual(link.stateAt(2500), { isLate: false, calmMs: 500, kbps: null, burstKbps: null, bestBurstKbps: null, measuredMs: 0 });
});

test('a link is thin below 2 Mbit/s, until it was calm for a minute', () => {
  const link = new LinkMonitor(0);
  assert.equal(link.isThin(500), false, 'unknown');
  link.takePace(busy(5000, 900), 1000);
  assert.equal(link.isThin(1000), true, 'late');
  assert.equal(link.isThin(5000), false);
  link.forget(5000);
  link.takePace(busy(1900, 400), 6000);
  assert.deepEqual([link.isThin(6000), link.isThin(65_900), link.isThin(66_000)], [true, true, false]);
});

test('a backlog that waits for a busy server says nothing about the link', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...busy(900, 2000), backlogBytes: 9000, serverLagMs: 700 }, 1000);
  const { isLate, kbps, isServerBusy } = link.stateAt(1000);
  assert.deepEqual([isLate, kbps, isServerBusy], [false, null, true]);
  assert.equal(link.stateAt(4000).isServerBusy, undefined, 'later nothing is late');
});

test('a link that is later than its busy server explains is late', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...busy(900, 3000), backlogBytes: 9000, serverLagMs: 700 }, 1000);
  const { isLate, isServerBusy } = link.stateAt(1000);
  assert.deepEqual([isLate, isServerBusy], [true, undefined]);
});

test('frames that a busy server sends late do not make the link late', () => {
  /** @param {number} serverLagMs */
  const stateOf = (serverLagMs) => {
    const link = new LinkMonitor(0);
    link.takePace({ ...QUIET, serverLagMs }, 0);
    link.takeFragments(1, message({ isKey: true, takenMs: 0 }), 100, 100);
    for (let second = 1; second <= 4; second += 1)
      link.takeFragments(1, message({ isKey: true, startS: second, takenMs: second * 1000 }), second * 1000 + 1700, second * 1000 + 700);
    return link.stateAt(4700);
  };
  assert.equal(stateOf(0).isLate, true);
  assert.deepEqual([stateOf(600).isLate, stateOf(600).isServerBusy], [false, true]);
});

test('a busy server with a backlog is no calm, but one without is', () => {
  const link = new LinkMonitor(0);
  link.takePace({ ...QUIET, serverLagMs: 500 }, 2000);
  assert.equal(link.stateAt(2000).calmMs, 2000);
  link.takePace({ ...QUIET, backlogBytes: 9000, backlogMs: 900, serverLagMs: 500 }, 3000);
  assert.deepEqual([link.stateAt(3000).isLate, link.stateAt(3000).calmMs], [false, 0]);
});
