// @ts-check
import { stallStep } from '../lib/recovery.js';
import { part, tell } from './dom.js';
import { HlsEngine } from './hls-engine.js';

const TICK_MS = 250;

/**
 * A live picture. Told by attributes: `src` (a playlist), `muted`. Tells
 *   'player-shows'   the picture moves (again)
 *   'player-stands'  it has stood still for `detail` seconds although it should not
 *   'player-restart' nothing the player can do helps: the session should begin anew
 *   'player-failed'  `{code, detail}`: this browser cannot play it
 *   'player-sound'   whether there is sound: 'on', 'off' or 'blocked' (the browser wants a click first)
 * A picture that is replaced stays visible, frozen, until the next one moves.
 */
export class LivePlayer extends HTMLElement {
  static observedAttributes = ['src', 'muted'];
  /** @type {HlsEngine|null} */
  #engine = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  #lastTime = -1;
  #lastFrames = -1;
  #stoodSinceMs = 0;
  #steps = 0;
  #moving = false;
  #paused = false;
  #playable = false;
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    this.video.addEventListener('playing', () => (this.#playable = true), { signal });
    // A browser may pause by itself (a sleeping tab, a lost audio device); that is not what the viewer asked for.
    this.video.addEventListener('pause', () => this.#pausedByOthers(), { signal });
    document.addEventListener('visibilitychange', () => !document.hidden && this.#pausedByOthers(), { signal });
    this.#setSound();
    if (this.hasAttribute('src')) this.#load();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#unload();
  }

  /** @param {string} name @param {string|null} before @param {string|null} now */
  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || !this.#wires) return;
    if (name === 'muted') this.#setSound();
    else if (before !== now) this.#load();
  }

  get video() {
    return part(this, 'video', HTMLVideoElement);
  }

  get isPaused() {
    return this.#paused;
  }

  get hasPicture() {
    return this.#playable && this.video.videoWidth > 0;
  }

  /** When the picture on screen was taken. */
  get pictureDate() {
    return this.#playable ? (this.#engine?.playingDate ?? null) : null;
  }

  /** Loads the same address again, from the beginning. */
  reload() {
    if (this.hasAttribute('src')) this.#load();
  }

  pause() {
    this.#paused = true;
    this.video.pause();
  }

  /** Goes on, with the newest picture. */
  resume() {
    this.#paused = false;
    this.#stoodSinceMs = Date.now();
    this.#engine?.nudge();
    void this.#play();
  }

  toLive() {
    this.#engine?.toLive();
  }

  /** After a sleep or a loss of network. */
  wake() {
    if (!this.#engine || this.#paused) return;
    this.#stoodSinceMs = Date.now();
    this.#engine.nudge();
    void this.#play();
  }

  /** What is on screen, in the video's full resolution; null before there is a picture. @returns {HTMLCanvasElement|null} */
  capture() {
    if (!this.hasPicture) return null;
    const canvas = document.createElement('canvas');
    return this.#draw(canvas) ? canvas : null;
  }

  /** Takes the frozen picture away. */
  forget() {
    part(this, 'frozen', HTMLCanvasElement).hidden = true;
  }

  #load() {
    this.#freeze();
    this.#unload();
    const src = this.getAttribute('src');
    if (!src) return;
    const { hls, hlsWorker } = document.body.dataset;
    const engine = new HlsEngine(this.video, { onFatal: (why, detail) => this.#fatal(engine, why, detail) });
    this.#engine = engine;
    this.#paused = false;
    this.#steps = 0;
    this.#stoodSinceMs = Date.now();
    this.#timer = setInterval(() => this.#watch(), TICK_MS);
    engine.load(src, { hlsAddress: hls ?? '', workerAddress: hlsWorker ?? '' }).then(
      () => (engine === this.#engine ? this.#play() : undefined),
      () => (engine === this.#engine ? tell(this, 'player-restart') : undefined),
    );
  }

  #unload() {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#engine?.close();
    this.#engine = null;
    this.#moving = false;
    this.#playable = false;
    this.#lastTime = -1;
    this.#lastFrames = -1;
  }

  async #play() {
    try {
      await this.video.play();
    } catch (error) {
      // Sound without a gesture is not allowed: then without sound.
      if (error instanceof DOMException && error.name === 'NotAllowedError' && !this.video.muted) {
        this.video.muted = true;
        tell(this, 'player-sound', 'blocked');
        await this.video.play().catch(() => {});
      }
    }
  }

  #pausedByOthers() {
    if (!this.#paused && this.#engine && this.video.paused && this.#playable) void this.#play();
  }

  #setSound() {
    this.video.muted = this.hasAttribute('muted');
    tell(this, 'player-sound', this.video.muted ? 'off' : 'on');
  }

  /** Looks whether the picture moves: by frames where the browser counts them, else by time. */
  #watch() {
    if (this.#paused) {
      this.#stoodSinceMs = Date.now();
      return;
    }
    const video = this.video;
    const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? -1;
    const moved = document.hidden || frames < 0 ? video.currentTime !== this.#lastTime : frames !== this.#lastFrames;
    const first = this.#lastTime < 0;
    this.#lastTime = video.currentTime;
    this.#lastFrames = frames;
    if (moved && !first && this.#playable && !video.paused) {
      this.#stoodSinceMs = Date.now();
      this.#steps = 0;
      if (!this.#moving) this.forget();
      this.#moving = true;
      tell(this, 'player-shows');
      return;
    }
    const stoodS = (Date.now() - this.#stoodSinceMs) / 1000;
    if (stoodS > 1) tell(this, 'player-stands', stoodS);
    if (!this.#playable) return;
    this.#moving = this.#moving && stoodS < 2;
    this.#help(stallStep(stoodS, this.#steps));
  }

  /** @param {'none'|'edge'|'reload'|'restart'} step */
  #help(step) {
    if (step === 'none') return;
    this.#steps += 1;
    if (step === 'edge') {
      this.#engine?.nudge();
      void this.#play();
    } else if (step === 'reload') {
      const taken = this.#steps;
      const since = this.#stoodSinceMs;
      const shown = this.#playable;
      this.#load();
      this.#steps = taken;
      this.#stoodSinceMs = since;
      this.#playable = shown;
    } else {
      tell(this, 'player-restart');
    }
  }

  /** @param {HlsEngine} engine @param {'network'|'media'|'unsupported'} why @param {string} detail */
  #fatal(engine, why, detail) {
    if (engine !== this.#engine) return;
    if (why === 'network') tell(this, 'player-restart');
    else if (why === 'unsupported') tell(this, 'player-failed', { code: 'cannot_play', detail });
    else if (/codec|incompatible/i.test(detail)) tell(this, 'player-failed', { code: 'cannot_play', detail: '' });
    else tell(this, 'player-restart');
  }

  #freeze() {
    const frozen = part(this, 'frozen', HTMLCanvasElement);
    if (this.hasPicture && this.#draw(frozen)) frozen.hidden = false;
  }

  /** @param {HTMLCanvasElement} canvas */
  #draw(canvas) {
    const video = this.video;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    if (!context || video.readyState < 2) return false;
    context.drawImage(video, 0, 0);
    return true;
  }
}

customElements.define('live-player', LivePlayer);
