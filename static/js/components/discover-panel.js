// @ts-check
import { problemOf } from '../lib/api.js';
import { counted } from '../lib/format.js';
import { AppDialog, wireReveal } from './app-dialog.js';
import { cloneTemplate, emit, part, setText } from './dom.js';

/**
 * @typedef {import('../lib/api.js').FoundDevice} FoundDevice
 * @typedef {{devices: FoundDevice[], username: string, password: string, signal: AbortSignal}} DevicesToAdd
 * @typedef {{device: FoundDevice, error: unknown}} Refused
 */

/**
 * The dialog that lists the devices found on the network. Emits
 *   'discover-search'  with a signal; the page then calls `found()` or `failed()`
 *   'discover-add'     with DevicesToAdd; the page then calls `added()`
 *   'discover-by-address'
 * The signal is aborted when the dialog closes or another search begins: then its answers are no longer for this list.
 */
export class DiscoverPanel extends AppDialog {
  /** @type {FoundDevice[]} */
  #devices = [];
  /** Ends with the list on screen. */
  #shown = new AbortController();
  /** True while the server adds devices: they are added once, although the form changes meanwhile. */
  #isAdding = false;

  /** @override @param {AbortSignal} signal */
  wire(signal) {
    const form = part(this, 'form', HTMLFormElement);
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        this.#submit();
      },
      { signal },
    );
    form.addEventListener('change', () => this.#count(), { signal });
    part(this, 'again', HTMLButtonElement).addEventListener('click', () => this.search(), { signal });
    part(this, 'by-address', HTMLButtonElement).addEventListener(
      'click',
      () => {
        this.close();
        emit(this, 'discover-by-address');
      },
      { signal },
    );
    wireReveal(part(this, 'reveal', HTMLElement), this.#input('password'), signal);
    this.addEventListener('dialog-closed', () => this.#shown.abort(), { signal });
  }

  /** Open the dialog and start a search. */
  search() {
    this.#shown.abort();
    this.#shown = new AbortController();
    this.#devices = [];
    part(this, 'list', HTMLElement).replaceChildren();
    part(this, 'credential', HTMLElement).hidden = true;
    part(this, 'error', HTMLElement).hidden = true;
    this.#state('Listening for cameras and recorders', true);
    this.#count();
    this.show();
    emit(this, 'discover-search', this.#shown.signal);
  }

  /** Show the result of the search. The only new device is chosen. @param {FoundDevice[]} devices */
  found(devices) {
    const fresh = devices.filter((device) => !device.already_added);
    this.#list(devices, fresh.length === 1 ? fresh : []);
  }

  /** @param {FoundDevice[]} devices @param {FoundDevice[]} chosen those whose box is checked */
  #list(devices, chosen) {
    this.#devices = devices;
    const list = part(this, 'list', HTMLElement);
    list.replaceChildren(
      ...devices.map((device) => {
        const row = cloneTemplate('found-device');
        const check = part(row, 'check', HTMLInputElement);
        check.disabled = device.already_added;
        check.checked = chosen.includes(device);
        const title = titleOf(device);
        setText(part(row, 'name', HTMLElement), title);
        const hardware = device.hardware && device.hardware !== title ? ` · ${device.hardware}` : '';
        setText(part(row, 'where', HTMLElement), `${device.host}:${device.port}${hardware}`);
        const note = part(row, 'note', HTMLElement);
        note.hidden = !device.already_added;
        setText(note, device.already_added ? 'Already added' : '');
        return row;
      }),
    );
    const fresh = devices.filter((device) => !device.already_added).length;
    part(this, 'credential', HTMLElement).hidden = fresh === 0;
    const nothing = 'No device answered. Many recorders have discovery switched off: add them by address.';
    this.#state(devices.length ? `${counted(devices.length, 'device')} found` : nothing, false);
    this.#count();
  }

  /** @param {unknown} error */
  failed(error) {
    this.#state('', false);
    this.#error(problemOf(error).detail);
    this.#count();
  }

  /**
   * The server has answered for all devices of 'discover-add'. Close the dialog, or show which device was refused.
   *
   * @param {DevicesToAdd} asked
   * @param {Refused[]} refused
   */
  added({ devices, signal }, refused) {
    this.#isAdding = false;
    if (!signal.aborted && !refused.length) this.close();
    else if (!signal.aborted) {
      const left = refused.map(({ device }) => device);
      const isAdded = (/** @type {FoundDevice} */ device) => devices.includes(device) && !left.includes(device);
      this.#list(
        this.#devices.map((device) => (isAdded(device) ? { ...device, already_added: true } : device)),
        left,
      );
      this.#error(refused.map(refusalText).join(' '));
    }
    this.#count();
  }

  #submit() {
    const devices = this.#chosen();
    if (!devices.length || this.#isAdding) return;
    this.#isAdding = true;
    part(this, 'error', HTMLElement).hidden = true;
    this.#count();
    emit(this, 'discover-add', {
      devices,
      username: this.#input('username').value,
      password: this.#input('password').value,
      signal: this.#shown.signal,
    });
  }

  /** @param {string} text */
  #error(text) {
    const element = part(this, 'error', HTMLElement);
    setText(element, text);
    element.hidden = false;
  }

  #chosen() {
    const checks = [...this.querySelectorAll('input[type=checkbox]')];
    return this.#devices.filter((_, index) => {
      const check = checks[index];
      return check instanceof HTMLInputElement && check.checked && !check.disabled;
    });
  }

  #count() {
    const submit = part(this, 'submit', HTMLButtonElement);
    const chosen = this.#chosen().length;
    submit.classList.toggle('busy', this.#isAdding);
    submit.disabled = chosen === 0 || this.#isAdding;
    part(this, 'again', HTMLButtonElement).disabled = this.#isAdding;
    setText(submit, chosen > 1 ? `Add ${chosen} devices` : 'Add');
  }

  /** @param {string} text @param {boolean} busy */
  #state(text, busy) {
    setText(part(this, 'state-text', HTMLElement), text);
    part(this, 'spinner', HTMLElement).hidden = !busy;
    part(this, 'again', HTMLElement).hidden = busy;
  }

  /** @param {string} name */
  #input(name) {
    return /** @type {HTMLInputElement} */ (part(this, 'form', HTMLFormElement).elements.namedItem(name));
  }
}

/** @param {FoundDevice} device @returns {string} the name that the list shows */
function titleOf(device) {
  return device.name || device.hardware || device.host;
}

/** @param {Refused} refused @returns {string} one sentence or more */
export function refusalText({ device, error }) {
  return `${titleOf(device)}: ${problemOf(error).detail}`;
}

customElements.define('discover-panel', DiscoverPanel);
