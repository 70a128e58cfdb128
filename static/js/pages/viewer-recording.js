// @ts-check
/** Recording on the server, on the viewer page: the mark in the picture, and the panel that it opens. */
import { setText } from '../components/dom.js';
import { stateText } from '../lib/recording-text.js';
import { byId, may } from './page.js';
import { ServerRecording } from './server-recording.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {{camera: Camera, channel: Channel}} Shown
 */

const KEPT_MS = 300_000;
const PANEL_PX = 312;

/** Emits 'changed' when the server's states of the camera have been read. */
export class ViewerRecording extends EventTarget {
  #recording = new ServerRecording();
  #cameraId;
  #chip = byId('recording', HTMLButtonElement);
  #panel = byId('recording-panel', HTMLElement);
  /** @type {Shown|null} */
  #shown = null;

  /** @param {number} cameraId */
  constructor(cameraId) {
    super();
    this.#cameraId = cameraId;
    this.#recording.addEventListener('changed', () => {
      this.#draw();
      this.dispatchEvent(new Event('changed'));
    });
    this.#panel.addEventListener('beforetoggle', () => this.#place());
    for (const [id, work] of /** @type {[string, (shown: Shown) => void][]} */ ([
      ['recording-pause-open', ({ channel }) => void this.#recording.openPause(cameraId, channel.channel, channel.name)],
      ['recording-resume', ({ channel }) => void this.#recording.resume(cameraId, channel.channel, channel.name)],
      ['recording-keep-open', ({ channel }) => this.#keep(channel)],
      ['recording-rule-open', ({ camera, channel }) => void this.#recording.openRule(camera, channel.channel)],
    ])) {
      byId(id, HTMLElement).addEventListener('click', () => {
        this.#panel.hidePopover();
        if (this.#shown) work(this.#shown);
      });
    }
  }

  /** Read the states from now on. */
  start() {
    this.#recording.watch([this.#cameraId]);
  }

  /** True if the server records a channel of this camera, now or by its rule later. */
  get hasRule() {
    return this.#recording.ofCamera(this.#cameraId).some(({ state }) => state !== 'off');
  }

  /** The channels with a rule, by number, in words. */
  get recorded() {
    const states = this.#recording.ofCamera(this.#cameraId).filter(({ state }) => state !== 'off');
    return new Map(states.map((state) => [state.channel, stateText(state, Date.now())]));
  }

  /** Set the channel on screen. @param {Shown|null} shown */
  set shown(shown) {
    this.#shown = shown;
    this.#draw();
  }

  #draw() {
    const state = this.#recording.of(this.#cameraId, this.#shown?.channel.channel ?? null);
    // Only admins can do something about a channel that is not recorded.
    const isShown = state !== null && (state.state !== 'off' || may('manage'));
    this.#chip.hidden = !isShown;
    if (!isShown) {
      if (this.#panel.matches(':popover-open')) this.#panel.hidePopover();
      return;
    }
    const { short, text, tone } = stateText(state, Date.now());
    setText(byId('recording-short', HTMLElement), short);
    byId('recording-dot', HTMLElement).dataset.tone = tone;
    this.#chip.setAttribute('aria-label', text);
    this.#chip.title = text;
    const words = byId('recording-text', HTMLElement);
    setText(words, text);
    words.dataset.tone = tone;
    const motion = byId('to-motion', HTMLAnchorElement);
    motion.href = `${document.body.dataset.motionPage ?? ''}${this.#cameraId}/${state.channel}`;
    const isOff = state.state === 'off';
    byId('recording-resume', HTMLElement).hidden = state.state !== 'paused';
    byId('recording-pause-open', HTMLElement).hidden = isOff || state.state === 'paused';
    byId('recording-keep-open', HTMLElement).hidden = isOff;
  }

  /** Place the panel below the mark. */
  #place() {
    const box = this.#chip.getBoundingClientRect();
    const left = Math.max(8, Math.min(box.left, window.innerWidth - PANEL_PX));
    this.#panel.style.setProperty('--rec-left', `${left}px`);
    this.#panel.style.setProperty('--rec-top', `${box.bottom + 6}px`);
  }

  /** @param {Channel} channel */
  #keep({ channel, name }) {
    const endMs = Date.now();
    void this.#recording.openKeep({ cameraId: this.#cameraId, channel, name, startMs: endMs - KEPT_MS, endMs });
  }
}
