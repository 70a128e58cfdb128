// @ts-check
import { auxiliaryName } from '../lib/ptz-text.js';
import { make, makeButton } from './ptz-dom.js';

/** @typedef {import('./ptz-panel.js').PtzContext} PtzContext @typedef {import('../lib/ptz-types.js').RelayOutput} RelayOutput */

/** Lights, wipers and relay outputs. Each button asks first, because something moves or lights up far away. */
export class PtzOutputs {
  element = make('div', { class: 'ptz-section' });
  #context;
  /** @type {RelayOutput[]} */
  #relays = [];

  /** @param {PtzContext} context */
  constructor(context) {
    this.#context = context;
    this.#draw();
  }

  get isEmpty() {
    return !this.#relays.length && !this.#context.abilities.auxiliary.length;
  }

  async load() {
    // A device without relays, or a recorder with cameras that are hidden from this user, is no fault: no message then.
    this.#relays = await this.#context.api.relays().catch(() => []);
    this.#draw();
  }

  #draw() {
    const { abilities } = this.#context;
    const parts = [];
    if (abilities.auxiliary.length) {
      const row = make('div', { class: 'ptz-tools' }, ...abilities.auxiliary.map((command) => this.#auxiliary(command)));
      parts.push(make('div', { class: 'ptz-field' }, make('span', { class: 'ptz-label' }, 'Lights and wipers'), row));
    }
    if (this.#relays.length)
      parts.push(make('ul', { class: 'ptz-list', 'aria-label': 'Relay outputs' }, ...this.#relays.map((relay) => this.#relay(relay))));
    this.element.replaceChildren(...parts);
  }

  /** @param {string} name */
  #auxiliary(name) {
    const { api, confirm, run, toast } = this.#context;
    const words = auxiliaryName(name);
    const send = async () => {
      if (!(await confirm(`${words}?`, 'The command is sent to the device.', 'Send'))) return;
      if (await run(() => api.auxiliary(name))) toast(`Sent: ${words}`);
    };
    return makeButton(words, () => void send());
  }

  /** @param {RelayOutput} relay */
  #relay({ token, monostable, delay_s: delayS, active }) {
    const pulse = monostable ? `It returns by itself${delayS === null ? '' : ` after ${delayS} s`}.` : '';
    const state = active === null ? '' : active ? 'On' : 'Off';
    const text = make('div', { class: 'ptz-text' }, make('strong', {}, token), make('span', { class: 'hint' }, pulse || state));
    const row = make('div', { class: 'ptz-row' }, text);
    for (const wanted of monostable ? [true] : [true, false]) {
      const word = wanted ? 'On' : 'Off';
      const button = makeButton(word, () => void this.#switch(token, wanted, pulse), { label: `Switch ${token} ${word.toLowerCase()}` });
      if (!monostable) button.setAttribute('aria-pressed', String(active === wanted));
      row.append(button);
    }
    return make('li', {}, row);
  }

  /** @param {string} token @param {boolean} active @param {string} pulse */
  async #switch(token, active, pulse) {
    const { api, confirm, run, toast } = this.#context;
    const word = active ? 'on' : 'off';
    if (!(await confirm(`Switch ${token} ${word}?`, pulse || 'Whatever is connected to this output is switched.', `Switch ${word}`)))
      return;
    const relay = await run(() => api.setRelay(token, active));
    if (!relay) return;
    this.#relays = this.#relays.map((each) => (each.token === token ? relay : each));
    this.#draw();
    toast(`${token} is ${word}`);
  }
}
