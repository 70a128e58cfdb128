// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QualityControl } from '../../static/js/lib/quality-control.js';
import { limitText } from '../../static/js/lib/quality-text.js';

/** @typedef {import('../../static/js/lib/quality-control.js').PlayedTile} PlayedTile */

const RUNGS = /** @type {const} */ ([
  { name: 'main', kbps: 4100 },
  { name: 'sub', kbps: 530 },
]);
const LATE = { isLate: true, calmMs: 0, kbps: 1400 };
const CALM = { isLate: false, calmMs: 20_000, kbps: 1400 };

/** A page with one live picture, on a link whose state the test sets. */
class Page {
  link = { ...CALM, kbps: /** @type {number|null} */ (null) };
  /** @type {string[]} */
  played = [];
  nowMs = 0;
  isHidden = false;
  control;

  /** @param {{startsLow?: boolean}} [how] @param {Partial<PlayedTile>} [tile] */
  constructor({ startsLow = false } = {}, tile = {}) {
    this.control = new QualityControl({ link: { stateAt: () => this.link }, startsLow });
    /** @type {PlayedTile['player']['setRung']} */
    const setRung = (rung, how = {}) => {
      if (this.played.at(-1)?.split(' ')[0] !== rung) this.played.push([rung, ...Object.keys(how)].join(' '));
    };
    /** @type {PlayedTile[]} */
    this.tiles = [
      {
        id: 'a',
        rungs: RUNGS,
        pinned: null,
        isChosen: true,
        isVisible: true,
        pixels: 1,
        player: { setRung, isStarting: false, hasFailedTry: false },
        ...tile,
      },
    ];
    this.control.setTiles(this.tiles, 0);
  }

  /** Let the page look at its link twice a second. @param {number} seconds @param {{everyMs?: number}} [how] */
  pass(seconds, { everyMs = 500 } = {}) {
    for (const endMs = this.nowMs + seconds * 1000; this.nowMs < endMs;) {
      this.nowMs += everyMs;
      this.control.look(this.tiles, this.nowMs, { isHidden: this.isHidden });
    }
  }

  get note() {
    return limitText(this.control.limitOf('a'));
  }
}

test('a late link ends the main stream, and the page says why', () => {
  const page = new Page();
  page.pass(5);
  assert.deepEqual([page.played, page.note], [['main'], '']);
  page.link = LATE;
  page.pass(1);
  assert.deepEqual(page.played, ['main', 'sub endsOld']);
  assert.equal(page.note, 'Sub: the link carries 1.4 Mbit/s');
});

test('a free link leads back by a try, and the note goes', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  assert.deepEqual(page.played.slice(1), ['sub endsOld', 'main isTry']);
  assert.equal(page.note, '');
});

test('until a try has a frame, the page names the rung on screen', () => {
  const page = new Page();
  const setRung = () => {};
  page.tiles = page.tiles.map((tile) => ({ ...tile, player: { setRung, isStarting: true, hasFailedTry: false } }));
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  assert.deepEqual([page.control.rungOf('a'), page.control.shownRungOf('a')], ['main', 'sub']);
  assert.equal(page.note, 'Sub: the link carries 1.4 Mbit/s');
});

test('a try that makes media late ends, and the note has the newest rate', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  page.link = { ...LATE, kbps: 2100 };
  page.pass(0.5);
  assert.equal(page.played.at(-1), 'sub endsOld');
  assert.equal(page.note, 'Sub: the link carries 2.1 Mbit/s');
});

test('the note has the throughput as soon as it is known', () => {
  const page = new Page();
  page.link = { ...LATE, kbps: /** @type {any} */ (null) };
  page.pass(2);
  assert.equal(page.note, 'Sub: the link is slow');
  page.link = { ...CALM, calmMs: 0 };
  page.pass(0.5);
  assert.equal(page.note, 'Sub: the link carries 1.4 Mbit/s');
});

test('a pinned quality never changes and needs no reason', () => {
  const page = new Page({ startsLow: true }, { pinned: 'main' });
  page.link = LATE;
  page.pass(60);
  assert.deepEqual([page.played, page.note], [['main'], '']);
});

test('a device that saves data starts with sub, and never tries main', () => {
  const page = new Page({ startsLow: true });
  page.link = { ...CALM, calmMs: 600_000 };
  page.pass(600);
  assert.deepEqual([page.played, page.note], [['sub'], 'Sub: this device saves data']);
});

test('lateness that a busy page measures counts only after a while', () => {
  const page = new Page();
  page.pass(5);
  page.link = LATE;
  page.pass(8, { everyMs: 1000 });
  assert.deepEqual(page.played, ['main']);
  page.pass(4, { everyMs: 1000 });
  assert.deepEqual(page.played, ['main', 'sub endsOld'], 'late for more than ten seconds');
  assert.equal(page.note, 'Sub: this device is busy');
  page.link = { ...CALM, calmMs: 2500 };
  page.pass(1);
  assert.equal(page.played.at(-1), 'main isTry');
  page.link = LATE;
  page.pass(4);
  assert.equal(page.note, 'Sub: the link carries 1.4 Mbit/s');
});

test('a page that was hidden was not busy', () => {
  const page = new Page();
  page.pass(5);
  page.control.rest();
  page.nowMs += 60_000;
  page.link = LATE;
  page.pass(0.5);
  assert.equal(page.played.at(-1), 'sub endsOld');
});

test('another network may be tried immediately', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.control.forget();
  page.pass(0.5);
  assert.equal(page.played.at(-1), 'main isTry');
});

test('a picture without a choice has no rung and no note', () => {
  const { control } = new Page();
  control.setTiles([], 0);
  assert.deepEqual([control.rungOf('a'), control.limitOf('a')], [null, null]);
});

test('a refused try is a failed try, and main is tried again later', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  assert.equal(page.played.at(-1), 'main isTry');
  const tiles = page.tiles;
  page.tiles = tiles.map((tile) => ({ ...tile, player: { ...tile.player, hasFailedTry: true } }));
  page.control.setTiles(page.tiles, page.nowMs);
  assert.equal(page.control.rungOf('a'), 'sub');
  page.pass(19);
  assert.equal(page.control.rungOf('a'), 'sub', 'the pause is doubled');
  page.tiles = tiles;
  page.pass(2);
  assert.deepEqual([page.played.at(-1), page.note], ['main isTry', '']);
});

test('another channel on a thin link has its note from the start', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.control.setTiles(
    page.tiles.map((tile) => ({ ...tile, id: 'b' })),
    2500,
  );
  assert.equal(limitText(page.control.limitOf('b')), 'Sub: the link carries 1.4 Mbit/s');
});

test('a page that is heard, but hidden, goes down and tries nothing', () => {
  const page = new Page();
  page.isHidden = true;
  page.link = LATE;
  page.pass(2);
  assert.equal(page.played.at(-1), 'sub endsOld');
  page.link = CALM;
  page.pass(100);
  assert.equal(page.played.at(-1), 'sub endsOld');
  page.isHidden = false;
  page.pass(1);
  assert.equal(page.played.at(-1), 'main isTry');
});

test('a try is not judged while the page is hidden', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  page.tiles = page.tiles.map((tile) => ({ ...tile, player: { ...tile.player, isStarting: true } }));
  page.control.rest();
  page.nowMs += 60_000;
  page.pass(1);
  assert.equal(page.played.at(-1), 'main isTry');
  page.pass(31);
  assert.equal(page.played.at(-1), 'sub endsOld');
});

test('another kind of network changes the best rung', () => {
  const page = new Page({ startsLow: true });
  page.pass(1);
  page.control.startsLow = false;
  page.pass(1);
  assert.deepEqual([page.played, page.note], [['sub', 'main'], '']);
  page.control.startsLow = true;
  page.pass(1);
  assert.deepEqual([page.played.at(-1), page.note], ['sub', 'Sub: this device saves data']);
});

test('a paused picture keeps its rung until its resume', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  assert.equal(page.played.at(-1), 'main isTry');
  const tiles = page.tiles;
  page.tiles = tiles.map((tile) => ({ ...tile, isVisible: false }));
  page.pass(20);
  assert.equal(page.played.at(-1), 'main isTry');
  assert.equal(page.control.rungOf('a'), 'main', 'what the page asks of the player stays the same');
  page.tiles = tiles;
  page.link = { ...CALM, calmMs: 1000 };
  page.pass(0.5);
  assert.equal(page.played.at(-1), 'sub');
});

test('a pause during a try keeps the rung before it', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  const { tiles } = page;
  for (const player of [{ isStarting: true }, { hasFailedTry: true }]) {
    page.tiles = tiles.map((tile) => ({ ...tile, isVisible: false, player: { ...tile.player, ...player } }));
    page.control.setTiles(page.tiles, page.nowMs);
    assert.equal(page.control.rungOf('a'), 'sub');
  }
});

test('a paused picture whose link is calm keeps its stream at resume', () => {
  const page = new Page();
  page.link = LATE;
  page.pass(2);
  page.link = CALM;
  page.pass(10);
  const { tiles, played } = page;
  const count = played.length;
  page.tiles = tiles.map((tile) => ({ ...tile, isVisible: false }));
  page.pass(20);
  page.tiles = tiles;
  page.pass(0.5);
  assert.deepEqual(played.slice(count), []);
});

test('a quality chosen for a paused picture counts immediately', () => {
  const page = new Page();
  page.pass(2);
  page.tiles = page.tiles.map((tile) => ({ ...tile, isVisible: false }));
  page.pass(1);
  page.tiles = page.tiles.map((tile) => ({ ...tile, pinned: /** @type {const} */ ('sub') }));
  page.control.setTiles(page.tiles, page.nowMs);
  assert.equal(page.control.rungOf('a'), 'sub');
});

test('a page that shows stills alone tries again', () => {
  const rungs = /** @type {const} */ ([
    { name: 'keys', kbps: 60 },
    { name: 'stills', kbps: 20 },
  ]);
  const page = new Page({}, { rungs });
  page.link = { ...LATE, kbps: 30 };
  page.pass(2);
  assert.equal(page.played.at(-1), 'stills endsOld');
  page.link = { isLate: false, calmMs: 0, kbps: 30 };
  page.pass(9);
  assert.equal(page.played.at(-1), 'stills endsOld');
  page.pass(4);
  assert.equal(page.played.at(-1), 'keys isTry');
});
