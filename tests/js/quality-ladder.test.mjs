// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QualityLadder, savesData } from '../../static/js/lib/quality-ladder.js';

/** @typedef {import('../../static/js/lib/quality-ladder.js').Tile} Tile */
/** @typedef {import('../../static/js/lib/quality-ladder.js').Change} Change */

const MAIN = /** @type {const} */ ({ name: 'main', kbps: 4100 });
const SUB = /** @type {const} */ ({ name: 'sub', kbps: 530 });
const KEYS = /** @type {const} */ ({ name: 'keys', kbps: 58 });
const STILLS = /** @type {const} */ ({ name: 'stills', kbps: 20 });
const ALL = [MAIN, SUB, KEYS, STILLS];
const LATE = { isLate: true, calmMs: 0, kbps: 1500 };
const CALM = { isLate: false, calmMs: 20_000, kbps: 1500 };

/** @param {string} id @param {Partial<Tile>} [more] @returns {Tile} */
const tile = (id, more = {}) => ({ id, rungs: ALL, pinned: null, isChosen: false, isVisible: true, pixels: 1000, ...more });

/** @param {readonly Tile[]} tiles @param {{startsLow?: boolean, loadedMs?: number}} [how] */
function ladderOf(tiles, how) {
  const ladder = new QualityLadder(how);
  ladder.setTiles(tiles, 0);
  return ladder;
}

/** @param {readonly Change[]} changes */
const told = (changes) => changes.map(({ id, to, why }) => `${id} ${to} ${why}`);

/**
 * Let a ladder run on a link whose throughput changes. The link is late two seconds after the rates exceed it, and calm
 * again a second after they fit: the server drops what waits.
 *
 * @param {QualityLadder} ladder @param {readonly Tile[]} tiles @param {(second: number) => number} kbpsAt @param {number} seconds
 */
function run(ladder, tiles, kbpsAt, seconds) {
  /** @type {(Change & {second: number})[]} */
  const changes = [];
  let overS = 0;
  let calmMs = 0;
  for (let second = 1; second <= seconds; second += 1) {
    const rate = tiles.reduce((sum, one) => sum + (one.rungs.find(({ name }) => name === ladder.rungOf(one.id))?.kbps ?? 0), 0);
    const kbps = kbpsAt(second);
    overS = rate > kbps ? overS + 1 : 0;
    calmMs = rate > kbps ? 0 : calmMs + 1000;
    const state = { isLate: overS >= 2, calmMs, kbps: overS ? kbps : null };
    changes.push(...ladder.decide(state, second * 1000).map((change) => ({ ...change, second })));
  }
  return changes;
}

test('nothing changes while the link carries everything', () => {
  const tiles = [tile('a'), tile('b')];
  assert.deepEqual(
    run(ladderOf(tiles), tiles, () => 20_000, 600),
    [],
  );
});

test('a link that becomes thin leads to the sub stream within three seconds', () => {
  const tiles = [tile('a')];
  const changes = run(ladderOf(tiles), tiles, (second) => (second < 10 ? 20_000 : 1500), 20);
  assert.deepEqual(changes[0], { id: 'a', from: 'main', to: 'sub', why: 'late', kbps: 1500, second: 11 });
});

test('a very thin link leads straight to the rung that it carries', () => {
  assert.deepEqual(told(ladderOf([tile('a')]).decide({ ...LATE, kbps: 300 }, 2000)), ['a keys late']);
  assert.deepEqual(told(ladderOf([tile('a')]).decide({ ...LATE, kbps: 40 }, 2000)), ['a stills late']);
});

test('media that stays late although the rates fit leads one step down', () => {
  const ladder = ladderOf([tile('a')]);
  const late = { ...LATE, kbps: 90_000 };
  assert.deepEqual(ladder.decide(late, 2000), []);
  assert.deepEqual(ladder.decide({ ...late, isLate: false }, 4000), []);
  assert.deepEqual(ladder.decide(late, 5000), []);
  assert.deepEqual(ladder.decide(late, 7900), []);
  assert.deepEqual(told(ladder.decide(late, 8000)), ['a sub late']);
});

test('half of the rates is kept if the throughput is unknown', () => {
  const tiles = ['a', 'b', 'c', 'd'].map((id, index) => tile(id, { pixels: 100 - index }));
  assert.deepEqual(told(ladderOf(tiles).decide({ ...LATE, kbps: null }, 2000)), ['a sub late', 'b sub late', 'c sub late']);
});

test('a step is completed once the throughput is known', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300, measuredMs: 600 }, 2000)), ['a sub late']);
  const full = { isLate: false, calmMs: 0, kbps: 300 };
  assert.deepEqual(ladder.decide({ ...full, measuredMs: 1100 }, 2500), []);
  assert.deepEqual(told(ladder.decide({ ...full, measuredMs: 1600 }, 3000)), ['a keys late'], 'media is late again only later');
  assert.deepEqual(ladder.decide({ ...full, measuredMs: 2100 }, 3500), []);
});

test('a step that was enough is not followed by another one', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide({ ...LATE, measuredMs: 600 }, 2000)), ['a sub late']);
  assert.deepEqual(ladder.decide({ isLate: false, calmMs: 0, kbps: 600, measuredMs: 1600 }, 3000), []);
  assert.deepEqual(ladder.decide({ isLate: false, calmMs: 0, kbps: 500, measuredMs: 1600 }, 10_000), [], 'seconds later');
});

test('the start of streams makes no link thin', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(ladder.decide(LATE, 900), []);
  ladder.setTiles([tile('a'), tile('b')], 10_000);
  assert.deepEqual(ladder.decide(LATE, 10_900), []);
  assert.equal(ladder.decide(LATE, 11_000).length, 2);
});

test('a backlog that drains after a change leads no further down', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide(LATE, 2000)), ['a sub late']);
  assert.deepEqual(ladder.decide(LATE, 7900), []);
  assert.deepEqual(told(ladder.decide(LATE, 8000)), ['a keys late']);
});

test('a tile that may use a better rung now is a start, too', () => {
  const ladder = ladderOf([tile('a', { rungs: [SUB, KEYS] })]);
  ladder.setTiles([tile('a')], 10_000);
  assert.equal(ladder.rungOf('a'), 'main');
  assert.deepEqual(ladder.decide(LATE, 10_900), []);
  assert.deepEqual(told(ladder.decide(LATE, 11_000)), ['a sub late']);
});

test('a try that shows no frame has failed', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  assert.deepEqual(told(ladder.decide(CALM, 30_000)), ['a main try']);
  ladder.setTiles([tile('a', { isStarting: true })], 59_000);
  assert.deepEqual(ladder.decide(CALM, 59_000), [], 'a key frame after 26 s is held for 3 s');
  assert.deepEqual(told(ladder.decide(CALM, 60_000)), ['a sub failed_try']);
  assert.deepEqual(ladder.decide(CALM, 79_000), []);
  assert.deepEqual(told(ladder.decide(CALM, 80_000)), ['a main try']);
});

test('a try waits longer if all bursts are slower than it needs', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  const slow = { ...CALM, burstKbps: 1450, bestBurstKbps: 1500 };
  assert.deepEqual(ladder.decide(slow, 26_900), []);
  assert.deepEqual(told(ladder.decide(slow, 27_000)), ['a main try'], 'the camera may be slow, not the link');
  assert.deepEqual(told(ladder.decide(LATE, 30_000)), ['a sub failed_try']);
  assert.deepEqual(ladder.decide(slow, 109_900), [], 'the failed try has confirmed the doubt');
  assert.deepEqual(told(ladder.decide(slow, 110_000)), ['a main try']);
});

test('a try waits no longer if only some bursts are slower than it needs', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  assert.deepEqual(told(ladder.decide({ ...CALM, burstKbps: 900, bestBurstKbps: 4200 }, 12_000)), ['a main try']);
});

test('a try that waits long for its key frame is judged from then on', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.decide(CALM, 30_000);
  ladder.setTiles([tile('a', { isStarting: true })], 30_500);
  assert.deepEqual(ladder.decide(CALM, 45_000), []);
  ladder.setTiles([tile('a')], 45_500);
  assert.deepEqual(ladder.decide(CALM, 45_500), []);
  assert.equal(ladder.rungBeforeTry('a'), 'sub');
  assert.deepEqual(told(ladder.decide(LATE, 50_000)), ['a sub failed_try']);
});

test('a link whose bursts are faster now is tried without a pause', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  const slow = { ...CALM, burstKbps: 1500 };
  const fast = { ...CALM, burstKbps: 18_000 };
  assert.deepEqual(told(ladder.decide(slow, 80_000)), ['a main try']);
  assert.deepEqual(told(ladder.decide(LATE, 82_000)), ['a sub failed_try']);
  assert.deepEqual(ladder.decide({ ...CALM, burstKbps: 2900 }, 90_000), [], 'not twice as fast');
  assert.deepEqual(ladder.decide({ ...CALM, burstKbps: 6000 }, 90_000), [], 'not twice the rate of main');
  assert.deepEqual(told(ladder.decide(fast, 91_000)), ['a main try']);
  assert.deepEqual(told(ladder.decide(LATE, 93_000)), ['a sub failed_try']);
  assert.deepEqual(ladder.decide(fast, 110_000), [], 'the same link has failed');
});

test('while the page loads, a tile goes one step down at a time', () => {
  const ladder = ladderOf([tile('a')], { loadedMs: 8000 });
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300 }, 3000)), ['a sub late']);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300 }, 8000)), ['a keys late']);
});

test('a short measurement keeps half of the rates of a wall', () => {
  const rungs = [SUB, KEYS];
  const tiles = Array.from({ length: 16 }, (_, index) => tile(`t${index}`, { rungs, isChosen: index === 5 }));
  const ladder = ladderOf(tiles);
  ladder.decide({ ...LATE, kbps: 600, measuredMs: 900 }, 2000);
  assert.equal(tiles.filter(({ id }) => ladder.rungOf(id) === 'sub').length, 7);
  assert.equal(ladder.rungOf('t5'), 'sub');
});

test('a short measurement leads one step down', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300, measuredMs: 900 }, 2000)), ['a sub late']);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300, measuredMs: 3900 }, 5000)), ['a keys late']);
});

test('the effect of a change is awaited before the next one', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide(LATE, 2000)), ['a sub late']);
  assert.deepEqual(ladder.decide({ ...LATE, kbps: 300 }, 4900), []);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 300 }, 5000)), ['a keys late']);
});

test('the largest tiles go down first, and the chosen one last', () => {
  const tiles = [tile('small'), tile('chosen', { isChosen: true, pixels: 9000 }), tile('large', { pixels: 4000 })];
  assert.deepEqual(told(ladderOf(tiles).decide({ ...LATE, kbps: 13_000 }, 2000)), ['large sub late']);
  assert.deepEqual(told(ladderOf(tiles).decide({ ...LATE, kbps: 8000 }, 2000)), ['small sub late', 'large sub late']);
  const changes = ladderOf(tiles).decide({ ...LATE, kbps: 1700 }, 2000);
  assert.deepEqual(told(changes), ['small keys late', 'chosen sub late', 'large sub late']);
});

test('a wall of sixteen on a thin link keeps its chosen tile moving', () => {
  const rungs = [SUB, KEYS, STILLS];
  const tiles = Array.from({ length: 16 }, (_, index) => tile(`t${index}`, { rungs, isChosen: index === 5 }));
  const ladder = ladderOf(tiles);
  const changes = ladder.decide({ ...LATE, kbps: 4000 }, 2000);
  assert.equal(ladder.rungOf('t5'), 'sub');
  assert.ok(changes.every(({ to }) => to === 'keys'));
  const kbps = tiles.reduce((sum, { id }) => sum + (ladder.rungOf(id) === 'sub' ? 530 : 58), 0);
  assert.ok(kbps <= 2800 && kbps > 2300, String(kbps));
});

test('pinned and hidden tiles never change', () => {
  const tiles = [tile('pinned', { pinned: 'main' }), tile('hidden', { isVisible: false }), tile('free')];
  const ladder = ladderOf(tiles);
  assert.deepEqual(told(ladder.decide({ ...LATE, kbps: 1000 }, 2000)), ['free stills late']);
  assert.deepEqual(ladder.decide({ ...LATE, kbps: 1000 }, 9000), []);
  assert.equal(ladder.rungOf('pinned'), 'main');
  assert.equal(ladder.rungOf('hidden'), 'main');
  assert.equal(ladder.rungOf('unknown'), null);
});

test('a good link leads back to the main stream within twenty seconds', () => {
  const tiles = [tile('a')];
  const ladder = ladderOf(tiles);
  const changes = run(ladder, tiles, (second) => (second > 10 && second < 40 ? 1500 : 20_000), 300);
  const back = changes.filter(({ second }) => second >= 40);
  assert.deepEqual(told(back), ['a main try']);
  assert.ok(back[0] && back[0].second <= 60, JSON.stringify(changes));
  assert.equal(ladder.rungOf('a'), 'main');
});

test('tries that fail become rare, but never end', () => {
  const tiles = [tile('a')];
  const changes = run(ladderOf(tiles), tiles, () => 1500, 3600).filter(({ why }) => why === 'try');
  const pauses = changes.slice(1).map(({ second }, index) => second - (changes[index]?.second ?? 0));
  assert.ok(
    pauses.slice(0, 5).every((pause, index) => pause >= 10 * 2 ** (index + 1) && pause < 10 * 2 ** (index + 1) + 6),
    String(pauses),
  );
  assert.ok(
    pauses.slice(5).every((pause) => pause >= 320 && pause < 330),
    String(pauses),
  );
});

test('a try that succeeds halves the pause', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  for (let at = 20_000; at < 200_000; at += 100_000) {
    assert.deepEqual(told(ladder.decide(CALM, at)), ['a main try']);
    assert.equal(ladder.rungBeforeTry('a'), 'sub');
    assert.deepEqual(told(ladder.decide(LATE, at + 2000)), ['a sub failed_try']);
  }
  assert.deepEqual(ladder.decide(CALM, 160_000), [], 'the pause is 40 s');
  assert.deepEqual(told(ladder.decide(CALM, 162_000)), ['a main try']);
  assert.deepEqual(ladder.decide(CALM, 172_000), []);
  assert.equal(ladder.rungBeforeTry('a'), null);
  assert.deepEqual(told(ladder.decide(LATE, 280_000)), ['a sub late']);
  assert.deepEqual(ladder.decide(CALM, 299_000), [], 'now it is 20 s');
  assert.deepEqual(told(ladder.decide(CALM, 300_000)), ['a main try']);
});

test('the chosen tile goes up first, the others together once it has passed', () => {
  const tiles = [tile('a'), tile('b', { isChosen: true }), tile('c')];
  const ladder = ladderOf(tiles);
  ladder.decide({ ...LATE, kbps: 2300 }, 2000);
  assert.deepEqual([ladder.rungOf('a'), ladder.rungOf('b'), ladder.rungOf('c')], ['sub', 'sub', 'sub']);
  assert.deepEqual(told(ladder.decide(CALM, 20_000)), ['b main try']);
  assert.deepEqual(ladder.decide(CALM, 25_000), []);
  assert.deepEqual(ladder.decide(CALM, 30_000), []);
  assert.deepEqual(told(ladder.decide(CALM, 31_000)), ['a main try', 'c main try']);
});

test('without ten seconds of calm nothing goes up', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  assert.deepEqual(ladder.decide({ ...CALM, calmMs: 9000 }, 60_000), []);
});

test('a link that alternates changes each tile at most once a phase', () => {
  const tiles = [tile('a')];
  const changes = run(ladderOf(tiles), tiles, (second) => (Math.floor(second / 15) % 2 ? 1500 : 10_000), 300);
  for (let phase = 0; phase < 20; phase += 1) {
    const kept = changes.filter(({ second, why }) => Math.floor(second / 15) === phase && why === 'late');
    assert.ok(kept.length <= 1, JSON.stringify(changes));
  }
});

test('a user who saves data starts with the sub stream and keeps it', () => {
  const tiles = [tile('a'), tile('b', { pinned: 'main' })];
  const ladder = ladderOf(tiles, { startsLow: true });
  assert.deepEqual(
    run(ladder, tiles, () => 20_000, 600),
    [],
  );
  assert.deepEqual([ladder.rungOf('a'), ladder.rungOf('b')], ['sub', 'main']);
  assert.deepEqual([savesData({ saveData: true }), savesData({ type: 'cellular' })], [true, true]);
  assert.deepEqual([savesData({ type: 'wifi' }), savesData(undefined)], [false, false]);
});

test('another network lets every tile try again', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.decide(CALM, 20_000);
  ladder.decide(LATE, 21_000);
  assert.deepEqual(ladder.decide(CALM, 30_000), []);
  ladder.forget();
  assert.deepEqual(told(ladder.decide(CALM, 30_000)), ['a main try']);
});

test('a tile that is pinned or closed during its try ends the try', () => {
  for (const later of [[tile('a', { pinned: 'main' }), tile('b')], [tile('b')]]) {
    const ladder = ladderOf([tile('a', { isChosen: true }), tile('b')]);
    ladder.decide({ ...LATE, kbps: 2000 }, 2000);
    assert.deepEqual(told(ladder.decide(CALM, 20_000)), ['a main try']);
    ladder.setTiles(later, 21_000);
    assert.equal(ladder.rungBeforeTry('a'), null);
    assert.deepEqual(told(ladder.decide(CALM, 22_000)), ['b main try']);
  }
});

test('a tile without a sub stream goes from main to its key frames', () => {
  const rungs = [MAIN, { name: /** @type {const} */ ('keys'), kbps: 380 }, STILLS];
  assert.deepEqual(told(ladderOf([tile('a', { rungs })]).decide(LATE, 2000)), ['a keys late']);
});

test('a tile that becomes small, and grows again, keeps its limit', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.setTiles([tile('a', { rungs: [SUB, KEYS, STILLS] })], 3000);
  assert.equal(ladder.rungOf('a'), 'sub');
  ladder.setTiles([tile('a')], 4000);
  assert.equal(ladder.rungOf('a'), 'sub');
});

test('another channel on a thin link begins with the rung that fits', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  for (let at = 20_000; at < 2_000_000; at += 400_000) {
    ladder.decide(CALM, at);
    ladder.decide(LATE, at + 1000);
  }
  const small = { name: /** @type {const} */ ('main'), kbps: 900 };
  const begun = ladder.setTiles([tile('b', { rungs: [small, KEYS, STILLS] })], 2_000_000);
  assert.deepEqual([begun, ladder.rungOf('b')], [[], 'main']);
  ladder.decide({ ...LATE, kbps: 700 }, 2_002_000);
  assert.equal(ladder.rungOf('b'), 'keys');
  assert.deepEqual(told(ladder.setTiles([tile('c')], 2_003_000)), ['c keys late']);
  assert.deepEqual(ladder.decide(CALM, 2_012_000), []);
  assert.deepEqual(told(ladder.decide(CALM, 2_013_000)), ['c sub try']);
});

test('another channel on a free link begins with main', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(CALM, 2000);
  ladder.setTiles([tile('b')], 3000);
  assert.equal(ladder.rungOf('b'), 'main');
});

test('a user who saves data sees main if there is no sub stream', () => {
  const rungs = [{ ...MAIN, kbps: 800 }, KEYS, STILLS];
  const ladder = ladderOf([tile('a', { rungs })], { startsLow: true });
  assert.equal(ladder.rungOf('a'), 'main');
  ladder.decide({ ...LATE, kbps: 500 }, 2000);
  assert.equal(ladder.rungOf('a'), 'keys');
  assert.deepEqual(told(ladder.decide(CALM, 20_000)), ['a main try']);
});

test('a try that is not judged leaves the rung before it', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.decide(CALM, 20_000);
  ladder.setTiles([tile('a', { pinned: 'sub' })], 21_000);
  ladder.setTiles([tile('a')], 30_000);
  assert.equal(ladder.rungOf('a'), 'sub');
  assert.deepEqual(told(ladder.decide(CALM, 30_000)), ['a main try']);
});

test('a chosen tile, and a tile on a freed link, tries again soon', () => {
  const others = ['b', 'c', 'd'].map((id) => tile(id, { rungs: [{ ...SUB, kbps: 100 }, KEYS], pinned: 'sub' }));
  const fallen = () => {
    const ladder = ladderOf([tile('a'), ...others]);
    ladder.decide(LATE, 2000);
    for (const at of [20_000, 100_000, 200_000]) {
      assert.equal(ladder.decide(CALM, at)[0]?.why, 'try');
      assert.equal(ladder.decide(LATE, at + 1000)[0]?.why, 'failed_try');
    }
    assert.deepEqual(ladder.decide(CALM, 220_000), []);
    return ladder;
  };
  for (const later of [
    [tile('a', { isChosen: true }), ...others],
    [tile('a'), ...others.map((other) => ({ ...other, isVisible: false }))],
    [tile('a')],
  ]) {
    const ladder = fallen();
    ladder.setTiles(later, 221_000);
    assert.deepEqual(told(ladder.decide(CALM, 222_000)), ['a main try']);
    ladder.decide(LATE, 223_000);
    ladder.setTiles(later, 224_000);
    assert.deepEqual(ladder.decide(CALM, 240_000), [], 'nothing has changed since');
  }
});

test('a link that carries main for a quarter of a minute only does not flap', () => {
  const ladder = ladderOf([tile('a')]);
  /** @type {number[]} */
  const changes = [];
  let mainS = 0;
  let calmMs = 0;
  for (let second = 1; second <= 600; second += 1) {
    mainS = ladder.rungOf('a') === 'main' ? mainS + 1 : 0;
    calmMs = mainS > 10 ? 0 : calmMs + 1000;
    const link = { isLate: mainS > 14, calmMs, kbps: 4000, burstKbps: 60_000 };
    changes.push(...ladder.decide(link, second * 1000).map(() => second));
  }
  assert.ok(changes.filter((second) => second <= 300).length <= 10, String(changes));
  assert.ok(changes.filter((second) => second > 300).length <= 4, String(changes));
});

test('the start of another stream fails no try', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.decide(CALM, 20_000);
  ladder.setTiles([tile('a'), tile('b', { rungs: [SUB, KEYS] })], 25_000);
  assert.deepEqual(ladder.decide(LATE, 25_500), []);
  assert.deepEqual(told(ladder.decide(LATE, 26_000)), ['a sub failed_try']);
});

test('a camera that sends less now does not end a pause', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  ladder.decide(CALM, 20_000);
  ladder.decide(LATE, 21_000);
  ladder.setTiles([tile('a', { rungs: [MAIN, { ...SUB, kbps: 100 }, KEYS] })], 30_000);
  assert.deepEqual(ladder.decide(CALM, 31_000), []);
});

const PHONE = /** @type {const} */ ({ name: 'phone', kbps: 190 });
const WITH_PHONE = [MAIN, SUB, PHONE, KEYS, STILLS];

test('small video plays where the sub stream does not fit', () => {
  for (const [kbps, rung] of /** @type {const} */ ([
    [1500, 'sub'],
    [700, 'phone'],
    [350, 'phone'],
    [250, 'keys'],
  ])) {
    const tiles = [tile('a', { rungs: WITH_PHONE })];
    const ladder = ladderOf(tiles);
    run(ladder, tiles, () => kbps, 8);
    assert.equal(ladder.rungOf('a'), rung, `${kbps} kbit/s`);
  }
});

test('small video is never the first rung', () => {
  const tiles = [tile('a', { rungs: WITH_PHONE })];
  assert.equal(ladderOf(tiles, { startsLow: true }).rungOf('a'), 'sub');
});

test('a free link leads from small video back to main', () => {
  const tiles = [tile('a', { rungs: WITH_PHONE })];
  const ladder = ladderOf(tiles);
  run(ladder, tiles, (second) => (second < 20 ? 350 : 20_000), 60);
  assert.equal(ladder.rungOf('a'), 'main');
});

test('small video that was refused comes back by a try', () => {
  const [full, refused] = [tile('a', { rungs: WITH_PHONE }), tile('a')];
  const ladder = ladderOf([full]);
  run(ladder, [full], () => 350, 8);
  ladder.setTiles([refused], 9000);
  assert.equal(ladder.rungOf('a'), 'keys');
  ladder.setTiles([full], 70_000);
  assert.equal(ladder.rungOf('a'), 'keys');
  const link = { isLate: false, calmMs: 20_000, kbps: 350 };
  assert.deepEqual(told(ladder.decide(link, 71_000)), ['a phone try']);
});
