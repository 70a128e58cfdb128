// @ts-check
/** Opens the tiles' menu, the channel picker and the list of keys. Their code, wall-panels.js, loads later. */
import { setAttribute } from '../components/dom.js';
import { nextPlace } from '../lib/wall-layout.js';
import { byId, lazyModule } from './page.js';

/**
 * @typedef {import('./wall-arrangement.js').WallArrangement} WallArrangement
 * @typedef {import('./wall-board.js').WallBoard} WallBoard
 * @typedef {import('./wall-menu.js').WallMenu} WallMenu
 */

export class WallPopups {
  #api;
  #board;
  #arrangement;
  #picker = byId('picker', HTMLElement);
  #panels = lazyModule(() => this.#load());
  /** The menu that opens once its code has loaded; null: none. @type {{place: number}|null} */
  #awaitedMenu = null;
  /** @type {import('./wall-board.js').Known} */
  #known = [];

  /** @param {import('../lib/api.js').Api} api @param {WallBoard} board @param {WallArrangement} arrangement */
  constructor(api, board, arrangement) {
    this.#api = api;
    this.#board = board;
    this.#arrangement = arrangement;
    this.#picker.addEventListener('channel-picked', (event) => {
      const place = board.chosen;
      arrangement.put(/** @type {CustomEvent<import('../lib/wall-state.js').Tile>} */ (event).detail, place);
      board.choose(nextPlace(arrangement.view.tiles, place));
    });
    this.#picker.addEventListener('picker-closed', () => this.closePicker());
  }

  /** @param {import('./wall-board.js').Known} known */
  set known(known) {
    this.#known = known;
    if (this.#panels.loaded) this.#panels.loaded.picker.known = known;
  }

  /** Load the code before the user opens anything. */
  prepare() {
    void this.#panels.prepare();
  }

  async #load() {
    const { createMenu, keysDialog, picker } = await import('./wall-panels.js');
    const menu = createMenu(this.#api, this.#board);
    menu.addEventListener('full', (event) => this.#arrangement.toggleFull(/** @type {CustomEvent<number>} */ (event).detail));
    menu.addEventListener('remove', (event) => this.#arrangement.remove(/** @type {CustomEvent<number>} */ (event).detail));
    menu.addEventListener('pick', () => void this.openPicker());
    menu.addEventListener('quality', (event) => {
      const { place, quality } = /** @type {CustomEvent<{place: number, quality: import('../lib/tile-facts.js').TileQuality}>} */ (event)
        .detail;
      this.#arrangement.chooseQuality(place, quality);
      this.#board.at(place)?.retry();
    });
    picker.known = this.#known;
    return { keysDialog, menu, picker };
  }

  // ── Menu ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {number} place @param {{x: number, y: number}} at */
  async openMenu(place, at) {
    const awaited = { place };
    this.#awaitedMenu = awaited;
    this.#board.choose(place);
    const loaded = await this.#panels.get();
    if (awaited !== this.#awaitedMenu) return; // Escape has closed it, or another tile's menu is wanted
    this.#awaitedMenu = null;
    loaded?.menu.open(place, at, { isFull: this.#arrangement.full !== null });
  }

  /** Close a menu whose code still loads. @returns {boolean} true if there was one */
  closeAwaitedMenu() {
    const wasAwaited = this.#awaitedMenu !== null;
    this.#awaitedMenu = null;
    return wasAwaited;
  }

  /** Do one of the menu's actions without opening it. @param {(menu: WallMenu) => unknown} work */
  async withMenu(work) {
    const loaded = await this.#panels.get();
    if (loaded) work(loaded.menu);
  }

  // ── Keys and picker ──────────────────────────────────────────────────────────────────────────────────────────────

  async showKeys() {
    (await this.#panels.get())?.keysDialog.show();
  }

  get isPickerOpen() {
    return !this.#picker.hidden;
  }

  /** Return the channel of the picker that was pressed; null if the press was elsewhere. @param {Element} pressed */
  pickedChannel(pressed) {
    return this.#picker.contains(pressed) ? (this.#panels.loaded?.picker.channelAt(pressed) ?? null) : null;
  }

  async openPicker() {
    const loaded = await this.#panels.get();
    if (!loaded || this.#arrangement.isLoading) return;
    this.#arrangement.setFull(null);
    loaded.picker.open();
    this.#markPicking(true);
  }

  closePicker() {
    const hadFocus = this.#picker.contains(document.activeElement);
    this.#picker.hidden = true;
    if (hadFocus) this.#board.choose(this.#board.chosen, { focus: true });
    this.#markPicking(false);
  }

  togglePicker() {
    if (this.isPickerOpen) this.closePicker();
    else void this.openPicker();
  }

  /** @param {boolean} isOpen */
  #markPicking(isOpen) {
    setAttribute(byId('wall', HTMLElement), 'data-picking', isOpen);
    byId('toggle-picker', HTMLElement).setAttribute('aria-pressed', String(isOpen));
  }
}
