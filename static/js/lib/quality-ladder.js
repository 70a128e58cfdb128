// @ts-check
/**
 * Chooses the quality of each channel of a page by the bandwidth of its link. Pure; times are passed in.
 *
 * Down: as soon as media comes late, as many steps as the measured throughput requires. Up: by tries. Tiles try
 * together, and may leave rungs out, as far as the link is known to carry the rates. Otherwise a try is one step of each
 * tile, and the rates grow by a limited factor. A try that makes media late within ten seconds has failed, and its tiles
 * wait longer before the next one. Qualities that the user has pinned never change.
 */
import { QualityTry } from './quality-try.js';
import { bestWithin, byLoss, byNeed, rank, rateIn, rateOf, rungNamed, sum } from './rung-rates.js';

/**
 * @typedef {'main'|'sub'|'phone'|'keys'|'stills'} RungName `phone`: small video that the server encodes from the sub stream;
 *   `keys`: only key frames, of the sub stream if there is one
 * @typedef {{name: RungName, kbps: number|null}} Rung `kbps`: null while the rate is unknown
 * @typedef {{id: string, rungs: readonly Rung[], pinned: RungName|null, isChosen: boolean, isVisible: boolean,
 *   pixels: number, isStarting?: boolean}} Tile `rungs`: those that the tile can use at its size, best first, at least one; `isChosen`: the user looks at
 *   it or hears it; `pixels`: its area; `isStarting`: the present rung has shown no frame yet
 * @typedef {'late'|'busy'|'try'|'failed_try'} Why `busy`: late because the page is busy, not its link
 * @typedef {{id: string, from: RungName, to: RungName, why: Why, kbps: number|null}} Change `kbps`: the throughput that
 *   led to it
 * @typedef {import('./link-monitor.js').LinkState & {isBusy?: boolean}} LinkState `isBusy`: media is late because the page is
 *   busy, so its throughput says nothing about the link
 * @typedef {{limit: RungName|null, pauseMs: number, tryAfterMs: number, failedKbps: number|null, proofMs: number,
 *   unprovenPauseMs: number, eager: 'chosen'|'freed'|'busy'|null}} Memory of a tile. `limit`: the best rung that it may use; null: every rung; `failedKbps`:
 *   throughput of bursts before the last try, null if the server refused that; `proofMs`: when the last step up is proven,
 *   `unprovenPauseMs`: the pause before it; `eager`: why its next try waits for no long calm
 * @typedef {{tile: Tile, from: RungName, to: RungName, savedKbps: number}} Step
 * @typedef {{tile: Tile, now: Rung, better: readonly Rung[]}} Candidate for a try. `better`: the better rungs, best first
 */

const USED_SHARE = 0.7;
/** Share of the present rates that is kept if media is late and the throughput is unknown. */
const KEPT_SHARE = 0.5;
/** Rates that fall below this share of those before, because tiles rest or are closed, leave bandwidth for better rungs. */
const FREED_SHARE = 0.8;
/** Time in which a change shows its effect. */
const SETTLE_MS = 3000;
/** The frames since the last key frame, with which each stream starts, make every link late for a moment. */
const START_MS = 1000;
/** If the throughput suffices for the present rates, lateness may pass by itself within this time. */
const PATIENCE_MS = 3000;
const SURE_AFTER_MS = 1500;
/** A step down that a short measurement led to is completed within this time, as soon as the throughput is known. */
const COMPLETED_WITHIN_MS = 8000;
const CALM_MS = 10_000;
/** Calm before a try of a tile that the user has just chosen, or after other tiles have freed a part of the link. */
const EAGER_CALM_MS = 2000;
/** Rates that play for this time without lateness are known to fit. */
const CARRIED_AFTER_MS = 5000;
/** The rates of all tiles become at most so many times as large by a try that the link is not known to carry. */
const MOST_GROWTH = 4;
/** A fall within this time after a step up counts as a failed try: the link carries almost, but not quite, the rung. */
const PROOF_MS = 90_000;
/** A link whose bursts are so many times as fast as before a failed try is tried again without waiting for the pause. */
const BETTER = 2;
/**
 * A try waits for so much longer if all bursts are slower than the rates would be. It comes all the same: a camera that
 * sends its key frames slowly looks like a slow link, and so does a busy page. After a failed try it waits for the longer
 * time.
 */
const DOUBTED_MS = 15_000;
const CONFIRMED_MS = 60_000;
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 320_000;

export class QualityLadder {
  #startsLow;
  #loadedMs;
  /** @type {readonly Tile[]} */
  #tiles = [];
  /** @type {Map<string, Memory>} */
  #memories = new Map();
  /** @type {QualityTry|null} */
  #trying = null;
  /** See MOST_GROWTH; 1: one tile at a time, after a failed try. */
  #growth = MOST_GROWTH;
  /** The highest sum of rates that has played without lateness since the last lateness. */
  #carriedKbps = 0;
  #settledMs = -Infinity;
  /** Until then the last step down may have been too small. */
  #unsureUntilMs = -Infinity;
  /** @type {number|null} */
  #lateSinceMs = null;
  /** The last known throughput. @type {number|null} */
  #kbps = null;

  /**
   * @param {{startsLow?: boolean, loadedMs?: number}} [how] `startsLow`: the user saves data: no main stream if there
   *   is a sub stream, unless it is pinned; `loadedMs`: until then the page's files use a part of the link, so each tile
   *   goes at most one step down at a time
   */
  constructor({ startsLow = false, loadedMs = -Infinity } = {}) {
    this.#startsLow = startsLow;
    this.#loadedMs = loadedMs;
  }

  /**
   * Set the tiles of the page. A tile that is there already keeps its rung. While the link limits the tiles, a new one
   * begins with its best rung that fits the throughput.
   *
   * @param {readonly Tile[]} tiles @param {number} nowMs
   * @returns {Change[]} of new tiles that begin with a lower rung
   */
  setTiles(tiles, nowMs) {
    for (const { id } of this.#trying?.steps ?? [])
      if (!tiles.some((tile) => tile.id === id && tile.isVisible && !tile.pinned)) this.#leaveTry(id);
    const before = this.#memories;
    const wasLimited = this.#tiles.some((tile) => !tile.pinned && this.#memory(tile).limit !== null);
    const tilesBefore = this.#tiles;
    const rungsBefore = new Map(this.#tiles.map((tile) => [tile.id, this.#rung(tile).name]));
    this.#tiles = tiles;
    this.#memories = new Map(tiles.map(({ id }) => [id, before.get(id) ?? newMemory()]));
    for (const tile of tiles) this.#forgetPhone(tile);
    if (tiles.some((tile) => rungsBefore.get(tile.id) !== this.#rung(tile).name))
      this.#settledMs = Math.max(this.#settledMs, nowMs + START_MS);
    this.#forgetPauses(tilesBefore, rungsBefore);
    return wasLimited ? this.#movable.flatMap((tile) => (before.has(tile.id) ? [] : this.#begin(tile, nowMs))) : [];
  }

  /** The server refused small video: the tile uses it again only after a try, although it is offered again. @param {Tile} tile */
  #forgetPhone(tile) {
    const memory = this.#memory(tile);
    if (memory.limit === 'phone' && !tile.rungs.some(({ name }) => name === 'phone')) memory.limit = bestWithin(tile, 'phone').name;
  }

  /** End the try of a tile that cannot be judged. @param {string} id */
  #leaveTry(id) {
    const step = this.#trying?.stepOf(id);
    const memory = this.#memories.get(id);
    this.#trying?.leave(id);
    if (step && memory) memory.limit = step.from;
    this.#closeTry();
  }

  /** Forget the try once all its tiles are judged. */
  #closeTry() {
    if (!this.#trying?.steps.length) this.#trying = null;
  }

  /**
   * Let tiles try a better rung soon that the user has just chosen, and all tiles if others have freed a part of the
   * link: a tile that fills the page, for example, ends the others.
   *
   * @param {readonly Tile[]} before @param {Map<string, RungName>} rungs before
   */
  #forgetPauses(before, rungs) {
    const old = new Map(before.map((tile) => [tile.id, tile]));
    // By the present rates: the rates of cameras change, too.
    const now = new Map(this.#tiles.map((tile) => [tile.id, tile]));
    const shown = before.filter(({ isVisible }) => isVisible);
    const oldKbps = sum(shown.map((tile) => rateIn(now.get(tile.id) ?? tile, rungs.get(tile.id))));
    const isFreed = this.#totalKbps < oldKbps * FREED_SHARE;
    for (const tile of this.#movable) {
      const one = old.get(tile.id);
      if (!one?.isVisible || !(isFreed || (tile.isChosen && !one.isChosen))) continue;
      this.#forgetPause(tile);
      this.#memory(tile).eager = isFreed ? 'freed' : 'chosen';
    }
  }

  /** @param {Tile} tile */
  #forgetPause(tile) {
    Object.assign(this.#memory(tile), { pauseMs: FIRST_PAUSE_MS, tryAfterMs: -Infinity, proofMs: -Infinity });
  }

  /** Choose the first rung of a new tile. @param {Tile} tile @param {number} nowMs @returns {Change[]} */
  #begin(tile, nowMs) {
    const kbps = this.#kbps;
    if (kbps === null) return [];
    const others = this.#tiles.filter((one) => one.isVisible && one !== tile);
    const freeKbps = kbps * USED_SHARE - sum(others.map((one) => rateOf(this.#rung(one))));
    const streams = tile.rungs.filter(({ name }) => name !== 'stills');
    const first = streams.find((rung) => rank(rung.name) >= rank(this.#topOf(tile)) && rateOf(rung) <= freeKbps) ?? streams.at(-1);
    return first ? this.#changeTo(tile, first.name, kbps, nowMs) : [];
  }

  /** The network has changed: every tile may try again immediately. */
  forget() {
    for (const tile of this.#tiles) this.#forgetPause(tile);
    this.#kbps = null;
    this.#carriedKbps = 0;
    this.#growth = MOST_GROWTH;
  }

  /** The page is hidden: a try waits, because a hidden page shows no frames. */
  rest() {
    this.#trying?.rest();
  }

  /** True if the user saves data; the network may have changed. @param {boolean} startsLow */
  set startsLow(startsLow) {
    this.#startsLow = startsLow;
  }

  /** The present rung of a tile; null for an unknown tile. @param {string} id @returns {RungName|null} */
  rungOf(id) {
    const tile = this.#tiles.find((one) => one.id === id);
    return tile ? this.#rung(tile).name : null;
  }

  /** The rung before the one that is being tried; null without a try of this tile. @param {string} id @returns {RungName|null} */
  rungBeforeTry(id) {
    return this.#trying?.stepOf(id)?.from ?? null;
  }

  /** Note that the stream of a tile's try was refused: the rung before it plays again. @param {string} id @param {number} nowMs */
  failTry(id, nowMs) {
    const step = this.#trying?.stepOf(id);
    if (!this.#trying || !step) return;
    // A faster link changes nothing about a refusal.
    this.#noteFailed(step, nowMs, { isAlone: true, burstKbps: null });
    this.#trying.leave(id);
    this.#closeTry();
  }

  /** Decide about all tiles; called every second. @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  decide(link, nowMs) {
    this.#kbps = link.kbps ?? this.#kbps;
    if (!link.isLate) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= nowMs;
    if (link.isLate) this.#carriedKbps = 0;
    if (this.#trying) return this.#judgeTry(link, nowMs);
    if (this.#isStepTooSmall(link, nowMs) || (link.isLate && nowMs >= this.#settledMs)) return this.#stepDown(link, nowMs);
    if (link.isLate) return [];
    if (link.calmMs >= CARRIED_AFTER_MS) this.#carriedKbps = Math.max(this.#carriedKbps, this.#totalKbps);
    return link.calmMs < EAGER_CALM_MS ? [] : this.#tryBetter(link, nowMs);
  }

  /** The sum of the present rates. */
  get #totalKbps() {
    return sum(this.#tiles.filter(({ isVisible }) => isVisible).map((tile) => rateOf(this.#rung(tile))));
  }

  /** Tiles whose quality the ladder chooses. */
  get #movable() {
    return this.#tiles.filter(({ isVisible, pinned }) => isVisible && !pinned);
  }

  /** @param {Tile} tile @returns {Memory} */
  #memory({ id }) {
    return /** @type {Memory} */ (this.#memories.get(id));
  }

  /** @param {Tile} tile @returns {Rung} */
  #rung(tile) {
    if (tile.pinned) return tile.rungs.find(({ name }) => name === tile.pinned) ?? { name: tile.pinned, kbps: null };
    return bestWithin(tile, this.#memory(tile).limit ?? this.#topOf(tile));
  }

  /** The best rung that a tile uses unless it is pinned. @param {Tile} tile @returns {RungName} */
  #topOf({ rungs }) {
    return this.#startsLow && rungs.some(({ name }) => name === 'sub') ? 'sub' : 'main';
  }

  // ── Down ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** True if the last step down was too small for the throughput, which was unknown then. @param {LinkState} link @param {number} nowMs */
  #isStepTooSmall({ kbps, measuredMs = 0 }, nowMs) {
    return nowMs < this.#unsureUntilMs && measuredMs >= SURE_AFTER_MS && kbps !== null && this.#totalKbps > kbps;
  }

  /** @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  #stepDown({ kbps, measuredMs = Infinity, isBusy = false }, nowMs) {
    const rungs = new Map(this.#tiles.filter(({ isVisible }) => isVisible).map((tile) => [tile, this.#rung(tile)]));
    let totalKbps = sum([...rungs.values()].map(rateOf));
    // The first second of a backlog may show too little. Then half of the rates is kept, and each tile goes one step down.
    const isSure = nowMs >= this.#loadedMs && measuredMs >= SURE_AFTER_MS;
    const keptKbps = totalKbps * KEPT_SHARE;
    const fitsKbps = kbps === null ? keptKbps : Math.max(kbps * USED_SHARE, isSure ? 0 : keptKbps);
    if (totalKbps <= fitsKbps && nowMs - Math.max(this.#lateSinceMs ?? nowMs, this.#settledMs) < PATIENCE_MS) return [];
    /** @type {Step[]} */
    const steps = [];
    while (totalKbps > fitsKbps || !steps.length) {
      const step = this.#nextStep(rungs, isSure ? [] : steps, { isBusy });
      if (!step) break;
      steps.push(step);
      totalKbps -= step.savedKbps;
      rungs.set(step.tile, rungNamed(step.tile, step.to));
    }
    // The last step may have saved so much that earlier ones were not needed.
    for (const { tile, from, to, savedKbps } of steps.slice(0, -1).sort(byNeed)) {
      if (totalKbps + savedKbps > fitsKbps || rungs.get(tile)?.name !== to) continue;
      totalKbps += savedKbps;
      rungs.set(tile, rungNamed(tile, from));
    }
    const changes = this.#movable.flatMap((tile) =>
      this.#changeTo(tile, /** @type {Rung} */ (rungs.get(tile)).name, kbps, nowMs, { isBusy }),
    );
    if (changes.length) {
      this.#settledMs = nowMs + SETTLE_MS;
      this.#unsureUntilMs = isSure ? -Infinity : nowMs + COMPLETED_WITHIN_MS;
    }
    return changes;
  }

  /**
   * The next step down.
   *
   * @param {Map<Tile, Rung>} rungs
   * @param {readonly Step[]} taken tiles of these steps take no other one
   * @param {{isBusy: boolean}} how `isBusy`: small video and stills do not help a busy page
   * @returns {Step|null}
   */
  #nextStep(rungs, taken, { isBusy }) {
    const movable = this.#movable.filter((tile) => !taken.some((step) => step.tile === tile));
    const steps = movable.flatMap((tile) => {
      const now = /** @type {Rung} */ (rungs.get(tile));
      const lower = tile.rungs.find(({ name }) => rank(name) > rank(now.name) && !(isBusy && (name === 'phone' || name === 'stills')));
      return lower ? [{ tile, from: now.name, to: lower.name, savedKbps: rateOf(now) - rateOf(lower) }] : [];
    });
    return steps.sort(byLoss)[0] ?? null;
  }

  /** @param {Tile} tile @param {RungName} to @param {number|null} kbps @param {number} nowMs @param {{isBusy?: boolean}} [how] @returns {Change[]} */
  #changeTo(tile, to, kbps, nowMs, { isBusy = false } = {}) {
    const from = this.#rung(tile).name;
    if (from === to) return [];
    const memory = this.#memory(tile);
    memory.limit = to;
    memory.eager = isBusy ? 'busy' : null;
    if (isBusy) return [{ id: tile.id, from, to, why: 'busy', kbps: null }];
    if (nowMs < memory.proofMs) memory.pauseMs = Math.min(MAX_PAUSE_MS, memory.unprovenPauseMs * 2);
    memory.tryAfterMs = nowMs + memory.pauseMs;
    return [{ id: tile.id, from, to, why: 'late', kbps }];
  }

  // ── Up ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Try better rungs: of the chosen tile, then of those with the worst rung, as many as the link may carry.
   *
   * @param {LinkState} link @param {number} nowMs @returns {Change[]}
   */
  #tryBetter({ kbps, calmMs, burstKbps = null, bestBurstKbps = burstKbps }, nowMs) {
    const candidates = this.#movable.flatMap((tile) => this.#candidate(tile));
    const sureKbps = this.#sureKbps(burstKbps);
    let totalKbps = this.#totalKbps;
    /** @param {Rung} now @param {Rung} rung */
    const withRung = (now, rung) => totalKbps - rateOf(now) + rateOf(rung);
    const ready = candidates.filter((one) => {
      const [next] = one.better.slice(-1);
      const needsKbps = next ? withRung(one.now, next) : 0;
      return next && this.#isReady(one.tile, next, { calmMs, burstKbps, bestBurstKbps, nowMs, needsKbps, sureKbps });
    });
    ready.sort((a, b) => Number(b.tile.isChosen) - Number(a.tile.isChosen) || rank(b.now.name) - rank(a.now.name));
    const mostKbps = Math.max(sureKbps, totalKbps * this.#growth);
    /** @type {import('./quality-try.js').TryStep[]} */
    const steps = [];
    for (const { tile, now, better } of ready) {
      const memory = this.#memory(tile);
      // A tile whose last try has failed goes up by single steps.
      const leap = memory.pauseMs > FIRST_PAUSE_MS ? null : better.find((rung) => withRung(now, rung) <= sureKbps);
      const rung = leap ?? better.at(-1);
      if (!rung || (steps.length && (this.#growth === 1 || withRung(now, rung) > mostKbps))) continue;
      totalKbps = withRung(now, rung);
      memory.limit = rung.name;
      memory.eager = null;
      steps.push({ id: tile.id, from: now.name, to: rung.name });
    }
    if (!steps.length) return [];
    this.#trying = new QualityTry(steps, { burstKbps, nowMs });
    return steps.map((step) => ({ ...step, why: 'try', kbps }));
  }

  /** @param {Tile} tile @returns {Candidate[]} empty if the tile has its best rung */
  #candidate(tile) {
    const now = this.#rung(tile);
    const better = tile.rungs.filter(({ name }) => rank(name) < rank(now.name) && rank(name) >= rank(this.#topOf(tile)));
    return better.length ? [{ tile, now, better }] : [];
  }

  /**
   * True if a tile may try its next rung now.
   *
   * @param {Tile} tile @param {Rung} next
   * @param {{calmMs: number, burstKbps: number|null, bestBurstKbps: number|null, nowMs: number, needsKbps: number,
   *   sureKbps: number}} how `needsKbps`: the sum of all rates with the next rung
   */
  #isReady(tile, next, { calmMs, burstKbps, bestBurstKbps, nowMs, needsKbps, sureKbps }) {
    const { tryAfterMs, failedKbps, eager, pauseMs } = this.#memory(tile);
    if (eager === 'busy') return nowMs >= tryAfterMs; // the bursts of a busy page say nothing
    const isEager = eager === 'freed' || (eager === 'chosen' && needsKbps <= sureKbps);
    if (calmMs < CALM_MS && !isEager) return false;
    const isBetterLink = burstKbps !== null && failedKbps !== null && burstKbps > BETTER * failedKbps && burstKbps > BETTER * rateOf(next);
    const isDoubted = bestBurstKbps !== null && bestBurstKbps < needsKbps;
    const doubtedMs = pauseMs > FIRST_PAUSE_MS ? CONFIRMED_MS : DOUBTED_MS;
    return nowMs >= tryAfterMs + (isDoubted ? doubtedMs : 0) || isBetterLink;
  }

  /** The sum of rates that the link is known to carry. @param {number|null} burstKbps */
  #sureKbps(burstKbps) {
    return Math.max(this.#carriedKbps, USED_SHARE * Math.max(this.#kbps ?? 0, burstKbps ?? 0));
  }

  /** @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  #judgeTry({ isLate, kbps, burstKbps = null }, nowMs) {
    const trying = this.#trying;
    if (!trying) return [];
    const starting = new Set(this.#tiles.filter(({ isStarting }) => isStarting).map(({ id }) => id));
    const { failed, passed } = trying.judge(
      {
        isLate: isLate && nowMs >= this.#settledMs,
        isSure: this.#totalKbps <= this.#sureKbps(burstKbps),
        lacksFrame: (id) => starting.has(id),
      },
      nowMs,
    );
    for (const step of passed) this.#notePassed(trying, step, nowMs);
    const { burstKbps: burstBeforeKbps, isOfSeveral } = trying;
    for (const step of failed) this.#noteFailed(step, nowMs, { isAlone: !isLate || !isOfSeveral, burstKbps: burstBeforeKbps });
    if (failed.length) this.#settledMs = nowMs + SETTLE_MS;
    if (failed.length && isLate) this.#growth = 1;
    this.#closeTry();
    if (!this.#trying && passed.length) this.#growth = Math.min(MOST_GROWTH, this.#growth * 2);
    return failed.map(({ id, from, to }) => ({ id, from: to, to: from, why: 'failed_try', kbps }));
  }

  /** @param {QualityTry} trying @param {import('./quality-try.js').TryStep} step @param {number} nowMs */
  #notePassed(trying, { id, to }, nowMs) {
    const memory = this.#memories.get(id);
    const tile = this.#tiles.find((one) => one.id === id);
    if (!memory || !tile) return;
    memory.failedKbps = trying.burstKbps; // a fall soon after needs a better link, too
    memory.proofMs = nowMs + PROOF_MS;
    memory.unprovenPauseMs = memory.pauseMs;
    memory.pauseMs = Math.max(FIRST_PAUSE_MS, memory.pauseMs / 2);
    if (rank(to) <= rank(this.#topOf(tile))) memory.limit = null;
  }

  /**
   * Go back to the rung before the try, and wait before the tile's next one.
   *
   * @param {import('./quality-try.js').TryStep} step @param {number} nowMs
   * @param {{isAlone: boolean, burstKbps: number|null}} how `isAlone`: the tile itself has failed, so that it waits longer.
   *   The failure of several together says little about each of them; `burstKbps`: throughput of bursts before the try,
   *   null if the link is not the reason
   */
  #noteFailed({ id, from }, nowMs, { isAlone, burstKbps }) {
    const memory = this.#memories.get(id);
    if (!memory) return;
    memory.limit = from;
    if (isAlone) memory.pauseMs = Math.min(MAX_PAUSE_MS, memory.pauseMs * 2);
    memory.failedKbps = burstKbps;
    memory.tryAfterMs = nowMs + memory.pauseMs;
    this.#settledMs = nowMs + SETTLE_MS;
  }
}

/** True if the user saves data, or pays for it. @param {{saveData?: boolean, type?: string}|undefined} connection `navigator.connection` */
export function savesData(connection) {
  return connection?.saveData === true || connection?.type === 'cellular';
}

/** @returns {Memory} */
function newMemory() {
  const pauses = { pauseMs: FIRST_PAUSE_MS, unprovenPauseMs: FIRST_PAUSE_MS };
  return { limit: null, ...pauses, tryAfterMs: -Infinity, failedKbps: null, proofMs: -Infinity, eager: null };
}
