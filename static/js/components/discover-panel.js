// @ts-check
import { ApiError } from '../lib/api.js';
import { counted } from '../lib/format.js';
import { AppDialog, wireReveal } from './app-dialog.js';
import { cloneTemplate, emit, part, setText } from './dom.js';

/** @typedef {import('../lib/api.js').FoundDevice} FoundDevice */

/**
 * The dialog that lists the devices found on the network. Emits 'discover-search' (the page then calls `found()` or
 * `failed()`), 'discover-add' with `{devices, username, password}` and 'discover-by-address'.
 */
export class DiscoverPanel extends AppDialog {
  /** @type {FoundDevice[]} */
  #devices = [];

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
  }

  /** Open the dialog and start a search. */
  search() {
    this.#devices = [];
    part(this, 'list', HTMLElement).replaceChildren();
    part(this, 'credential', HTMLElement).hidden = true;
    part(this, 'error', HTMLElement).hidden = true;
    this.#state('Listening for cameras and recorders', true);
    this.#count();
    this.show();
    emit(this, 'discover-search');
  }

  /** @param {FoundDevice[]} devices */
  found(devices) {
    this.#devices = devices;
    const list = part(this, 'list', HTMLElement);
    list.replaceChildren(
      ...devices.map((device) => {
        const row = cloneTemplate('found-device');
        const check = part(row, 'check', HTMLInputElement);
        check.disabled = device.already_added;
        check.checked = !device.already_added && devices.filter((other) => !other.already_added).length === 1;
        const title = device.name || device.hardware || device.host;
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
    const element = part(this, 'error', HTMLElement);
    setText(element, error instanceof ApiError ? error.message : 'The search failed.');
    element.hidden = false;
    this.#count();
  }

  #submit() {
    const devices = this.#chosen();
    if (!devices.length) return;
    const submit = part(this, 'submit', HTMLButtonElement);
    submit.disabled = true;
    submit.classList.add('busy');
    part(this, 'error', HTMLElement).hidden = true;
    emit(this, 'discover-add', {
      devices,
      username: this.#input('username').value,
      password: this.#input('password').value,
    });
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
    submit.classList.remove('busy');
    submit.disabled = chosen === 0;
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

customElements.define('discover-panel', DiscoverPanel);
