// @ts-check
import { snapshotFileName } from '../lib/format.js';
import { IdleLimits } from '../lib/idle-limits.js';
import { ReplaySession, isOneSource } from '../lib/replay-session.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { emit, part } from './dom.js';
import { HlsEngine, REPLAY_CONFIG, decodableCodecs } from './hls-engine.js';
import { showReplay } from './replay-display.js';
import { RunEngine } from './run-engine.js';
import { drawFrame, saveFrame } from './frame-capture.js';
import { ZoomView } from './zoom-view.js';

/** @typedef {import('../lib/replay-session.js').Place} Place @typedef {import('../lib/replay-text.js').Phase} Phase */
/** @typedef {import('../lib/api.js').Problem} Problem */

const TICK_MS = 200;
const GAP_MS = 3000;
const STALL_MS = 2500;
const CAUGHT_UP_MS = 700;
/** The longest wait for a frame that was requested exactly. */
const EXACT_MS = 8000;
/** Play at the end requests again from so long before the end, because the recording may have grown. */
const LAST_MS = 250;
/** An offset shorter than a frame: before a frame's start lies the previous frame, after it the frame itself. */
const INSIDE_MS = 5;
export const SPEEDS = [0.25, 0.5, 1, 2, 4];

/**
 * Plays a recording. Emits 'replay-time' with the frame's time (ms), 'replay-gap' {fromMs, toMs} after it has skipped
 * time without a recording, 'replay-phase' with the new phase, 'replay-speed' with the chosen speed, and
 * 'replay-wanted' if the user wants to play and no place is chosen.
 *
 * The last frame stays on screen until the next one. The page calls `connect()` and sets `names`.
 */
export class ReplayPlayer extends HTMLElement {
  /** @type {ReplaySession|null} */
  #session = null;
  /** @type {HlsEngine|RunEngine|null} */
  #engine = null;
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  /** @type {Place|null} */
  #place = null;
  /** @type {number|null} */
  #frameMs = null;
  #paused = false;
  #ended = false;
  #speed = 1;
  #movedAtMs = 0;
  #lastTime = -1;
  /** @type {Phase} */
  #phase = 'idle';
  /** Time of the frame to show first, if it is not the first one that arrives. @type {number|null} */
  #exactMs = null;
  /** @type {Problem|null} */
  #broken = null;
  #isHeldTo1 = false;
  #isSuspended = false;
  /** True once a frame of the latest load was on screen. */
  #hasShownFrame = false;
  /** True after a step to a frame that is not loaded yet. */
  #owesStep = false;
  #idleLimits = new IdleLimits();
  /** Names for the file name of a snapshot. @type {string[]} */
  names = [];
  /** The clock of the shown times. */
  clock = LOCAL_CLOCK;

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/live-socket.js').LiveSocket|null} socket null: over HLS
   */
  connect(api, socket) {
    const session = new ReplaySession(api, decodableCodecs(), socket);
    this.#session = session;
    session.addEventListener('load', (event) => this.#load(/** @type {CustomEvent} */ (event).detail));
    session.addEventListener('missed', () => this.#goOn(0, { paused: this.#paused, exact: true }));
    session.addEventListener('changed', () => this.#tick());
  }

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    const { video } = this;
    video.addEventListener('ended', () => this.#end(), { signal });
    window.addEventListener('pagehide', () => this.#session?.close({ keepalive: true }), { signal });
    document.addEventListener('fullscreenchange', () => this.#show(), { signal });
    document.addEventListener('visibilitychange', () => !document.hidden && !this.#paused && this.#wake(), { signal });
    for (const [name, work] of /** @type {[string, () => void][]} */ ([
      ['play', () => this.togglePlay()],
      ['big-play', () => this.togglePlay()],
      ['back', () => this.skip(-10_000)],
      ['forward', () => this.skip(10_000)],
      ['mute', () => this.toggleAudio()],
      ['snapshot', () => this.saveSnapshot()],
      ['fullscreen', () => void this.toggleFullscreen()],
      ['retry', () => this.retry()],
    ])) {
      part(this, name, HTMLElement).addEventListener('click', work, { signal });
    }
    const speed = part(this, 'speed', HTMLSelectElement);
    speed.addEventListener('change', () => this.chooseSpeed(Number(speed.value)), { signal });
    part(this, 'zoom', ZoomView).addEventListener('zoom-tap', () => void this.toggleFullscreen(), { signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#show();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.close();
  }

  get video() {
    return part(this, 'video', HTMLVideoElement);
  }

  /** When to give the recorder's session back. @param {import('../lib/idle-limits.js').Limits} limits */
  set suspendAfter(limits) {
    this.#idleLimits.limits = limits;
  }

  /** Time of the frame on screen, in ms; before the first frame, the requested time. */
  get atMs() {
    return this.#frameMs ?? this.#place?.atMs ?? null;
  }

  get isOpen() {
    return this.#place !== null;
  }

  /**
   * Play from a place. Loaded media is played immediately. `exact`: request the media again, and start at the frame of
   * this time instead of at the key frame before it.
   *
   * @param {Place} place
   * @param {{paused?: boolean, exact?: boolean}} [how]
   */
  go(place, { paused = false, exact = false } = {}) {
    const isSame = isOneSource(this.#place, place);
    this.#place = place;
    this.#paused = paused;
    this.#begin();
    const inside = isSame && !exact && !this.#session?.problem ? this.#engine?.loadedTimeOf(place.atMs) : null;
    if (inside !== null && inside !== undefined && !this.#session?.isPending) {
      this.#engine?.moveTo(inside);
      this.#frameMs = place.atMs;
      void this.#play();
    } else {
      this.#freeze();
      this.#exactMs = exact ? place.atMs : null;
      this.#frameMs = null;
      this.video.pause();
      this.#session?.go(place);
    }
    this.#show();
  }

  #begin() {
    this.#ended = this.#isHeldTo1 = this.#isSuspended = false;
    this.#exactMs = null;
    this.#owesStep = false;
    this.#broken = null;
    this.#movedAtMs = Date.now();
    this.#idleLimits.restart();
  }

  /** Stop playing, and give the recorder's session back. */
  close() {
    this.#session?.close();
    this.#engine?.close();
    this.#engine = null;
    this.#place = null;
    this.#frameMs = null;
    this.#begin();
    part(this, 'frozen', HTMLCanvasElement).hidden = true;
    this.#show();
  }

  retry() {
    this.#goOn(0, {});
  }

  /**
   * Play from the frame on screen, or from a little before it.
   *
   * @param {number} beforeMs
   * @param {{paused?: boolean, exact?: boolean}} how
   */
  #goOn(beforeMs, how) {
    if (this.#place) this.go({ ...this.#place, atMs: (this.atMs ?? this.#place.atMs) - beforeMs }, how);
  }

  /** Start a new session after a suspension. */
  #wake() {
    if (this.#isSuspended) this.#goOn(0, { paused: this.#paused, exact: true });
  }

  togglePlay() {
    if (!this.#place) {
      emit(this, 'replay-wanted');
      return;
    }
    if (this.#session?.problem) {
      this.retry();
      return;
    }
    if (this.#phase === 'ended') {
      this.#goOn(LAST_MS, { exact: true }); // the recording may have grown
      return;
    }
    if (this.#isSuspended) {
      this.#paused = false;
      this.#wake();
      return;
    }
    this.#movedAtMs = Date.now();
    this.#paused = !this.video.paused || (!this.#paused && this.#phase === 'loading');
    if (this.#paused) this.#stand();
    else void this.#play();
    this.#show();
  }

  /** Pause, and show the frame of `currentTime`: the callback about the last shown frame may come late. */
  #stand() {
    const { video } = this;
    const wasPlaying = !video.paused;
    video.pause();
    if (wasPlaying && this.#frameMs !== null && !video.seeking) this.#engine?.moveTo(video.currentTime);
  }

  /** @param {number} byMs */
  skip(byMs) {
    if (this.#place && this.atMs !== null) {
      this.go({ ...this.#place, atMs: Math.min(Date.now(), this.atMs + byMs) }, { paused: this.#paused });
    }
  }

  /** Pause, and move by one frame. @param {1|-1} direction */
  step(direction) {
    const { video } = this;
    this.#paused = true;
    this.#stand();
    this.#wake();
    const engine = this.#engine;
    if (!this.#place || !engine || this.#exactMs !== null) return;
    const shownFrameMs = engine.shownFrameMs;
    this.#owesStep = false;
    if (engine.step(direction)) this.#ended = false;
    else if (direction > 0) this.#owesStep = !video.ended;
    else if (shownFrameMs !== null) this.go({ ...this.#place, atMs: shownFrameMs - INSIDE_MS }, { paused: true, exact: true });
    this.#show();
  }

  /** @param {number} speed */
  chooseSpeed(speed) {
    this.#speed = SPEEDS.includes(speed) ? speed : 1;
    this.#isHeldTo1 = false;
    part(this, 'speed', HTMLSelectElement).value = String(this.#speed);
    emit(this, 'replay-speed', this.#speed);
    this.#show();
  }

  /** @param {1|-1} direction */
  changeSpeed(direction) {
    const next = SPEEDS[SPEEDS.indexOf(this.#speed) + direction];
    if (next) this.chooseSpeed(next);
  }

  /** True if the recorder sends no faster than real time. */
  get #isSlow() {
    return this.#session?.stream?.beats_real_time === false;
  }

  get #rate() {
    return this.#isSlow || this.#isHeldTo1 ? Math.min(1, this.#speed) : this.#speed;
  }

  toggleAudio() {
    this.video.muted = !this.video.muted;
    this.#show();
  }

  async toggleFullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await part(this, 'stage', HTMLElement).requestFullscreen?.();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    part(this, 'zoom', ZoomView).zoomBy(factor);
  }

  /** Save the frame in full resolution; the file name has camera, channel and the frame's time. */
  saveSnapshot() {
    const { atMs } = this;
    if (atMs !== null) saveFrame(this.video, snapshotFileName(this.names, new Date(atMs), this.clock));
  }

  // ── Loading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {import('../lib/replay-session.js').Load} load */
  #load({ url, run, startMs }) {
    this.#freeze();
    this.#engine?.close();
    this.#frameMs = null;
    this.#lastTime = -1;
    this.#movedAtMs = Date.now();
    this.#ended = false;
    if (this.#place && this.#exactMs === null) this.#place = { ...this.#place, atMs: startMs };
    if (run) this.#loadRun(run);
    else if (url) this.#loadUrl(url);
    this.#awaitFrame();
    this.#show();
  }

  /** Show the first frame when it is there, not only at the next tick. */
  #awaitFrame() {
    const engine = this.#engine;
    this.#hasShownFrame = false;
    this.video.requestVideoFrameCallback?.(() => {
      if (engine !== this.#engine) return;
      this.#hasShownFrame = true;
      this.#tick();
    });
  }

  /** @param {import('../lib/replay-feed.js').ReplayRun} run */
  #loadRun(run) {
    const engine = new RunEngine(this.video, run, {
      onFatal: () => {
        if (engine !== this.#engine) return;
        this.#session?.avoidSocket();
        this.#goOn(0, { paused: this.#paused, exact: true });
      },
      onLost: () => engine === this.#engine && this.#goOn(0, { paused: this.#paused, exact: true }),
    });
    this.#engine = engine;
    engine.start();
    void this.#play();
  }

  /** @param {string} url */
  #loadUrl(url) {
    const { hls = '', hlsWorker = '' } = document.body.dataset;
    const engine = new HlsEngine(this.video, {
      onFatal: (why) => engine === this.#engine && this.#fatal(why),
      config: REPLAY_CONFIG,
      keepsTimes: true,
    });
    this.#engine = engine;
    engine.load(url, { hlsAddress: hls, workerAddress: hlsWorker }).then(
      () => (engine === this.#engine ? this.#play() : undefined),
      () => (engine === this.#engine ? this.#fatal('network') : undefined),
    );
  }

  async #play() {
    this.video.playbackRate = this.#rate;
    if (this.#paused || this.#exactMs !== null) return;
    await this.video.play().catch(async (error) => {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      this.video.muted = true;
      await this.video.play().catch(() => {});
    });
  }

  /** @param {'network'|'media'|'unsupported'} why */
  #fatal(why) {
    if (why === 'network' && this.#session?.problem) return; // the session has the better message
    this.#broken = { code: why === 'network' ? 'server_unreachable' : 'cannot_play', detail: '' };
    this.#show();
  }

  #end() {
    this.#ended = true;
    this.#show();
  }

  #tick() {
    const { video } = this;
    this.#reachExact();
    if (this.#owesStep && this.#paused) this.step(1);
    const playing = this.#engine?.playingDate?.getTime() ?? null;
    const isThere = video.readyState >= 2 && !video.seeking && !this.#session?.isPending && this.#exactMs === null;
    if (playing !== null && isThere) {
      const before = this.#frameMs;
      const passed = video.currentTime - this.#lastTime;
      if (before !== null && this.#lastTime >= 0 && passed >= 0 && passed < 8 && playing - before > passed * 1000 + GAP_MS) {
        emit(this, 'replay-gap', { fromMs: before, toMs: playing });
      }
      if (video.currentTime !== this.#lastTime) {
        this.#movedAtMs = Date.now();
        this.#broken = null;
        if (this.#lastTime >= 0 || this.#paused || this.#hasShownFrame) part(this, 'frozen', HTMLCanvasElement).hidden = true;
      }
      this.#lastTime = video.currentTime;
      if (playing !== before) {
        this.#frameMs = playing;
        emit(this, 'replay-time', playing);
      }
    }
    this.#show();
    this.#suspendIfIdle();
  }

  /** Show the exact frame that was requested, once it is loaded. */
  #reachExact() {
    const engine = this.#engine;
    if (this.#exactMs === null || !engine || this.#session?.isPending) return;
    const time = engine.loadedTimeOf(this.#exactMs, 0);
    const isPast = (engine.beginsMs ?? 0) > this.#exactMs;
    if (time === null && !isPast && Date.now() - this.#movedAtMs < EXACT_MS) return;
    this.#exactMs = null;
    if (time !== null) engine.moveTo(time);
    void this.#play();
  }

  #suspendIfIdle() {
    const isPaused = this.#paused || this.#phase === 'ended';
    const isAudible = !this.video.muted && Boolean(this.#session?.stream?.audio);
    const facts = { nowMs: Date.now(), isPaused, isHidden: document.hidden, isAudible };
    if (!this.#place || this.#isSuspended || this.#session?.isBusy || !this.#idleLimits.isExceeded(facts)) return;
    this.#isSuspended = true;
    this.#freeze();
    const shownFrameMs = this.#engine?.shownFrameMs ?? null;
    if (shownFrameMs !== null) this.#frameMs = shownFrameMs + INSIDE_MS;
    this.#session?.close();
    this.#engine?.close();
    this.#engine = null;
    this.#show();
  }

  // ── Display ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #show() {
    if (!this.isConnected) return;
    const { video } = this;
    const session = this.#session;
    const problem = session?.problem ?? null;
    const hasFrame = this.#frameMs !== null;
    this.#setPhase(this.#phaseNow(problem, hasFrame));
    if (this.#phase === 'caught-up') this.#isHeldTo1 = true;
    if (video.playbackRate !== this.#rate) video.playbackRate = this.#rate;
    showReplay(this, {
      phase: this.#phase,
      problem: this.#phase === 'problem' ? problem : this.#broken,
      isTried: session?.isTried ?? false,
      stream: session?.stream ?? null,
      isBusy: session?.isBusy ?? false,
      place: this.#place,
      atMs: this.atMs,
      hasFrame,
      clock: this.clock,
      rate: this.#rate,
      speed: this.#speed,
      isSlow: this.#isSlow,
      waitedS: (Date.now() - this.#movedAtMs) / 1000,
    });
  }

  /** @param {Problem|null} problem @param {boolean} hasFrame @returns {Phase} */
  #phaseNow(problem, hasFrame) {
    const session = this.#session;
    const stalledMs = Date.now() - this.#movedAtMs;
    if (!this.#place) return 'idle';
    if (this.#ended || this.video.ended) return 'ended';
    if (this.#isSuspended) return 'paused';
    if (problem && !(hasFrame && stalledMs < CAUGHT_UP_MS)) return 'problem'; // loaded media plays on first
    if (this.#broken && !session?.isBusy) return 'broken';
    if (this.#session?.isPending || !hasFrame || this.#exactMs !== null) return 'loading';
    if (this.#paused || this.video.paused) return 'paused';
    if (stalledMs > CAUGHT_UP_MS && session?.stream?.waiting_for === 'recording') return 'caught-up';
    return stalledMs > STALL_MS ? 'stalled' : 'playing';
  }

  /** @param {Phase} phase */
  #setPhase(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    part(this, 'stage', HTMLElement).dataset.phase = phase;
    emit(this, 'replay-phase', phase);
  }

  #freeze() {
    const frozen = part(this, 'frozen', HTMLCanvasElement);
    if (this.#frameMs !== null && drawFrame(this.video, frozen)) frozen.hidden = false;
  }
}

customElements.define('replay-player', ReplayPlayer);
