// @ts-check
/** The wall's tiles: their places, the tiles that play, and the chosen, the audible and the full-page tile. */
import { decodableCodecs } from '../components/hls-engine.js';
import '../components/live-tile.js';
import { setAttribute } from '../components/dom.js';
import { LiveSockets } from '../lib/live-sockets.js';
import { JobQueue } from '../lib/job-queue.js';
import { stateText } from '../lib/recording-text.js';
import { LOOK_MS, QualityControl } from '../lib/quality-control.js';
import { StillQueue } from '../lib/still-queue.js';
import { choiceFor, contentOf } from '../lib/tile-facts.js';
import { cellsOf, columnsOf, isLarge } from '../lib/wall-layout.js';
import { isSameChannel } from '../lib/wall-state.js';
import { Attention } from './attention.js';
import { byId, chosenDecoder, onSavesData, openedSocket, showToast, userSavesData } from './page.js';
import { pageSocket } from './page-socket.js';
import { ServerRecording } from './server-recording.js';

/**
 * @typedef {import('../components/live-tile.js').LiveTile} LiveTile
 * @typedef {import('../lib/wall-layout.js').Layout} Layout
 * @typedef {import('../lib/wall-state.js').Tile} Tile
 * @typedef {{layout: Layout, tiles: readonly (Tile|null)[], full: number|null}} WallView `tiles`: one per place
 * @typedef {readonly {camera: import('../lib/api.js').Camera,
 *   channels: import('../lib/api.js').Channel[]|null}[]} Known
 */

/** Behind a full-page tile the others play on for a moment, because the user may go back soon. */
const FULL_REST_MS = 5000;
/** The same on a thin link: the tile that fills the page needs their part of it. */
const FULL_REST_THIN_MS = 1500;
/** A tile that is scrolled out of sight plays on for this long. */
const OUT_OF_SIGHT_MS = 1500;
const SIGHT_MARGIN = '120px';
const PARALLEL_SNAPSHOTS = 3;

/**
 * Emits 'awake' when the page wakes up, and 'settled' once every tile in sight plays or has no picture to expect soon.
 */
export class WallBoard extends EventTarget {
  /** Recording on the server. */
  recording = new ServerRecording();
  #api;
  #socket;
  #quality;
  #snapshots = new JobQueue(PARALLEL_SNAPSHOTS);
  #stills = new StillQueue();
  #decodes = decodableCodecs();
  #grid = byId('wall-grid', HTMLElement);
  /** @type {LiveTile[]} */
  #elements = [];
  /** @type {WallView} */
  #view = { layout: 1, tiles: [], full: null };
  /** @type {Known} */
  #known = [];
  /** The user's choice for the whole wall. @type {import('../lib/tile-facts.js').TileQuality} */
  #wallQuality = 'auto';
  /** @type {LiveTile|null} */
  #audibleTile = null;
  /** The present requests, by place. @type {Omit<import('../components/live-tile.js').TileRequest, 'rung'>[]} */
  #requests = [];
  #chosen = 0;
  /** @type {'visible'|'hidden'|'left'} */
  #attention = 'visible';
  #isFullForLong = false;
  #isSettled = false;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #fullTimer = null;
  /**
   * Tiles in sight (true), or just scrolled out of sight (timer).
   *
   * @type {Map<Element, true|ReturnType<typeof setTimeout>>}
   */
  #sight = new Map();
  #observer;

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#socket = pageSocket(api, openedSocket());
    this.#quality = this.#socket && new QualityControl({ link: this.#socket.link, startsLow: userSavesData() });
    this.#observer = new IntersectionObserver((changes) => this.#intersected(changes), { rootMargin: SIGHT_MARGIN });
    const attention = new Attention();
    attention.addEventListener('asleep', () => this.#sleep('hidden'));
    attention.addEventListener('awake', () => this.#wake());
    attention.addEventListener('leaving', () => {
      this.#sleep('left');
      this.#socket?.close();
    });
    this.#grid.addEventListener('tile-audio-blocked', () => {
      this.setAudible(null);
      showToast('The browser allows sound only after a click. Press M, or use the menu.');
    });
    this.#grid.addEventListener('focusin', (event) => {
      const place = this.placeOf(/** @type {Element} */ (event.target));
      if (place !== null) this.choose(place);
    });
    onSavesData((startsLow) => this.#quality && (this.#quality.startsLow = startsLow));
    setInterval(() => this.#tick(), LOOK_MS);
  }

  /** The server's time; the socket's clock is exact to milliseconds. */
  get nowMs() {
    return this.#socket?.isUp && this.#socket.clock.isKnown ? this.#socket.clock.nowMs() : this.#api.clock.nowMs();
  }

  /** @param {Known} known */
  set known(known) {
    this.#known = known;
    if (this.#socket instanceof LiveSockets) this.#socket.notePlaces(known.map(({ camera }) => camera));
    this.#updateTiles();
  }

  /** Show tiles. A tile that was shown before plays on, also in another place. @param {WallView} view */
  setView(view) {
    const { layout, tiles, full } = view;
    const hadFocus = this.#grid.contains(document.activeElement);
    if (full !== this.#view.full) this.#setFull(full);
    this.#view = view;
    this.#arrange(tiles);
    this.#grid.dataset.layout = String(layout);
    this.#grid.style.setProperty('--columns', String(columnsOf(layout)));
    setAttribute(document.body, 'data-full', full !== null);
    // If all tiles are of one recorder, its name is not shown on them.
    this.#grid.toggleAttribute('data-one-camera', new Set(tiles.flatMap((tile) => tile?.cameraId ?? [])).size === 1);
    const cells = cellsOf(layout);
    this.#elements.forEach((element, place) => {
      const { column, row, span } = cells[place] ?? { column: 1, row: 1, span: 1 };
      for (const [name, value] of Object.entries({ column, row, span, place })) element.style.setProperty(`--${name}`, String(value));
      setAttribute(element, 'data-place', place + 1);
      setAttribute(element, 'data-large', isLarge(layout, place));
      setAttribute(element, 'data-full', place === full);
      element.inert = full !== null && place !== full;
    });
    if (this.#audibleTile && !this.#elements.includes(this.#audibleTile)) this.#audibleTile = null;
    this.#updateTiles();
    const chosen = full ?? Math.min(this.#chosen, layout - 1);
    // The focus stays on a control inside the tile.
    this.choose(chosen, { focus: hadFocus && !this.#elements[chosen]?.contains(document.activeElement) });
  }

  // ── One tile ─────────────────────────────────────────────────────────────────────────────────────────────────────

  get chosen() {
    return this.#chosen;
  }

  /** @param {number} place @param {{focus?: boolean}} [how] */
  choose(place, { focus = false } = {}) {
    this.#chosen = place;
    this.#elements.forEach((element, each) => {
      setAttribute(element, 'tabindex', each === place ? '0' : '-1');
      setAttribute(element, 'aria-current', each === place ? 'true' : null);
    });
    if (focus) this.#elements[place]?.focus({ preventScroll: this.#view.full !== null });
  }

  /** @param {number} place @returns {LiveTile|null} */
  at(place) {
    return this.#elements[place] ?? null;
  }

  /** The only visible tile, if there is just one. @returns {LiveTile|null} */
  get alone() {
    return this.#elements.find(({ isAlone }) => isAlone) ?? null;
  }

  /** @param {Element|null} inside @returns {number|null} */
  placeOf(inside) {
    const place = this.#elements.findIndex((element) => element.contains(inside));
    return place < 0 ? null : place;
  }

  /** The user's choice for all tiles without a choice of their own. */
  get quality() {
    return this.#wallQuality;
  }

  set quality(quality) {
    if (quality === this.#wallQuality) return;
    this.#wallQuality = quality;
    this.#updateTiles();
  }

  get audibleTile() {
    return this.#audibleTile;
  }

  /** Give audio to one tile, and mute the others. @param {LiveTile|null} tile */
  setAudible(tile) {
    this.#audibleTile = tile;
    this.#updateTiles();
  }

  // ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {readonly (Tile|null)[]} tiles */
  #arrange(tiles) {
    const free = new Set(this.#elements);
    /** @param {Tile|null} tile @param {LiveTile|undefined} element */
    const has = (tile, element) => element !== undefined && free.has(element) && isSameChannel(tile, element.content?.tile);
    // First the tiles that stay, then those that move, so that a playing element is reused.
    const found = tiles.map((tile, place) => {
      const element = this.#elements[place];
      if (!element || !has(tile, element)) return null;
      free.delete(element);
      return element;
    });
    const elements = tiles.map((tile, place) => {
      const element = found[place] ?? [...free].find((each) => has(tile, each)) ?? this.#make();
      free.delete(element);
      return element;
    });
    for (const element of free) this.#drop(element);
    this.#elements = elements;
  }

  #make() {
    const tile = /** @type {LiveTile} */ (document.createElement('live-tile'));
    tile.setAttribute('role', 'group');
    tile.options = {
      socket: this.#socket,
      api: this.#api,
      snapshots: this.#snapshots,
      stills: this.#stills,
      decodes: this.#decodes,
      decoder: chosenDecoder(),
    };
    this.#grid.append(tile);
    this.#observer.observe(tile);
    return tile;
  }

  /** @param {LiveTile} tile */
  #drop(tile) {
    this.#observer.unobserve(tile);
    const seen = this.#sight.get(tile);
    if (seen !== undefined && seen !== true) clearTimeout(seen);
    this.#sight.delete(tile);
    tile.remove();
  }

  #updateTiles() {
    const { layout, tiles, full } = this.#view;
    this.#requests = this.#elements.map((element, place) => {
      const tile = tiles[place] ?? null;
      const shown = {
        content: tile && contentOf(tile, this.#known),
        isLarge: full === place || isLarge(layout, place),
        isAlone: full === place || layout === 1,
      };
      return {
        ...shown,
        quality: choiceFor(tile, this.#wallQuality, element.showsMain(shown)),
        isActive: this.#isActive(element, place),
        isAudible: element === this.#audibleTile,
      };
    });
    this.#quality?.setTiles(this.#ladderTiles(), performance.now());
    const isLinkThin = this.#socket?.link.isThin(performance.now()) ?? false;
    this.#elements.forEach((element, place) => {
      const request = this.#requests[place];
      if (request) element.setRequest({ ...request, rung: this.#quality?.rungOf(element.ladderId) ?? null }, { isLinkThin });
    });
  }

  /** The tiles whose quality the ladder may change. */
  #ladderTiles() {
    return this.#elements.flatMap((element, place) => {
      const request = this.#requests[place];
      const rungs = request ? element.rungsAt(request) : [];
      if (!request || !rungs.length) return [];
      const { isActive, isAudible } = request;
      return [
        {
          id: element.ladderId,
          rungs,
          pinned: element.pinAt(request),
          isChosen: isAudible || request.isAlone || place === this.#chosen,
          isVisible: isActive && !element.isPaused,
          pixels: element.clientWidth * element.clientHeight,
          player: element,
        },
      ];
    });
  }

  // ── Playing and resting ──────────────────────────────────────────────────────────────────────────────────────────

  /** @param {LiveTile} element @param {number} place */
  #isActive(element, place) {
    // In a hidden tab the audible tile plays on.
    if (this.#attention !== 'visible') return this.#attention === 'hidden' && element === this.#audibleTile;
    const { full } = this.#view;
    if (full !== null) return place === full || !this.#isFullForLong;
    return this.#sight.has(element) || element === this.#audibleTile;
  }

  /** @param {number|null} full */
  #setFull(full) {
    if (this.#fullTimer !== null) clearTimeout(this.#fullTimer);
    this.#fullTimer = null;
    if (full === null) {
      this.#isFullForLong = false;
      return;
    }
    const isLimited = this.#elements.some(({ ladderId }) => this.#quality?.limitOf(ladderId));
    const restMs = isLimited ? FULL_REST_THIN_MS : FULL_REST_MS;
    this.#fullTimer = setTimeout(() => {
      this.#isFullForLong = true;
      this.#updateTiles();
    }, restMs);
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #intersected(changes) {
    for (const { target, isIntersecting } of changes) {
      const seen = this.#sight.get(target);
      if (seen !== undefined && seen !== true) clearTimeout(seen);
      if (isIntersecting) this.#sight.set(target, true);
      else if (seen !== undefined) {
        const timer = setTimeout(() => {
          this.#sight.delete(target);
          this.#updateTiles();
        }, OUT_OF_SIGHT_MS);
        this.#sight.set(target, timer);
      }
    }
    this.#updateTiles();
  }

  /** @param {'hidden'|'left'} attention */
  #sleep(attention) {
    this.#attention = attention;
    this.#updateTiles();
  }

  #wake() {
    this.#attention = 'visible';
    this.#quality?.forget(); // the network may be another one
    this.#updateTiles();
    for (const element of this.#elements) element.wake();
    this.dispatchEvent(new Event('awake'));
  }

  #lookAtLink() {
    const { hidden: isHidden } = document;
    if (isHidden && !this.#audibleTile) this.#quality?.rest();
    else this.#quality?.look(this.#ladderTiles(), performance.now(), { isHidden });
    for (const element of this.#elements) element.limit = this.#quality?.limitOf(element.ladderId) ?? null;
  }

  /** The recording of a tile's channel in words; null without a rule. @param {LiveTile} element @param {number} nowMs */
  #recordingOf({ content }, nowMs) {
    const state = content && this.recording.of(content.tile.cameraId, content.tile.channel);
    return state && state.state !== 'off' ? stateText(state, nowMs) : null;
  }

  #tick() {
    const { nowMs } = this;
    for (const element of this.#elements) {
      element.recording = this.#recordingOf(element, nowMs);
      element.tick(nowMs);
    }
    this.#lookAtLink();
    if (this.#isSettled || !this.#sight.size || !this.#elements.every(({ isSettled }) => isSettled)) return;
    this.#isSettled = true;
    this.dispatchEvent(new Event('settled'));
  }
}
