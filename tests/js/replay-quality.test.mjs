// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaRate } from '../../static/js/lib/media-rate.js';
import { ReplayQuality } from '../../static/js/lib/replay-quality.js';

/** @typedef {import('../../static/js/lib/replay-quality.js').Rung} Rung */

const FULL_KBPS = 4000;
/** @type {Record<Rung, number>} */
const KBPS = { full: FULL_KBPS, sub: 500, small: 200, saver: 440 };
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
  hasSub = false;
  /** Playing time that the server encodes in a second. */
  encoderS = 10;
  stalledMs = 0;
  /** @type {number[]} */
  busyMs = [];
  /** @type {[number, Rung][]} */
  changes = [];

  /** @param {number} forS */
  play(forS) {
    for (const endMs = this.nowMs + forS * 1000; this.nowMs < endMs;) this.#step();
    return this;
  }

  #step() {
    const { quality } = this;
    const { quality: played, keyFramesOnly } = quality.wanted;
    const mediaKbps = keyFramesOnly && this.hasSub ? KBPS.sub / 10 : KBPS[quality.rung];
    const linkS = (this.kbps / mediaKbps) * (STEP_MS / 1000);
    const recorderS = (quality.rung === 'small' ? this.encoderS : this.recorderS) * (STEP_MS / 1000);
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
    const source = { hasSub: this.hasSub, played };
    const facts = { nowMs: this.nowMs, rate: this.rate, aheadS: this.loadedS - this.atS, loadedS: this.loadedS, mediaKbps, link, source };
    if (!quality.look(facts)) return;
    this.loadedS = this.atS; // the media is requested again
    this.changes.push([this.nowMs / 1000, quality.rung]);
  }
}

test('a link that carries the recording changes nothing', () => {
  const player = new Player().play(300);
  assert.deepEqual(player.changes, []);
  assert.equal(player.stalledMs, 0);
  assert.equal(player.quality.text(2), '');
});

test('a thin link leads to small video in three seconds without more stalls', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(4);
  assert.deepEqual(player.changes, [[2.2, 'small']]);
  assert.deepEqual(player.quality.wanted, { quality: 'small', keyFramesOnly: false });
  assert.equal(player.quality.text(2), 'Small video, no sound: the link carries 1.5 Mbit/s');
  const { stalledMs } = player;
  assert.ok(stalledMs < 3000, `${stalledMs}`);
  player.play(600);
  assert.equal(player.stalledMs, stalledMs, 'a measured thin link is not tried again');
  assert.equal(player.changes.length, 1);
});

test('a thin link leads to the sub recording where there is one', () => {
  const player = new Player();
  player.hasSub = true;
  player.kbps = 1500;
  player.play(4);
  assert.deepEqual(player.changes, [[2.2, 'sub']]);
  assert.deepEqual(player.quality.wanted, { quality: 'sub', keyFramesOnly: false });
  assert.equal(player.quality.text(2), 'Sub: the link carries 1.5 Mbit/s');
  player.play(200);
  assert.equal(player.changes.length, 1);
  player.kbps = 100_000;
  player.play(60);
  assert.equal(player.quality.rung, 'full');
});

test('a link too thin for the sub recording leads on', () => {
  const player = new Player();
  player.hasSub = true;
  player.kbps = 350;
  player.play(30);
  assert.equal(player.quality.rung, 'small');
  assert.equal(player.quality.text(2), 'Small video, no sound: the link carries 350 kbit/s');
  player.kbps = 100;
  player.play(60);
  assert.deepEqual(player.quality.wanted, { quality: 'sub', keyFramesOnly: true });
  const { stalledMs } = player;
  player.play(300);
  assert.ok(player.stalledMs - stalledMs < 60_000, 'few tries on a link that is not measured any more');
  player.kbps = 700;
  player.play(600);
  assert.equal(player.quality.rung, 'sub', 'no try of the full recording on a link that carries the sub one');
});

test('a link too thin for small video leads straight to key frames', () => {
  const player = new Player();
  player.kbps = 220;
  player.play(4);
  assert.deepEqual(
    player.changes.map(([, rung]) => rung),
    ['saver'],
  );
  assert.equal(player.quality.text(2), '1 picture / 2 s, no sound: the link carries 220 kbit/s');
});

test('refused or slow small video is no rung for a minute', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(4);
  assert.equal(player.quality.refuse('camera_busy', player.nowMs), false, 'the session tries again');
  assert.equal(player.quality.refuse('transcode_limit', player.nowMs), true);
  assert.equal(player.quality.rung, 'saver');
  player.play(50);
  assert.equal(player.quality.rung, 'saver');
  player.play(40);
  assert.equal(player.quality.rung, 'small');
  player.encoderS = 0.5;
  player.loadedS = player.atS;
  player.play(5);
  assert.equal(player.quality.rung, 'saver');
  player.play(110);
  assert.equal(player.quality.rung, 'saver', 'the second time for two minutes');
});

test('an old measurement of the link is not believed', () => {
  const quality = new ReplayQuality();
  const short = { rate: 1, aheadS: 0, loadedS: 0, mediaKbps: null, link: { kbps: 20_000, measuredMs: 3000 } };
  for (let nowMs = 0; nowMs <= 2200; nowMs += 200) quality.look({ ...short, nowMs });
  assert.equal(quality.text(2), 'Small video, no sound: the link is slow');
});

test('a recording with a low rate becomes no small video', () => {
  const quality = new ReplayQuality();
  const low = { rate: 1, aheadS: 0, loadedS: 0, mediaKbps: 380, link: { kbps: 300, measuredMs: 3000 } };
  for (let nowMs = 0; nowMs <= 2200; nowMs += 200) quality.look({ ...low, nowMs });
  assert.equal(quality.rung, 'saver');
});

test('a link that becomes thin while playing costs no stall', () => {
  const player = new Player().play(60);
  player.kbps = 1500;
  player.play(200);
  assert.deepEqual(
    player.changes.map(([, rung]) => rung),
    ['small'],
  );
  assert.ok(player.stalledMs <= STEP_MS, `${player.stalledMs}`);
});

test('all frames come back once the link is free', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(60);
  player.kbps = 100_000;
  player.play(40);
  assert.equal(player.quality.rung, 'full');
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
  assert.equal(player.quality.rung, 'small');
});

test('a failed try doubles the pause before the next one', () => {
  const player = new Player();
  player.kbps = 1500;
  player.play(30);
  /** @type {number[]} */
  const triesS = [];
  const { quality } = player;
  for (let atS = 100; atS < 700; atS += 0.2) {
    const isTry = quality.rung === 'full';
    const source = { hasSub: false, played: quality.wanted.quality };
    // The link is not measured while small video plays, and is thin during a try.
    const link = isTry ? { kbps: 1500, measuredMs: 3000 } : { kbps: 1500, measuredMs: 0 };
    const facts = {
      nowMs: atS * 1000,
      rate: 1,
      aheadS: isTry ? 0 : 30,
      loadedS: isTry ? 0 : atS,
      mediaKbps: KBPS[quality.rung],
      link,
      source,
    };
    if (quality.look(facts) && quality.rung === 'full') triesS.push(atS);
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
  assert.deepEqual(saver.quality.wanted, { quality: 'full', keyFramesOnly: true });
  assert.equal(saver.quality.text(2), '1 picture / 2 s, no sound');
  saver.quality.choice = 'auto';
  assert.equal(saver.quality.rung, 'full');
});

test('a pinned quality that does not play says why', () => {
  const player = new Player();
  const { quality } = player;
  quality.choice = 'sub';
  quality.source = { hasSub: false, played: 'full' };
  assert.equal(quality.text(2), 'Full: nothing is recorded of the sub stream at this time');
  quality.source = { hasSub: true, played: 'sub' };
  assert.equal(quality.text(2), 'Sub');
  quality.choice = 'small';
  assert.equal(quality.text(2), 'Small video, no sound');
  assert.equal(quality.refuse('transcode_limit', player.nowMs), true);
  assert.deepEqual(quality.wanted, { quality: 'sub', keyFramesOnly: true });
  assert.equal(quality.text(2), '1 picture / 2 s, no sound: the app cannot play small video now');
  player.hasSub = true;
  player.play(61);
  assert.equal(quality.rung, 'small', 'and tries again');
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
