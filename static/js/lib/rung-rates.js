// @ts-check
/** The order of the rungs of the quality ladder, and their rates. Pure. */

/**
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {import('./quality-ladder.js').Rung} Rung
 * @typedef {import('./quality-ladder.js').Tile} Tile
 * @typedef {import('./quality-ladder.js').Step} Step
 */

/** Best first. @type {readonly RungName[]} */
const ORDER = ['main', 'sub', 'phone', 'keys', 'stills'];
/** Usual rates, for streams whose rate is unknown. @type {Record<RungName, number>} */
const USUAL_KBPS = { main: 4000, sub: 600, phone: 190, keys: 60, stills: 20 };

/** @param {RungName} name */
export function rank(name) {
  return ORDER.indexOf(name);
}

/** True if both rungs are known and the first one is better. @param {RungName|null} [one] @param {RungName|null} [other] */
export function isBetter(one, other) {
  return Boolean(one && other) && rank(/** @type {RungName} */ (one)) < rank(/** @type {RungName} */ (other));
}

/** @param {Rung} rung */
export function rateOf({ name, kbps }) {
  return kbps ?? USUAL_KBPS[name];
}

/** @param {readonly number[]} numbers */
export function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0);
}

/** @param {Tile} tile @param {RungName} [name] */
export function rateIn({ rungs }, name) {
  return name ? rateOf(rungs.find((rung) => rung.name === name) ?? { name, kbps: null }) : 0;
}

/** @param {Tile} tile @param {RungName} name @returns {Rung} */
export function rungNamed(tile, name) {
  return /** @type {Rung} */ (tile.rungs.find((rung) => rung.name === name));
}

/** The order of steps down: stills last, the chosen tile after the others, the best and largest first. @param {Step} a @param {Step} b */
export function byLoss(a, b) {
  return (
    Number(a.to === 'stills') - Number(b.to === 'stills') ||
    Number(a.tile.isChosen) - Number(b.tile.isChosen) ||
    rank(a.from) - rank(b.from) ||
    b.tile.pixels - a.tile.pixels
  );
}

/** The order in which steps are taken back: the chosen tile's first, then the lowest, then the largest. @param {Step} a @param {Step} b */
export function byNeed(a, b) {
  return Number(b.tile.isChosen) - Number(a.tile.isChosen) || rank(b.from) - rank(a.from) || b.tile.pixels - a.tile.pixels;
}

/** The tile's best rung that is not better than `limit`; otherwise its last one. @param {Tile} tile @param {RungName} limit @returns {Rung} */
export function bestWithin({ rungs }, limit) {
  return rungs.find(({ name }) => rank(name) >= rank(limit)) ?? /** @type {Rung} */ (rungs.at(-1));
}
