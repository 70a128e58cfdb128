// @ts-check
/** The dialog of a rule: which events, where, when, and to whom. */
import { AppDialog } from '../components/app-dialog.js';
import { icon, setText } from '../components/dom.js';
import { clearErrors, onSubmit } from '../components/field-errors.js';
import { otherZone } from '../lib/event-filter.js';
import { KIND_GROUPS, kindIcon, kindWords } from '../lib/event-kinds.js';
import { ApiError } from '../lib/http.js';
import { ruleBody } from '../lib/notification-forms.js';
import { kindsText, sinkKindWords } from '../lib/notification-text.js';
import { byId, showToast } from './page.js';

/**
 * @typedef {import('../lib/notifications-api.js').Rule} Rule
 * @typedef {import('../lib/notifications-api.js').Sink} Sink
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 */

const DEFAULT_PAUSE_S = 30;

const form = byId('rule-form', HTMLFormElement);
const cameraField = byId('rule-camera', HTMLSelectElement);
const channelField = byId('rule-channel', HTMLSelectElement);
const fromField = byId('rule-from', HTMLInputElement);
const untilField = byId('rule-until', HTMLInputElement);

export class RuleDialog {
  #api;
  #dialog = byId('rule-dialog', AppDialog);
  #channels;
  /** The rule in the dialog; null for a new one. @type {Rule|null} */
  #rule = null;

  /**
   * @param {import('../lib/notifications-api.js').NotificationsApi} api
   * @param {{channels: (cameraId: number) => Promise<Channel[]>, saved: () => unknown}} with_
   */
  constructor(api, { channels, saved }) {
    this.#api = api;
    this.#channels = channels;
    fillKinds();
    onSubmit(form, async () => {
      const body = ruleBody(new FormData(form));
      const rule = this.#rule;
      if (rule) await api.changeRule(rule.id, body);
      else await api.addRule(body);
      this.#dialog.close();
      showToast(`${body.name} is ${rule ? 'saved' : 'added'}`);
      saved();
    });
    cameraField.addEventListener('change', () => void this.#showChannels(null));
    channelField.addEventListener('change', () => void this.#suggestZones());
    byId('rule-kinds', HTMLElement).addEventListener('change', () => showKindsText());
    byId('rule-all-day', HTMLElement).addEventListener('click', () => {
      fromField.value = untilField.value = '';
      fromField.focus();
    });
  }

  /** @param {Rule|null} rule null: a new one @param {{cameras: Camera[], sinks: Sink[]}} choices */
  open(rule, { cameras, sinks }) {
    this.#rule = rule;
    form.reset();
    clearErrors(form);
    setText(byId('rule-title', HTMLElement), rule ? `Edit ${rule.name}` : 'Add a rule');
    const options = cameras.map((camera) => new Option(camera.name || camera.host, String(camera.id)));
    cameraField.replaceChildren(new Option('All that you may see', ''), ...options);
    byId('rule-name', HTMLInputElement).value = rule?.name ?? '';
    byId('rule-severity', HTMLSelectElement).value = rule ? (rule.severity ?? '') : 'alert';
    cameraField.value = String(rule?.camera_id ?? '');
    byId('rule-zone', HTMLInputElement).value = rule?.zone ?? '';
    fromField.value = rule?.from_time_of_day ?? '';
    untilField.value = rule?.until_time_of_day ?? '';
    byId('rule-length', HTMLInputElement).value = String(rule?.min_length_s ?? 0);
    byId('rule-pause', HTMLInputElement).value = String(rule?.cool_down_s ?? DEFAULT_PAUSE_S);
    for (const box of boxes('rule-days')) box.checked = !rule?.days.length || rule.days.includes(Number(box.value));
    for (const box of boxes('rule-kinds-list')) box.checked = Boolean(rule?.kinds.some((kind) => kind === box.value));
    byId('rule-kinds', HTMLDetailsElement).open = Boolean(rule?.kinds.length);
    showKindsText();
    showZones(rule?.time_zone ?? '');
    showSinks(sinks, rule);
    void this.#showChannels(rule?.channel ?? null);
    this.#dialog.show();
    byId('rule-name', HTMLInputElement).focus();
  }

  /** Offer the channels of the chosen camera. @param {number|null} chosen */
  async #showChannels(chosen) {
    const cameraId = Number(cameraField.value);
    byId('rule-channel-field', HTMLElement).hidden = byId('rule-zone-field', HTMLElement).hidden = !cameraId;
    channelField.replaceChildren(new Option('All channels', ''));
    if (chosen !== null) channelField.add(new Option(`Channel ${chosen}`, String(chosen), true, true));
    if (!cameraId) return;
    try {
      const channels = await this.#channels(cameraId);
      if (cameraId !== Number(cameraField.value)) return; // the user has chosen another camera meanwhile
      const options = channels.map(({ channel, name }) => new Option(name || `Channel ${channel}`, String(channel)));
      channelField.replaceChildren(new Option('All channels', ''), ...options);
      if (chosen !== null && !channels.some(({ channel }) => channel === chosen))
        channelField.add(new Option(`Channel ${chosen}`, String(chosen)));
      channelField.value = String(chosen ?? '');
      await this.#suggestZones();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      showToast(error.message, 'bad');
    }
  }

  /** Offer the zones of the chosen channel. The user may write another name. */
  async #suggestZones() {
    const cameraId = Number(cameraField.value);
    const channel = Number(channelField.value) || null;
    const list = byId('rule-zones', HTMLDataListElement);
    list.replaceChildren();
    if (!cameraId) return;
    const names = await this.#api.zoneNames(cameraId, channel).catch(() => []);
    const isChosen = cameraId === Number(cameraField.value) && channel === (Number(channelField.value) || null);
    if (isChosen) list.replaceChildren(...names.map((name) => new Option(name, name)));
  }
}

/** @param {string} id of their parent @returns {HTMLInputElement[]} */
function boxes(id) {
  return [...byId(id, HTMLElement).querySelectorAll('input')];
}

function fillKinds() {
  const groups = KIND_GROUPS.map(({ name, kinds }) => {
    const group = document.createElement('fieldset');
    const legend = document.createElement('legend');
    legend.textContent = name;
    group.append(legend, ...kinds.map((kind) => choice('kinds', kind, kindWords(kind), kindIcon(kind))));
    return group;
  });
  byId('rule-kinds-list', HTMLElement).replaceChildren(...groups);
}

function showKindsText() {
  const chosen = boxes('rule-kinds-list').filter(({ checked }) => checked);
  const kinds = /** @type {import('../lib/event-types.js').EventKind[]} */ (chosen.map(({ value }) => value));
  setText(byId('rule-kinds-text', HTMLElement), kinds.length ? kindsText({ kinds, severity: null }) : 'all');
}

/** Offer the server's clock, this browser's, and that of the rule, if they differ. @param {string} chosen */
function showZones(chosen) {
  const serverZone = document.body.dataset.zone ?? '';
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isOther = otherZone(serverZone) !== '';
  const options = [new Option(`The server’s: ${serverZone}`, '')];
  for (const zone of new Set([...(isOther ? [own] : []), ...(chosen ? [chosen] : [])]))
    options.push(new Option(zone === own ? `This browser’s: ${zone}` : zone, zone));
  const field = byId('rule-time-zone', HTMLSelectElement);
  field.replaceChildren(...options);
  field.value = chosen;
  byId('rule-zone-of-time-field', HTMLElement).hidden = options.length < 2;
}

/** @param {Sink[]} sinks @param {Rule|null} rule */
function showSinks(sinks, rule) {
  const shown = sinks.map((sink) => {
    const kind = sinkKindWords(sink.kind);
    const text = sink.kind === 'push' ? 'Your browsers and phones' : sink.name === kind ? kind : `${sink.name} (${kind})`;
    const label = choice('sinks', String(sink.id), sink.is_on ? text : `${text}, switched off`, null);
    const box = label.querySelector('input');
    if (box) box.checked = rule ? rule.sinks.includes(sink.id) : sink.kind === 'push';
    return label;
  });
  byId('rule-sinks-list', HTMLElement).replaceChildren(...shown);
}

/** @param {string} name @param {string} value @param {string} text @param {string|null} iconName */
function choice(name, value, text, iconName) {
  const label = document.createElement('label');
  label.className = 'check';
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.name = name;
  box.value = value;
  const words = document.createElement('span');
  words.textContent = text;
  label.append(box, ...(iconName ? [icon(iconName)] : []), words);
  return label;
}
