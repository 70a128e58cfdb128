// @ts-check
/** Reports about the pace that pages received after a drop of their link, and the rungs that follow from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkMonitor } from '../../static/js/lib/link-monitor.js';
import { QualityLadder } from '../../static/js/lib/quality-ladder.js';

/** @typedef {import('../../static/js/lib/quality-ladder.js').RungName} RungName */
/** @typedef {number[]} Report ms since the drop, then the fields of `Pace` in their order */

/** @param {number} mainKbps */
const rungs = (mainKbps) => [
  { name: /** @type {RungName} */ ('main'), kbps: mainKbps },
  { name: /** @type {RungName} */ ('sub'), kbps: 512 },
  { name: /** @type {RungName} */ ('phone'), kbps: 190 },
  { name: /** @type {RungName} */ ('keys'), kbps: 56 },
  { name: /** @type {RungName} */ ('stills'), kbps: 19 },
];

/**
 * Return the changes of one picture: seconds since the drop, and the rung. The page looks at its link twice a second.
 *
 * @param {readonly Report[]} reports @param {number} mainKbps
 */
function changesOf(reports, mainKbps) {
  const link = new LinkMonitor(-5000);
  const ladder = new QualityLadder();
  ladder.setTiles([{ id: 'a', rungs: rungs(mainKbps), pinned: null, isChosen: true, isVisible: true, pixels: 1 }], -5000);
  const left = [...reports];
  /** @type {string[]} */
  const changes = [];
  for (let nowMs = 500; nowMs <= 12_000; nowMs += 500) {
    while (left.length && left[0][0] <= nowMs) {
      const [atMs, intervalMs, takenBytes, busyMs, busyBytes, backlogBytes, backlogMs] = /** @type {Report} */ (left.shift());
      link.takePace({ intervalMs, takenBytes, busyMs, busyBytes, backlogBytes, backlogMs }, atMs, 0);
    }
    for (const { to } of ladder.decide(link.stateAt(nowMs), nowMs)) changes.push(`${nowMs / 1000} ${to}`);
  }
  return changes;
}

test('a first report without a byte leads to no still pictures', () => {
  // 350 kbit/s, main stream of 1.5 Mbit/s. The page acknowledges 24 kB at a time, so 104 ms of the backlog show nothing.
  const reports = [
    [3609, 1005, 179047, 104, 0, 39939, 104],
    [3892, 1007, 0, 1007, 49152, 179043, 1916],
    [4602, 1003, 33864, 643, 24576, 0, 0],
    [4697, 1002, 186, 0, 0, 0, 0],
    [6081, 1003, 26371, 0, 0, 0, 0],
  ];
  assert.deepEqual(changesOf(reports, 1500), ['4 sub', '5 phone']);
});

test('lumps of acknowledged bytes lead to small video', () => {
  // The same link. The first report comes as soon as the backlog is old, and shows 198 kbit/s.
  const reports = [
    [2311, 1489, 118488, 992, 24576, 176985, 858],
    [3524, 1526, 57344, 1526, 73728, 3781, 2321],
    [4785, 1001, 51749, 870, 49152, 4617, 455],
    [5442, 1002, 32963, 341, 23937, 0, 0],
    [5943, 1005, 21028, 0, 0, 0, 0],
    [6902, 1001, 15330, 0, 0, 0, 0],
  ];
  assert.deepEqual(changesOf(reports, 1500), ['2.5 sub', '4 phone']);
});

test('a report that replaces another one leads straight to small video', () => {
  // 350 kbit/s, main stream of 4 Mbit/s, a link that the kernel shapes. The rest of a large key frame went first.
  const reports = [
    [2604, 2012, 447688, 1136, 46398, 499032, 1136],
    [2985, 1008, 17000, 1008, 42745, 482040, 2103],
    [4411, 1004, 42448, 980, 40544, 32386, 218],
    [5170, 1086, 52606, 998, 41992, 0, 0],
    [5655, 1152, 21482, 0, 0, 0, 0],
  ];
  assert.deepEqual(changesOf(reports, 4000), ['3 phone']);
});

test('a drop to 1.5 Mbit/s leads to the sub stream alone', () => {
  const reports = [
    [110, 1000, 448420, 0, 0, 0, 0],
    [1420, 1000, 224033, 729, 130067, 202055, 441],
    [2000, 690, 106314, 690, 123069, 411020, 873],
    [2300, 327, 48945, 327, 59198, 609844, 1094],
    [3070, 1000, 107391, 309, 56060, 0, 0],
    [4070, 1000, 57647, 0, 0, 0, 0],
  ];
  assert.deepEqual(changesOf(reports, 4000), ['2 sub']);
});

test('a busy page is back at the main stream of a free link within 30 s', () => {
  for (const delays of [
    [150, 40, 210, 85, 160, 30],
    [150, 120, 210, 140, 160, 130],
  ]) {
    const link = new LinkMonitor(0);
    const ladder = new QualityLadder();
    const two = rungs(700).slice(0, 2);
    ladder.setTiles([{ id: 'a', rungs: two, pinned: null, isChosen: true, isVisible: true, pixels: 1 }], 0);
    ladder.decide({ isLate: true, calmMs: 0, kbps: 300 }, 2000);
    assert.equal(ladder.rungOf('a'), 'sub');
    for (let nowMs = 2000; nowMs <= 30_000; nowMs += 500) {
      const isKey = nowMs % 1000 === 0;
      const delayMs = isKey ? delays[(nowMs / 1000) % delays.length] : 5;
      const fragments = { isKey, startS: nowMs / 1000, takenMs: isKey ? nowMs : null, bytes: isKey ? 8000 : 1000 };
      link.takeFragments(1, fragments, nowMs + delayMs, nowMs + delayMs);
      ladder.decide(link.stateAt(nowMs + 300), nowMs + 300);
    }
    assert.equal(ladder.rungOf('a'), 'main', `key frames ${delays} ms late`);
  }
});
