// @ts-check
import { stallStep } from '../lib/recovery.js';
import { part, tell } from './dom.js';
import { HlsEngine } from './hls-engine.js';
import { MseEngine } from './mse-engine.js';

const TICK_MS = 250;
const NEXT_WITHIN_MS = 8000;
/** Who has paused for so long is no viewer any more: what stands needs no pictures. */
const PAUSED_REST_MS = 8000;

/**
 * A live picture. Told by attributes: `src` (a playlist), `muted`; or by `attachLive()`, which gives a sink for live
 * fragments. Tells
 *   'player-shows'   the picture moves (again); `detail` 'before' while it is the one that another will take over from
 *   'player-stands'  it has stood still for `detail` seconds although it should not
 *   'player-rests'   it has been paused for so long that it needs no pictures
 *   'player-restart' nothing the player can do helps: the session should begin anew
 *   'player-failed'  `{code, detail}`: this browser cannot play it
 *   'player-sound'   whether there is sound: 'on', 'off' or 'blocked' (the browser wants a click first)
 * A picture that is replaced stays visible until the next one moves: fragments that follow fragments play on meanwhile,
 * on a second `<video>`; else the last picture stands, frozen.
 */
export class LivePlayer extends HTMLElement {
  static observedAttributes = ['src', 'muted'];
  /** @type {HlsEngine|MseEngine|null} */
  #engine = null;
  /** Opened for the next `attachLive()`. @type {MseEngine|null} */
  #prepared = null;
  /** What takes over with its first picture. @type {{video: HTMLVideoElement, engine: MseEngine, timer: ReturnType<typeof setTimeout>}|null} */
  #next = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  #lastTime = -1;
  #lastFrames = -1;
  #stoodSinceMs = 0;
  #steps = 0;
  #moving = false;
  #paused = false;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #restTimer = null;
  #playable = false;
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    // Media events do not bubble, but they can be caught on the way down: of whichever video is the present one.
    const heard = { signal, capture: true };
    this.addEventListener('playing', (event) => event.target === this.video && this.#plays(), heard);
    // A browser may pause by itself (a sleeping tab, a lost audio device); that is not what the viewer asked for.
    this.addEventListener('pause', (event) => event.target === this.video && this.#pausedByOthers(), heard);
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

  /** Whether the last picture stands in the place of the next one. */
  get isFrozen() {
    return !part(this, 'frozen', HTMLCanvasElement).hidden;
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
    if (this.#restTimer !== null) clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => this.#paused && tell(this, 'player-rests'), PAUSED_REST_MS);
    if (this.#engine instanceof MseEngine) this.#engine.hold();
    this.video.pause();
  }

  /** Opens a MediaSource for `attachLive()` while the fragments are still on their way. */
  prepareLive() {
    if (!this.#engine) this.#prepared ??= this.#liveEngine(this.video);
  }

  /**
   * Plays live fragments from now on. What is on screen goes on until their first picture is there.
   *
   * @returns {import('../lib/socket-session.js').Sink}
   */
  attachLive() {
    this.#dropNext();
    this.removeAttribute('src');
    if (this.#engine instanceof MseEngine && this.#moving && !this.#paused && !document.hidden) return this.#prepareNext();
    const prepared = this.#prepared;
    this.#prepared = null;
    this.#freeze();
    this.#unload();
    const engine = prepared ?? this.#liveEngine(this.video);
    this.#begin(engine);
    return sinkOf(engine);
  }

  /** The same as without `src`: nothing is played any more. */
  detachLive() {
    if (this.#engine instanceof MseEngine || this.#next || this.#prepared) {
      this.#freeze();
      this.#unload();
    }
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
    const engine = new HlsEngine(this.video, { onFatal: (why, detail) => engine === this.#engine && this.#fatal(why, detail) });
    this.#begin(engine);
    engine.load(src, { hlsAddress: hls ?? '', workerAddress: hlsWorker ?? '' }).then(
      () => (engine === this.#engine ? this.#play() : undefined),
      () => (engine === this.#engine ? tell(this, 'player-restart') : undefined),
    );
  }

  /** @param {HlsEngine|MseEngine} engine */
  #begin(engine) {
    this.#engine = engine;
    this.#paused = false;
    this.#steps = 0;
    this.#stoodSinceMs = Date.now();
    this.#timer ??= setInterval(() => this.#watch(), TICK_MS);
  }

  #unload() {
    this.#dropNext();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#engine?.close();
    this.#engine = null;
    this.#prepared?.close();
    this.#prepared = null;
    this.#forgetMoves();
  }

  #forgetMoves() {
    this.#moving = false;
    this.#playable = false;
    this.#lastTime = -1;
    this.#lastFrames = -1;
  }

  /** @param {HTMLVideoElement} video */
  #liveEngine(video) {
    const engine = new MseEngine(video, {
      onFatal: (why, detail) => {
        if (engine === this.#next?.engine) this.#dropNext(); // what is on screen goes on until another try
        else if (engine !== this.#engine) return;
        this.#fatal(why, detail);
      },
    });
    return engine;
  }

  // ── Taking over without a gap ────────────────────────────────────────────────────────────────────────────────────

  #prepareNext() {
    const video = /** @type {HTMLVideoElement} */ (this.video.cloneNode());
    video.removeAttribute('src');
    video.removeAttribute('data-part');
    video.muted = true;
    video.dataset.next = '';
    this.video.before(video); // below the present one
    const engine = this.#liveEngine(video);
    const timer = setTimeout(() => this.#takeNext(), NEXT_WITHIN_MS);
    this.#next = { video, engine, timer };
    const wait = () => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(take);
      else video.addEventListener('timeupdate', take, { once: true });
    };
    const take = () => {
      if (!video.isConnected || engine !== this.#next?.engine) return;
      // The first picture that is decoded may be one that is skipped: it is black for a moment while it seeks.
      if (video.paused || video.seeking) wait();
      else this.#takeNext();
    };
    wait();
    return sinkOf(engine);
  }

  #takeNext() {
    const next = this.#next;
    if (!next) return;
    this.#next = null;
    clearTimeout(next.timer);
    const old = this.video;
    this.#engine?.close();
    old.remove();
    delete next.video.dataset.next;
    next.video.dataset.part = 'video';
    next.video.muted = this.hasAttribute('muted');
    this.#engine = next.engine;
    this.#forgetMoves();
    this.#playable = next.video.readyState >= 2;
    this.#steps = 0;
    this.#stoodSinceMs = Date.now();
    if (this.#paused) this.pause(); // meanwhile: this one stands as the other did
  }

  #dropNext() {
    const next = this.#next;
    if (!next) return;
    this.#next = null;
    clearTimeout(next.timer);
    next.engine.close();
    next.video.remove();
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

  /** The first two frames tell sooner than the timer that the picture moves. */
  #plays() {
    this.#playable = true;
    const { video } = this;
    const look = () => video === this.video && this.#timer !== null && this.#watch();
    video.requestVideoFrameCallback?.(() => {
      look();
      video.requestVideoFrameCallback(look);
    });
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
      tell(this, 'player-shows', this.#next ? 'before' : 'present');
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
    } else if (step === 'reload' && this.#engine instanceof HlsEngine) {
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

  /** @param {'network'|'media'|'unsupported'} why @param {string} detail */
  #fatal(why, detail) {
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

/** @param {MseEngine} engine @returns {import('../lib/socket-session.js').Sink} */
function sinkOf(engine) {
  return { init: (codecs, data) => engine.init(codecs, data), append: (fragments) => engine.append(fragments) };
}

customElements.define('live-player', LivePlayer);
