// @ts-check
import { make, makeButton } from './ptz-dom.js';

/**
 * @typedef {import('./ptz-panel.js').PtzContext} PtzContext
 * @typedef {import('../lib/ptz-types.js').Imaging} Imaging
 * @typedef {import('../lib/ptz-types.js').ImagingBefore} Change
 * @typedef {import('../lib/ptz-types.js').ImagingRange} ImagingRange
 */

/** @type {['brightness'|'contrast'|'saturation'|'sharpness', string][]} */
const RANGES = [
  ['brightness', 'Brightness'],
  ['contrast', 'Contrast'],
  ['saturation', 'Saturation'],
  ['sharpness', 'Sharpness'],
];

/** @type {Record<string, string>} */
const FILTER_NAMES = { on: 'On: day', off: 'Off: night', auto: 'Automatic' };

/** Settings of the picture in the device. Every change can be undone, back to the first one. */
export class PtzImaging {
  element = make('div', { class: 'ptz-section' });
  #context;
  /** Values before each change, the oldest first. @type {Partial<Change>[]} */
  #undo = [];
  /** Changes are sent one after the other. */
  #last = Promise.resolve();

  /** @param {PtzContext} context */
  constructor(context) {
    this.#context = context;
  }

  async load() {
    const { api, run } = this.#context;
    this.element.replaceChildren(make('p', { class: 'hint' }, 'Reading the settings'));
    const imaging = await run(() => api.imaging());
    if (!imaging) {
      const text = make('p', { class: 'hint' }, 'The settings cannot be read.');
      this.element.replaceChildren(
        text,
        makeButton('Try again', () => void this.load()),
      );
      return;
    }
    this.#undo = imaging.before ? [imaging.before] : [];
    this.#draw(imaging);
  }

  /** @param {Partial<Change>} change */
  #change(change) {
    const { api, run } = this.#context;
    this.#last = this.#last.then(async () => {
      const answer = await run(() => api.changeImaging(change));
      if (!answer) return this.#reload();
      if (answer.before) this.#undo.push(answer.before);
      this.#draw(answer);
    });
  }

  #undoLast() {
    const { api, run } = this.#context;
    this.#last = this.#last.then(async () => {
      const before = this.#undo.pop();
      const answer = before && (await run(() => api.changeImaging(before)));
      if (answer) this.#draw(answer);
      else if (before) this.#undo.push(before);
    });
  }

  /** Show the device's values again after a refused change. */
  async #reload() {
    const { api, run } = this.#context;
    const imaging = await run(() => api.imaging());
    if (imaging) this.#draw(imaging);
  }

  /** @param {Imaging} imaging */
  #draw(imaging) {
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.getAttribute('name') : null;
    const parts = [];
    for (const [name, label] of RANGES) {
      const range = imaging[name];
      if (range) parts.push(this.#slider(name, label, range));
    }
    const { ir_cut_filter: filter, wide_dynamic_range: wide } = imaging;
    if (filter) parts.push(this.#filter(filter));
    if (wide) {
      parts.push(this.#wide(wide.on));
      if (wide.level && wide.on) parts.push(this.#slider('wide_dynamic_range_level', 'Level', wide.level));
    }
    if (!parts.length) parts.push(make('p', { class: 'hint' }, 'The device offers no settings.'));
    const undo = makeButton('Undo', () => this.#undoLast());
    undo.setAttribute('name', 'undo');
    undo.disabled = !this.#undo.length;
    parts.push(make('div', { class: 'ptz-tools' }, undo));
    this.element.replaceChildren(...parts);
    if (focused) /** @type {HTMLElement|null} */ (this.element.querySelector(`[name="${focused}"]:enabled`))?.focus();
  }

  /** @param {'brightness'|'contrast'|'saturation'|'sharpness'|'wide_dynamic_range_level'} name @param {string} label @param {ImagingRange} range */
  #slider(name, label, { value, min, max }) {
    const slider = make('input', { type: 'range', name, min, max, step: max - min >= 20 ? 1 : 'any', 'aria-label': label });
    slider.value = String(value);
    const shown = make('output', {}, String(Math.round(value * 100) / 100));
    slider.addEventListener('input', () => (shown.textContent = String(Math.round(Number(slider.value) * 100) / 100)));
    slider.addEventListener('change', () => this.#change({ [name]: Number(slider.value) }));
    return make(
      'div',
      { class: 'ptz-field' },
      make('div', { class: 'ptz-row' }, make('span', { class: 'ptz-label' }, label), shown),
      slider,
    );
  }

  /** @param {import('../lib/ptz-types.js').ImagingCutFilter} filter */
  #filter({ value, options }) {
    const select = make('select', { name: 'ir_cut_filter' });
    for (const option of options.includes(value) ? options : [value, ...options])
      select.append(make('option', { value: option }, FILTER_NAMES[option] ?? option));
    select.value = value;
    select.addEventListener('change', () => this.#change({ ir_cut_filter: select.value }));
    return make('label', { class: 'ptz-field ptz-row' }, make('span', { class: 'ptz-label' }, 'Infrared cut filter'), select);
  }

  /** @param {boolean} on */
  #wide(on) {
    const box = make('input', { type: 'checkbox', name: 'wide_dynamic_range' });
    box.checked = on;
    box.addEventListener('change', () => this.#change({ wide_dynamic_range: box.checked }));
    return make('label', { class: 'check' }, box, 'Wide dynamic range');
  }
}
