// @ts-check
/** The question of a search: camera, channel, range, kind, and whose recordings. */
import { setText } from '../components/dom.js';
import { TimeField } from '../components/time-field.js';
import { rowOf } from '../lib/coverage.js';
import { ApiError, problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { PRESETS, lengthOf, presetRange, rangeError } from '../lib/search-range.js';
import { KINDS, SOURCES, recordedText } from '../lib/search-text.js';
import { byId } from './page.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {import('../lib/searches-api.js').Search} Search @typedef {import('../lib/timeline-scale.js').Span} Span
 * @typedef {{camera: Camera, channels: Channel[]}} Place
 */

const ASK_AFTER_MS = 400;
const INDEXING_MS = 2000;

/** Emits 'channel' when another channel is chosen, and 'recorded' when the recorded part of the range is known. */
export class SearchForm extends EventTarget {
  #api;
  #places;
  #camera = byId('camera', HTMLSelectElement);
  #channel = byId('channel', HTMLSelectElement);
  #source = byId('source', HTMLSelectElement);
  #from = byId('from-field', TimeField);
  #to = byId('to-field', TimeField);
  /** A recorded moment of the range: its newest one. @type {number|null} */
  recordedMs = null;
  /** The wanted source of a search that was opened, until the list of sources is known. */
  #wantedSource = '';
  #asking = new Poller(() => this.#askRecorded());
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {import('../lib/api.js').Api} api @param {Place[]} places */
  constructor(api, places) {
    super();
    this.#api = api;
    this.#places = places;
    this.#camera.replaceChildren(...places.map(({ camera }) => new Option(camera.name || camera.host, String(camera.id))));
    this.#camera.addEventListener('change', () => this.#chooseCamera(Number(this.#camera.value), null));
    this.#channel.addEventListener('change', () => this.#chosen());
    for (const field of [this.#from, this.#to]) field.addEventListener('input', () => this.#rangeChanged());
    this.#fillPresets();
    fillKinds();
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#asking.stop() : this.#asking.start()));
  }

  /** Take the channel and the range of the page's address. @param {import('../lib/search-range.js').SearchPageState} state */
  begin({ cameraId, channel, fromMs, toMs, atMs }) {
    const known = this.#places.find(({ camera }) => camera.id === cameraId) ?? this.#places[0];
    const nowMs = Date.now();
    if (fromMs !== null && toMs !== null) this.#range = { startMs: fromMs, endMs: Math.min(toMs, nowMs) };
    else if (atMs !== null) this.#range = { startMs: atMs - 1_800_000, endMs: Math.min(atMs + 1_800_000, nowMs) };
    else this.#range = presetRange('hour', nowMs);
    if (known) this.#chooseCamera(known.camera.id, channel);
  }

  /** Take the question of an earlier search. @param {Search} search */
  take({ camera_id: cameraId, channel, start_time: start, end_time: end, kind, source }) {
    if (this.#camera.value !== String(cameraId) || this.#channel.value !== String(channel)) this.#chooseCamera(cameraId, channel);
    this.#range = { startMs: Date.parse(start), endMs: Date.parse(end) };
    for (const radio of kindRadios()) radio.checked = radio.value === kind;
    this.#wantedSource = source ?? '';
    this.#source.value = this.#wantedSource;
    this.#rangeChanged();
  }

  /** The chosen camera and channel. @returns {{camera: Camera, channel: Channel|null, number: number}|null} */
  get place() {
    const found = this.#places.find(({ camera }) => String(camera.id) === this.#camera.value);
    const number = Number(this.#channel.value);
    return found && number ? { camera: found.camera, channel: found.channels.find((one) => one.channel === number) ?? null, number } : null;
  }

  get placeText() {
    const { place } = this;
    return place ? this.channelText(place.camera.id, place.number) : '';
  }

  /** Return the names of a camera and its channel. @param {number} cameraId @param {number} number */
  channelText(cameraId, number) {
    const found = this.#places.find(({ camera }) => camera.id === cameraId);
    if (!found) return `Channel ${number}`;
    const cameraName = found.camera.name || found.camera.host;
    const name = found.channels.find(({ channel }) => channel === number)?.name || `Channel ${number}`;
    return name === cameraName ? name : `${cameraName}: ${name}`;
  }

  /** Return the question; null, with the reason shown, if the range is wrong. */
  question() {
    const { place } = this;
    const [startMs, endMs] = [this.#from.atMs, this.#to.atMs];
    const nowMs = this.#api.clock.nowMs();
    const error = place ? rangeError(startMs, endMs, nowMs) : 'This camera has no channel.';
    this.#showError(error);
    if (error || !place || startMs === null || endMs === null) {
      this.#from.input.focus();
      return null;
    }
    const kind = /** @type {Search['kind']} */ (kindRadios().find(({ checked }) => checked)?.value ?? 'moved');
    const source = byId('source-field', HTMLElement).hidden ? null : /** @type {Search['source']} */ (this.#source.value || null);
    return { cameraId: place.camera.id, channel: place.number, startMs, endMs: Math.min(endMs, nowMs), kind, source };
  }

  // ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {number} cameraId @param {number|null} channel */
  #chooseCamera(cameraId, channel) {
    this.#camera.value = String(cameraId);
    const channels = this.#places.find(({ camera }) => camera.id === cameraId)?.channels ?? [];
    const options = channels
      .filter(({ hidden }) => !hidden)
      .map((one) => ({ number: one.channel, name: one.name || `Channel ${one.channel}` }));
    if (channel !== null && options.every(({ number }) => number !== channel))
      options.push({ number: channel, name: `Channel ${channel}` });
    this.#channel.replaceChildren(...options.map(({ number, name }) => new Option(name, String(number))));
    if (channel !== null) this.#channel.value = String(channel);
    this.#chosen();
  }

  #chosen() {
    this.recordedMs = null;
    this.dispatchEvent(new Event('channel'));
    this.#ask();
  }

  #fillPresets() {
    byId('presets', HTMLElement).replaceChildren(
      ...Object.entries(PRESETS).map(([preset, name]) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'button small';
        button.textContent = name;
        button.addEventListener('click', () => {
          this.#range = presetRange(/** @type {import('../lib/search-range.js').Preset} */ (preset), Date.now());
          this.#rangeChanged();
        });
        return button;
      }),
    );
  }

  /** @param {Span} range */
  set #range({ startMs, endMs }) {
    this.#from.atMs = startMs;
    this.#to.atMs = endMs;
  }

  #rangeChanged() {
    this.#showError('');
    this.#ask();
  }

  /** @param {string} text */
  #showError(text) {
    const line = byId('range-error', HTMLElement);
    setText(line, text);
    line.hidden = !text;
    for (const field of [this.#from, this.#to]) field.input.ariaInvalid = text ? 'true' : null;
  }

  // ── The recorded time ─────────────────────────────────────────────────────────────────────────────────────────────────

  #ask() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#asking.start();
      this.#asking.soon();
    }, ASK_AFTER_MS);
  }

  async #askRecorded() {
    const { place } = this;
    const [startMs, endMs] = [this.#from.atMs, this.#to.atMs];
    if (!place || rangeError(startMs, endMs, Date.now()) || startMs === null || endMs === null) {
      this.#showRecorded('', []);
      return null;
    }
    const { number: channel, camera } = place;
    try {
      const ask = { start: new Date(startMs), end: new Date(endMs), events: false, channel };
      const answer = await this.#api.coverage(camera.id, ask);
      if (this.place?.camera.id !== camera.id || this.place.number !== channel) return null;
      const spans = answer.channels.flatMap((one) => rowOf(one).spans).filter(({ state }) => state === 'recorded');
      this.recordedMs = spans.length ? Math.max(...spans.map((span) => span.endMs)) : null;
      const text = recordedText(lengthOf(spans), endMs - startMs);
      this.#showRecorded(answer.indexing ? 'The server is still asking the recorder for its recorded times.' : text, spans);
      return answer.indexing ? INDEXING_MS : null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#showRecorded(problemOf(error).detail, []);
      return null;
    }
  }

  /** @param {string} text @param {import('../lib/coverage.js').RowSpan[]} spans */
  #showRecorded(text, spans) {
    setText(byId('recorded', HTMLElement), text);
    const sources = /** @type {const} */ (['server', 'device']).filter((one) => spans.some(({ source }) => source === one));
    const hasBoth = sources.length > 1;
    byId('source-field', HTMLElement).hidden = !hasBoth;
    if (hasBoth && this.#source.options.length === 1) {
      this.#source.append(...sources.map((one) => new Option(SOURCES[one], one)));
      this.#source.value = this.#wantedSource;
    }
    this.dispatchEvent(new Event('recorded'));
  }
}

function kindRadios() {
  return [...byId('kind-list', HTMLElement).querySelectorAll('input')];
}

function fillKinds() {
  byId('kind-list', HTMLElement).replaceChildren(
    ...Object.entries(KINDS).map(([value, [title, text]], index) => {
      const label = document.createElement('label');
      const radio = document.createElement('input');
      Object.assign(radio, { type: 'radio', name: 'kind', value, checked: index === 0 });
      const box = document.createElement('span');
      const strong = document.createElement('strong');
      strong.textContent = title;
      const hint = document.createElement('span');
      hint.className = 'hint';
      hint.textContent = text;
      box.append(strong, hint);
      label.append(radio, box);
      return label;
    }),
  );
}
