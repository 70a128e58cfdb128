// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaRate } from '../../static/js/lib/media-rate.js';
import { ReplayQuality } from '../../static/js/lib/replay-quality.js';

const FULL_KBPS = 4000;
const KEYS_KBPS = 440;
const STEP_MS = 200;

/** A player over a link of `kbps`: it loads media, plays it at `rate`, and lets the quality decide. */
class Player {
  quality = new ReplayQuality();
  kbps = 100_000;
  rate = 1;
  /** Playing time that the recorder sends in a second. */
  recorderS = 10;
  nowMs = 0;
  loadedS = 0;
  atS = 0;
  stalledMs = 0;
  /** @type {number[]} */
  busyMs = [];
  /** @type {[number, boolean][]} */
  changes = [];

  /** @param {number} forS */
  play(forS) {
    for (const endMs = this.nowMs + forS * 1000; this.nowMs < endMs;) this.#step();
    return this;
  }

  #step() {
    const { quality } = this;
    const mediaKbps = quality.keyFramesOnly ? KEYS_KBPS : FULL_KBPS;
    const linkS = (this.kbps / mediaKbps) * (STEP_MS / 1000);
    const recorderS = this.recorderS * (STEP_MS / 1000);
    const wantedS = Math.max(0, this.atS + 40 - this.loadedS);
    const loadedS = Math.min(linkS, recorderS, wantedS);
    this.busyMs.push(linkS <= recorderS ? (STEP_MS * loadedS) / linkS : 0);
    this.loadedS += loadedS;
    const playedS = Math.min(this.rate * (STEP_MS / 1000), this.loadedS - this.atS);
    if (playedS < this.rate * (STEP_MS / 1000) - 1e-6) this.stalledMs += STEP_MS;
    this.atS += playedS;
    this.nowMs += STEP_MS;
    const busyMs = this.busyMs.slice(-50).filter((ms) => ms >= 20);
    const link = { kbps: this.busyMs.some((ms) => ms >= 20) ? this.kbps : null, measuredMs: busyMs.reduce((sum, ms) => sum + ms, 0) };
    const facts = { nowMs: this.nowMs, rate: this.rate, aheadS: this.loadedS - this.atS, loadedS: this.loadedS, mediaKbps, link };
    if (!quality.look(facts)) return;
    this.loadedS = this.atS; // the media is requested again
    this.changes.push([this.nowMs / 1000, quality.keyFramesOnly]);
  }
}

test('a link that carries the recording changes nothing', () => {
  const player = new Player().play(300);
  assert.deepEqual(player.changes, []);
  assert.equal(player.stalledMs, 0);
  assert.equal(player.quality.text(2), '');
});

test('a thin link leads to key frames in three seconds without more stalls', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(4);
  assert.deepEqual(player.changes, [[2.2, true]]);
  assert.equal(player.quality.text(2), '1 picture / 2 s, no sound: the link carries 1.5 Mbit/s');
  const { stalledMs } = player;
  assert.ok(stalledMs < 3000, `${stalledMs}`);
  player.play(600);
  assert.equal(player.stalledMs, stalledMs, 'a measured thin link is not tried again');
  assert.equal(player.changes.length, 1);
});

test('a link that becomes thin while playing costs no stall', () => {
  const player = new Player().play(60);
  player.kbps = 1500;
  player.play(200);
  assert.deepEqual(
    player.changes.map(([, saves]) => saves),
    [true],
  );
  assert.ok(player.stalledMs <= STEP_MS, `${player.stalledMs}`);
});

test('all frames come back once the link is free', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(60);
  player.kbps = 100_000;
  player.play(40);
  assert.equal(player.quality.keyFramesOnly, false);
  assert.equal(player.quality.text(2), '');
});

test('a recorder that sends slowly leads to no key frames', () => {
  const player = new Player();
  player.recorderS = 0.5;
  player.play(120);
  assert.deepEqual(player.changes, []);
  assert.ok(player.stalledMs > 0);
});

test('a higher speed needs more of the link', () => {
  const player = new Player();
  player.kbps = 6000;
  player.play(60);
  assert.deepEqual(player.changes, []);
  player.rate = 4;
  player.play(60);
  assert.equal(player.quality.keyFramesOnly, true);
});

test('a failed try doubles the pause before the next one', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(30);
  /** @type {number[]} */
  const triesS = [];
  const { quality } = player;
  for (let atS = 100; atS < 700; atS += 0.2) {
    const isTry = !quality.keyFramesOnly;
    // The link is not measured while key frames play, and is thin during a try.
    const link = isTry ? { kbps: 1500, measuredMs: 3000 } : { kbps: 1500, measuredMs: 0 };
    const facts = { nowMs: atS * 1000, rate: 1, aheadS: isTry ? 0 : 30, loadedS: isTry ? 0 : atS, mediaKbps: FULL_KBPS, link };
    if (quality.look(facts) && !quality.keyFramesOnly) triesS.push(atS);
  }
  const pausesS = triesS.slice(1).map((atS, index) => Math.round(atS - (triesS[index] ?? 0)));
  // A failed try takes two seconds; then the loaded media is short again.
  const wantedS = [40, 80, 160, 160];
  assert.ok(pausesS.length === 4 && pausesS.every((pauseS, index) => Math.abs(pauseS - (wantedS[index] ?? 0)) <= 4), `${pausesS}`);
});

test('a pinned quality stays', () => {
  const full = new Player();
  full.quality.choice = 'full';
  full.kbps = 1500;
  full.play(30);
  assert.deepEqual(full.changes, []);
  assert.equal(full.quality.text(2), 'Full: the link carries 1.5 Mbit/s');
  const saver = new Player();
  saver.quality.choice = 'saver';
  saver.play(300);
  assert.deepEqual(saver.changes, []);
  assert.equal(saver.quality.keyFramesOnly, true);
  assert.equal(saver.quality.text(2), '1 picture / 2 s, no sound');
  saver.quality.choice = 'auto';
  assert.equal(saver.quality.keyFramesOnly, false);
});

test('an unknown choice means auto', () => {
  const quality = new ReplayQuality();
  quality.choice = /** @type {any} */ ('best');
  assert.equal(quality.choice, 'auto');
});

test('the rate of media is counted by playing time', () => {
  const rate = new MediaRate();
  assert.equal(rate.kbps, null);
  for (let part = 0; part <= 20; part += 1) rate.take(part / 5, 25_000);
  assert.equal(rate.kbps, 1000);
  for (let part = 10; part <= 20; part += 1) rate.take(part / 5, 25_000);
  assert.equal(rate.kbps, 1000, 'parts that are sent again do not count');
});
