// @ts-check
/**
 * The wall's arrangement: the layout, the channel at each place, and the place that fills the page. The page's address
 * has it, and this browser remembers it. It starts from a saved wall, or from all channels.
 */
import { problemOf } from '../lib/api.js';
import { MOST_TILES, fitted, isLayout, layoutFor, placed, swapped } from '../lib/wall-layout.js';
import { defaultTiles, readWallState, visibleTiles, withQuality, writeWallState } from '../lib/wall-state.js';
import { remember, rememberQuality, remembered, rememberedQuality, showToast } from './page.js';

/**
 * @typedef {import('../lib/wall-state.js').Tile} Tile
 * @typedef {import('../lib/wall-state.js').WallState} WallState
 * @typedef {import('../lib/walls-api.js').Wall} Wall
 */

const LAST_WALL = 'wall';

/** Emits 'change' after each change of the arrangement. Places count from 0. */
export class WallArrangement extends EventTarget {
  #api;
  #saved;
  #state = readWallState(window.location.search || remembered(LAST_WALL) || '');
  /** The user's tiles. Tiles beyond a smaller layout are kept: a larger one shows them again. @type {(Tile|null)[]} */
  #tiles = this.#state.tiles ?? [];
  /** @type {import('./wall-board.js').Known} */
  known = [];

  /** @param {import('../lib/walls-api.js').WallsApi} api @param {import('./wall-saved.js').SavedWalls} saved */
  constructor(api, saved) {
    super();
    this.#api = api;
    this.#saved = saved;
    saved.addEventListener('open', (event) => {
      const wall = /** @type {CustomEvent<Wall|null>} */ (event).detail;
      this.#tiles = [...(wall?.tiles ?? [])];
      this.#update({ layout: null, tiles: null, full: null, wallId: wall?.id ?? null }, { push: true });
    });
    saved.addEventListener('saved', (event) => {
      const { id } = /** @type {CustomEvent<Wall>} */ (event).detail;
      this.#update({ layout: null, tiles: null, wallId: id });
    });
    saved.addEventListener('deleted', (event) => {
      const { layout, tiles } = /** @type {CustomEvent<Wall>} */ (event).detail;
      if (!this.#state.tiles) this.#tiles = [...tiles];
      this.#update({ layout: this.#state.layout ?? layout, tiles: this.#tiles, wallId: null });
    });
    window.addEventListener('popstate', () => {
      this.#state = readWallState(window.location.search);
      this.#tiles = this.#state.tiles ?? [];
      if (this.#state.wallId !== saved.current?.id) saved.current = null;
      this.#changed();
      void this.loadSavedWall();
    });
  }

  /** The arrangement on screen. @returns {import('./wall-board.js').WallView} */
  get view() {
    const { layout: chosen, full, tiles } = this.#state;
    const initial = this.isLoading ? [] : defaultTiles(this.#cameras());
    const all = tiles ? this.#tiles : (this.#saved.current?.tiles ?? initial);
    const layout = chosen ?? this.#saved.current?.layout ?? layoutFor(all.length);
    return { layout, tiles: fitted(all, layout), full: full !== null && full < layout ? full : null };
  }

  get full() {
    return this.view.full;
  }

  /** The quality of all tiles without a choice of their own: of the address, otherwise of this browser. */
  get quality() {
    return this.#state.quality ?? rememberedQuality();
  }

  /** True if neither the user nor a saved wall has chosen the tiles, so that the wall shows all channels. */
  get isDefault() {
    return this.#state.tiles === null && this.#saved.current === null;
  }

  /** True until the saved wall of the address is known. Changes are ignored until then: they would replace the wall. */
  get isLoading() {
    const { wallId, tiles } = this.#state;
    return wallId !== null && tiles === null && this.#saved.current?.id !== wallId;
  }

  /** Number of all channels that are permitted and not hidden. */
  get channelCount() {
    return visibleTiles(this.#cameras()).length;
  }

  /** Put the remembered arrangement into an address that has none. */
  start() {
    if (!window.location.search) this.#update({});
    void this.loadSavedWall();
  }

  /** Load the saved wall of the address, if it is not on screen yet. Called again with each list of cameras. */
  async loadSavedWall() {
    const { wallId } = this.#state;
    if (wallId === null || this.#saved.current?.id === wallId) return;
    // The user may have opened another wall, or changed this one, since the request.
    const isOutdated = () => this.#state.wallId !== wallId || this.#saved.current?.id === wallId;
    try {
      const wall = await this.#api.wall(wallId);
      if (isOutdated()) return;
      this.#saved.current = wall;
      if (!this.#state.tiles) this.#tiles = wall.tiles;
    } catch (error) {
      if (problemOf(error).code !== 'not_found' || isOutdated()) return;
      showToast('This layout does not exist, or it belongs to another user.', 'bad');
      this.#state.wallId = null;
    }
    this.#changed();
  }

  /** Return a link that lists the tiles, because other users may not open a saved wall of this user. */
  linkToTiles() {
    const { view } = this;
    const url = new URL(window.location.pathname, window.location.href);
    url.search = writeWallState({ ...view, tiles: [...view.tiles], wallId: null, quality: null });
    return url.href.replaceAll('%2C', ',');
  }

  // ── Changes by the user ──────────────────────────────────────────────────────────────────────────────────────────

  /** @param {number} layout */
  chooseLayout(layout) {
    if (!isLayout(layout) || this.isLoading) return;
    const whole = this.#state.tiles ?? this.#saved.current?.tiles ?? null;
    if (whole && !this.#state.tiles) this.#tiles = [...whole];
    this.#update({ layout, tiles: whole && this.#tiles, full: null }, { push: true });
  }

  /** Let a tile fill the page; null: none. @param {number|null} place */
  setFull(place) {
    const { full, tiles } = this.view;
    if (this.isLoading || place === full || (place !== null && !tiles[place])) return;
    this.#update({ full: place }, { push: true });
  }

  /** @param {number} place */
  toggleFull(place) {
    this.setFull(this.full === null ? place : null);
  }

  /** Let another tile fill the page instead; without a new entry in the history. @param {number} place */
  moveFull(place) {
    if (this.view.tiles[place]) this.#update({ full: place });
  }

  /** @param {Tile} tile @param {number} place */
  put(tile, place) {
    this.#arrange(placed(this.#allTiles(), place, tile));
  }

  /** @param {number} place */
  remove(place) {
    if (this.view.tiles[place]) this.#arrange(placed(this.#allTiles(), place, null), { full: null });
  }

  /** @param {number} from @param {number} to */
  swap(from, to) {
    this.#arrange(swapped(this.#allTiles(), from, to));
  }

  /** Choose the quality of all tiles without a choice of their own. @param {import('../lib/viewer-state.js').QualityChoice} quality */
  chooseWallQuality(quality) {
    rememberQuality(quality);
    this.#update({ quality });
  }

  /** @param {number} place @param {import('../lib/tile-facts.js').TileQuality} quality */
  chooseQuality(place, quality) {
    const tile = this.view.tiles[place];
    if (tile) this.put(withQuality(tile, quality), place);
  }

  // ── State and address ────────────────────────────────────────────────────────────────────────────────────────────

  #cameras() {
    return this.known.map(({ camera, channels }) => ({ id: camera.id, channels: channels ?? [] }));
  }

  /** Return the tiles of all places, those beyond the layout included. */
  #allTiles() {
    return this.#state.tiles ? this.#tiles : [...this.view.tiles];
  }

  /** @param {(Tile|null)[]} next @param {Partial<WallState>} [also] */
  #arrange(next, also = {}) {
    if (this.isLoading) return;
    const { layout } = this.view;
    this.#tiles = next.slice(0, MOST_TILES);
    this.#update({ layout, tiles: this.#tiles, ...also });
  }

  /** @param {Partial<WallState>} change @param {{push?: boolean}} [how] `push`: the back button undoes this change */
  #update(change, { push = false } = {}) {
    this.#state = { ...this.#state, ...change };
    const search = writeWallState({ ...this.#state, tiles: this.#state.tiles && fitted(this.#tiles, this.view.layout) });
    if (search !== window.location.search) {
      const address = `${window.location.pathname}${search}`;
      if (push) window.history.pushState(null, '', address);
      else window.history.replaceState(null, '', address);
    }
    remember(LAST_WALL, writeWallState({ ...readWallState(search), full: null, quality: null }));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
