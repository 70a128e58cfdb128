// @ts-check
import { localStamp, snapshotFileName } from '../lib/format.js';
import { messageOf, saysItAll } from '../lib/messages.js';
import { ReplaySession } from '../lib/replay-session.js';
import { part, setText, tell } from './dom.js';
import { HlsEngine, REPLAY_CONFIG, decodableCodecs } from './hls-engine.js';
import { ZoomView } from './zoom-view.js';

/** @typedef {import('../lib/replay-session.js').Place} Place */

const TICK_MS = 200;
const GAP_MS = 3000;
const STALL_MS = 2500;
export const SPEEDS = [0.25, 0.5, 1, 2, 4];

/**
 * Plays a recording. Tells 'replay-time' with the picture's time (ms), 'replay-gap' {fromMs, toMs} when it has skipped
 * time without a recording, 'replay-phase' with what it does, 'replay-speed' with a speed that was chosen.
 *
 * The last picture stays on screen until the next one is there. `api` and `names` are set by the page.
 */
export class ReplayPlayer extends HTMLElement {
  /** @type {ReplaySession|null} */
  #session = null;
  /** @type {HlsEngine|null} */
  #engine = null;
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;
  /** @type {Place|null} */
  #place = null;
  /** @type {number|null} */
  #pictureMs = null;
  #paused = false;
  #ended = false;
  #speed = 1;
  #movedAtMs = 0;
  #lastTime = -1;
  #phase = 'idle';
  /** What a snapshot is named after. @type {string[]} */
  names = [];
  /** What is added to times that are shown. */
  zoneMs = 0;

  /** @param {import('../lib/api.js').Api} api */
  set api(api) {
    this.#session = new ReplaySession(api, decodableCodecs());
    this.#session.addEventListener('load', (event) => this.#load(/** @type {CustomEvent} */ (event).detail));
    this.#session.addEventListener('changed', () => this.#show());
  }

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    const { video } = this;
    video.addEventListener('ended', () => this.#end(), { signal });
    window.addEventListener('pagehide', () => this.#session?.close({ keepalive: true }), { signal });
    document.addEventListener('fullscreenchange', () => this.#show(), { signal });
    for (const [name, work] of /** @type {[string, () => void][]} */ ([
      ['play', () => this.togglePlay()],
      ['big-play', () => this.togglePlay()],
      ['back', () => this.skip(-10_000)],
      ['forward', () => this.skip(10_000)],
      ['mute', () => this.toggleSound()],
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

  /** When the picture on screen was taken, ms; before there is one, the time asked for. */
  get atMs() {
    return this.#pictureMs ?? this.#place?.atMs ?? null;
  }

  get isOpen() {
    return this.#place !== null;
  }

  /** Plays from there; what is loaded already is played at once. @param {Place} place @param {{paused?: boolean}} [how] */
  go(place, { paused = false } = {}) {
    const before = this.#place;
    const isSame = before?.cameraId === place.cameraId && before.recordingToken === place.recordingToken;
    this.#place = place;
    this.#paused = paused;
    this.#ended = false;
    this.#movedAtMs = Date.now();
    const inside = isSame && !this.#session?.problem ? this.#engine?.loadedTimeOf(place.atMs) : null;
    if (inside !== null && inside !== undefined && !this.#session?.isBusy) {
      this.video.currentTime = inside;
      this.#pictureMs = place.atMs;
      void this.#play();
    } else {
      this.#freeze();
      this.#pictureMs = null;
      this.video.pause();
      this.#session?.go(place);
    }
    this.#show();
  }

  /** Ends it, and gives the recorder's session back. */
  close() {
    this.#session?.close();
    this.#engine?.close();
    this.#engine = null;
    this.#place = null;
    this.#pictureMs = null;
    part(this, 'frozen', HTMLCanvasElement).hidden = true;
    this.#show();
  }

  retry() {
    if (this.#place) this.go({ ...this.#place, atMs: this.atMs ?? this.#place.atMs });
  }

  togglePlay() {
    if (!this.#place) {
      tell(this, 'replay-wanted');
      return;
    }
    if (this.#session?.problem) {
      this.retry();
      return;
    }
    this.#paused = !this.video.paused || (!this.#paused && this.#phase === 'loading');
    if (this.#paused) this.video.pause();
    else void this.#play();
    this.#show();
  }

  /** @param {number} byMs */
  skip(byMs) {
    if (this.#place && this.atMs !== null) {
      this.go({ ...this.#place, atMs: Math.min(Date.now(), this.atMs + byMs) }, { paused: this.#paused });
    }
  }

  /** One picture on or back, while paused. @param {1|-1} direction */
  step(direction) {
    if (!this.#place || !this.#engine) return;
    this.#paused = true;
    this.video.pause();
    const fps = this.#session?.stream?.video?.fps || 10;
    this.video.currentTime = Math.max(0, this.video.currentTime + direction / fps);
    this.#show();
  }

  /** @param {number} speed */
  chooseSpeed(speed) {
    this.#speed = SPEEDS.includes(speed) ? speed : 1;
    this.video.playbackRate = this.#speed;
    part(this, 'speed', HTMLSelectElement).value = String(this.#speed);
    tell(this, 'replay-speed', this.#speed);
  }

  /** @param {1|-1} direction */
  changeSpeed(direction) {
    const next = SPEEDS[SPEEDS.indexOf(this.#speed) + direction];
    if (next) this.chooseSpeed(next);
  }

  toggleSound() {
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

  /** In the picture's full resolution, named after camera, channel and the picture's own time. */
  saveSnapshot() {
    const canvas = document.createElement('canvas');
    const atMs = this.atMs;
    if (atMs === null || !this.#draw(canvas)) return;
    canvas.toBlob(
      (blob) => {
        if (!blob) return;
        const link = document.createElement('a');
        link.href = URL.createObjectURL(blob);
        link.download = snapshotFileName(this.names, new Date(atMs));
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      },
      'image/jpeg',
      0.92,
    );
  }

  // ── Loading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {import('../lib/replay-session.js').Load} load */
  #load({ url, startMs }) {
    const { hls = '', hlsWorker = '' } = document.body.dataset;
    this.#freeze();
    this.#engine?.close();
    const engine = new HlsEngine(this.video, {
      onFatal: (why) => engine === this.#engine && this.#fatal(why),
      config: REPLAY_CONFIG,
    });
    this.#engine = engine;
    this.#lastTime = -1;
    this.#movedAtMs = Date.now();
    this.#ended = false;
    if (this.#place) this.#place = { ...this.#place, atMs: startMs };
    engine.load(url, { hlsAddress: hls, workerAddress: hlsWorker }).then(
      () => (engine === this.#engine ? this.#play() : undefined),
      () => (engine === this.#engine ? this.#fatal('network') : undefined),
    );
    this.#show();
  }

  async #play() {
    this.video.playbackRate = this.#speed;
    if (this.#paused) return;
    await this.video.play().catch(async (error) => {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      this.video.muted = true;
      await this.video.play().catch(() => {});
    });
  }

  /** @param {'network'|'media'|'unsupported'} why */
  #fatal(why) {
    if (why === 'network' && this.#session?.problem) return; // the session says why
    this.#setPhase('broken');
    this.#say(messageOf(why === 'network' ? 'server_unreachable' : 'cannot_play').title, '');
  }

  #end() {
    this.#ended = true;
    this.#show();
  }

  #tick() {
    const { video } = this;
    const playing = this.#engine?.playingDate?.getTime() ?? null;
    if (playing !== null && video.readyState >= 2) {
      const before = this.#pictureMs;
      const passed = video.currentTime - this.#lastTime;
      if (before !== null && this.#lastTime >= 0 && passed >= 0 && passed < 8 && playing - before > passed * 1000 + GAP_MS) {
        tell(this, 'replay-gap', { fromMs: before, toMs: playing });
      }
      if (video.currentTime !== this.#lastTime) {
        this.#movedAtMs = Date.now();
        if (this.#lastTime >= 0 || this.#paused) part(this, 'frozen', HTMLCanvasElement).hidden = true;
      }
      this.#lastTime = video.currentTime;
      if (playing !== before) {
        this.#pictureMs = playing;
        tell(this, 'replay-time', playing);
      }
    }
    this.#show();
  }

  // ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────

  #show() {
    if (!this.isConnected) return;
    const { video } = this;
    const session = this.#session;
    const problem = session?.problem ?? null;
    const stands = Date.now() - this.#movedAtMs > STALL_MS;
    const hasPicture = this.#pictureMs !== null;
    if (!this.#place) this.#setPhase('idle');
    else if (problem) this.#setPhase('problem');
    else if (this.#phase === 'broken' && stands && !session?.isBusy) this.#setPhase('broken');
    else if (this.#ended || video.ended) this.#setPhase('ended');
    else if (session?.isBusy || !hasPicture) this.#setPhase('loading');
    else if (this.#paused || video.paused) this.#setPhase('paused');
    else this.#setPhase(stands ? 'stalled' : 'playing');
    this.#explain(problem);
    const stage = part(this, 'stage', HTMLElement);
    stage.dataset.running = String(!video.paused && this.#phase !== 'paused');
    stage.dataset.muted = String(video.muted);
    stage.dataset.full = String(document.fullscreenElement === stage);
    const shownMs = this.atMs;
    setText(part(this, 'clock', HTMLElement), shownMs === null ? '' : localStamp(new Date(shownMs + this.zoneMs)));
    const badge = part(this, 'badge', HTMLElement);
    badge.hidden = this.#phase === 'idle';
    badge.dataset.state = this.#phase === 'stalled' || this.#phase === 'problem' ? 'stalled' : this.#phase;
    const speed = this.#speed === 1 ? '' : ` ${this.#speed}×`;
    setText(part(this, 'badge-text', HTMLElement), this.#phase === 'paused' ? 'PAUSED' : `PLAYBACK${speed}`);
    for (const name of ['back', 'forward', 'snapshot', 'mute']) {
      part(this, name, HTMLButtonElement).disabled = !hasPicture || (name === 'mute' && !session?.stream?.audio);
    }
  }

  /** @param {import('../lib/api.js').Problem|null} problem */
  #explain(problem) {
    const phase = this.#phase;
    part(this, 'spinner', HTMLElement).hidden = !(phase === 'loading' || phase === 'stalled');
    part(this, 'big-play', HTMLElement).hidden = phase !== 'idle';
    part(this, 'icon', HTMLElement).hidden = phase !== 'problem' && phase !== 'broken';
    part(this, 'retry', HTMLElement).hidden = phase !== 'problem' && phase !== 'broken';
    if (problem) {
      const { title, advice } = messageOf(problem.code);
      this.#say(title, saysItAll(problem.code) ? advice : problem.detail);
    } else if (phase === 'stalled') this.#say('The picture stands still', 'Waiting for the recorder');
    else if (phase === 'ended') this.#say('The recording ends here', '');
    else if (phase !== 'broken') this.#say('', '');
  }

  /** @param {string} title @param {string} advice */
  #say(title, advice) {
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'advice', HTMLElement), advice);
  }

  /** @param {string} phase */
  #setPhase(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    part(this, 'stage', HTMLElement).dataset.phase = phase;
    tell(this, 'replay-phase', phase);
  }

  #freeze() {
    const frozen = part(this, 'frozen', HTMLCanvasElement);
    if (this.#pictureMs !== null && this.#draw(frozen)) frozen.hidden = false;
  }

  /** @param {HTMLCanvasElement} canvas */
  #draw(canvas) {
    const { video } = this;
    if (!video.videoWidth || video.readyState < 2) return false;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    context?.drawImage(video, 0, 0);
    return context !== null;
  }
}

customElements.define('replay-player', ReplayPlayer);
