// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { savesData } from '../../static/js/lib/quality-ladder.js';
import { CALM, KEYS, LATE, MAIN, STILLS, SUB, WITH_PHONE, ladderOf, run, tile, told } from './ladders.mjs';

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
