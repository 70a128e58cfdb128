// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALM, KEYS, LATE, MAIN, SUB, WITH_PHONE, ladderOf, run, tile, told } from './ladders.mjs';

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

test('a refused try waits for its pause however fast the link is', () => {
  const ladder = ladderOf([tile('a')]);
  ladder.decide(LATE, 2000);
  assert.deepEqual(told(ladder.decide({ ...CALM, burstKbps: 1500 }, 80_000)), ['a main try']);
  ladder.failTry('a', 82_000);
  const fast = { ...CALM, burstKbps: 18_000 };
  assert.deepEqual(ladder.decide(fast, 101_900), []);
  assert.deepEqual(told(ladder.decide(fast, 102_000)), ['a main try']);
});

test('a busy page goes down to key frames, never to small video or stills', () => {
  const ladder = ladderOf([tile('a', { rungs: WITH_PHONE }), tile('b', { rungs: WITH_PHONE })]);
  const busy = { isLate: true, calmMs: 0, kbps: null, isBusy: true };
  for (let second = 2; second < 60; second += 1) ladder.decide(busy, second * 1000);
  assert.deepEqual([ladder.rungOf('a'), ladder.rungOf('b')], ['keys', 'keys']);
});

test('after a busy time a tile tries its better stream without a pause', () => {
  const ladder = ladderOf([tile('a')]);
  assert.deepEqual(told(ladder.decide({ isLate: true, calmMs: 0, kbps: null, isBusy: true }, 60_000)), ['a sub busy']);
  const calm = { isLate: false, calmMs: 2000, kbps: 800, burstKbps: 900, bestBurstKbps: 900 };
  assert.deepEqual(told(ladder.decide(calm, 64_000)), ['a main try']);
  assert.deepEqual(told(ladder.decide(LATE, 66_000)), ['a sub failed_try']);
  assert.deepEqual(ladder.decide({ ...calm, calmMs: 20_000 }, 80_000), [], 'a try that has failed waits longer');
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
