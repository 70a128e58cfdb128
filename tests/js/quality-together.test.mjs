// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QualityLadder } from '../../static/js/lib/quality-ladder.js';

/** @typedef {import('../../static/js/lib/quality-ladder.js').Tile} Tile */

const MAIN = /** @type {const} */ ({ name: 'main', kbps: 4100 });
const SUB = /** @type {const} */ ({ name: 'sub', kbps: 530 });
const KEYS = /** @type {const} */ ({ name: 'keys', kbps: 58 });
const STILLS = /** @type {const} */ ({ name: 'stills', kbps: 10 });

/** @param {string} id @param {Partial<Tile>} [more] @returns {Tile} */
const tile = (id, more = {}) => ({
  id,
  rungs: [SUB, KEYS, STILLS],
  pinned: null,
  isChosen: false,
  isVisible: true,
  pixels: 1000,
  ...more,
});

const wall = () => Array.from({ length: 16 }, (_, index) => tile(`t${index}`, { isChosen: index === 5 }));

/** A link with a ladder: it is late two seconds after the rates exceed its throughput, and calm once they fit again. */
class Wall {
  ladder = new QualityLadder();
  nowMs = 0;
  calmMs = 60_000;
  overS = 0;
  /** The throughput of the last backlog. @type {number|null} */
  measuredKbps = null;
  /** @type {string[]} */
  changes = [];

  /** @param {readonly Tile[]} tiles */
  constructor(tiles) {
    this.tiles = tiles;
    this.ladder.setTiles(tiles, 0);
  }

  /** @param {number} kbps of the link @param {number} seconds @param {{until?: () => boolean, burstKbps?: number|null}} [how] */
  pass(kbps, seconds, { until = () => false, burstKbps = null } = {}) {
    for (let second = 1; second <= seconds; second += 1) {
      const shown = this.tiles.filter(({ isVisible }) => isVisible);
      const rate = shown.reduce((sum, one) => sum + (one.rungs.find(({ name }) => name === this.rungOf(one.id))?.kbps ?? 0), 0);
      this.nowMs += 1000;
      this.overS = rate > kbps ? this.overS + 1 : 0;
      this.calmMs = rate > kbps ? 0 : this.calmMs + 1000;
      if (this.overS) this.measuredKbps = kbps;
      const link = { isLate: this.overS >= 2, calmMs: this.calmMs, kbps: this.measuredKbps, burstKbps };
      for (const { id, to, why } of this.ladder.decide(link, this.nowMs)) this.changes.push(`${id} ${to} ${why}`);
      if (until()) return second;
    }
    return Infinity;
  }

  /** @param {readonly Tile[]} tiles */
  show(tiles) {
    this.tiles = tiles;
    this.ladder.setTiles(tiles, this.nowMs);
  }

  /** @param {string} id */
  rungOf(id) {
    return this.ladder.rungOf(id);
  }

  /** @param {string} rung */
  count(rung) {
    return this.tiles.filter(({ id }) => this.rungOf(id) === rung).length;
  }
}

test('a wall of sixteen is back within half a minute after a short fall', () => {
  const page = new Wall(wall());
  page.pass(20_000, 30);
  page.pass(1500, 10);
  assert.ok(page.count('keys') >= 14);
  const backS = page.pass(20_000, 60, { until: () => page.count('sub') === 16 });
  assert.ok(backS <= 30, String(backS));
  page.pass(20_000, 60);
  assert.equal(page.count('sub'), 16);
});

test('a wall whose bursts are fast goes up in one try', () => {
  const page = new Wall(wall());
  page.pass(20_000, 30);
  page.pass(1500, 10);
  const backS = page.pass(20_000, 60, { until: () => page.count('sub') === 16, burstKbps: 30_000 });
  assert.ok(backS <= 14, String(backS));
});

test('on a link that stays thin one tile at a time tries', () => {
  const page = new Wall(wall());
  page.pass(20_000, 10);
  page.pass(1500, 600);
  const failed = page.changes.filter((change) => change.endsWith('failed_try'));
  const first = page.changes.findIndex((change) => change.endsWith('failed_try'));
  const rest = page.changes.slice(first).filter((change) => change.endsWith(' try'));
  assert.ok(failed.length <= 60, String(failed.length));
  assert.ok(rest.length <= 60, String(rest.length));
  assert.ok(page.count('sub') >= 1);
});

test('a failed try of several tiles says little about each of them', () => {
  const page = new Wall(wall());
  page.pass(20_000, 10);
  page.pass(1500, 10);
  page.changes = [];
  page.pass(2500, 120);
  assert.ok(page.count('sub') >= 3, String(page.count('sub')));
});

test('an enlarged tile is back within some seconds', () => {
  const page = new Wall(wall());
  page.pass(20_000, 30);
  page.pass(1500, 30);
  assert.equal(page.rungOf('t0'), 'keys');
  const large = tile('t0', { rungs: [MAIN, SUB, KEYS, STILLS], isChosen: true, pixels: 16_000 });
  const others = wall()
    .slice(1)
    .map((one) => ({ ...one, isChosen: false }));
  page.show([large, ...others]);
  page.pass(20_000, 2);
  page.show([large, ...others.map((one) => ({ ...one, isVisible: false }))]);
  const backS = page.pass(20_000, 60, { until: () => page.rungOf('t0') === 'main' });
  assert.ok(backS <= 6, String(backS));
});

test('a tile goes straight to the rung that the link is known to carry', () => {
  const page = new Wall([tile('a', { rungs: [MAIN, SUB, KEYS, STILLS] })]);
  page.pass(20_000, 30);
  page.pass(70, 10);
  assert.equal(page.rungOf('a'), 'stills');
  page.changes = [];
  page.pass(20_000, 12, { burstKbps: 20_000 });
  assert.deepEqual(page.changes, ['a main try']);
});

test('the chosen tile waits for calm if its next rung may not fit', () => {
  const page = new Wall([tile('a', { rungs: [MAIN, SUB, KEYS] }), tile('b', { rungs: [MAIN, SUB, KEYS] })]);
  page.pass(20_000, 30);
  page.pass(3000, 4);
  assert.equal(page.rungOf('a'), 'sub');
  page.changes = [];
  page.show(page.tiles.map((one) => ({ ...one, isChosen: one.id === 'a' })));
  page.pass(3000, 6);
  assert.deepEqual(page.changes, []);
});

test('a tile without a frame fails its try alone', () => {
  const ladder = new QualityLadder();
  const tiles = [tile('a'), tile('b')];
  ladder.setTiles(tiles, 0);
  ladder.decide({ isLate: true, calmMs: 0, kbps: 200 }, 2000);
  const calm = { isLate: false, calmMs: 20_000, kbps: 9000 };
  assert.equal(ladder.decide(calm, 20_000).length, 2);
  ladder.setTiles([tile('a', { isStarting: true }), tile('b')], 21_000);
  assert.deepEqual(ladder.decide(calm, 24_000), []);
  assert.deepEqual([ladder.rungBeforeTry('a'), ladder.rungBeforeTry('b')], ['keys', null]);
  assert.deepEqual(
    ladder.decide(calm, 50_000).map(({ id, to, why }) => `${id} ${to} ${why}`),
    ['a keys failed_try'],
  );
  assert.equal(ladder.rungOf('b'), 'sub');
});

test('a refused tile leaves the try of several', () => {
  const ladder = new QualityLadder();
  ladder.setTiles([tile('a'), tile('b')], 0);
  ladder.decide({ isLate: true, calmMs: 0, kbps: 200 }, 2000);
  ladder.decide({ isLate: false, calmMs: 20_000, kbps: 9000 }, 20_000);
  ladder.failTry('a', 21_000);
  assert.deepEqual([ladder.rungOf('a'), ladder.rungOf('b'), ladder.rungBeforeTry('b')], ['keys', 'sub', 'keys']);
});
