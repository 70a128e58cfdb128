// @ts-check
import { make, makeButton, nameForm } from './ptz-dom.js';

/**
 * @typedef {import('./ptz-panel.js').PtzContext} PtzContext
 * @typedef {import('../lib/ptz-types.js').PtzPreset} PtzPreset
 */

/** From this number of presets on, they can be searched. */
const MANY = 13;

/** The presets and the home position: go, store, rename, delete. */
export class PtzPresets {
  element = make('div', { class: 'ptz-section' });
  #context;
  /** @type {import('../lib/ptz-types.js').PtzPresetList|null} */
  #list = null;
  #hasFailed = false;
  #showsAll = false;
  #search = make('input', {
    type: 'text',
    inputmode: 'search',
    'aria-label': 'Find a preset',
    placeholder: 'Find a preset',
    autocomplete: 'off',
  });
  /** The preset whose tools are open. */
  #open = '';

  /** @param {PtzContext} context */
  constructor(context) {
    this.#context = context;
    this.#search.addEventListener('input', () => this.element.querySelector('[data-rows]')?.replaceWith(this.#rows()));
  }

  /** @returns {readonly PtzPreset[]} */
  get presets() {
    return this.#list?.presets ?? [];
  }

  /** True once the list was read. */
  get isRead() {
    return this.#list !== null;
  }

  /** Read the list. An open form stays, and so do the elements of a list without a change: a press may be under way. */
  async load() {
    const before = this.#state;
    await this.#read();
    const isKept = this.#state === before || this.element.querySelector('form') !== null;
    if (!isKept || !this.element.childElementCount) this.#draw();
  }

  /** Read the list after a change, and close the form. */
  async #reload() {
    await this.#read();
    this.#draw();
  }

  async #read() {
    const { api, abilities, run } = this.#context;
    if (!abilities.presets) return;
    const list = await run(() => api.presets({ all: this.#showsAll }));
    this.#hasFailed = list === null;
    this.#list = list ?? this.#list;
  }

  get #state() {
    return JSON.stringify([this.#list, this.#hasFailed]);
  }

  /** Go to the preset at this place of the list, from 1. @param {number} place */
  goToPlace(place) {
    const preset = this.presets[place - 1];
    if (preset) void this.#goTo(preset);
    return preset !== undefined;
  }

  /** @param {PtzPreset} preset */
  async #goTo({ token, name }) {
    const { api, command, toast } = this.#context;
    if (await command(() => api.goTo(token))) toast(`Going to ${name}`);
  }

  #draw() {
    const { abilities } = this.#context;
    const parts = [];
    if (abilities.home) parts.push(this.#home());
    if (abilities.presets) {
      if (this.presets.length >= MANY) parts.push(this.#search);
      parts.push(this.#rows());
      if (this.#list) parts.push(this.#add());
      const slots = this.#slots();
      if (slots) parts.push(slots);
    }
    this.element.replaceChildren(...parts);
  }

  #home() {
    const { api, abilities, command, confirm, run, toast } = this.#context;
    const go = async () => {
      if (await command(() => api.goHome())) toast('Going to the home position');
    };
    const set = async () => {
      if (!(await confirm('Change the home position?', 'The camera will return to where it points now.', 'Change'))) return;
      if (await run(() => api.setHome())) toast('This is the home position now');
    };
    const row = make(
      'div',
      { class: 'ptz-row' },
      makeButton('Home', () => void go(), { className: 'button small ptz-go' }),
    );
    if (abilities.home_settable) row.append(makeButton('Set here', () => void set(), { label: 'Set the home position here' }));
    return row;
  }

  #rows() {
    if (!this.#list && this.#hasFailed) return this.#failure();
    if (!this.#list) return make('p', { class: 'hint' }, 'Reading the presets');
    if (!this.presets.length) return make('p', { class: 'hint' }, 'No presets yet.');
    const wanted = this.presets.length >= MANY ? this.#search.value.trim().toLowerCase() : '';
    const list = make('ul', { class: 'ptz-list', 'aria-label': 'Presets', 'data-rows': true });
    this.presets.forEach((preset, index) => {
      if (preset.name.toLowerCase().includes(wanted)) list.append(this.#row(preset, index + 1));
    });
    return list.childElementCount ? list : make('p', { class: 'hint', 'data-rows': true }, 'No preset has this name.');
  }

  #failure() {
    const again = makeButton('Try again', () => {
      this.#hasFailed = false;
      this.#draw();
      void this.load();
    });
    return make('div', { class: 'ptz-section' }, make('p', { class: 'hint' }, 'The presets cannot be read.'), again);
  }

  /** @param {PtzPreset} preset @param {number} place */
  #row(preset, place) {
    const isOpen = this.#open === preset.token;
    const go = makeButton('', () => void this.#goTo(preset), { className: 'button small ptz-go' });
    go.append(make('kbd', { 'aria-hidden': true }, place <= 9 ? String(place) : '·'), make('span', {}, preset.name));
    go.setAttribute('aria-label', `Go to ${preset.name}`);
    const more = makeButton(`More for ${preset.name}`, () => this.#toggle(preset.token), {
      icon: 'more',
      className: 'button small icon-only',
    });
    more.setAttribute('aria-expanded', String(isOpen));
    more.dataset.token = preset.token;
    const row = make('li', {}, make('div', { class: 'ptz-row' }, go, more));
    if (isOpen) row.append(this.#tools(preset, row));
    return row;
  }

  /** @param {string} token */
  #toggle(token) {
    this.#open = this.#open === token ? '' : token;
    this.#draw();
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll('.ptz-list [aria-expanded]'));
    [...buttons].find((button) => button.dataset.token === token)?.focus();
  }

  /** @param {PtzPreset} preset @param {HTMLElement} row */
  #tools({ token, name }, row) {
    const { api, confirm, run, toast } = this.#context;
    const rename = () => {
      const save = async (/** @type {string} */ wanted) => {
        if (await run(() => api.changePreset(token, { name: wanted }))) toast(`Renamed to ${wanted}`);
        this.#open = '';
        await this.#reload();
      };
      row.replaceChildren(
        nameForm(
          { label: 'Name of the preset', value: name, submit: 'Save' },
          (wanted) => void save(wanted),
          () => this.#draw(),
        ),
      );
    };
    const store = async () => {
      if (!(await confirm(`Move ${name} here?`, 'The preset will be where the camera points now.', 'Move'))) return;
      if (await run(() => api.changePreset(token, { here: true }))) toast(`${name} is here now`);
      await this.#reload();
    };
    const remove = async () => {
      if (!(await confirm(`Delete ${name}?`, 'The preset is deleted on the device.', 'Delete'))) return;
      const done = await run(async () => {
        await api.removePreset(token);
        return true;
      });
      if (done) toast(`Deleted ${name}`);
      this.#open = '';
      await this.#reload();
    };
    return make(
      'div',
      { class: 'ptz-tools' },
      makeButton('Rename', rename, { label: `Rename ${name}` }),
      makeButton('Store here', () => void store(), { label: `Store the present position as ${name}` }),
      makeButton('Delete', () => void remove(), { label: `Delete ${name}` }),
    );
  }

  #add() {
    const { api, run, toast } = this.#context;
    const most = this.#list?.max_presets ?? null;
    if (most !== null && this.#list?.listed && this.presets.length >= most && !this.#showsAll)
      return make('p', { class: 'hint' }, `The device stores at most ${most} presets.`);
    const place = make('div', {});
    const save = async (/** @type {string} */ name) => {
      if (await run(() => api.addPreset(name))) toast(`Stored as ${name}`);
      await this.#reload();
    };
    const ask = () =>
      place.replaceChildren(
        nameForm(
          { label: 'Name of the new preset', submit: 'Store' },
          (name) => void save(name),
          () => place.replaceChildren(open),
        ),
      );
    const open = makeButton('Store this position', ask);
    place.append(open);
    return place;
  }

  /** Return the switch for unused factory slots; null if there are none. */
  #slots() {
    const hidden = this.#list?.hidden ?? 0;
    if (!hidden && !this.#showsAll) return null;
    const box = make('input', { type: 'checkbox' });
    box.checked = this.#showsAll;
    box.addEventListener('change', () => {
      this.#showsAll = box.checked;
      void this.#reload();
    });
    return make('label', { class: 'check' }, box, this.#showsAll ? 'Unused slots of the device' : `Unused slots of the device (${hidden})`);
  }
}
