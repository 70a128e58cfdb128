// @ts-check
/**
 * The picture of the motion page, and over it what the detector sees: changed cells and moving things, asked once a second
 * while the picture is in sight.
 */
import { setText } from '../components/dom.js';
import { tileProfileOf } from '../lib/channels.js';
import { ApiError, problemOf } from '../lib/http.js';
import { cellsPath } from '../lib/motion-cells.js';
import { seenText } from '../lib/motion-text.js';
import { Poller } from '../lib/poller.js';
import { byId, remember, remembered } from './page.js';

/**
 * @typedef {import('../lib/motion-api.js').MotionApi} MotionApi @typedef {import('../lib/motion-api.js').MotionNow} MotionNow
 * @typedef {import('../lib/api.js').Api} Api @typedef {import('../lib/api.js').Channel} Channel
 */

const SVG = 'http://www.w3.org/2000/svg';
const POLL_MS = 1000;
const KEY = 'motion-seeing';

export class SeenPicture {
  #api;
  #motion;
  #cameraId;
  #channel;
  #editor;
  #image = byId('picture', HTMLImageElement);
  #switch = byId('seeing', HTMLInputElement);
  /** Time of the detector's picture on screen; '' for another picture. */
  #pictureTime = '';
  #isInSight = true;
  #isWatched = false;
  /** @type {import('../lib/motion-draft.js').Zone[]} */
  zones = [];
  #poller = new Poller(() => this.#look());
  /** Ends the requests of an older question for a picture. */
  #loading = new AbortController();

  /**
   * @param {{api: Api, motion: MotionApi, cameraId: number, channel: number}} source
   * @param {import('../components/zone-editor.js').ZoneEditor} editor
   */
  constructor({ api, motion, cameraId, channel }, editor) {
    this.#api = api;
    this.#motion = motion;
    this.#cameraId = cameraId;
    this.#channel = channel;
    this.#editor = editor;
    this.#image.addEventListener('load', () => this.#loaded());
    this.#switch.checked = remembered(KEY) !== 'off';
    this.#switch.addEventListener('change', () => {
      remember(KEY, this.#switch.checked ? 'on' : 'off');
      this.#turn();
    });
    byId('picture-new', HTMLElement).addEventListener('click', () => void this.load());
    document.addEventListener('visibilitychange', () => this.#turn());
    new IntersectionObserver((entries) => {
      this.#isInSight = entries.some(({ isIntersecting }) => isIntersecting);
      this.#turn();
    }).observe(editor);
  }

  /** @param {boolean} isWatched true while this server watches the pictures of the channel */
  set isWatched(isWatched) {
    this.#isWatched = isWatched;
    this.#switch.disabled = !isWatched;
    this.#turn();
  }

  /** Load a picture: the detector's, otherwise a snapshot of the channel. */
  async load() {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    if (this.#image.hidden) this.#note('Loading the picture');
    try {
      const blob = (await this.#detectorPicture(signal)) ?? (await this.#snapshot(signal));
      if (!signal.aborted) this.#show(blob);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (this.#image.hidden) this.#note(`No picture: ${problemOf(error).detail} You can draw zones all the same.`, false);
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<Blob|null>} */
  async #detectorPicture(signal) {
    if (!this.#isWatched) return null;
    try {
      return (await this.#motion.picture(this.#cameraId, this.#channel, signal))?.blob ?? null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return null; // The snapshot's request tells if the camera is in trouble.
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<Blob>} */
  async #snapshot(signal) {
    this.#pictureTime = '';
    const channels = await this.#api.channels(this.#cameraId);
    const channel = channels.find((item) => item.channel === this.#channel);
    const profile = channel ? tileProfileOf(channel) : null;
    if (!profile) throw new ApiError('not_found', 'The channel has no stream.');
    const token = profile.profile_token;
    return (await this.#api.snapshot(this.#cameraId, { profileToken: token, signal })).blob;
  }

  /** @param {Blob} blob */
  #show(blob) {
    const before = this.#image.src;
    this.#image.src = URL.createObjectURL(blob);
    if (before) URL.revokeObjectURL(before);
  }

  #loaded() {
    const { naturalWidth: width, naturalHeight: height } = this.#image;
    this.#image.hidden = false;
    byId('no-picture', HTMLElement).hidden = true;
    if (width && height) this.#editor.tallness = height / width;
  }

  /** @param {string} text @param {boolean} [isBusy] */
  #note(text, isBusy = true) {
    const line = byId('no-picture', HTMLElement);
    line.hidden = false;
    line.toggleAttribute('data-busy', isBusy);
    setText(byId('no-picture-text', HTMLElement), text);
  }

  // ── What the detector sees ───────────────────────────────────────────────────────────────────────────────────────────

  #turn() {
    const isOn = this.#isWatched && this.#switch.checked;
    if (isOn && this.#isInSight && !document.hidden) this.#poller.start();
    else this.#poller.stop();
    if (isOn) return;
    this.#pictureTime = '';
    this.#draw(null, this.#isWatched ? '' : 'Only while this server watches the pictures.');
  }

  async #look() {
    try {
      const picture = await this.#motion.picture(this.#cameraId, this.#channel);
      if (picture?.time && picture.time === this.#pictureTime) return POLL_MS;
      // The request names this picture, since the newest one may be another.
      const now = await this.#motion.now(this.#cameraId, this.#channel, picture?.time);
      if (!this.#switch.checked || !this.#isWatched) return null;
      if (picture) {
        this.#loading.abort();
        this.#show(picture.blob);
        this.#pictureTime = picture.time;
      }
      const isKnown = picture !== null && now.time !== null;
      this.#draw(isKnown ? now : null, picture && !now.time ? '' : seenText(now.time ? now : null, this.zones));
    } catch (error) {
      this.#pictureTime = '';
      this.#draw(null, problemOf(error).detail);
      throw error;
    }
    return POLL_MS;
  }

  /** @param {MotionNow|null} now @param {string} text */
  #draw(now, text) {
    setText(byId('seen-text', HTMLElement), text);
    byId('seen-cells', SVGPathElement).setAttribute('d', now ? cellsPath(now.cells) : '');
    const layer = byId('seen', SVGSVGElement).viewBox.baseVal;
    byId('seen-blobs', SVGGElement).replaceChildren(
      ...(now?.blobs ?? []).map(({ box: [x = 0, y = 0, width = 0, height = 0] }) => {
        const rect = document.createElementNS(SVG, 'rect');
        const values = { x: x * layer.width, y: y * layer.height, width: width * layer.width, height: height * layer.height };
        for (const [name, value] of Object.entries(values)) rect.setAttribute(name, String(value));
        return rect;
      }),
    );
  }
}
