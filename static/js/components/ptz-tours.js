// @ts-check
import { stayText } from '../lib/ptz-text.js';
import { make, makeButton } from './ptz-dom.js';

/**
 * @typedef {import('./ptz-panel.js').PtzContext} PtzContext
 * @typedef {import('../lib/ptz-types.js').PtzTour} PtzTour
 * @typedef {import('../lib/ptz-types.js').PtzPreset} PtzPreset
 */

const STAY_S = 10;
const STAYS_S = [5, 10, 20, 30, 60, 120, 300];

/** The tours: start, stop, create from presets, delete. */
export class PtzTours {
  element = make('div', { class: 'ptz-section' });
  #context;
  #presets;
  /** @type {PtzTour[]|null} */
  #tours = null;
  /** @type {number|null} */
  #runningId = null;

  /** @param {PtzContext} context @param {() => readonly PtzPreset[]} presets */
  constructor(context, presets) {
    this.#context = context;
    this.#presets = presets;
  }

  /** @param {number|null} id the tour that runs */
  set runningId(id) {
    if (this.#runningId === id) return;
    this.#runningId = id;
    if (this.#tours && !this.element.querySelector('form')) this.#draw();
  }

  async load() {
    const { api, run } = this.#context;
    this.#tours = (await run(() => api.tours())) ?? this.#tours;
    this.#runningId = this.#tours?.find((tour) => tour.running)?.id ?? null;
    this.#draw();
  }

  #draw() {
    const tours = this.#tours ?? [];
    const list = make('ul', { class: 'ptz-list', 'aria-label': 'Tours' });
    for (const tour of tours) list.append(this.#row(tour));
    /** @type {HTMLElement[]} */
    const parts = [
      tours.length ? list : make('p', { class: 'hint' }, this.#tours ? 'A tour goes round through presets.' : 'Reading the tours'),
    ];
    if (this.#tours && this.#presets().length >= 2) parts.push(makeButton('New tour', () => this.#create()));
    else if (this.#tours) parts.push(make('p', { class: 'hint' }, 'Store two presets first.'));
    this.element.replaceChildren(...parts);
  }

  /** @param {PtzTour} tour */
  #row({ id, name, stops }) {
    const { api, command, confirm, run, toast } = this.#context;
    const isRunning = id === this.#runningId;
    const turn = async () => {
      if (isRunning) await run(() => api.stopTour(id));
      else if (await command(() => api.startTour(id))) toast(`${name} has started`);
      await this.load();
    };
    const remove = async () => {
      if (!(await confirm(`Delete ${name}?`, isRunning ? 'The tour runs now. It ends.' : 'Its presets stay.', 'Delete'))) return;
      await run(() => api.removeTour(id));
      await this.load();
    };
    const text = make('div', { class: 'ptz-text' }, make('strong', {}, name), make('span', { class: 'hint' }, this.#stopsText(stops)));
    const start = makeButton(isRunning ? 'Stop' : 'Start', () => void turn(), {
      className: isRunning ? 'button small danger' : 'button small',
      label: `${isRunning ? 'Stop' : 'Start'} ${name}`,
    });
    const erase = makeButton(`Delete ${name}`, () => void remove(), { icon: 'delete', className: 'button small icon-only' });
    return make('li', {}, make('div', { class: 'ptz-row' }, text, start, erase));
  }

  /** @param {PtzTour['stops']} stops */
  #stopsText(stops) {
    const nameOf = (/** @type {string} */ token) => this.#presets().find((preset) => preset.token === token)?.name ?? token;
    return stops.map(({ preset, stay_s: stayS }) => `${nameOf(preset)} ${stayText(stayS).replace(' ', '\u00a0')}`).join(', ');
  }

  /** Show the form for a new tour. */
  #create() {
    const { api, run, toast } = this.#context;
    const input = make('input', {
      type: 'text',
      'aria-label': 'Name of the tour',
      placeholder: 'Name',
      maxlength: 64,
      required: true,
      autocomplete: 'off',
    });
    const stops = make('ol', { class: 'ptz-stops', 'aria-label': 'Stops' });
    const [first, second] = this.#presets();
    for (const preset of [first, second]) if (preset) stops.append(this.#stop(preset.token));
    const form = make('form', { class: 'ptz-section' }, input, stops);
    const save = make('button', { type: 'submit', class: 'button small primary' }, 'Create');
    const more = makeButton('Add a stop', () => stops.append(this.#stop(this.#presets()[stops.children.length]?.token ?? '')));
    form.append(
      make(
        'div',
        { class: 'ptz-tools' },
        more,
        save,
        makeButton('Cancel', () => this.#draw()),
      ),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const chosen = [...stops.children].map((row) => {
        const [preset, stay] = /** @type {HTMLSelectElement[]} */ ([...row.querySelectorAll('select')]);
        return { preset: preset?.value ?? '', stay_s: Number(stay?.value ?? STAY_S) };
      });
      const name = input.value.trim();
      if (!name) return;
      if (chosen.length < 2) {
        toast('A tour needs two stops.', 'bad');
        return;
      }
      if (await run(() => api.addTour(name, chosen))) await this.load();
    });
    this.element.replaceChildren(form);
    input.focus();
  }

  /** @param {string} token of the preset */
  #stop(token) {
    const preset = make('select', { 'aria-label': 'Preset' });
    for (const each of this.#presets()) preset.append(make('option', { value: each.token }, each.name));
    if (token) preset.value = token;
    const stay = make('select', { 'aria-label': 'Stay' });
    for (const seconds of STAYS_S) stay.append(make('option', { value: seconds }, stayText(seconds)));
    stay.value = String(STAY_S);
    const row = make('li', { class: 'ptz-row' }, preset, stay);
    row.append(makeButton('Remove this stop', () => row.remove(), { icon: 'close', className: 'button small icon-only' }));
    return row;
  }
}
