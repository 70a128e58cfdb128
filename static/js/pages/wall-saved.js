// @ts-check
/** The dialog that lists, saves, renames and deletes named walls. */
import { AppDialog } from '../components/app-dialog.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { clearErrors, showErrors } from '../components/field-errors.js';
import { WallList } from '../components/wall-list.js';
import { problemOf } from '../lib/api.js';
import { areSameTiles } from '../lib/wall-state.js';
import { byId, showToast } from './page.js';

/**
 * @typedef {import('../lib/walls-api.js').Wall} Wall
 * @typedef {import('../lib/walls-api.js').WallsApi} WallsApi
 * @typedef {import('./wall-board.js').WallView} WallView
 */

/**
 * Emits 'open' with the wall to show (null: all channels), 'saved' with a wall that was saved from the screen,
 * 'renamed' with the present wall, and 'deleted' with the present wall after it was deleted: its tiles stay on screen.
 */
export class SavedWalls extends EventTarget {
  #api;
  #shown;
  #dialog = byId('walls-dialog', AppDialog);
  #list = byId('walls', WallList);
  #form = byId('save-wall', HTMLFormElement);
  #confirm = byId('confirm', ConfirmDialog);
  /** @type {Wall[]} */
  #walls = [];
  /** Number of the newest request for the walls. The answers to earlier ones are outdated. */
  #newestRequest = 0;
  /** The saved wall that is shown, without unsaved changes. @type {Wall|null} */
  #current = null;

  /** @param {WallsApi} api @param {() => WallView} shown returns the tiles on screen */
  constructor(api, shown) {
    super();
    this.#api = api;
    this.#shown = shown;
    this.#list.addEventListener('wall-open', (event) => this.#open(/** @type {CustomEvent<Wall>} */ (event).detail));
    this.#list.addEventListener('wall-delete', (event) => void this.#delete(/** @type {CustomEvent<Wall>} */ (event).detail));
    this.#list.addEventListener(
      'wall-rename',
      (event) => void this.#rename(/** @type {CustomEvent<{wall: Wall, name: string}>} */ (event).detail),
    );
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#add(byId('wall-name', HTMLInputElement).value);
    });
    byId('save-changes', HTMLElement).addEventListener('click', () => void this.#keepChanges());
    byId('all-channels', HTMLElement).addEventListener('click', () => this.#open(null));
  }

  /** @param {Wall|null} wall */
  set current(wall) {
    this.#current = wall;
    this.#draw();
  }

  get current() {
    return this.#current;
  }

  get isChanged() {
    const { layout, tiles } = this.#shown();
    return this.#current !== null && (layout !== this.#current.layout || !areSameTiles(tiles, this.#current.tiles));
  }

  show() {
    clearErrors(this.#form);
    byId('wall-name', HTMLInputElement).value = '';
    this.#draw();
    this.#dialog.show();
    void this.#refresh();
  }

  async #refresh() {
    this.#newestRequest += 1;
    const request = this.#newestRequest;
    try {
      const walls = await this.#api.walls();
      if (request === this.#newestRequest) this.#walls = walls;
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.#draw();
  }

  #draw() {
    this.#list.show({ walls: this.#walls, currentId: this.#current?.id ?? null });
    const keep = byId('save-changes', HTMLElement);
    keep.hidden = !this.#current?.mayChange || !this.isChanged;
    keep.textContent = `Save the changes to “${this.#current?.name ?? ''}”`;
  }

  /** @param {Wall|null} wall */
  #open(wall) {
    this.#dialog.close();
    this.#current = wall;
    this.dispatchEvent(new CustomEvent('open', { detail: wall }));
  }

  /** @param {string} name */
  async #add(name) {
    const { layout, tiles } = this.#shown();
    try {
      this.#saved(await this.#api.add({ name: name.trim(), layout, tiles: [...tiles] }));
    } catch (error) {
      showErrors(this.#form, error);
    }
  }

  async #keepChanges() {
    const { layout, tiles } = this.#shown();
    if (!this.#current) return;
    try {
      this.#saved(await this.#api.change(this.#current.id, { layout, tiles: [...tiles] }));
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
  }

  /** @param {Wall} wall */
  #saved(wall) {
    this.#dialog.close();
    this.#current = wall;
    showToast(`Saved “${wall.name}”`);
    this.dispatchEvent(new CustomEvent('saved', { detail: wall }));
  }

  /** @param {{wall: Wall, name: string}} change */
  async #rename({ wall, name }) {
    try {
      const renamed = await this.#api.change(wall.id, { name });
      if (this.#current?.id === wall.id) {
        this.#current = renamed;
        this.dispatchEvent(new CustomEvent('renamed', { detail: renamed }));
      }
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    await this.#refresh();
  }

  /** @param {Wall} wall */
  async #delete(wall) {
    const isSure = await this.#confirm.ask(`Delete “${wall.name}”?`, 'The layout is deleted. Cameras and channels stay.');
    if (!isSure) return;
    try {
      await this.#api.remove(wall.id);
      const shown = this.#current;
      if (shown?.id === wall.id) {
        this.#current = null;
        this.dispatchEvent(new CustomEvent('deleted', { detail: shown }));
      }
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    await this.#refresh();
  }
}
