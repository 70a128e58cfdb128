// @ts-check
import { KeyFrameSpacing } from '../lib/key-frame-spacing.js';
import { StallWatch } from '../lib/stall-watch.js';
import { emit, part } from './dom.js';
import { drawPicture } from './frame-capture.js';
import { FrozenPicture } from './frozen-picture.js';
import { HlsEngine } from './hls-engine.js';
import { LiveEngines, canvasEngine, isWebCodecs, progressOf, shownPicture } from './live-engines.js';
import { NextStream } from './next-stream.js';

/** @typedef {import('./live-engines.js').LiveEngine} LiveEngine */

const TICK_MS = 250;
const KEPT_AFTER_S = 0.5;
/** A paused player needs no media after so long. */
const IDLE_AFTER_MS = 8000;

/**
 * Plays live video. Attributes: `src` (a playlist), `muted`, `decoder` (`mse`: without WebCodecs). `attachLive()` returns
 * a sink for live fragments instead of `src`. Emits
 *   'player-plays'   the picture moves; `detail` 'before': it is the old picture, which the next one will replace
 *   'player-stalls'  the picture has stood still for `detail` seconds although it should move
 *   'player-idle'   the player has been paused for so long that it needs no media
 *   'player-restart' the player cannot recover: the session should start again; `{isMedia}`: the browser refused media
 *   'player-engine' WebCodecs has failed: MediaSource needs the stream from its last key frame on
 *   'player-failed'  `{code, detail}`: this browser cannot play the stream
 *   'player-audio'   state of the audio: 'on', 'off' or 'blocked' (the browser requires a click first)
 * The old picture stays visible until the new one moves: after a change between live streams the old one plays on in a
 * second `<video>`, otherwise its last frame stays.
 */
export class LivePlayer extends HTMLElement {
  static observedAttributes = ['src', 'muted'];
  /** @type {HlsEngine|LiveEngine|null} */
  #engine = null;
  /** An engine for a first stream, opened early in the present `<video>`; `attachLive()` takes it. @type {LiveEngine|null} */
  #prepared = null;
  #engines = new LiveEngines({
    onFatal: (engine, why, detail) => this.#isCurrent(engine) && this.#fatal(why, detail),
    onFailed: (engine) => this.#webCodecsFailed(engine),
    onFirstFrames: (engine) => this.#firstFrames(engine),
    onPlay: (video) => void this.#play(video),
  });
  #next = new NextStream(() => this.#takeNext());
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  #watch = new StallWatch();
  /** Of the engines that get key frames alone. @type {WeakMap<HlsEngine|LiveEngine, KeyFrameSpacing>} */
  #spacings = new WeakMap();
  #paused = false;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #idleTimer = null;
  #playable = false;
  #frozen = new FrozenPicture(this);
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    // Media events do not bubble, so they are captured: `video` changes its element, see #takeNext().
    const heard = { signal, capture: true };
    this.addEventListener('playing', (event) => event.target === this.video && this.#plays(), heard);
    // A browser may pause by itself (a sleeping tab, a lost audio device), although the user wants to watch.
    this.addEventListener('pause', (event) => event.target === this.video && this.#pausedByOthers(), heard);
    document.addEventListener('visibilitychange', () => !document.hidden && this.#pausedByOthers(), { signal });
    this.#setAudio();
    if (this.hasAttribute('src')) this.#load();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#unload();
    this.#frozen.close();
  }

  /** @param {string} name @param {string|null} before @param {string|null} now */
  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || !this.#wires) return;
    if (name === 'muted') {
      if (now === null) this.#next.allowAudio(this.video);
      this.#setAudio();
    } else if (before !== now) this.#load();
  }

  get video() {
    return part(this, 'video', HTMLVideoElement);
  }

  get isPaused() {
    return this.#paused;
  }

  /** True while the last frame is shown until the next stream has one. */
  get isFrozen() {
    return this.#frozen.isShown;
  }

  /** True while a next stream waits below the picture. */
  get isChanging() {
    return this.#next.engine !== null;
  }

  get hasFrame() {
    return this.#playable && this.#picture.width > 0;
  }

  /** The engine of live fragments, and the reason if it is not WebCodecs. @returns {import('../lib/engine-choice.js').Chosen|null} */
  get chosenEngine() {
    return isLive(this.#engine) ? this.#engines.chosen : null;
  }

  /** Time of the frame on screen. */
  get frameDate() {
    return this.#playable ? (this.#engine?.playingDate ?? null) : null;
  }

  /** Load the same address again, from its start. */
  reload() {
    if (this.hasAttribute('src')) this.#load();
  }

  pause() {
    this.#paused = true;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#paused && emit(this, 'player-idle'), IDLE_AFTER_MS);
    if (isLive(this.#engine)) this.#engine.hold();
    this.video.pause();
  }

  /** Open the engine for `attachLive()` while the fragments are still on their way. */
  prepareLive() {
    if (!this.#engine) this.#prepared ??= this.#engines.prepare(this.video, { isAudible: !this.hasAttribute('muted') }, this.#wanted);
  }

  /**
   * Play live fragments from the sink's first `init()` on. The old picture stays until their first frame.
   *
   * @param {{keyFramesOnly?: boolean, heldMs?: number}} [how] `keyFramesOnly`: the frames are seconds apart; `heldMs`:
   *   the old picture stays for so long after the first frame
   * @returns {import('../lib/socket-session.js').Sink}
   */
  attachLive({ keyFramesOnly = false, heldMs = 0 } = {}) {
    /** @type {LiveEngine|null} */
    let engine = null;
    let { chosen } = this.#engines;
    const spacing = keyFramesOnly ? new KeyFrameSpacing() : null;
    return {
      init: (codecs, data, isReordered) => {
        if (!engine) {
          engine = this.#attach(this.#engines.choose({ codecs, init: data, isReordered }, this.#wanted), heldMs);
          ({ chosen } = this.#engines);
        }
        if (spacing) this.#spacings.set(engine, spacing);
        engine.init(codecs, data, isReordered);
      },
      append: (fragments) => {
        if (!engine) return;
        spacing?.note(fragments.startS);
        this.#next.noteMedia(engine);
        engine.append(fragments);
      },
      takeBack: () => {
        if (!engine || engine !== this.#engine) return false;
        this.#next.drop();
        this.#engines.chosen = chosen;
        return true;
      },
    };
  }

  /** Usual time between two frames if only key frames come; otherwise 0. */
  get spacingS() {
    return (this.#engine && this.#spacings.get(this.#engine)?.seconds) ?? 0;
  }

  /** Stop playing live fragments. */
  detachLive() {
    if (isLive(this.#engine) || this.#next.engine || this.#prepared) {
      this.#freeze();
      this.#unload();
    }
  }

  /** Continue with the newest frame. */
  resume() {
    this.#paused = false;
    this.#watch.excuse(Date.now());
    this.#engine?.nudge();
    void this.#play();
  }

  toLive() {
    this.#engine?.toLive();
  }

  /** Continue after a sleep or a loss of network. */
  wake() {
    if (!this.#engine || this.#paused) return;
    this.#watch.excuse(Date.now());
    this.#engine.nudge();
    void this.#play();
  }

  /** Return the frame on screen in full resolution; null without a frame. @returns {Promise<HTMLCanvasElement|null>} */
  async capture() {
    if (!this.hasFrame) return null;
    const engine = canvasEngine(this.#engine);
    const canvas = document.createElement('canvas');
    if (!engine) return drawPicture(this.#picture, canvas) ? canvas : null;
    const bitmap = await engine.snapshot();
    const isDrawn = bitmap !== null && drawPicture({ source: bitmap, width: bitmap.width, height: bitmap.height }, canvas);
    bitmap?.close();
    return isDrawn ? canvas : null;
  }

  /** Forget the channel: end its stream, and remove its picture. */
  forget() {
    this.#unload();
    this.removeAttribute('src');
    this.#engines.forgetStream();
    this.#frozen.hide();
  }

  /** Try WebCodecs again, although it has failed. */
  forgetFailures() {
    this.#engines.forgetFailures();
  }

  /** The size of the picture on screen in pixels of the stream; 0 without one. */
  get pictureSize() {
    const { width, height } = this.#picture;
    return { width, height };
  }

  /** @returns {import('./frame-capture.js').Picture} */
  get #picture() {
    return shownPicture(this.#engine, this.video);
  }

  /** @returns {import('../lib/engine-choice.js').Wanted} */
  get #wanted() {
    if (document.body.dataset.decoder === 'mse') return 'setting';
    return this.getAttribute('decoder') === 'mse' ? 'switch' : 'webcodecs';
  }

  /** @param {{isReload?: boolean}} [how] `isReload`: to help a picture that stands still */
  #load({ isReload = false } = {}) {
    this.#freeze();
    this.#unload({ isReload });
    const src = this.getAttribute('src');
    if (!src) return;
    const { hls, hlsWorker } = document.body.dataset;
    const engine = new HlsEngine(this.video, { onFatal: (why, detail) => engine === this.#engine && this.#fatal(why, detail) });
    this.#begin(engine);
    engine.load(src, { hlsAddress: hls ?? '', workerAddress: hlsWorker ?? '' }).then(
      () => (engine === this.#engine ? this.#play() : undefined),
      () => (engine === this.#engine ? emit(this, 'player-restart') : undefined),
    );
  }

  /** @param {import('../lib/engine-choice.js').Engine} kind @param {number} heldMs @returns {LiveEngine} */
  #attach(kind, heldMs) {
    this.#next.drop();
    this.removeAttribute('src');
    if (isLive(this.#engine) && this.#watch.isMoving && !this.#paused && !document.hidden) {
      return this.#next.begin(this.video, (video) => this.#engines.make(kind, video), heldMs);
    }
    const prepared = this.#prepared;
    const isFitting = prepared !== null && isWebCodecs(prepared) === (kind === 'webcodecs');
    if (isFitting) this.#prepared = null;
    this.#freeze();
    this.#unload();
    const engine = isFitting ? prepared : this.#engines.make(kind, this.video);
    this.#begin(engine);
    return engine;
  }

  /** @param {HlsEngine|LiveEngine} engine */
  #begin(engine) {
    this.#engine = engine;
    this.#setMuted();
    this.#paused = false;
    this.#timer ??= setInterval(() => this.#look(), TICK_MS);
  }

  /** @param {{isReload?: boolean}} [how] */
  #unload({ isReload = false } = {}) {
    this.#next.drop();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#engine?.close();
    this.#engine = null;
    this.#prepared?.close();
    this.#prepared = null;
    this.#playable = false;
    this.#frozen.forgetKept();
    if (isReload) this.#watch.beginReload();
    else this.#watch.begin(Date.now());
  }

  /** True if a report of this engine counts. A failed next stream is dropped: the old picture goes on. @param {LiveEngine} engine */
  #isCurrent(engine) {
    if (engine !== this.#next.engine) return engine === this.#engine;
    this.#next.drop();
    return true;
  }

  /** @param {LiveEngine} engine */
  #webCodecsFailed(engine) {
    if (engine === this.#prepared) {
      this.#prepared = null;
      engine.close();
    } else if (this.#isCurrent(engine)) emit(this, 'player-engine');
  }

  /** The canvas of an engine has its first frame, or its second. @param {LiveEngine} engine */
  #firstFrames(engine) {
    if (engine === this.#next.engine) this.#next.noteFrame();
    if (engine !== this.#engine) return;
    this.#playable = true;
    this.#look();
  }

  /** Change to the next stream, which plays below the present one. */
  #takeNext() {
    const next = this.#next.take();
    if (!next) return;
    if (!shownPicture(next.engine, next.video).width) this.#freeze(); // it has no frame in time: the old one stays
    const old = this.video;
    this.#engine?.close();
    this.#next.remove(old);
    delete next.video.dataset.next;
    next.video.dataset.part = 'video';
    this.#engine = next.engine;
    this.#setMuted();
    this.#playable = this.#picture.width > 0;
    this.#watch.begin(Date.now());
    if (this.#paused) this.pause(); // the user paused the old stream
  }

  async #play(video = this.video) {
    try {
      await video.play();
    } catch (error) {
      // The browser does not allow audio before the user's first click or key: play muted.
      if (error instanceof DOMException && error.name === 'NotAllowedError' && !video.muted) {
        video.muted = true;
        emit(this, 'player-audio', 'blocked');
        await video.play().catch(() => {});
      }
    }
  }

  #pausedByOthers() {
    if (!this.#paused && this.#engine && this.video.paused && this.#playable) void this.#play();
  }

  #setAudio() {
    this.#setMuted();
    emit(this, 'player-audio', this.hasAttribute('muted') ? 'off' : 'on');
  }

  /** WebCodecs plays no audio, so its `<video>` is always muted: browsers refuse to play one that is not. */
  #setMuted() {
    this.video.muted = this.hasAttribute('muted') || isWebCodecs(this.#engine);
  }

  /** The first two frames tell sooner than the timer that the picture moves. */
  #plays() {
    this.#playable = true;
    const { video } = this;
    const look = () => video === this.video && this.#timer !== null && this.#look();
    video.requestVideoFrameCallback?.(() => {
      look();
      video.requestVideoFrameCallback(look);
    });
  }

  /** Check if the picture moves, and help it if it stands still. */
  #look() {
    const nowMs = Date.now();
    const engine = this.#engine;
    if (this.#paused || (isWebCodecs(engine) && engine.isResting)) {
      this.#watch.excuse(nowMs);
      return;
    }
    const { moves, isFirst, stalledS, step } = this.#watch.look({
      nowMs,
      isReady: this.#playable,
      isHidden: document.hidden,
      spacingS: this.spacingS,
      ...progressOf(engine, this.video),
    });
    if (isFirst) this.#frozen.hide();
    if (moves) this.#frozen.forgetKept();
    else if (stalledS > KEPT_AFTER_S) this.#frozen.keep(engine, this.hasFrame ? this.#picture : null);
    if (moves) emit(this, 'player-plays', this.#next.engine ? 'before' : 'present');
    else if (stalledS > 1) emit(this, 'player-stalls', stalledS);
    this.#help(step);
  }

  /** @param {import('../lib/stall-watch.js').Step} step */
  #help(step) {
    if (step === 'edge') {
      if (isWebCodecs(this.#engine) && this.#engine.isFlowing) this.#engine.standsStill();
      this.#engine?.nudge();
      void this.#play();
    } else if (step === 'reload' && this.#engine instanceof HlsEngine) {
      const isPlayable = this.#playable;
      this.#load({ isReload: true });
      this.#playable = isPlayable;
    } else if (step !== 'none') emit(this, 'player-restart');
  }

  /** @param {'network'|'media'|'unsupported'} why @param {string} detail */
  #fatal(why, detail) {
    if (why === 'network') emit(this, 'player-restart');
    else if (why === 'unsupported') emit(this, 'player-failed', { code: 'cannot_play', detail });
    else if (/codec|incompatible/i.test(detail)) emit(this, 'player-failed', { code: 'cannot_play', detail: '' });
    else emit(this, 'player-restart', { isMedia: true });
  }

  #freeze() {
    this.#frozen.show(this.#engine, this.hasFrame ? this.#picture : null);
  }
}

/** @param {HlsEngine|LiveEngine|null} engine @returns {engine is LiveEngine} */
function isLive(engine) {
  return engine !== null && !(engine instanceof HlsEngine);
}

customElements.define('live-player', LivePlayer);
