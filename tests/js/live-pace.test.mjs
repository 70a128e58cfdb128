// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_TARGET_S, JUMP_S, LEAST_TARGET_S, LivePace } from '../../static/js/lib/live-pace.js';

test('the rate is 1 close to the target', () => {
  const pace = new LivePace();
  for (const aheadS of [0.1, 0.15, 0.2, 0.23]) assert.deepEqual(pace.next(0, aheadS), { rate: 1, jumpToS: null });
});

test('the rate grows with the distance, up to 1.5', () => {
  const pace = new LivePace();
  const rates = [0.3, 0.5, 0.7, 0.9].map((aheadS) => pace.next(0, aheadS).rate);
  assert.deepEqual(
    rates,
    [...rates].sort((a, b) => a - b),
  );
  assert.ok(rates[0] > 1 && rates[3] <= 1.5);
});

test('more than a second of delay is skipped', () => {
  const pace = new LivePace();
  const { rate, jumpToS } = pace.next(0, FIRST_TARGET_S + JUMP_S + 0.1);
  assert.equal(rate, 1);
  assert.ok(jumpToS !== null && Math.abs(jumpToS - FIRST_TARGET_S) < 0.01);
});

test('stalls enlarge the target up to a limit, and time shrinks it', () => {
  const pace = new LivePace();
  for (let count = 0; count < 50; count += 1) pace.stalled();
  const most = pace.targetS;
  assert.ok(most > FIRST_TARGET_S && most < 1);
  for (let s = 0; s < 600; s += 0.05) pace.next(s, pace.targetS);
  assert.equal(pace.targetS, LEAST_TARGET_S);
});

/**
 * Plays pictures that come regularly, after some bad moments.
 *
 * @param {LivePace} pace
 * @param {number} fromS
 * @param {number} untilS
 */
function flow(pace, fromS, untilS) {
  let aheadS = pace.targetS;
  for (let nowS = fromS; nowS < untilS; nowS += 0.05) {
    const { rate, jumpToS } = pace.next(nowS, aheadS);
    aheadS = jumpToS ?? aheadS - 0.05 * (rate - 1);
  }
}

test('the target is small again 15 seconds after one bad moment', () => {
  const pace = new LivePace();
  pace.next(0, 0.2);
  for (let count = 0; count < 12; count += 1) pace.stalled();
  assert.ok(pace.targetS > 0.7);
  flow(pace, 0.05, 15);
  assert.ok(pace.targetS < 0.25, `${pace.targetS}`);
});

test('repeated stalls keep the target large for longer', () => {
  const pace = new LivePace();
  for (let time = 0; time < 60; time += 6) {
    flow(pace, time, time + 6);
    pace.stalled();
  }
  const before = pace.targetS;
  assert.ok(before > 0.3, `${before}`);
  flow(pace, 60, 80);
  assert.ok(before - pace.targetS < 0.1);
});

test('a leap of the clock does not change the target much', () => {
  const pace = new LivePace();
  pace.stalled();
  const before = pace.targetS;
  pace.next(0, 0.2);
  pace.next(10_000, 0.2);
  assert.ok(before - pace.targetS < 0.01);
});

test('a stream with jitter neither stalls often nor falls behind', () => {
  const pace = new LivePace();
  let loadedS = 0;
  let playedS = 0;
  let arrivesS = 0;
  let stalls = 0;
  let worstS = 0;
  let dice = 7;
  for (let nowS = 0; nowS < 120; nowS += 0.01) {
    while (arrivesS <= nowS) {
      loadedS += 0.04;
      dice = (dice * 16_807) % 2_147_483_647;
      arrivesS += 0.04;
    }
    const jitterS = (dice % 100) / 100 > 0.9 ? 0.15 : 0;
    const aheadS = loadedS - jitterS - playedS;
    const { rate, jumpToS } = pace.next(nowS, aheadS);
    if (jumpToS !== null) playedS = loadedS - jumpToS;
    if (aheadS <= 0) {
      stalls += 1;
      pace.stalled();
    } else playedS += 0.01 * rate;
    if (nowS > 30) worstS = Math.max(worstS, loadedS - playedS);
  }
  assert.ok(stalls < 20, `${stalls} stalls`);
  assert.ok(worstS < 1, `${worstS} s behind`);
});
