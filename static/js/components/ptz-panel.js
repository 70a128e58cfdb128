// @ts-check
import { setAttribute } from './dom.js';
import { make, makeButton } from './ptz-dom.js';
import { PtzImaging } from './ptz-imaging.js';
import { PtzLens } from './ptz-lens.js';
import { PtzOutputs } from './ptz-outputs.js';
import { PtzPresets } from './ptz-presets.js';
import { PtzTours } from './ptz-tours.js';

/**
 * @typedef {object} PtzContext
 * @property {import('../lib/ptz-api.js').PtzApi} api
 * @property {import('../lib/ptz-types.js').Ptz} abilities
 * @property {<T>(work: () => Promise<T>) => Promise<T|null>} run sends a request; null after a failure, which it shows
 * @property {<T>(work: () => Promise<T>) => Promise<T|null>} command the same for a command that replaces a movement; null
 *   also if a newer one replaced it
 * @property {(source: string, velocity: import('../lib/ptz-motion.js').Velocity|null) => void} hold moves while it is held;
 *   null: released
 * @property {(title: string, text: string, yes: string) => Promise<boolean>} confirm
 * @property {(text: string, tone?: 'good'|'bad') => void} toast
 * @property {boolean} mayManage
 */

/**
 * @typedef {{name: string, label: string, element: HTMLElement, load?: () => Promise<void>, isLoaded?: boolean, isLoading?: boolean}} Section
 */

/** The panel beside the picture: presets, tours, lens, outputs and, for admins, the settings of the picture. */
export class PtzPanel {
  #context;
  #changed;
  #presets;
  #tours;
  /** @type {PtzLens|null} */
  #lens = null;
  /** @type {Section[]} */
  #sections = [];
  #current = '';
  #bar = make('div', { class: 'ptz-tabs', role: 'group', 'aria-label': 'Sections' });
  #body = make('div', { class: 'ptz-body' });

  /** @param {PtzContext} context @param {() => void} close @param {() => void} changed called for a late section */
  constructor(context, close, changed) {
    this.#context = context;
    this.#changed = changed;
    this.#presets = new PtzPresets(context);
    this.#tours = new PtzTours(context, () => this.#presets.presets);
    const { abilities, mayManage } = context;
    if (abilities.presets || abilities.home) this.#add('presets', 'Presets', this.#presets);
    if (abilities.presets) this.#add('tours', 'Tours', this.#tours);
    if (PtzLens.isOffered(abilities)) {
      this.#lens = new PtzLens(context);
      this.#add('lens', 'Lens', this.#lens);
    }
    const outputs = new PtzOutputs(context);
    if (!outputs.isEmpty) this.#add('outputs', 'Outputs', outputs);
    else void outputs.load().then(() => !outputs.isEmpty && this.#addLate(outputs));
    if (mayManage && abilities.imaging) this.#add('imaging', 'Picture', new PtzImaging(context));
    const head = make(
      'div',
      { class: 'ptz-panel-head' },
      this.#bar,
      makeButton('Close', close, { icon: 'close', className: 'button quiet small icon-only' }),
    );
    this.element = make('section', { class: 'ptz-panel', 'aria-label': 'Presets and settings of the camera' }, head, this.#body);
    this.#drawBar();
  }

  get isEmpty() {
    return !this.#sections.length;
  }

  /** @param {number|null} id the tour that runs */
  set runningTour(id) {
    this.#tours.runningId = id;
  }

  /** Show the first section, or the one that was shown last. */
  open() {
    this.#choose(this.#current || (this.#sections[0]?.name ?? ''));
  }

  /** Move the keyboard's focus to the shown section's button. */
  focus() {
    /** @type {HTMLElement|null} */ (this.#bar.querySelector('[aria-pressed="true"]'))?.focus();
  }

  halt() {
    this.#lens?.halt();
  }

  /** Go to the preset at this place of the list. @param {number} place from 1 */
  async goToPreset(place) {
    if (!this.#context.abilities.presets) return;
    if (!this.#presets.isRead) await this.#presets.load();
    if (this.#presets.isRead && !this.#presets.goToPlace(place)) this.#context.toast(`There is no preset ${place}.`, 'bad');
  }

  /** @param {string} name @param {string} label @param {{element: HTMLElement, load?: () => Promise<void>}} section */
  #add(name, label, section) {
    this.#sections.push({
      name,
      label,
      element: section.element,
      ...('load' in section && { load: () => section.load?.() ?? Promise.resolve() }),
    });
  }

  /** @param {PtzOutputs} outputs */
  #addLate(outputs) {
    this.#add('outputs', 'Outputs', { element: outputs.element });
    for (const section of this.#sections.slice(-1)) this.#bar.append(this.#tab(section)); // the others keep the focus
    this.#changed();
    if (!this.#current && !this.element.hidden) this.open();
  }

  #drawBar() {
    this.#bar.replaceChildren(...this.#sections.map((section) => this.#tab(section)));
  }

  /** @param {Section} section */
  #tab({ name, label }) {
    const button = makeButton(label, () => this.#choose(name), { className: 'ptz-tab' });
    button.dataset.section = name;
    setAttribute(button, 'aria-pressed', String(name === this.#current));
    return button;
  }

  /** @param {string} name */
  #choose(name) {
    const section = this.#sections.find((each) => each.name === name);
    if (!section) return;
    this.#current = name;
    for (const button of this.#bar.children)
      button.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (button).dataset.section === name));
    this.#body.replaceChildren(section.element);
    void this.#load(section);
  }

  /** @param {Section} section */
  async #load(section) {
    if (section.isLoading || (section.isLoaded && section.name !== 'tours' && section.name !== 'presets')) return;
    section.isLoading = section.isLoaded = true;
    // A tour's form and its texts need the presets.
    if (section.name === 'tours' && !this.#presets.isRead) await this.#presets.load();
    await section.load?.();
    section.isLoading = false;
  }
}
