// @ts-check
import { ApiError } from '../lib/api.js';
import { isStreamAddress, keepsPassword, parseCameraAddress, parseStreamAddress, shortAddress } from '../lib/camera-address.js';
import { messageOf } from '../lib/messages.js';
import { AppDialog, wireReveal } from './app-dialog.js';
import { emit, part, setText } from './dom.js';

/**
 * @typedef {import('../lib/api.js').CameraDraft} CameraDraft @typedef {import('../lib/api.js').Camera} Camera
 * @typedef {{id: number|null, draft: CameraDraft, signal: AbortSignal}} Submission `id`: null adds a camera; `signal` is
 *   aborted when this form closes: then the answer does not concern the form on screen
 */

/** Fields of the form that the server names otherwise. @type {Record<string, string>} */
const FIELDS = {
  host: 'address',
  port: 'address',
  readable_password: 'password',
  stream_uris: 'main',
  'stream_uris.main': 'main',
  'stream_uris.sub': 'sub',
};

/**
 * The dialog that adds or changes a camera. Emits 'camera-submit' with a Submission; the page then calls
 * `answered(submission, error)`. Until then the form cannot be sent again.
 */
export class CameraForm extends AppDialog {
  /** @type {Camera|null} */
  #camera = null;
  /** Ends with the form on screen. */
  #shown = new AbortController();

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
    this.#input('address').addEventListener('input', () => this.#addressTyped(), { signal });
    for (const name of ['main', 'sub']) {
      this.#input(name).addEventListener('blur', () => this.#takeStreamLogin(name), { signal });
      this.#input(name).addEventListener('input', () => this.#showPasswordHint(), { signal });
    }
    part(this, 'kinds', HTMLElement).addEventListener('change', () => this.#kindChosen(), { signal });
    this.addEventListener('dialog-closed', () => this.#shown.abort(), { signal });
  }

  openToAdd() {
    this.#open(null, 'Add a camera or recorder', 'Add');
    this.#input('address').focus();
  }

  /** How the camera is connected. @returns {'onvif'|'rtsp'} */
  get #kind() {
    return this.querySelector('input[name="kind"][value="rtsp"]:checked') ? 'rtsp' : 'onvif';
  }

  /** @param {'onvif'|'rtsp'} kind */
  set #kind(kind) {
    const radio = this.querySelector(`input[name="kind"][value="${kind}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
    this.#showKind();
  }

  #showKind() {
    for (const field of this.querySelectorAll('[data-kind]')) {
      if (field instanceof HTMLElement) field.hidden = field.dataset.kind !== this.#kind;
    }
    this.#input('name').placeholder = this.#kind === 'rtsp' ? 'The address' : 'Taken from the device';
    this.#showPasswordHint();
  }

  /** The user has chosen the kind: take the typed address along. */
  #kindChosen() {
    const [from, to] = this.#kind === 'rtsp' ? ['address', 'main'] : ['main', 'address'];
    const text = this.#input(from).value.trim();
    const parsed = parseCameraAddress(text);
    if (text && !this.#input(to).value && !('error' in parsed)) {
      const host = parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host;
      this.#input(to).value = to === 'address' ? host : isStreamAddress(text) ? text : `rtsp://${host}/`;
    }
    this.#showKind();
  }

  /** A stream address belongs into its own field. */
  #addressTyped() {
    const text = this.#input('address').value;
    if (!this.#camera && isStreamAddress(text) && text.length > 'rtsps://'.length) {
      this.#input('address').value = '';
      this.#input('main').value = text;
      this.#kind = 'rtsp';
      this.#input('main').focus();
    }
    this.#showPasswordHint();
  }

  /** Move user name and password of a pasted stream address into their fields. @param {string} name */
  #takeStreamLogin(name) {
    const address = parseStreamAddress(this.#input(name).value);
    if ('error' in address || address.username === null) return;
    if (!this.#input('username').value) this.#input('username').value = address.username;
    if (address.password !== null && !this.#input('password').value) this.#input('password').value = address.password;
    if (this.#input('username').value === address.username) this.#input(name).value = address.uri;
  }

  /** @param {Camera} camera */
  openToEdit(camera) {
    this.#open(camera, `Edit ${camera.name || camera.host}`, 'Save');
    this.#input('address').value = shortAddress(camera);
    this.#input('readable').checked = camera.readable_password;
    part(this, 'readable-field', HTMLElement).hidden = false; // a stream may need it although the camera is online
    part(this, 'zone-field', HTMLElement).hidden = !camera.onvif || camera.pretend;
    this.#fillZones(camera.recording_time_zone);
    this.#input('main').value = camera.stream_uris?.main ?? '';
    this.#input('sub').value = camera.stream_uris?.sub ?? '';
    this.#input('username').value = camera.username;
    this.#input('name').value = camera.name;
    this.#showPasswordHint();
    this.#input(fieldToMend(camera)).focus();
  }

  /**
   * Take the server's answer: close the form, or show the error in it.
   *
   * @param {Submission} submission
   * @param {unknown} [error]
   * @returns {boolean} false if the user has closed this form since: then the page shows an error
   */
  answered({ signal }, error) {
    if (signal.aborted) return false;
    if (error === undefined) this.close();
    else this.#failed(error);
    return true;
  }

  /** @param {unknown} error */
  #failed(error) {
    this.#busy(false);
    if (!(error instanceof ApiError)) {
      this.#general('Something went wrong. Please try again.');
      return;
    }
    let placed = 0;
    for (const { field, message } of error.errors) {
      if (this.#error(FIELDS[field] ?? field, message)) placed += 1;
    }
    if (placed) {
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
    this.#shown.abort();
    this.#shown = new AbortController();
    part(this, 'form', HTMLFormElement).reset();
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'submit', HTMLElement), submit);
    this.#input('password').type = 'password';
    part(this, 'kinds', HTMLElement).hidden = camera !== null;
    part(this, 'readable-field', HTMLElement).hidden = true;
    part(this, 'zone-field', HTMLElement).hidden = true;
    this.#kind = camera?.stream_uris ? 'rtsp' : 'onvif';
    for (const name of ['address', 'main', 'sub', 'username', 'password', 'recording_time_zone', 'name']) this.#error(name, '');
    part(this, 'error', HTMLElement).hidden = true;
    this.#busy(false);
    this.show();
  }

  /** Explain if the stored password is kept: the server never sends it to another address. */
  #showPasswordHint() {
    const camera = this.#camera;
    const typed =
      this.#kind === 'rtsp'
        ? { streams: ['main', 'sub'].map((name) => this.#input(name).value) }
        : { address: this.#input('address').value };
    const isThere = camera !== null && keepsPassword(camera, typed);
    this.#input('password').placeholder = isThere ? 'Unchanged' : '';
    const hint = part(this, 'password-hint', HTMLElement);
    if (!camera && this.#kind === 'rtsp') setText(hint, 'The login of the camera. Leave both empty if it needs none.');
    else if (!camera) setText(hint, 'The login of the device. Many recorders need a separate ONVIF user.');
    else if (isThere) setText(hint, 'Leave the password empty to keep the stored one.');
    else setText(hint, 'The address has changed: type the password again. The stored one is not sent to a new address.');
  }

  #submit() {
    if (part(this, 'submit', HTMLButtonElement).disabled) return;
    const address = this.#kind === 'rtsp' ? this.#streams() : this.#address();
    if (!address) return;
    part(this, 'error', HTMLElement).hidden = true;
    const camera = this.#camera;
    const name = this.#input('name').value.trim();
    const username = this.#input('username').value;
    const password = this.#input('password').value;
    const isReadable = this.#input('readable').checked;
    /** @type {CameraDraft} */
    const draft = camera && this.#isAddressOf(camera) ? {} : address;
    if (username !== camera?.username) draft.username = username;
    if (name !== (camera?.name ?? '')) draft.name = name;
    if (camera && isReadable !== camera.readable_password) draft.readable_password = isReadable;
    const zone = this.#zone.value;
    if (camera?.onvif && !camera.pretend && zone !== camera.recording_time_zone) draft.recording_time_zone = zone;
    if (password || !camera) draft.password = password;
    this.#busy(true);
    emit(this, 'camera-submit', { id: camera?.id ?? null, draft, signal: this.#shown.signal });
  }

  get #zone() {
    const field = part(this, 'form', HTMLFormElement).elements.namedItem('recording_time_zone');
    if (!(field instanceof HTMLSelectElement)) throw new Error('The form has no choice of a time zone.');
    return field;
  }

  /** @param {string} chosen */
  #fillZones(chosen) {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const others = Intl.supportedValuesOf('timeZone').filter((name) => name !== own);
    const names = chosen && chosen !== own && !others.includes(chosen) ? [chosen, ...others] : others;
    this.#zone.replaceChildren(
      new Option('Found by the app', ''),
      new Option(`This browser’s (${own})`, own),
      ...names.map((name) => new Option(name.replaceAll('_', ' '), name)),
    );
    this.#zone.value = chosen;
  }

  /** True if the form has the stored address of this camera. @param {Camera} camera */
  #isAddressOf(camera) {
    const typed = (/** @type {string} */ name) => this.#input(name).value.trim();
    if (this.#kind === 'onvif') return typed('address') === shortAddress(camera);
    return typed('main') === camera.stream_uris?.main && typed('sub') === (camera.stream_uris?.sub ?? '');
  }

  /** Return the ONVIF address; show its error and return null if it has one. @returns {CameraDraft|null} */
  #address() {
    this.#takeUserInfo();
    const address = parseCameraAddress(this.#input('address').value);
    if ('error' in address) return this.#refuse('address', address.error);
    if (address.address) return { address: address.address };
    return address.port ? { host: address.host, port: address.port } : { host: address.host };
  }

  /** Return the stream addresses; show the error of one and return null if it has one. @returns {CameraDraft|null} */
  #streams() {
    for (const name of ['main', 'sub']) {
      this.#takeStreamLogin(name);
      const text = this.#input(name).value.trim();
      const address = parseStreamAddress(text);
      if ('error' in address && (text || name === 'main')) return this.#refuse(name, address.error);
    }
    return { stream_uris: { main: this.#input('main').value.trim(), sub: this.#input('sub').value.trim() || null } };
  }

  /** @param {string} name @param {string} error @returns {null} */
  #refuse(name, error) {
    this.#error(name, error);
    this.#input(name).focus();
    return null;
  }

  /** Move the user name and password of a pasted address into their fields. */
  #takeUserInfo() {
    const address = parseCameraAddress(this.#input('address').value);
    if ('error' in address || address.username === null) return;
    if (!this.#input('username').value) this.#input('username').value = address.username;
    if (address.password !== null && !this.#input('password').value) this.#input('password').value = address.password;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    this.#input('address').value = address.address ?? (address.port ? `${host}:${address.port}` : host);
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
    const input = name === 'recording_time_zone' ? this.#zone : this.#input(name);
    input.setAttribute('aria-invalid', String(Boolean(message)));
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

/** Return the field that the camera's present problem is about. @param {Camera} camera */
function fieldToMend({ status, error, stream_uris: uris }) {
  if (error?.code === 'readable_login_needed') return 'readable';
  if (status === 'auth_failed') return 'password';
  return uris ? 'main' : 'address';
}

customElements.define('camera-form', CameraForm);
