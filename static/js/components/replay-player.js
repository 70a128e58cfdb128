// @ts-check
import { IdleLimits } from '../lib/idle-limits.js';
import { ReplaySession, isOneSource } from '../lib/replay-session.js';
import { SPEEDS } from '../lib/replay-state.js';
import { frameEndMs } from '../lib/frame-times.js';
import { emit, part } from './dom.js';
import { playsFragments } from './fragment-appender.js';
import { decodableCodecs } from './hls-engine.js';
import { wireReplayControls } from './replay-controls.js';
import { showReplay } from './replay-display.js';
import { ReplayEngines } from './replay-engines.js';
import { ReplayLink } from './replay-link.js';
import { ReplayPicture } from './replay-picture.js';

/** @typedef {import('../lib/replay-session.js').ReplayRequest} ReplayRequest */

const TICK_MS = 200;
/** Play at the end requests again from so long before the end, because the recording may have grown. */
const LAST_MS = 250;
/** An offset shorter than a frame: before a frame's start lies the previous frame, after it the frame itself. */
const INSIDE_MS = 5;

/**
 * Plays a recording. Emits 'replay-time' with the frame's time (ms), 'replay-gap' {fromMs, toMs} after it has skipped
 * time without a recording, 'replay-next' if `hasNextFrame` has changed, 'replay-phase' with the new phase, 'replay-speed' with the chosen speed, and
 * 'replay-wanted' if the user wants to play and nothing is chosen.
 *
 * The last frame stays on screen until the next one. The page calls `connect()` and sets `names`.
 */
export class ReplayPlayer extends ReplayPicture {
  /** @type {ReplaySession|null} */
  #session = null;
  /** @type {ReplayEngines|null} */
  #engines = null;
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  #link = new ReplayLink();
  /** True once a frame of the latest load was on screen. */
  #hasShownFrame = false;
  #hadNextFrame = false;
  #idleLimits = new IdleLimits();

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/live-sockets.js').PageSocket|null} socket null: over HLS
   */
  connect(api, socket) {
    const session = new ReplaySession(api, decodableCodecs(), socket, { plays: playsFragments });
    this.#session = session;
    this.#link.connect(session, socket?.link ?? null);
    this.#engines = new ReplayEngines(session, () => this.video, {
      onReady: () => void this.#play(),
      onAgain: () => this.#goOnExactly(),
      onFatal: (why) => this.#fatal(why),
    });
    session.addEventListener('load', (event) => this.#load(/** @type {CustomEvent} */ (event).detail));
    session.addEventListener('missed', () => this.#goOnExactly());
    session.addEventListener('changed', () => this.#tick());
  }

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    const { video } = this;
    video.addEventListener('ended', () => this.#ended(), { signal });
    video.addEventListener('error', () => this.#engines?.videoFailed(), { signal });
    window.addEventListener('pagehide', () => this.#session?.close({ keepalive: true }), { signal });
    document.addEventListener('fullscreenchange', () => this.#draw(), { signal });
    document.addEventListener('visibilitychange', () => !document.hidden && !this.state.isPaused && this.#wake(), { signal });
    wireReplayControls(this, signal);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#draw();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.close();
  }

  get #engine() {
    return this.#engines?.current ?? null;
  }

  /** When to give the recorder's session back. @param {import('../lib/idle-limits.js').Limits} limits */
  set suspendAfter(limits) {
    this.#idleLimits.limits = limits;
  }

  /** Exact time of the frame on screen, in ms; before the first frame, the requested time. */
  get shownFrameMs() {
    const { atMs, isSuspended, hasFrame } = this.state;
    if (isSuspended && atMs !== null) return atMs - INSIDE_MS;
    return (hasFrame ? this.#engine?.shownFrameMs : null) ?? atMs;
  }

  /**
   * End of the frame on screen, in ms: the start of the next frame. Before that is loaded, and before a gap, a moment
   * inside the frame.
   */
  get shownFrameEndMs() {
    const { shownFrameMs } = this;
    return shownFrameMs === null ? null : frameEndMs(shownFrameMs, this.#nextFrameMs);
  }

  /** True if the frame after the one on screen is loaded. */
  get hasNextFrame() {
    return this.#nextFrameMs !== null;
  }

  get #nextFrameMs() {
    const { isSuspended, hasFrame } = this.state;
    return (hasFrame && !isSuspended ? this.#engine?.nextFrameMs : null) ?? null;
  }

  /**
   * Play a recording from a time. Loaded media is played immediately. `exact`: request the media again, and start at
   * the frame of this time instead of at the key frame before it.
   *
   * @param {ReplayRequest} request
   * @param {{paused?: boolean, exact?: boolean}} [how]
   */
  go(request, { paused = false, exact = false } = {}) {
    const session = this.#session;
    const isSame = isOneSource(this.state.request, request);
    const canMove = isSame && !exact && !session?.problem && !session?.isPending;
    const loadedTime = canMove ? (this.#engine?.loadedTimeOf(request.atMs) ?? null) : null;
    const isLoaded = loadedTime !== null;
    if (!isSame) this.#link.forget();
    if (!isLoaded) this.freeze(); // before the state forgets the frame
    this.state.go(request, { nowMs: Date.now(), isPaused: paused, isLoaded, exact });
    this.#idleLimits.restart();
    if (loadedTime !== null) {
      this.#engine?.moveTo(loadedTime);
      void this.#play();
    } else {
      this.video.pause();
      session?.go(request);
    }
    this.#draw();
  }

  /** Stop playing, and give the recorder's session back. */
  close() {
    this.#session?.close();
    this.#engines?.close();
    this.state.close(Date.now());
    this.#idleLimits.restart();
    this.thaw();
    this.#draw();
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
    const { request, atMs } = this.state;
    if (request) this.go({ ...request, atMs: (atMs ?? request.atMs) - beforeMs }, how);
  }

  /** Start a new session after a suspension. */
  #wake() {
    if (this.state.isSuspended) this.#goOnExactly();
  }

  togglePlay() {
    const action = this.state.playAction({ hasProblem: Boolean(this.#session?.problem), isStopped: this.video.paused });
    if (action === 'choose') emit(this, 'replay-wanted');
    else if (action === 'retry') this.retry();
    else if (action === 'extend')
      this.#goOn(LAST_MS, { exact: true }); // the recording may have grown
    else {
      this.state.setPaused(action === 'pause', Date.now());
      if (action === 'wake') this.#wake();
      else if (action === 'pause') this.#stand();
      else void this.#play();
      this.#draw();
    }
  }

  /** Pause, and show the frame of `currentTime`: the callback about the last shown frame may come late. */
  #stand() {
    const { video } = this;
    const wasPlaying = !video.paused;
    video.pause();
    if (wasPlaying && this.state.hasFrame && !video.seeking) this.#engine?.moveTo(video.currentTime);
  }

  /** @param {number} byMs */
  skip(byMs) {
    const { request, atMs, isPaused } = this.state;
    if (request && atMs !== null) this.go({ ...request, atMs: Math.min(Date.now(), atMs + byMs) }, { paused: isPaused });
  }

  /** Pause, and move by one frame: now, or when it is loaded. @param {1|-1} direction */
  step(direction) {
    const state = this.state;
    state.isPaused = true;
    this.#stand();
    this.#wake();
    if (!state.request) return;
    state.oweStep(direction);
    this.#takeSteps();
    this.#draw();
  }

  /** Take the owed steps whose frames are loaded, and request a previous frame that is not. */
  #takeSteps() {
    const state = this.state;
    const engine = this.#engine;
    if (!state.isPaused || !engine || state.exactMs !== null || this.#session?.isPending) return;
    while (state.owedSteps !== 0) {
      const direction = state.owedSteps > 0 ? 1 : -1;
      const { shownFrameMs } = engine;
      const leftSteps = state.owedSteps - direction;
      if (engine.step(direction)) {
        state.leaveEnd();
        state.owedSteps = leftSteps;
      } else {
        if (direction > 0 && this.video.ended) state.owedSteps = 0;
        if (direction > 0 || !state.request || shownFrameMs === null) return;
        this.go({ ...state.request, atMs: shownFrameMs - INSIDE_MS }, { paused: true, exact: true });
        state.owedSteps = leftSteps; // go() forgets owed steps
        return;
      }
    }
  }

  /** @param {number} speed */
  chooseSpeed(speed) {
    this.state.speed = speed;
    part(this, 'speed', HTMLSelectElement).value = String(this.state.speed);
    emit(this, 'replay-speed', this.state.speed);
    this.#draw();
  }

  /** @param {1|-1} direction */
  changeSpeed(direction) {
    const next = SPEEDS[SPEEDS.indexOf(this.state.speed) + direction];
    if (next) this.chooseSpeed(next);
  }

  /** Pin a quality, or let the bandwidth choose it ('auto'). @param {string} choice */
  chooseQuality(choice) {
    const hasChanged = this.#link.choose(choice);
    part(this, 'quality', HTMLSelectElement).value = this.#link.choice;
    if (hasChanged) this.#playQuality();
    this.#draw();
  }

  /** Request the media again from the present position, because the quality has changed. */
  #playQuality() {
    if (this.isOpen && !this.state.isSuspended) this.#goOnExactly();
  }

  /** Let the bandwidth choose the quality. */
  #lookAtQuality() {
    const isPlaying = (this.state.phase === 'playing' || this.state.phase === 'stalled') && !document.hidden;
    if (this.#link.look({ engine: this.#engine, isPlaying, rate: this.#rate })) this.#playQuality();
  }

  /** True if the recorder sends no faster than real time. */
  get #isSlow() {
    return this.#session?.stream?.beats_real_time === false;
  }

  get #rate() {
    return this.state.rate(this.#isSlow);
  }

  toggleAudio() {
    this.video.muted = !this.video.muted;
    this.#draw();
  }

  // ── Loading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {import('../lib/replay-session.js').Load} load */
  #load(load) {
    this.freeze();
    this.#link.restart();
    this.state.loaded(load.startMs, Date.now());
    this.#engines?.open(load);
    this.#awaitFrame();
    this.#draw();
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

  #goOnExactly() {
    this.#goOn(0, { paused: this.state.isPaused, exact: true });
  }

  async #play() {
    this.video.playbackRate = this.#rate;
    if (!this.state.isPaused && this.state.exactMs === null) await this.playVideo();
  }

  /** @param {'network'|'media'|'unsupported'} why */
  #fatal(why) {
    if (why === 'network' && this.#session?.problem) return; // the session has the better message
    this.state.break({ code: why === 'network' ? 'server_unreachable' : 'cannot_play', detail: '' });
    this.#draw();
  }

  #ended() {
    this.state.end();
    this.#draw();
  }

  #tick() {
    const { video } = this;
    this.#reachExact();
    this.#takeSteps();
    const frameMs = this.#engine?.playingDate?.getTime() ?? null;
    const isThere = video.readyState >= 2 && !video.seeking && !this.#session?.isPending && this.state.exactMs === null;
    if (frameMs !== null && isThere) this.#observe(frameMs);
    if (this.hasNextFrame !== this.#hadNextFrame) {
      this.#hadNextFrame = this.hasNextFrame;
      emit(this, 'replay-next');
    }
    this.#lookAtQuality();
    this.#draw();
    this.#suspendIfIdle();
  }

  /** @param {number} frameMs time of the frame on screen */
  #observe(frameMs) {
    const { gap, isNew, hasMoved, isFirst } = this.state.observe({ nowMs: Date.now(), timeS: this.video.currentTime, frameMs });
    if (gap) emit(this, 'replay-gap', gap);
    if (hasMoved && (!isFirst || this.state.isPaused || this.#hasShownFrame)) this.thaw();
    if (isNew) emit(this, 'replay-time', frameMs);
  }

  /** Show the exact frame that was requested, once it is loaded. */
  #reachExact() {
    const engine = this.#engine;
    const { exactMs } = this.state;
    if (exactMs === null || !engine || this.#session?.isPending) return;
    const time = engine.loadedTimeOf(exactMs, 0);
    const isPast = (engine.beginsMs ?? 0) > exactMs;
    if (time === null && !isPast && !this.state.isExactOverdue(Date.now())) return;
    this.state.exactMs = null;
    if (time !== null) engine.moveTo(time);
    void this.#play();
  }

  #suspendIfIdle() {
    const state = this.state;
    const isPaused = state.isPaused || state.phase === 'ended';
    const isAudible = !this.video.muted && Boolean(this.#session?.stream?.audio);
    const facts = { nowMs: Date.now(), isPaused, isHidden: document.hidden, isAudible };
    if (!state.request || state.isSuspended || this.#session?.isBusy || !this.#idleLimits.isExceeded(facts)) return;
    this.freeze();
    const shownFrameMs = this.#engine?.shownFrameMs ?? null;
    state.suspend(shownFrameMs === null ? null : shownFrameMs + INSIDE_MS);
    this.#session?.close();
    this.#engines?.close();
    this.#draw();
  }

  // ── Display ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #draw() {
    if (!this.isConnected) return;
    const { video } = this;
    const state = this.state;
    const { problem = null, isRetrying = false, stream = null, isBusy = false, isPending = false } = this.#session ?? {};
    const nowMs = Date.now();
    const waitsForRecording = stream?.waiting_for === 'recording';
    const facts = { nowMs, problem, isBusy, isPending, isStopped: video.paused, isAtEnd: video.ended, waitsForRecording };
    if (state.update(facts)) {
      part(this, 'stage', HTMLElement).dataset.phase = state.phase;
      emit(this, 'replay-phase', state.phase);
    }
    if (video.playbackRate !== this.#rate) video.playbackRate = this.#rate;
    const { phase, request, atMs, hasFrame, speed } = state;
    showReplay(this, {
      phase,
      problem: phase === 'problem' ? problem : state.problem,
      isRetrying,
      stream,
      isBusy,
      request,
      atMs,
      hasFrame,
      clock: this.clock,
      rate: this.#rate,
      speed,
      isSlow: this.#isSlow,
      isLinkShort: this.#link.isShort,
      quality: this.#link.text(this.#engine),
      choice: this.#link.choice,
      isAudioLeftOut: this.#session?.isAudioLeftOut ?? false,
      waitedS: state.waitedS(nowMs),
    });
  }
}

customElements.define('replay-player', ReplayPlayer);
