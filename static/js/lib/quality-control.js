// @ts-check
/**
 * Applies the quality ladder to the live pictures of a page: it passes the state of the link to the ladder, and the
 * ladder's changes to the players. Pure; times are passed in.
 */
import { QualityLadder } from './quality-ladder.js';

/**
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {import('./quality-ladder.js').Tile} Tile
 * @typedef {import('./link-monitor.js').LinkState} LinkState
 * @typedef {Tile & {player: {setRung: (rung: RungName, how?: {endsOld?: boolean, isTry?: boolean}) => void,
 *   readonly isStarting: boolean, readonly hasFailedTry: boolean}}} PlayedTile `isStarting`: a rung that is tried has
 *   shown no frame yet; `hasFailedTry`: the last try ended with a problem, and the rung before it plays again
 * @typedef {{rung: RungName, why: 'link'|'busy'|'saver', kbps: number|null}} Limit why a tile does not play its best rung.
 *   `kbps`: the throughput that led to it, null if it is unknown
 */

/** So many ms between two calls of `look()`. */
export const LOOK_MS = 500;
/** A page has loaded its files by then, after the start of its clock. */
const LOADED_MS = 8000;
/** A call that comes later than this shows that the page is busy: then media seems late although the link carries it. */
const BUSY_AFTER_MS = 900;
/** What a busy page measured is not trusted for so long. */
const BUSY_FOR_MS = 1500;
/** Media that is late for longer leads to a lower rung although the page is busy: that helps the page, too. */
const EXCUSED_FOR_MS = 10_000;

export class QualityControl {
  #link;
  #ladder;
  #startsLow;
  /** @type {readonly PlayedTile[]} */
  #tiles = [];
  /** The throughput at the last change down, by tile. @type {Map<string, number|null>} */
  #limitKbps = new Map();
  /** Tiles that went down because the page was busy. @type {Set<string>} */
  #spared = new Set();
  /** The rungs of tiles that rest or are paused: another stream would replace a paused picture. @type {Map<string, RungName>} */
  #keptRungs = new Map();
  /** @type {number|null} */
  #lookedMs = null;
  /** Since when all tiles show stills, so that the socket has no media to judge the link by. @type {number|null} */
  #silentSinceMs = null;
  #busyUntilMs = -Infinity;
  #isServerBusy = false;
  /** @type {number|null} */
  #lateSinceMs = null;

  /** @param {{link: {stateAt: (nowMs: number) => LinkState}, startsLow: boolean}} options `startsLow`: the user saves data */
  constructor({ link, startsLow }) {
    this.#link = link;
    this.#startsLow = startsLow;
    this.#ladder = new QualityLadder({ startsLow, loadedMs: LOADED_MS });
  }

  /** Set the tiles of the page, before those that are new begin to play. @param {readonly PlayedTile[]} tiles @param {number} nowMs */
  setTiles(tiles, nowMs) {
    this.#keepRungs(tiles);
    this.#tiles = tiles;
    for (const { id, player } of tiles) if (player.hasFailedTry) this.#ladder.failTry(id, nowMs);
    const changes = this.#ladder.setTiles(
      tiles.map((tile) => ({ ...tile, isStarting: tile.player.isStarting })),
      nowMs,
    );
    const ids = new Set(tiles.map(({ id }) => id));
    for (const id of this.#limitKbps.keys()) if (!ids.has(id)) this.#limitKbps.delete(id);
    for (const id of this.#spared) if (!ids.has(id)) this.#spared.delete(id);
    for (const { id, kbps } of changes) this.#limitKbps.set(id, kbps);
  }

  /** Keep the rungs of tiles that are not visible, until these are visible again. @param {readonly PlayedTile[]} tiles */
  #keepRungs(tiles) {
    const before = this.#keptRungs;
    this.#keptRungs = new Map();
    for (const { id, isVisible, pinned, player } of tiles) {
      const isOld = player.isStarting || player.hasFailedTry; // a pause ends a try that has shown no frame
      const rung = before.get(id) ?? (isOld ? this.#ladder.rungBeforeTry(id) : null) ?? this.#ladder.rungOf(id);
      if (!isVisible && !pinned && rung) this.#keptRungs.set(id, rung);
    }
  }

  /** The rung that a tile plays; null if the ladder does not choose its quality. @param {string} id @returns {RungName|null} */
  rungOf(id) {
    return this.#keptRungs.get(id) ?? this.#ladder.rungOf(id);
  }

  /** The rung on screen: during a try the one before it. @param {string} id @returns {RungName|null} */
  shownRungOf(id) {
    const isStarting = this.#tiles.some((one) => one.id === id && one.player.isStarting);
    return (isStarting ? this.#ladder.rungBeforeTry(id) : null) ?? this.rungOf(id);
  }

  /** Why a tile does not play its best rung; null if it does, or if the user has pinned its quality. @param {string} id @returns {Limit|null} */
  limitOf(id) {
    const tile = this.#tiles.find((one) => one.id === id);
    const rung = this.shownRungOf(id);
    if (!tile || tile.pinned || rung === null || rung === tile.rungs[0]?.name) return null;
    if (this.#spared.has(id)) return { rung, why: 'busy', kbps: null };
    const kbps = this.#limitKbps.get(id);
    if (kbps === undefined) return this.#startsLow ? { rung, why: 'saver', kbps: null } : null;
    return { rung, why: 'link', kbps };
  }

  /** True if media is late because the server is busy: no lower rung is played for it. */
  get isServerBusy() {
    return this.#isServerBusy;
  }

  /** True if the user saves data. @param {boolean} startsLow */
  set startsLow(startsLow) {
    this.#startsLow = this.#ladder.startsLow = startsLow;
  }

  /**
   * Choose the rungs anew; called every LOOK_MS while the page is visible or audible.
   *
   * @param {readonly PlayedTile[]} tiles @param {number} nowMs
   * @param {{isHidden?: boolean}} [how] `isHidden`: no better rung is tried, because a hidden page shows no frames
   */
  look(tiles, nowMs, { isHidden = false } = {}) {
    this.setTiles(tiles, nowMs);
    const state = this.#silentState(nowMs) ?? this.#linkState(nowMs);
    this.#isServerBusy = Boolean(state.isServerBusy);
    const link = isHidden ? { ...state, calmMs: 0 } : state;
    if (isHidden) this.#ladder.rest();
    for (const [id, kbps] of this.#limitKbps) this.#limitKbps.set(id, kbps ?? link.kbps);
    for (const { id, why, kbps } of this.#ladder.decide(link, nowMs)) {
      if (why === 'busy') this.#spared.add(id);
      if (why === 'late' || (why === 'failed_try' && kbps !== null)) {
        this.#spared.delete(id);
        this.#limitKbps.set(id, kbps);
      }
      const tile = tiles.find((one) => one.id === id);
      if (tile) this.#play(tile.player, id, why === 'try' ? { isTry: true } : { endsOld: true });
    }
    for (const { id, player } of tiles) this.#play(player, id); // its size or its codecs may have changed
  }

  /** The network has changed: every tile may try its better rungs immediately. */
  forget() {
    this.#ladder.forget();
  }

  /** The page was hidden or slept: the time since the last call of `look()` says nothing. */
  rest() {
    this.#lookedMs = null;
    this.#ladder.rest();
  }

  /** @param {PlayedTile['player']} player @param {string} id @param {{endsOld?: boolean, isTry?: boolean}} [how] */
  #play(player, id, how) {
    const rung = this.rungOf(id);
    if (rung) player.setRung(rung, how);
  }

  /** The state of a link without streams: its calm is the time since. Null if there are streams. @param {number} nowMs @returns {LinkState|null} */
  #silentState(nowMs) {
    const visible = this.#tiles.filter(({ isVisible }) => isVisible);
    if (!visible.length || visible.some(({ id }) => this.rungOf(id) !== 'stills')) this.#silentSinceMs = null;
    else this.#silentSinceMs ??= nowMs;
    if (this.#silentSinceMs === null) return null;
    return { ...this.#link.stateAt(nowMs), isLate: false, calmMs: nowMs - this.#silentSinceMs };
  }

  /**
   * The state of the link, without lateness for which the page itself may be the reason.
   *
   * @param {number} nowMs @returns {import('./quality-ladder.js').LinkState}
   */
  #linkState(nowMs) {
    if (this.#lookedMs !== null && nowMs - this.#lookedMs > BUSY_AFTER_MS) this.#busyUntilMs = nowMs + BUSY_FOR_MS;
    this.#lookedMs = nowMs;
    const state = this.#link.stateAt(nowMs);
    if (!state.isLate) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= nowMs;
    if (nowMs >= this.#busyUntilMs || this.#lateSinceMs === null) return state;
    if (nowMs - this.#lateSinceMs < EXCUSED_FOR_MS) return { ...state, isLate: false, calmMs: 0 };
    return { ...state, kbps: null, isBusy: true };
  }
}
