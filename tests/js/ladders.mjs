// @ts-check
/** Ladders, tiles and links for the tests of the quality ladder. */
import { QualityLadder } from '../../static/js/lib/quality-ladder.js';

/** @typedef {import('../../static/js/lib/quality-ladder.js').Tile} Tile */
/** @typedef {import('../../static/js/lib/quality-ladder.js').Change} Change */

export const MAIN = /** @type {const} */ ({ name: 'main', kbps: 4100 });
export const SUB = /** @type {const} */ ({ name: 'sub', kbps: 530 });
export const KEYS = /** @type {const} */ ({ name: 'keys', kbps: 58 });
export const STILLS = /** @type {const} */ ({ name: 'stills', kbps: 20 });
export const PHONE = /** @type {const} */ ({ name: 'phone', kbps: 190 });
export const ALL = [MAIN, SUB, KEYS, STILLS];
export const WITH_PHONE = [MAIN, SUB, PHONE, KEYS, STILLS];
export const LATE = { isLate: true, calmMs: 0, kbps: 1500 };
export const CALM = { isLate: false, calmMs: 20_000, kbps: 1500 };

/** @param {string} id @param {Partial<Tile>} [more] @returns {Tile} */
export const tile = (id, more = {}) => ({ id, rungs: ALL, pinned: null, isChosen: false, isVisible: true, pixels: 1000, ...more });

/** @param {readonly Tile[]} tiles @param {{startsLow?: boolean, loadedMs?: number}} [how] */
export function ladderOf(tiles, how) {
  const ladder = new QualityLadder(how);
  ladder.setTiles(tiles, 0);
  return ladder;
}

/** @param {readonly Change[]} changes */
export const told = (changes) => changes.map(({ id, to, why }) => `${id} ${to} ${why}`);

/**
 * Let a ladder run on a link whose throughput changes. The link is late two seconds after the rates exceed it, and calm
 * again a second after they fit: the server drops what waits.
 *
 * @param {QualityLadder} ladder @param {readonly Tile[]} tiles @param {(second: number) => number} kbpsAt @param {number} seconds
 */
export function run(ladder, tiles, kbpsAt, seconds) {
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
