// @ts-check
import { ApiError } from '../lib/api.js';
import { parseCameraAddress } from '../lib/camera-address.js';
import { messageOf } from '../lib/messages.js';
import { AppDialog, wireReveal } from './app-dialog.js';
import { emit, part, setText } from './dom.js';

/** @typedef {import('../lib/api.js').CameraDraft} CameraDraft @typedef {import('../lib/api.js').Camera} Camera */

/**
 * The dialog that adds or changes a camera. Emits 'camera-submit' with `{id: number|null, draft}`; the page then calls
 * `failed(error)` or closes the dialog. Until then the form cannot be sent again.
 */
export class CameraForm extends AppDialog {
  /** @type {Camera|null} */
  #camera = null;

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
    form.addEventListener('input', (event) => event.target instanceof HTMLInputElement && this.#error(event.target.name, ''), { signal });
    wireReveal(part(this, 'reveal', HTMLElement), this.#input('password'), signal);
    this.#input('address').addEventListener('change', () => this.#takeUserInfo(), { signal });
    this.#input('address').addEventListener('input', () => this.#showPasswordHint(), { signal });
  }

  /** @param {{host?: string}} [known] */
  openToAdd(known = {}) {
    this.#open(null, 'Add a camera or recorder', 'Add');
    this.#input('address').value = known.host ?? '';
    this.#input('address').focus();
  }

  /** @param {Camera} camera */
  openToEdit(camera) {
    this.#open(camera, `Edit ${camera.name || camera.host}`, 'Save');
    const host = camera.host.includes(':') ? `[${camera.host}]` : camera.host;
    this.#input('address').value = camera.port ? `${host}:${camera.port}` : host;
    this.#input('username').value = camera.username;
    this.#input('name').value = camera.name;
    this.#showPasswordHint();
    const first = camera.status === 'auth_failed' ? 'password' : 'address';
    this.#input(first).focus();
  }

  /** Show the server's error. @param {unknown} error */
  failed(error) {
    this.#busy(false);
    if (!(error instanceof ApiError)) {
      this.#general('Something went wrong. Please try again.');
      return;
    }
    let placed = 0;
    for (const { field, message } of error.errors) {
      const name = field === 'host' || field === 'port' ? 'address' : field;
      if (this.#error(name, message)) placed += 1;
    }
    if (placed) {
      this.querySelector('[aria-invalid="true"]')?.dispatchEvent(new Event('focus'));
      /** @type {HTMLElement|null} */ (this.querySelector('[aria-invalid="true"]'))?.focus();
      return;
    }
    if (error.code === 'already_added' && error.cameraId) {
      this.#general(error.message, { text: 'Open it', href: `${document.body.dataset.viewer}${error.cameraId}` });
      return;
    }
    this.#general(error.message || messageOf(error.code).title);
  }

  /** @param {Camera|null} camera @param {string} title @param {string} submit */
  #open(camera, title, submit) {
    this.#camera = camera;
    part(this, 'form', HTMLFormElement).reset();
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'submit', HTMLElement), submit);
    this.#input('password').type = 'password';
    this.#showPasswordHint();
    for (const name of ['address', 'username', 'password', 'name']) this.#error(name, '');
    part(this, 'error', HTMLElement).hidden = true;
    this.#busy(false);
    this.show();
  }

  /** Explain if the stored password is kept: the server never sends it to another address. */
  #showPasswordHint() {
    const camera = this.#camera;
    const address = parseCameraAddress(this.#input('address').value);
    const isThere =
      !!camera && !('error' in address) && address.host.toLowerCase() === camera.host && (address.port ?? camera.port) === camera.port;
    this.#input('password').placeholder = isThere ? 'Unchanged' : '';
    const hint = part(this, 'password-hint', HTMLElement);
    if (!camera) setText(hint, 'The login of the device. Many recorders need a separate ONVIF user.');
    else if (isThere) setText(hint, 'Leave the password empty to keep the stored one.');
    else setText(hint, 'The address has changed: type the password again. The stored one is not sent to a new address.');
  }

  #submit() {
    if (part(this, 'submit', HTMLButtonElement).disabled) return;
    this.#takeUserInfo();
    const address = parseCameraAddress(this.#input('address').value);
    if ('error' in address) {
      this.#error('address', address.error);
      this.#input('address').focus();
      return;
    }
    part(this, 'error', HTMLElement).hidden = true;
    const name = this.#input('name').value.trim();
    const password = this.#input('password').value;
    /** @type {CameraDraft} */
    const draft = { host: address.host, username: this.#input('username').value };
    if (address.port) draft.port = address.port;
    if (name) draft.name = name;
    if (password || !this.#camera) draft.password = password;
    this.#busy(true);
    emit(this, 'camera-submit', { id: this.#camera?.id ?? null, draft });
  }

  /** Move the user name and password of a pasted address into their fields. */
  #takeUserInfo() {
    const address = parseCameraAddress(this.#input('address').value);
    if ('error' in address || address.username === null) return;
    if (!this.#input('username').value) this.#input('username').value = address.username;
    if (address.password !== null && !this.#input('password').value) this.#input('password').value = address.password;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    this.#input('address').value = address.port ? `${host}:${address.port}` : host;
  }

  /** @param {string} name */
  #input(name) {
    const input = part(this, 'form', HTMLFormElement).elements.namedItem(name);
    if (!(input instanceof HTMLInputElement)) throw new Error(`The form has no field "${name}".`);
    return input;
  }

  /** @param {string} name @param {string} message @returns {boolean} true if the form has this field */
  #error(name, message) {
    const element = this.querySelector(`[data-error="${CSS.escape(name)}"]`);
    if (!(element instanceof HTMLElement)) return false;
    setText(element, message);
    element.hidden = !message;
    this.#input(name).setAttribute('aria-invalid', String(Boolean(message)));
    return true;
  }

  /** @param {string} text @param {{text: string, href: string}} [link] */
  #general(text, link) {
    const element = part(this, 'error', HTMLElement);
    const words = document.createElement('span');
    words.textContent = text;
    element.replaceChildren(words);
    if (link) {
      const anchor = document.createElement('a');
      anchor.textContent = link.text;
      anchor.href = link.href;
      element.append(anchor);
    }
    element.hidden = false;
  }

  /** @param {boolean} busy */
  #busy(busy) {
    const submit = part(this, 'submit', HTMLButtonElement);
    submit.disabled = busy;
    submit.classList.toggle('busy', busy);
  }
}

customElements.define('camera-form', CameraForm);
