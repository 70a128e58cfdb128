// @ts-check
/** The picture on which the user draws the area of a search: of now, or of the recording. */
import { setAttribute, setText } from '../components/dom.js';
import { tileProfileOf } from '../lib/channels.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { ApiError, problemOf } from '../lib/http.js';
import { byId, may } from './page.js';

/** @typedef {'now'|'recorded'} Moment @typedef {import('./search-form.js').SearchForm['place']} Place */

const AGAIN_MS = 1000;
const MOST_TRIES = 30;
/** Recorders write with a delay: a picture of the last moment may be missing. */
const BEFORE_END_MS = 10_000;

/** Emits 'shape' when the height of the picture by its width is known. */
export class SearchPicture extends EventTarget {
  #api;
  #searches;
  #editor;
  #image = byId('picture', HTMLImageElement);
  /** @type {Place} */
  #place = null;
  /** The moment that the user has seen on the page before. @type {number|null} */
  seenMs = null;
  /** A recorded moment of the chosen range; null if there is none, undefined before it is known. @type {number|null|undefined} */
  #recordedMs = undefined;
  /** True while the user waits for the picture of a recording. */
  #wantsRecorded = false;
  /** True once the user has chosen a moment, or a picture is there. */
  #isSettled = false;
  #loading = new AbortController();
  tallness = 9 / 16;

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/searches-api.js').SearchesApi} searches
   * @param {import('../components/zone-editor.js').ZoneEditor} editor
   */
  constructor(api, searches, editor) {
    super();
    this.#api = api;
    this.#searches = searches;
    this.#editor = editor;
    this.#image.addEventListener('load', () => this.#loaded());
    byId('picture-now', HTMLElement).hidden = !may('live');
    for (const moment of /** @type {const} */ (['now', 'recorded'])) {
      byId(`picture-${moment}`, HTMLElement).addEventListener('click', () => void this.#load(moment, true));
    }
  }

  /** Show the picture of another channel. @param {Place} place */
  set place(place) {
    this.#place = place;
    this.#recordedMs = undefined;
    this.#isSettled = false;
    this.#forget();
    void this.#load(this.seenMs !== null || !may('live') ? 'recorded' : 'now', false);
  }

  /** A recorded moment of the chosen range is known. @param {number|null} atMs */
  set recordedMs(atMs) {
    this.#recordedMs = atMs === null ? null : atMs - BEFORE_END_MS;
    if (atMs === null) return;
    if (this.#wantsRecorded || (!this.#isSettled && this.#image.hidden)) void this.#load('recorded', this.#wantsRecorded);
  }

  /** @param {Moment} moment @param {boolean} isChosen by the user */
  async #load(moment, isChosen) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.#isSettled ||= isChosen;
    this.#wantsRecorded = isChosen && moment === 'recorded';
    this.#press(moment);
    if (this.#image.hidden) this.#note('Loading the picture');
    try {
      const found = moment === 'now' ? await this.#now(signal) : await this.#recorded(signal);
      if (!signal.aborted) this.#show(found.blob, found.words);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      const other = moment === 'now' ? 'recorded' : 'now';
      const canOther = other === 'now' ? may('live') : (this.seenMs ?? this.#recordedMs ?? null) !== null;
      if (!isChosen && !this.#isSettled && canOther) {
        this.#isSettled = true;
        void this.#load(other, false);
        return;
      }
      setText(byId('picture-of', HTMLElement), this.#image.hidden ? '' : `No new picture: ${problemOf(error).detail}`);
      if (this.#image.hidden) this.#note(`No picture: ${problemOf(error).detail} You can draw all the same.`, false);
    }
  }

  /** @param {AbortSignal} signal */
  async #now(signal) {
    const profile = this.#place?.channel ? tileProfileOf(this.#place.channel) : null;
    if (!profile || !this.#place) throw new ApiError('not_found', 'The channel has no stream.');
    const { blob } = await this.#api.snapshot(this.#place.camera.id, { profileToken: profile.profile_token, signal });
    return { blob, words: 'The picture of now.' };
  }

  /** @param {AbortSignal} signal */
  async #recorded(signal) {
    const atMs = this.seenMs ?? this.#recordedMs;
    if (atMs === undefined) throw new ApiError('not_found', 'The server is still asking for the recorded times.');
    if (!this.#place || atMs === null) throw new ApiError('no_recording', 'Nothing is recorded in the chosen range.');
    const url = this.#searches.recordedPicture(this.#place.camera.id, this.#place.number, atMs);
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const blob = await this.#searches.picture(url, signal);
      if (blob) return { blob, words: `The recording at ${LOCAL_CLOCK.stamp(atMs)}.` };
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    throw new ApiError('no_recording', 'The recorder gives no picture of this time.');
  }

  /** @param {Blob} blob @param {string} words */
  #show(blob, words) {
    const before = this.#image.src;
    this.#image.src = URL.createObjectURL(blob);
    if (before) URL.revokeObjectURL(before);
    this.#isSettled = true;
    this.#wantsRecorded = false;
    setText(byId('picture-of', HTMLElement), words);
  }

  #forget() {
    if (this.#image.src) URL.revokeObjectURL(this.#image.src);
    this.#image.removeAttribute('src');
    this.#image.hidden = true;
    setText(byId('picture-of', HTMLElement), '');
  }

  #loaded() {
    const { naturalWidth: width, naturalHeight: height } = this.#image;
    this.#image.hidden = false;
    byId('no-picture', HTMLElement).hidden = true;
    if (!width || !height) return;
    this.tallness = height / width;
    this.#editor.tallness = this.tallness;
    this.dispatchEvent(new Event('shape'));
  }

  /** @param {Moment} moment */
  #press(moment) {
    for (const one of /** @type {const} */ (['now', 'recorded'])) {
      setAttribute(byId(`picture-${one}`, HTMLElement), 'aria-pressed', String(one === moment));
    }
  }

  /** @param {string} text @param {boolean} [isBusy] */
  #note(text, isBusy = true) {
    const line = byId('no-picture', HTMLElement);
    line.hidden = false;
    line.toggleAttribute('data-busy', isBusy);
    setText(byId('no-picture-text', HTMLElement), text);
  }
}
