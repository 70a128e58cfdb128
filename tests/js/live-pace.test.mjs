// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_TARGET_S, JUMP_S, LEAST_MARGIN_S, LivePace } from '../../static/js/lib/live-pace.js';

const STEP_S = 0.005;

/**
 * @typedef {object} Scene
 * @property {number} [frameS] duration of a frame
 * @property {(sentS: number) => number} [lateS] lateness of the frame that was sent at this time
 * @property {(nowS: number) => boolean} [decoderHangs]
 * @property {number} [rateWorks] 0: the engine ignores the rate
 * @property {number} [startsAtS] distance from the newest frame at the start
 * @property {boolean} [hasAudio]
 */

/** A viewer that plays a live stream by a LivePace. */
class Viewer {
  pace = new LivePace();
  nowS = 0;
  playedS;
  endS = 0;
  sentS = 0;
  stalls = 0;
  jumps = 0;
  changes = 0;
  #scene;
  #isStalled = false;
  #ticksAtS = 0;
  /** @type {{atS: number, endS: number}[]} */
  #onTheWay = [];

  /** @param {Scene} [scene] */
  constructor(scene = {}) {
    this.#scene = { frameS: 0.04, lateS: () => 0, decoderHangs: () => false, rateWorks: 1, startsAtS: 0.15, hasAudio: false, ...scene };
    this.pace.setAudio(this.#scene.hasAudio);
    this.playedS = this.#scene.frameS - this.#scene.startsAtS;
  }

  /**
   * Play up to this time; return the delay behind reality: the smallest, the largest and the mean.
   *
   * @param {number} untilS
   */
  play(untilS) {
    const { frameS, lateS, decoderHangs, rateWorks } = this.#scene;
    const delays = [];
    let rate = 1;
    for (; this.nowS < untilS; this.nowS += STEP_S) {
      for (; this.sentS <= this.nowS; this.sentS += frameS) {
        const before = this.#onTheWay.at(-1)?.atS ?? 0;
        this.#onTheWay.push({ atS: Math.max(before, this.sentS + lateS(this.sentS)), endS: this.sentS + frameS });
      }
      let hasCome = false;
      while (this.#onTheWay.length > 0 && this.#onTheWay[0].atS <= this.nowS) {
        this.endS = /** @type {{endS: number}} */ (this.#onTheWay.shift()).endS;
        hasCome = true;
      }
      const canPlay = this.playedS < this.endS && !decoderHangs(this.nowS);
      if (canPlay) this.playedS = Math.min(this.endS, this.playedS + STEP_S * (1 + (rate - 1) * rateWorks));
      if (!canPlay && !this.#isStalled) {
        this.stalls += 1;
        this.pace.stalled(this.endS - this.playedS);
      }
      this.#isStalled = !canPlay;
      if (hasCome || this.nowS >= this.#ticksAtS) {
        this.#ticksAtS = this.nowS + 0.05;
        const paced = this.pace.next(this.nowS, this.playedS, this.endS);
        if (paced.rate !== rate) this.changes += 1;
        rate = paced.rate;
        if (paced.jumpToS !== null) {
          this.playedS = this.endS - paced.jumpToS;
          this.jumps += 1;
        }
      }
      delays.push(this.nowS - this.playedS);
    }
    return {
      leastS: Math.min(...delays),
      mostS: Math.max(...delays),
      meanS: delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
    };
  }
}

/** @param {number} seed @param {number} mostS */
function jitter(seed, mostS) {
  let dice = seed;
  return () => {
    dice = (dice * 16_807) % 2_147_483_647;
    return ((dice % 1000) / 1000) * mostS;
  };
}

for (const [fps, hasAudio, mostS] of /** @type {[number, boolean, number][]} */ ([
  [25, false, 0.06],
  [15, false, 0.06],
  [8, false, 0.06],
  [25, true, 0.16],
])) {
  test(`a calm link of ${fps} frames a second is followed closely${hasAudio ? ' with audio' : ''}`, () => {
    const viewer = new Viewer({ frameS: 1 / fps, hasAudio });
    viewer.play(5);
    const before = viewer.stalls;
    const seen = viewer.play(60);
    assert.ok(seen.mostS < mostS, `${seen.mostS} s behind`);
    assert.equal(viewer.stalls, before);
    assert.equal(viewer.jumps, 0);
  });
}

test('media that come late enlarge the distance by as much', () => {
  const viewer = new Viewer({ lateS: jitter(7, 0.12) });
  viewer.play(15);
  const before = viewer.stalls;
  const seen = viewer.play(90);
  assert.ok(seen.meanS > 0.12 && seen.mostS < 0.25, `${seen.meanS} s behind`);
  assert.ok(viewer.stalls - before <= 5, `${viewer.stalls - before} stalls`);
});

test('large key frames on a thin link do not stall the video each time', () => {
  const viewer = new Viewer({ lateS: (sentS) => (sentS % 2 < 0.04 ? 0.3 : 0) });
  viewer.play(15);
  const before = viewer.stalls;
  const seen = viewer.play(60);
  assert.ok(viewer.stalls - before <= 1, `${viewer.stalls - before} stalls`);
  assert.ok(seen.mostS < 0.45, `${seen.mostS} s behind`);
});

test('the distance is small again 15 seconds after one bad moment', () => {
  const viewer = new Viewer({ lateS: (sentS) => (sentS > 20 && sentS < 20.5 ? 0.6 : 0) });
  viewer.play(20);
  assert.ok(viewer.play(22).mostS > 0.3);
  viewer.play(35);
  assert.ok(viewer.play(50).mostS < 0.1);
});

test('a start among sixteen decoders is forgotten after ten seconds', () => {
  const hangs = [0.3, 0.7, 1.2, 1.6, 2.1, 2.6];
  const viewer = new Viewer({
    frameS: 1 / 15,
    startsAtS: 0.2,
    decoderHangs: (nowS) => hangs.some((at) => nowS >= at && nowS < at + 0.15),
    lateS: (sentS) => (sentS < 2.5 ? 0.4 : 0),
  });
  viewer.play(10);
  const seen = viewer.play(30);
  assert.ok(seen.mostS < 0.08, `${seen.mostS} s behind`);
});

test('a slow decoder enlarges the distance until it keeps up', () => {
  // It needs 70 ms in advance.
  const viewer = new Viewer();
  let stalls = 0;
  viewer.play(5);
  for (let nowS = 5; nowS < 60; nowS += 0.1) {
    viewer.play(nowS);
    const aheadS = viewer.endS - viewer.playedS;
    if (viewer.nowS - viewer.playedS < 0.07) {
      stalls += 1;
      viewer.pace.stalled(aheadS);
      viewer.playedS -= 0.02;
    }
  }
  assert.ok(stalls < 20, `${stalls} stalls`);
  assert.ok(viewer.play(62).mostS < 0.16);
});

test('repeated stalls are remembered for longer', () => {
  const often = new Viewer({ lateS: (sentS) => (sentS % 14 < 0.04 ? 0.4 : 0) });
  often.play(60);
  const before = often.stalls;
  often.play(200);
  assert.ok(often.stalls - before <= 3, `${often.stalls - before} stalls`);
});

test('an outage is no reason for a larger distance', () => {
  const viewer = new Viewer({ lateS: (sentS) => (sentS > 20 && sentS < 23 ? 23 - sentS : 0) });
  viewer.play(26);
  assert.ok(viewer.play(40).mostS < 0.15);
});

test('more than a second of delay is skipped', () => {
  const pace = new LivePace();
  const { rate, jumpToS } = pace.next(0, 0, FIRST_TARGET_S + JUMP_S + 0.1);
  assert.equal(rate, 1);
  assert.ok(jumpToS !== null && jumpToS < FIRST_TARGET_S);
});

test('the rate grows with the distance, up to 1.5', () => {
  const rates = [0.3, 0.5, 0.7, 0.9].map((aheadS) => new LivePace().next(0, 0, aheadS).rate);
  assert.deepEqual(
    rates,
    [...rates].sort((a, b) => a - b),
  );
  assert.ok(rates[0] > 1 && rates[3] <= 1.5);
});

test('a leap of the clock does not change the distance', () => {
  const viewer = new Viewer();
  viewer.play(20);
  viewer.pace.next(10_000, 9_999.9, 9_999.95);
  viewer.pace.next(10_000.05, 9_999.95, 10_000);
  assert.ok(viewer.pace.targetS < 2 * LEAST_MARGIN_S + 0.05);
});

test('a rate without effect for two seconds is followed by one jump', () => {
  const viewer = new Viewer({ startsAtS: 0.9, rateWorks: 0 });
  viewer.play(1.9);
  assert.equal(viewer.jumps, 0);
  viewer.play(3);
  assert.equal(viewer.jumps, 1);
  assert.ok(viewer.play(60).mostS < 0.1);
  assert.equal(viewer.jumps, 1);
});

test('a jump without a lasting effect is repeated after growing pauses', () => {
  const pace = new LivePace();
  let jumps = 0;
  for (let nowS = 0; nowS < 600; nowS += 0.05) {
    const endS = Math.floor(nowS / 0.04) * 0.04;
    if (pace.next(nowS, nowS - 0.8, endS).jumpToS !== null) jumps += 1;
  }
  assert.ok(jumps >= 4 && jumps <= 12, `${jumps} jumps`);
});

test('a rate that works is followed by no jump', () => {
  const viewer = new Viewer({ startsAtS: 0.9, rateWorks: 0.8 });
  viewer.play(30);
  assert.equal(viewer.jumps, 0);
});

test('the rate changes rarely, because WebKit falls back at each change', () => {
  const viewer = new Viewer({ lateS: jitter(3, 0.06) });
  viewer.play(15);
  const before = viewer.changes;
  viewer.play(75);
  assert.ok(viewer.changes - before <= 20, `${viewer.changes - before} changes in a minute`);
});
