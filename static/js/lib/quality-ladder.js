// @ts-check
/**
 * Chooses the quality of each channel of a page by the bandwidth of its link. Pure; times are passed in.
 *
 * Down: as soon as media comes late, as many steps as the measured throughput requires. Up: one step of one tile at a
 * time, as a try. A try that makes media late within ten seconds has failed, and the tile waits longer before its next
 * one. Qualities that the user has pinned never change.
 */

/**
 * @typedef {'main'|'sub'|'keys'|'stills'} RungName `keys`: only key frames, of the sub stream if there is one
 * @typedef {{name: RungName, kbps: number|null}} Rung `kbps`: null while the rate is unknown
 * @typedef {{id: string, rungs: readonly Rung[], pinned: RungName|null, isChosen: boolean, isVisible: boolean,
 *   pixels: number, isStarting?: boolean}} Tile `rungs`: those that the tile can use at its size, best first, at least one; `isChosen`: the user looks at
 *   it or hears it; `pixels`: its area; `isStarting`: the present rung has shown no frame yet
 * @typedef {'late'|'try'|'failed_try'} Why
 * @typedef {{id: string, from: RungName, to: RungName, why: Why, kbps: number|null}} Change `kbps`: the throughput that
 *   led to it
 * @typedef {import('./link-monitor.js').LinkState} LinkState
 * @typedef {{limit: RungName|null, pauseMs: number, tryAfterMs: number, failedKbps: number|null, proofMs: number,
 *   unprovenPauseMs: number}} Memory of a tile. `limit`: the best rung that it may use; null: every rung; `failedKbps`:
 *   throughput of bursts before the last try; `proofMs`: when the last step up is proven, `unprovenPauseMs`: the pause
 *   before it
 * @typedef {{tile: Tile, from: RungName, to: RungName, savedKbps: number}} Step
 */

/** @type {readonly RungName[]} */
const ORDER = ['main', 'sub', 'keys', 'stills'];
/** Usual rates, for streams whose rate is unknown. */
const USUAL_KBPS = { main: 4000, sub: 600, keys: 60, stills: 30 };
const USED_SHARE = 0.7;
/** Share of the present rates that is kept if media is late and the throughput is unknown. */
const KEPT_SHARE = 0.5;
/** Rates that fall below this share of those before, because tiles rest or are closed, leave room for better rungs. */
const FREED_SHARE = 0.8;
/** Time in which a change shows its effect. */
const SETTLE_MS = 3000;
/** The frames since the last key frame, with which each stream starts, make every link late for a moment. */
const START_MS = 1000;
/** If the throughput suffices for the present rates, lateness may pass by itself within this time. */
const PATIENCE_MS = 3000;
const SURE_AFTER_MS = 1500;
const CALM_MS = 10_000;
const TRY_MS = 10_000;
/** A stream that is shown has to play so long before its try counts as a success. */
const SHOWN_MS = 7000;
/** A fall within this time after a step up counts as a failed try: the link carries almost, but not quite, the rung. */
const PROOF_MS = 90_000;
/** A try begins with a key frame. With long groups of frames these are ten seconds apart. */
const NO_FRAME_MS = 20_000;
/** A link whose bursts are so many times as fast as before a failed try is tried again without waiting for the pause. */
const BETTER = 2;
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 320_000;

export class QualityLadder {
  #startsLow;
  #loadedMs;
  /** @type {readonly Tile[]} */
  #tiles = [];
  /** @type {Map<string, Memory>} */
  #memories = new Map();
  /** @type {{id: string, from: RungName, to: RungName, sinceMs: number|null, unseenMs: number|null, burstKbps: number|null}|null}
   * `unseenMs`: when it had no frame yet; both are null while the page is hidden */
  #trying = null;
  #settledMs = -Infinity;
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
    if (!tiles.some(({ id, isVisible, pinned }) => id === this.#trying?.id && isVisible && !pinned)) this.#leaveTry();
    const before = this.#memories;
    const wasLimited = this.#tiles.some((tile) => !tile.pinned && this.#memory(tile).limit !== null);
    const tilesBefore = this.#tiles;
    const rungsBefore = new Map(this.#tiles.map((tile) => [tile.id, this.#rung(tile).name]));
    this.#tiles = tiles;
    this.#memories = new Map(tiles.map(({ id }) => [id, before.get(id) ?? newMemory()]));
    if (tiles.some((tile) => rungsBefore.get(tile.id) !== this.#rung(tile).name))
      this.#settledMs = Math.max(this.#settledMs, nowMs + START_MS);
    this.#forgetPauses(tilesBefore, rungsBefore);
    return wasLimited ? this.#movable.flatMap((tile) => (before.has(tile.id) ? [] : this.#begin(tile, nowMs))) : [];
  }

  /** End a try that cannot be judged. */
  #leaveTry() {
    const trying = this.#trying;
    const memory = trying && this.#memories.get(trying.id);
    this.#trying = null;
    if (trying && memory) memory.limit = trying.from;
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
    const nowKbps = sum(this.#tiles.filter(({ isVisible }) => isVisible).map((tile) => rateOf(this.#rung(tile))));
    for (const tile of this.#movable) {
      const one = old.get(tile.id);
      if (one?.isVisible && (nowKbps < oldKbps * FREED_SHARE || (tile.isChosen && !one.isChosen))) this.#forgetPause(tile);
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
  }

  /** The page is hidden: a try waits, because a hidden page shows no frames. */
  rest() {
    if (this.#trying) this.#trying.sinceMs = this.#trying.unseenMs = null;
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
    return this.#trying?.id === id ? this.#trying.from : null;
  }

  /** Note that the stream of a tile's try was refused: the rung before it plays again. @param {string} id @param {number} nowMs */
  failTry(id, nowMs) {
    if (this.#trying?.id === id) this.#endFailedTry(nowMs);
  }

  /** Decide about all tiles; called every second. @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  decide(link, nowMs) {
    this.#kbps = link.kbps ?? this.#kbps;
    if (!link.isLate) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= nowMs;
    if (this.#trying) return this.#judgeTry(link, nowMs);
    if (link.isLate) return nowMs < this.#settledMs ? [] : this.#stepDown(link, nowMs);
    return link.calmMs < CALM_MS ? [] : this.#tryBetter(link, nowMs);
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

  /** @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  #stepDown({ kbps, measuredMs = Infinity }, nowMs) {
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
      const step = this.#nextStep(rungs, isSure ? [] : steps);
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
    const changes = this.#movable.flatMap((tile) => this.#changeTo(tile, /** @type {Rung} */ (rungs.get(tile)).name, kbps, nowMs));
    if (changes.length) this.#settledMs = nowMs + SETTLE_MS;
    return changes;
  }

  /**
   * The next step down: stills last, the chosen tile after the others, the best and largest first.
   *
   * @param {Map<Tile, Rung>} rungs
   * @param {readonly Step[]} taken tiles of these steps take no other one
   * @returns {Step|null}
   */
  #nextStep(rungs, taken) {
    const movable = this.#movable.filter((tile) => !taken.some((step) => step.tile === tile));
    const steps = movable.flatMap((tile) => {
      const now = /** @type {Rung} */ (rungs.get(tile));
      const lower = tile.rungs.find(({ name }) => rank(name) > rank(now.name));
      return lower ? [{ tile, from: now.name, to: lower.name, savedKbps: rateOf(now) - rateOf(lower) }] : [];
    });
    steps.sort(
      (a, b) =>
        Number(a.to === 'stills') - Number(b.to === 'stills') ||
        Number(a.tile.isChosen) - Number(b.tile.isChosen) ||
        rank(a.from) - rank(b.from) ||
        b.tile.pixels - a.tile.pixels,
    );
    return steps[0] ?? null;
  }

  /** @param {Tile} tile @param {RungName} to @param {number|null} kbps @param {number} nowMs @returns {Change[]} */
  #changeTo(tile, to, kbps, nowMs) {
    const from = this.#rung(tile).name;
    if (from === to) return [];
    const memory = this.#memory(tile);
    memory.limit = to;
    if (nowMs < memory.proofMs) memory.pauseMs = Math.min(MAX_PAUSE_MS, memory.unprovenPauseMs * 2);
    memory.tryAfterMs = nowMs + memory.pauseMs;
    return [{ id: tile.id, from, to, why: 'late', kbps }];
  }

  // ── Up ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Try the next better rung of one tile: of the chosen one, otherwise of the worst one. @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  #tryBetter({ kbps, burstKbps = null }, nowMs) {
    const tries = this.#movable.flatMap((tile) => {
      const now = this.#rung(tile).name;
      const better = tile.rungs.filter(({ name }) => rank(name) < rank(now) && rank(name) >= rank(this.#topOf(tile))).at(-1);
      if (!better) return [];
      const { tryAfterMs, failedKbps } = this.#memory(tile);
      const isBetterLink =
        burstKbps !== null && failedKbps !== null && burstKbps > BETTER * failedKbps && burstKbps > BETTER * rateOf(better);
      return nowMs >= tryAfterMs || isBetterLink ? [{ tile, from: now, to: better.name }] : [];
    });
    tries.sort((a, b) => Number(b.tile.isChosen) - Number(a.tile.isChosen) || rank(b.from) - rank(a.from));
    const first = tries[0];
    if (!first) return [];
    const { tile, from, to } = first;
    this.#memory(tile).limit = to;
    this.#trying = { id: tile.id, from, to, sinceMs: nowMs, unseenMs: nowMs, burstKbps };
    return [{ id: tile.id, from, to, why: 'try', kbps }];
  }

  /** @param {LinkState} link @param {number} nowMs @returns {Change[]} */
  #judgeTry({ isLate, kbps }, nowMs) {
    const trying = this.#trying;
    const memory = trying && this.#memories.get(trying.id);
    if (!trying || !memory) return [];
    const forMs = nowMs - (trying.sinceMs ??= nowMs);
    const hasNoFrame = this.#tiles.some(({ id, isStarting }) => id === trying.id && isStarting);
    if ((isLate && nowMs >= this.#settledMs) || (forMs >= NO_FRAME_MS && hasNoFrame)) {
      this.#endFailedTry(nowMs);
      return [{ id: trying.id, from: trying.to, to: trying.from, why: 'failed_try', kbps }];
    }
    if (hasNoFrame) trying.unseenMs = nowMs;
    if (forMs >= TRY_MS && nowMs - (trying.unseenMs ??= nowMs) >= SHOWN_MS) {
      this.#trying = null;
      memory.failedKbps = trying.burstKbps; // a fall soon after needs a better link, too
      memory.proofMs = nowMs + PROOF_MS;
      memory.unprovenPauseMs = memory.pauseMs;
      memory.pauseMs = Math.max(FIRST_PAUSE_MS, memory.pauseMs / 2);
      const tile = this.#tiles.find(({ id }) => id === trying.id);
      if (tile && rank(trying.to) <= rank(this.#topOf(tile))) memory.limit = null;
    }
    return [];
  }

  /** Go back to the rung before the try, and wait longer before the tile's next one. @param {number} nowMs */
  #endFailedTry(nowMs) {
    const trying = this.#trying;
    const memory = trying && this.#memories.get(trying.id);
    this.#trying = null;
    if (!trying || !memory) return;
    memory.limit = trying.from;
    memory.pauseMs = Math.min(MAX_PAUSE_MS, memory.pauseMs * 2);
    memory.failedKbps = trying.burstKbps;
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
  return { limit: null, ...pauses, tryAfterMs: -Infinity, failedKbps: null, proofMs: -Infinity };
}

/** @param {RungName} name */
function rank(name) {
  return ORDER.indexOf(name);
}

/** True if both rungs are known and the first one is better. @param {RungName|null} [one] @param {RungName|null} [other] */
export function isBetter(one, other) {
  return Boolean(one && other) && rank(/** @type {RungName} */ (one)) < rank(/** @type {RungName} */ (other));
}

/** @param {Rung} rung */
function rateOf({ name, kbps }) {
  return kbps ?? USUAL_KBPS[name];
}

/** @param {readonly number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0);
}

/** @param {Tile} tile @param {RungName} [name] */
function rateIn({ rungs }, name) {
  return name ? rateOf(rungs.find((rung) => rung.name === name) ?? { name, kbps: null }) : 0;
}

/** @param {Tile} tile @param {RungName} name @returns {Rung} */
function rungNamed(tile, name) {
  return /** @type {Rung} */ (tile.rungs.find((rung) => rung.name === name));
}

/** The order in which steps are taken back: the chosen tile's first, then the lowest, then the largest. @param {Step} a @param {Step} b */
function byNeed(a, b) {
  return Number(b.tile.isChosen) - Number(a.tile.isChosen) || rank(b.from) - rank(a.from) || b.tile.pixels - a.tile.pixels;
}

/** The tile's best rung that is not better than `limit`; otherwise its last one. @param {Tile} tile @param {RungName} limit @returns {Rung} */
function bestWithin({ rungs }, limit) {
  return rungs.find(({ name }) => rank(name) >= rank(limit)) ?? /** @type {Rung} */ (rungs.at(-1));
}
