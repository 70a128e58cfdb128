// @ts-check
import { STILL } from '../lib/ptz-motion.js';
import { holdButton, make, makeButton } from './ptz-dom.js';

/** @typedef {import('./ptz-panel.js').PtzContext} PtzContext */

const FOCUS_SPEED = 0.5;

/** Focus and iris, as far as the device offers them. */
export class PtzLens {
  element = make('div', { class: 'ptz-section' });
  #context;
  /** @type {(() => void)[]} */
  #halts = [];

  /** @param {PtzContext} context */
  constructor(context) {
    this.#context = context;
    const { abilities } = context;
    if (abilities.focus || abilities.auto_focus) this.element.append(this.#focus());
    if (abilities.iris) this.element.append(this.#iris(abilities.iris));
  }

  /** @param {import('../lib/ptz-types.js').Ptz} abilities */
  static isOffered(abilities) {
    return abilities.focus || abilities.auto_focus || abilities.iris !== null;
  }

  halt() {
    for (const halt of this.#halts) halt();
  }

  #focus() {
    const { api, abilities, hold, run, toast } = this.#context;
    const row = make('div', { class: 'ptz-tools', role: 'group', 'aria-label': 'Focus' });
    if (abilities.focus) {
      for (const [text, speed] of /** @type {[string, number][]} */ ([
        ['Near', -FOCUS_SPEED],
        ['Far', FOCUS_SPEED],
      ])) {
        const button = makeButton(text, () => {}, { label: `Focus ${text.toLowerCase()}er: hold` });
        if (text === 'Far') button.setAttribute('aria-label', 'Focus further: hold');
        const source = `focus ${text}`;
        const { halt } = holdButton(button, {
          hold: () => hold(source, { ...STILL, focus: speed }),
          release: () => hold(source, null),
        });
        this.#halts.push(halt);
        row.append(button);
      }
    }
    const auto = async () => {
      if (await run(() => api.autoFocus())) toast('The camera focuses by itself');
    };
    if (abilities.auto_focus) row.append(makeButton('Auto', () => void auto(), { label: 'Focus automatically' }));
    return make('div', { class: 'ptz-field' }, make('span', { class: 'ptz-label' }, 'Focus'), row);
  }

  /** @param {import('../lib/ptz-types.js').PtzIris} iris */
  #iris({ value, min, max, auto }) {
    const { api, run } = this.#context;
    const slider = make('input', { type: 'range', min, max, step: (max - min) / 40 || 'any', 'aria-label': 'Iris' });
    slider.value = String(value ?? max);
    const box = make('input', { type: 'checkbox' });
    box.checked = auto;
    slider.disabled = auto;
    slider.addEventListener('change', () => void run(() => api.iris(Number(slider.value))));
    box.addEventListener('change', async () => {
      const done = await run(() => api.iris(box.checked ? null : Number(slider.value)));
      if (!done) box.checked = !box.checked;
      slider.disabled = box.checked;
    });
    return make(
      'div',
      { class: 'ptz-field' },
      make('div', { class: 'ptz-row' }, make('span', { class: 'ptz-label' }, 'Iris'), make('label', { class: 'check' }, box, 'Automatic')),
      slider,
    );
  }
}
