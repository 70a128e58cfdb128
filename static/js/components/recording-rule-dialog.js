// @ts-check
import { profileOf } from '../lib/channels.js';
import { bitrate, counted } from '../lib/format.js';
import { ApiError } from '../lib/http.js';
import { costText, daysHeld, daysWanted, bytesPerDay, forecastText, preRollText } from '../lib/recording-cost.js';
import { fieldsOf, ruleOf } from '../lib/recording-rule.js';
import { isRecorder } from '../lib/recordings-state.js';
import { WeekSchedule, scheduleText } from '../lib/week-schedule.js';
import { AppDialog } from './dialog-base.js';
import { emit, part, setText } from './dom.js';
import { onSubmit, showErrors } from './field-errors.js';
import { WeekGrid } from './week-grid.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {import('../lib/recording-types.js').RuleDraft} RuleDraft
 * @typedef {import('../lib/recording-types.js').WeekSpan} WeekSpan
 * @typedef {import('../lib/week-schedule.js').Preset} Preset
 */

/**
 * The dialog of the rule that records a channel on the server. Emits 'recording-changed' with `{cameraId, text}` after
 * it has saved a rule.
 */
export class RecordingRuleDialog extends AppDialog {
  /** @type {import('../lib/recording-api.js').RecordingApi|null} */
  api = null;
  /** @type {Camera|null} */
  #camera = null;
  /** @type {Channel[]} */
  #channels = [];
  /** The stored schedule: it may have minutes that the grid cannot show. @type {WeekSpan[]} */
  #schedule = [];
  #serverZone = '';
  #preRollBytes = 0;
  /** @type {import('../lib/recording-types.js').Storage|null} */
  #storage = null;
  /** Ends with the channel on screen. */
  #shown = new AbortController();

  /** @override @param {AbortSignal} signal */
  wire(signal) {
    const form = part(this, 'form', HTMLFormElement);
    form.addEventListener('input', () => this.#draw(), { signal });
    part(this, 'channel', HTMLSelectElement).addEventListener('change', () => void this.#load(), { signal });
    this.#week.addEventListener('week-change', () => this.#weekChanged(), { signal });
    this.#week.addEventListener(
      'week-point',
      (event) => setText(part(this, 'week-point', HTMLElement), /** @type {CustomEvent<string>} */ (event).detail),
      { signal },
    );
    part(this, 'presets', HTMLElement).addEventListener('click', (event) => this.#choosePreset(event), { signal });
    this.addEventListener('dialog-closed', () => this.#shown.abort(), { signal });
    onSubmit(form, () => this.#save());
  }

  /** @param {Camera} camera @param {Channel[]} channels in order of display @param {number|null} channel */
  openFor(camera, channels, channel) {
    this.#camera = camera;
    this.#channels = channels;
    setText(part(this, 'title', HTMLElement), `Recording of ${camera.name || camera.host}`);
    const select = part(this, 'channel', HTMLSelectElement);
    select.replaceChildren(...channels.map((item) => new Option(`${item.channel} ${item.name}`, String(item.channel))));
    const chosen = channels.find((item) => item.channel === channel) ?? channels[0];
    if (chosen) select.value = String(chosen.channel);
    part(this, 'channel-field', HTMLElement).hidden = channels.length < 2;
    part(this, 'all-field', HTMLElement).hidden = channels.length < 2;
    setText(part(this, 'all-text', HTMLElement), `Same rule for all ${counted(channels.length, 'channel')} of this camera`);
    this.#checkbox('all').checked = false;
    part(this, 'backfills-field', HTMLElement).hidden = !isRecorder(camera);
    this.show();
    void this.#load();
  }

  get #week() {
    return part(this, 'week', WeekGrid);
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #checkbox(name) {
    return part(this, name, HTMLInputElement);
  }

  /** @param {string} name @returns {HTMLInputElement|HTMLSelectElement} */
  #field(name) {
    const field = part(this, 'form', HTMLFormElement).elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) return field;
    throw new Error(`The form has no field "${name}".`);
  }

  /** Load the rule of the chosen channel, and the state of the disks for the forecast. */
  async #load() {
    const { api } = this;
    const camera = this.#camera;
    const number = Number(part(this, 'channel', HTMLSelectElement).value);
    if (!api || !camera || !number) return;
    this.#shown.abort();
    this.#shown = new AbortController();
    const { signal } = this.#shown;
    this.#setBusy('Loading the rule');
    try {
      const rule = await api.rule(camera.id, number);
      if (signal.aborted) return;
      this.#serverZone = rule.server_time_zone ?? '';
      this.#preRollBytes = rule.pre_roll_bytes ?? 0;
      this.#fill(rule);
      this.#setBusy('');
    } catch (error) {
      if (signal.aborted) return;
      this.#setBusy('');
      part(this, 'fields', HTMLFieldSetElement).disabled = true;
      showErrors(part(this, 'form', HTMLFormElement), error);
      return;
    }
    // The forecast is only a help: without it the rule can be changed all the same.
    this.#storage = await api.storage().catch(() => null);
    if (!signal.aborted) this.#draw();
  }

  /** @param {string} text '' when the dialog is no longer busy */
  #setBusy(text) {
    const busy = part(this, 'busy', HTMLElement);
    busy.hidden = !text;
    setText(part(this, 'busy-text', HTMLElement), text);
    part(this, 'fields', HTMLFieldSetElement).disabled = Boolean(text);
    part(this, 'submit', HTMLButtonElement).disabled = Boolean(text);
    if (text) part(this, 'error', HTMLElement).hidden = true;
  }

  /** @param {RuleDraft} rule */
  #fill(rule) {
    const fields = fieldsOf(rule);
    for (const radio of this.querySelectorAll('input[name="mode"]')) {
      if (radio instanceof HTMLInputElement) radio.checked = radio.value === fields.mode;
    }
    this.#fillZones(fields.timeZone);
    this.#fillQualities();
    /** @type {[string, string][]} */
    const values = [
      ['quality', fields.quality],
      ['time_zone', fields.timeZone],
      ['pre_s', fields.pre],
      ['post_s', fields.post],
      ['keep_days', fields.keepDays],
      ['keep_bytes', fields.keepGb],
      ['limit_days', fields.limitDays],
    ];
    for (const [name, value] of values) this.#field(name).value = value;
    this.#checkbox('backfills').checked = fields.backfills;
    this.#schedule = rule.schedule;
    this.#week.week = rule.schedule.length ? WeekSchedule.of(rule.schedule) : WeekSchedule.preset('always');
    if (!rule.schedule.length) this.#schedule = this.#week.week.spans;
    for (const error of this.querySelectorAll('[data-error]')) if (error instanceof HTMLElement) error.hidden = true;
    this.#draw();
  }

  /** @param {string} zone the stored one */
  #fillZones(zone) {
    const select = this.#field('time_zone');
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const server = this.#serverZone ? `The server’s (${this.#serverZone})` : 'The server’s';
    const others = Intl.supportedValuesOf('timeZone').filter((name) => name !== own);
    const names = zone && zone !== own && !others.includes(zone) ? [zone, ...others] : others;
    select.replaceChildren(
      new Option(server, ''),
      new Option(`This browser’s (${own})`, own),
      ...names.map((name) => new Option(name.replaceAll('_', ' '), name)),
    );
  }

  #fillQualities() {
    const channel = this.#chosen[0];
    const select = this.#field('quality');
    const name = (/** @type {'main'|'sub'} */ role, /** @type {string} */ text) => {
      const video = channel ? profileOf(channel, role)?.video : null;
      const size = video?.width && video.height ? `${video.width} × ${video.height}` : '';
      return [text, size, bitrate(video?.bitrate_kbps)].filter(Boolean).join(', ');
    };
    select.replaceChildren(
      new Option(name('main', 'Main stream'), 'main'),
      new Option(name('sub', 'Sub stream'), 'sub'),
      new Option('Main and sub stream', 'both'),
    );
    for (const option of select.querySelectorAll('option')) {
      const roles = option.value === 'both' ? /** @type {const} */ (['main', 'sub']) : [/** @type {'main'|'sub'} */ (option.value)];
      option.disabled = !channel || roles.some((role) => !profileOf(channel, role));
    }
  }

  /** The channels that get the rule, the one on screen first. @returns {Channel[]} */
  get #chosen() {
    const number = Number(part(this, 'channel', HTMLSelectElement).value);
    const one = this.#channels.filter((item) => item.channel === number);
    return this.#checkbox('all').checked ? [...one, ...this.#channels.filter((item) => item.channel !== number)] : one;
  }

  #read() {
    const mode = this.querySelector('input[name="mode"]:checked');
    return ruleOf(
      {
        mode: mode instanceof HTMLInputElement ? mode.value : 'off',
        quality: this.#field('quality').value,
        timeZone: this.#field('time_zone').value,
        pre: this.#field('pre_s').value,
        post: this.#field('post_s').value,
        keepDays: this.#field('keep_days').value,
        keepGb: this.#field('keep_bytes').value,
        limitDays: this.#field('limit_days').value,
        backfills: this.#checkbox('backfills').checked,
      },
      this.#schedule,
    );
  }

  #weekChanged() {
    this.#schedule = this.#week.week.spans;
    this.#draw();
  }

  /** @param {MouseEvent} event */
  #choosePreset(event) {
    const button = event.target instanceof Element ? event.target.closest('[data-preset]') : null;
    if (!(button instanceof HTMLElement)) return;
    this.#week.week = WeekSchedule.preset(/** @type {Preset} */ (button.dataset.preset));
    this.#weekChanged();
  }

  /** Show the fields of the mode, and the cost and forecast. */
  #draw() {
    const { rule } = this.#read();
    for (const field of this.querySelectorAll('[data-modes]')) {
      if (field instanceof HTMLElement) field.hidden = !(field.dataset.modes ?? '').split(' ').includes(rule.mode);
    }
    for (const button of this.querySelectorAll('[data-preset]')) {
      button.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (button).dataset.preset === this.#week.week.preset));
    }
    setText(part(this, 'week-text', HTMLElement), scheduleText(this.#schedule));
    const chosen = this.#chosen;
    const preRoll = preRollText(rule, chosen, this.#preRollBytes);
    const note = part(this, 'pre-note', HTMLElement);
    setText(note, preRoll);
    note.hidden = !preRoll;
    setText(part(this, 'cost', HTMLElement), costText(rule, chosen));
    setText(part(this, 'forecast', HTMLElement), rule.mode === 'off' ? '' : this.#forecast(rule, chosen));
  }

  /** @param {RuleDraft} rule @param {Channel[]} channels */
  #forecast(rule, channels) {
    const costs = channels.map((channel) => bytesPerDay(rule, channel));
    if (!this.#storage || !this.#camera || costs.includes(null)) return '';
    const inflow = costs.reduce((sum, cost) => (sum ?? 0) + (cost ?? 0), 0) ?? 0;
    const numbers = channels.map((channel) => channel.channel);
    return forecastText(daysHeld(this.#storage, { cameraId: this.#camera.id, channels: numbers, inflow }), daysWanted(rule));
  }

  async #save() {
    const { rule, errors } = this.#read();
    if (errors.length) throw new ApiError('invalid_request', 'Some fields have no valid value.', { errors });
    const { api } = this;
    const camera = this.#camera;
    if (!api || !camera) return;
    const channels = this.#chosen;
    for (const channel of channels) {
      try {
        await api.setRule(camera.id, channel.channel, rule);
      } catch (error) {
        if (channels.length === 1 || !(error instanceof ApiError) || error.errors.length) throw error;
        throw new ApiError(error.code, `The rule of ${channel.channel} ${channel.name} was not saved. ${error.message}`);
      }
    }
    this.close();
    const [first] = channels;
    const what = channels.length > 1 ? counted(channels.length, 'channel') : (first?.name ?? 'the channel');
    const text = rule.mode === 'off' ? `Recording of ${what} is off.` : `The rule of ${what} is saved.`;
    emit(this, 'recording-changed', { cameraId: camera.id, text });
  }
}

customElements.define('recording-rule-dialog', RecordingRuleDialog);
