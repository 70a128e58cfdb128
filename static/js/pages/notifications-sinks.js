// @ts-check
/** For admins: push, e-mail, webhooks and MQTT, to which rules can send. */
import { AppDialog } from '../components/app-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { clearErrors, onSubmit } from '../components/field-errors.js';
import { problemOf } from '../lib/http.js';
import { isUsualPort, sinkBody, usualPort } from '../lib/notification-forms.js';
import { sinkKindWords, sinkPlace, sinkState } from '../lib/notification-text.js';
import { byId, showToast } from './page.js';

/**
 * @typedef {import('../lib/notifications-api.js').Sink} Sink
 * @typedef {'email'|'webhook'|'mqtt'} Kind
 */

export class SinkPart {
  #api;
  #confirm;
  #changed;
  #dialog = byId('sink-dialog', AppDialog);
  #form = byId('sink-form', HTMLFormElement);
  /** The sink in the dialog; null for a new one. @type {Sink|null} */
  #sink = null;

  /**
   * @param {import('../lib/notifications-api.js').NotificationsApi} api
   * @param {import('../components/confirm-dialog.js').ConfirmDialog} confirm
   * @param {() => unknown} changed
   */
  constructor(api, confirm, changed) {
    this.#api = api;
    this.#confirm = confirm;
    this.#changed = changed;
    const form = this.#form;
    onSubmit(form, () => this.#save());
    byId('add-sink', HTMLElement).addEventListener('click', () => this.#open(null));
    byId('sink-kinds', HTMLElement).addEventListener('change', () => this.#showKind());
    for (const id of ['email-security', 'mqtt-tls']) byId(id, HTMLElement).addEventListener('change', () => this.#suggestPorts());
  }

  /** @param {Sink[]} sinks */
  show(sinks) {
    const own = sinks.filter(({ kind }) => kind !== 'push');
    byId('add-sink', HTMLButtonElement).disabled = false;
    byId('no-sinks', HTMLElement).hidden = own.length > 0;
    const whole = byId('sinks-part', HTMLElement);
    const focused = whole.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
    this.#fill(
      'push-sink',
      sinks.filter(({ kind }) => kind === 'push'),
    );
    this.#fill('sinks', own);
    if (focused === null || focused === undefined) return;
    const again = whole.querySelector(`[aria-label="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
    else byId('sinks-title', HTMLElement).focus();
  }

  /** @param {string} id @param {Sink[]} sinks */
  #fill(id, sinks) {
    const list = byId(id, HTMLElement);
    list.hidden = !sinks.length;
    list.replaceChildren(...sinks.map((sink) => this.#row(sink)));
  }

  /** @param {Sink} sink */
  #row(sink) {
    const row = cloneTemplate('sink-row');
    const isPush = sink.kind === 'push';
    const name = isPush ? sinkKindWords(sink.kind) : sink.name;
    setText(part(row, 'name', HTMLElement), name);
    const place = isPush
      ? 'Push for all users: each rule reaches the browsers of its user'
      : `${sinkKindWords(sink.kind)}: ${sinkPlace(sink)}`;
    setText(part(row, 'text', HTMLElement), place);
    const { text, tone, problem } = sinkState(sink);
    const state = part(row, 'state', HTMLElement);
    setText(state, text);
    state.dataset.tone = tone;
    part(row, 'problem', HTMLElement).hidden = !problem;
    setText(part(row, 'problem', HTMLElement), problem);
    const on = part(row, 'on', HTMLInputElement);
    on.checked = sink.is_on;
    on.setAttribute('aria-label', `Send to ${name}`);
    on.addEventListener('change', () =>
      this.#act(() => this.#api.changeSink(sink.id, { is_on: on.checked }), `${name} is ${on.checked ? 'on' : 'off'}`),
    );
    this.#wire(row, 'test', `Send a test to ${name}`, () => this.#test(sink, name));
    for (const action of ['edit', 'remove']) part(row, action, HTMLElement).hidden = isPush; // the push receiver stays
    this.#wire(row, 'edit', `Edit ${name}`, () => this.#open(sink));
    this.#wire(row, 'remove', `Delete ${name}`, async () => {
      const sure = await this.#confirm.ask(`Delete ${name}?`, 'Rules send nothing to it any longer.', 'Delete');
      if (sure) await this.#act(() => this.#api.removeSink(sink.id), `${name} is deleted`);
    });
    return row;
  }

  /** @param {ParentNode} row @param {string} name @param {string} label @param {() => unknown} work */
  #wire(row, name, label, work) {
    const button = part(row, name, HTMLButtonElement);
    button.setAttribute('aria-label', label);
    button.addEventListener('click', () => void work());
  }

  /** @param {Sink} sink @param {string} name */
  async #test(sink, name) {
    try {
      const { state, detail } = await this.#api.testSink(sink.id);
      if (state === 'sent') showToast(`${name} took the test`);
      else showToast(`${name}: ${detail}`, 'bad');
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.#changed();
  }

  /** @param {() => Promise<unknown>} work @param {string} done */
  async #act(work, done) {
    try {
      await work();
      showToast(done);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.#changed();
  }

  /** @param {Sink|null} sink */
  #open(sink) {
    this.#sink = sink;
    const form = this.#form;
    form.reset();
    clearErrors(form);
    setText(byId('sink-title', HTMLElement), sink ? `Edit ${sink.name}` : 'Add a receiver');
    byId('sink-kinds', HTMLFieldSetElement).hidden = sink !== null; // a sink keeps its kind
    for (const [name, value] of fieldsOf(sink)) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement && field.type === 'checkbox') field.checked = value === true;
      else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = String(value);
    }
    const kind = form.querySelector(`[name="kind"][value="${sink?.kind ?? 'email'}"]`);
    if (kind instanceof HTMLInputElement) kind.checked = true;
    byId('sink-secret-hint', HTMLElement).hidden = byId('sink-no-secret-field', HTMLElement).hidden = !sink?.has_secret;
    const secret = sink?.kind === 'webhook' ? 'secret' : 'password';
    setText(byId('sink-secret-hint', HTMLElement), `A ${secret} is stored. Leave the field empty to keep it.`);
    setText(byId('sink-no-secret-text', HTMLElement), `Remove the stored ${secret}`);
    this.#showKind();
    if (!sink) this.#suggestPorts();
    this.#dialog.show();
    byId('sink-name', HTMLInputElement).focus();
  }

  /** @returns {Kind} */
  get #kind() {
    return /** @type {Kind} */ (new FormData(this.#form).get('kind') ?? 'email');
  }

  #showKind() {
    const kind = this.#kind;
    for (const fields of this.#form.querySelectorAll('[data-of]')) {
      if (fields instanceof HTMLElement) fields.hidden = fields.dataset.of !== kind;
    }
    byId('sink-name', HTMLInputElement).placeholder = sinkKindWords(kind);
  }

  /** Write the usual port for the chosen encryption, unless the user has written another one. */
  #suggestPorts() {
    const email = byId('email-port', HTMLInputElement);
    const mqtt = byId('mqtt-port', HTMLInputElement);
    if (isUsualPort(Number(email.value))) email.value = String(usualPort('email', byId('email-security', HTMLSelectElement).value));
    if (isUsualPort(Number(mqtt.value)))
      mqtt.value = String(usualPort('mqtt', byId('mqtt-tls', HTMLInputElement).checked ? 'tls' : 'none'));
  }

  async #save() {
    const sink = this.#sink;
    const body = sinkBody(new FormData(this.#form), this.#kind);
    if (sink) await this.#api.changeSink(sink.id, body);
    else await this.#api.addSink({ ...body, kind: this.#kind });
    this.#dialog.close();
    showToast(`${body.name} is ${sink ? 'saved' : 'added'}`);
    this.#changed();
  }
}

/** Return the fields of the form for a sink. A secret is never among them. @param {Sink|null} sink @returns {[string, string|number|boolean][]} */
function fieldsOf(sink) {
  if (!sink) return [['mqtt.base_topic', 'ovw']];
  const { kind } = sink;
  const settings = kind === 'push' ? null : sink[kind];
  /** @type {[string, string|number|boolean][]} */
  const fields = [['name', sink.name]];
  for (const [name, value] of Object.entries(settings ?? {})) {
    fields.push([`${kind}.${name}`, Array.isArray(value) ? value.join(', ') : value]);
  }
  return fields;
}
