// @ts-check
/** The stage of the viewer page: the channel's player, the overlay, and the buttons below them. */
import { ChannelPlayer } from '../components/channel-player.js';
import { ChannelStills } from '../components/channel-stills.js';
import { setText } from '../components/dom.js';
import { decodableCodecs } from '../components/hls-engine.js';
import { LivePlayer } from '../components/live-player.js';
import { SnapshotImage } from '../components/snapshot-image.js';
import { StageOverlay } from '../components/stage-overlay.js';
import { ZoomView } from '../components/zoom-view.js';
import { engineFact } from '../lib/engine-choice.js';
import { snapshotFileName } from '../lib/format.js';
import { JobQueue } from '../lib/job-queue.js';
import { LOOK_MS, QualityControl } from '../lib/quality-control.js';
import { StillQueue } from '../lib/still-queue.js';
import { limitText, rungText, SERVER_BUSY } from '../lib/quality-text.js';
import { badgeOf, damageOf, stillBadge, streamFacts } from '../lib/stream-facts.js';
import { Attention, hideBarsAtRest } from './attention.js';
import { saveDeviceSnapshot } from './device-snapshot.js';
import { byId, chosenDecoder, onSavesData, openedSocket, remember, remembered, saveFile, showToast, userSavesData } from './page.js';
import { pageSocket } from './page-socket.js';

/**
 * @typedef {Omit<import('../components/channel-player.js').ChannelRequest, 'isAudible'|'quality'|'rung'> &
 *   {quality: import('../lib/viewer-state.js').QualityChoice}} StageRequest
 */

/** @type {Record<import('../lib/viewer-state.js').QualityChoice, import('../lib/quality-ladder.js').RungName|null>} */
const PINNED = { auto: null, main: 'main', sub: 'sub', saver: 'keys' };
const WANTED = /** @type {const} */ ({ auto: null, main: 'main', sub: 'sub', saver: 'sub' });

/**
 * Emits
 *   'play-pressed' the user pressed Play and no channel is requested
 *   'ended'    the stream was stopped, by this user or by another one
 *   'asleep'   the tab has been hidden for a while: the page should leave the stream
 *   'awake'    the tab is visible again
 *   'profile' another media profile or rung was chosen
 *   'settled'  the live picture moves, or none is to be expected
 */
export class ViewerStage extends EventTarget {
  #api;
  #socket;
  #channelPlayer;
  #stills;
  #quality;
  /** @type {StageRequest|null} */
  #request = null;
  #stage = byId('stage', HTMLElement);
  #livePlayer = byId('player', LivePlayer);
  #overlay = byId('overlay', StageOverlay);
  #zoom = byId('zoom', ZoomView);
  #wantsAudio = remembered('sound') === 'on';
  /** @type {number|null} */
  #shownNumber = null;
  #shownProfile = '';
  /** @type {import('../lib/quality-ladder.js').RungName|null} */
  #lastRung = null;
  /** The reason if there is no channel to play. @type {import('../lib/api.js').Problem|null} */
  #deviceProblem = null;
  #deviceBusy = false;
  /** Names for the file name of a snapshot. @type {string[]} */
  names = [];

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#socket = pageSocket(api, openedSocket());
    this.#livePlayer.toggleAttribute('muted', !this.#wantsAudio);
    this.#livePlayer.setAttribute('decoder', chosenDecoder());
    const image = byId('still', SnapshotImage);
    this.#channelPlayer = new ChannelPlayer({
      player: this.#livePlayer,
      snapshot: image,
      api,
      socket: this.#socket,
      snapshots: new JobQueue(1),
      decodes: decodableCodecs(),
    });
    this.#stills = new ChannelStills({ player: this.#channelPlayer, image, api, queue: new StillQueue() });
    this.#quality = this.#socket && new QualityControl({ link: this.#socket.link, startsLow: userSavesData() });
    this.#wirePlayer();
    this.#wireDecoder();
    onSavesData((startsLow) => this.#quality && (this.#quality.startsLow = startsLow));
    this.#wirePage();
    for (const [id, work] of /** @type {[string, () => void][]} */ ([
      ['play', () => this.togglePlay()],
      ['stop', () => this.stop()],
      ['mute', () => this.toggleAudio()],
      ['snapshot', () => this.saveSnapshot()],
      ['fullscreen', () => void this.toggleFullscreen()],
      ['zoom-in', () => this.zoomBy(1.4)],
      ['zoom-out', () => this.zoomBy(1 / 1.4)],
      ['badge', () => this.#channelPlayer.toLive()],
    ])) {
      byId(id, HTMLElement).addEventListener('click', work);
    }
    setInterval(() => this.#showClock(), 500);
    setInterval(() => this.#lookAtLink(), LOOK_MS);
    this.#draw();
  }

  /** @param {import('../lib/api.js').Problem|null} problem */
  set deviceProblem(problem) {
    this.#deviceProblem = problem;
    this.#draw();
  }

  /** True while the server reads the channels from the device. @param {boolean} busy */
  set deviceBusy(busy) {
    this.#deviceBusy = busy;
    this.#draw();
  }

  get isWanted() {
    return this.#channelPlayer.isWanted || this.#stills.isShown;
  }

  get isStarted() {
    return this.#channelPlayer.isStarted || this.#stills.isShown;
  }

  get hasFrame() {
    return this.#channelPlayer.hasFrame;
  }

  /** The chosen media profile; null: nothing to play. */
  get chosenProfile() {
    return this.#channelPlayer.chosenProfile;
  }

  /** Set the channel, its quality, and if it is to play. @param {StageRequest} request */
  setRequest(request) {
    if (request.number !== this.#shownNumber) this.#zoom.reset();
    this.#shownNumber = request.number;
    this.#request = request;
    this.#quality?.setTiles(this.#tiles(), performance.now());
    const { rung, isLinkThin } = this;
    const wanted = { ...request, quality: WANTED[request.quality], rung, isAudible: this.#wantsAudio };
    this.#stills.setRequest(wanted, { isLinkThin });
  }

  /** Id of the present channel's picture for the quality ladder. */
  get #tileId() {
    return this.#request ? `${this.#request.cameraId}.${this.#request.number}` : '';
  }

  /** The rung on screen; null if the quality ladder does not choose the quality. */
  get shownRung() {
    return this.#quality?.shownRungOf(this.#tileId) ?? null;
  }

  /** The rung that plays, or is tried; null if the quality ladder does not choose the quality, for example over HLS. */
  get rung() {
    return this.#quality?.rungOf(this.#tileId) ?? null;
  }

  /** The picture as a tile of the quality ladder; empty if the ladder cannot change it. */
  #tiles() {
    const request = this.#request;
    // A phone shows less than the main stream has, but its user may zoom in.
    const rungs = request ? this.#channelPlayer.rungsAt(request, Infinity) : [];
    if (!request || !rungs.length) return [];
    const isVisible = request.isActive && !this.#channelPlayer.isPaused;
    const player = this.#channelPlayer;
    const pinned = player.pinAt(request, PINNED[request.quality]);
    return [{ id: this.#tileId, rungs, pinned, isChosen: true, isVisible, pixels: 1, player: this.#stills }];
  }

  #lookAtLink() {
    const { hidden: isHidden } = document;
    // In a hidden tab the audio plays on.
    if (isHidden && !this.#wantsAudio) this.#quality?.rest();
    else this.#quality?.look(this.#tiles(), performance.now(), { isHidden });
    setText(byId('quality-note', HTMLElement), this.isStarted ? this.#qualityText() : '');
    if (this.shownRung === this.#lastRung) return;
    this.#lastRung = this.shownRung;
    this.dispatchEvent(new Event('profile'));
  }

  /** Why the picture has not its best quality; '' if it has, or if the user has chosen the quality. */
  #qualityText() {
    const { lacksAudio } = this.#channelPlayer;
    const { spacingS } = this.#stills.isShown ? this.#stills : this.#channelPlayer;
    const limit = this.#quality?.limitOf(this.#tileId) ?? null;
    const text = limitText(limit, spacingS, lacksAudio) || (this.shownRung === 'keys' ? rungText('keys', spacingS, lacksAudio) : '');
    return text || (this.#quality?.isServerBusy ? SERVER_BUSY : '');
  }

  /** Try a refused main stream again. */
  forgetRefusal() {
    this.#channelPlayer.forgetRefusal();
  }

  /** Try the channel's profiles again, because the camera may send other codecs now. */
  forgetCodecs() {
    this.#channelPlayer.forgetCodecs();
  }

  stop() {
    this.#channelPlayer.stop();
    this.#zoom.reset();
    this.dispatchEvent(new Event('ended'));
  }

  /** Start the present stream again. */
  restart() {
    this.#channelPlayer.restart();
  }

  togglePlay() {
    if (this.#stills.isOn) return;
    if (this.isWanted) this.#channelPlayer.togglePlay();
    else this.dispatchEvent(new Event('play-pressed'));
  }

  toLive() {
    this.#channelPlayer.toLive();
  }

  toggleAudio() {
    if (byId('mute', HTMLButtonElement).disabled) return;
    this.#wantsAudio = this.#livePlayer.hasAttribute('muted');
    remember('sound', this.#wantsAudio ? 'on' : 'off');
    this.#channelPlayer.setAudible(this.#wantsAudio);
  }

  /** Time of the frame on screen; without a frame, now. */
  get frameMs() {
    return this.#channelPlayer.frameDate?.getTime() ?? this.#nowMs();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#zoom.zoomBy(factor);
  }

  /** @returns {boolean} true if the picture was zoomed */
  leaveZoom() {
    const zoomed = this.#zoom.scale > 1;
    this.#zoom.reset();
    return zoomed;
  }

  /** Save the frame on screen. In place of a still, which is small, the device takes a snapshot. */
  async saveSnapshot() {
    const request = this.#request;
    if (this.#stills.isShown && request?.channel) {
      const problem = await saveDeviceSnapshot(this.#api, request.cameraId, request.channel, this.names);
      if (problem) showToast(problem.detail, 'bad');
      return;
    }
    const name = snapshotFileName(this.names, new Date(this.frameMs));
    const { hasFrame } = this.#channelPlayer;
    const shown = await this.#channelPlayer.capture();
    if (hasFrame && !shown) showToast('The picture could not be saved. Try again.', 'bad');
    shown?.toBlob((blob) => blob && saveFile(blob, name), 'image/jpeg', 0.95);
  }

  async toggleFullscreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (this.#stage.requestFullscreen) await this.#stage.requestFullscreen();
      // On iPhones only a video can be full screen.
      else /** @type {any} */ (this.#livePlayer.video).webkitEnterFullscreen?.();
    } catch {
      showToast('The browser does not allow full screen here.', 'bad');
    }
  }

  #wirePlayer() {
    for (const one of [this.#channelPlayer, this.#stills]) one.addEventListener('change', () => this.#draw());
    this.#channelPlayer.addEventListener('audio-blocked', () => {
      showToast('The browser allows sound only after a click. Press M or the loudspeaker.');
    });
    this.#livePlayer.addEventListener('player-audio', () => this.#showAudio());
    this.#overlay.addEventListener('overlay-play', () => this.togglePlay());
    this.#zoom.addEventListener('zoom-tap', () => void this.toggleFullscreen());
    this.#zoom.addEventListener('zoom-changed', (event) => {
      const scale = /** @type {CustomEvent<number>} */ (event).detail;
      const chip = byId('zoom-level', HTMLElement);
      chip.hidden = scale === 1;
      chip.textContent = `${scale.toFixed(1)}×`;
    });
  }

  /** The switch for the shortest delay: WebCodecs, or MediaSource. */
  #wireDecoder() {
    const box = byId('shortest-delay', HTMLInputElement);
    box.checked = chosenDecoder() === 'webcodecs';
    box.addEventListener('change', () => {
      remember('decoder', box.checked ? 'webcodecs' : 'mse');
      this.#livePlayer.setAttribute('decoder', chosenDecoder());
      this.#channelPlayer.changeEngine();
    });
  }

  #wirePage() {
    const attention = new Attention({ isAudible: () => !this.#livePlayer.hasAttribute('muted') });
    attention.addEventListener('asleep', () => this.dispatchEvent(new Event('asleep')));
    attention.addEventListener('awake', () => this.#wake());
    attention.addEventListener('leaving', () => {
      this.#channelPlayer.leave();
      this.#socket?.close();
      this.dispatchEvent(new Event('asleep'));
    });
    document.addEventListener('fullscreenchange', () => {
      const full = document.fullscreenElement === this.#stage;
      this.#stage.dataset.full = String(full);
      byId('fullscreen', HTMLElement).setAttribute('aria-label', full ? 'Leave full screen' : 'Full screen');
    });
    hideBarsAtRest(this.#stage);
  }

  #wake() {
    this.#quality?.forget(); // the network may be another one
    this.dispatchEvent(new Event('awake'));
    this.#channelPlayer.wake();
  }

  #draw() {
    const view = this.#viewNow();
    const { isPaused, chosenProfile, canUseSub } = this.#channelPlayer;
    const hasFailed = view.phase === 'ended' || view.phase === 'failed';
    if (view.phase === 'playing' || hasFailed) this.dispatchEvent(new Event('settled'));
    const running = this.isWanted && !isPaused && view.phase !== 'failed';
    const playable = this.names.length > 0;
    this.#overlay.update(view, { paused: isPaused, playable, subPossible: canUseSub });
    byId('play', HTMLButtonElement).disabled = !playable || this.#stills.isOn;
    this.#stage.toggleAttribute('data-stills', this.#stills.isShown);
    Object.assign(this.#stage.dataset, { phase: view.phase, paused: String(isPaused), running: String(running) });
    byId('play', HTMLElement).setAttribute('aria-label', running ? 'Pause' : 'Play');
    byId('stop', HTMLButtonElement).disabled = !this.isWanted;
    this.#showAudio();
    this.#showClock();
    if (view.phase === 'ended') this.dispatchEvent(new Event('ended'));
    const key = chosenProfile
      ? `${chosenProfile.profile.profile_token} ${chosenProfile.isFallback} ${chosenProfile.converting} ${this.shownRung}`
      : '';
    if (key === this.#shownProfile) return;
    this.#shownProfile = key;
    this.dispatchEvent(new Event('profile'));
  }

  /** Return the player's view; without a channel, a view of the device's state. */
  #viewNow() {
    const { view } = this.#channelPlayer;
    if (this.#stills.isShown) return { ...view, phase: /** @type {const} */ ('playing') };
    if (this.isWanted) return view;
    if (this.#deviceProblem) return { ...view, phase: /** @type {const} */ ('failed'), problem: this.#deviceProblem };
    if (this.#deviceBusy) return { ...view, phase: /** @type {const} */ ('connecting') };
    return view;
  }

  #showClock() {
    const { isPaused, hasFrame, frameDate } = this.#channelPlayer;
    const view = this.#viewNow();
    const behindS = this.#stills.behindS(this.#nowMs()) ?? this.#channelPlayer.behindS(this.#nowMs());
    const badge = byId('badge', HTMLElement);
    const { text, tone } = this.#stills.isShown ? stillBadge(behindS) : badgeOf(view.phase, { ...view, paused: isPaused, behindS });
    badge.hidden = !text;
    badge.dataset.state = tone;
    setText(byId('badge-text', HTMLElement), text);
    const time = byId('picture-time', HTMLTimeElement);
    const shownDate = hasFrame ? frameDate : null;
    setText(time, shownDate?.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' }) ?? '');
    if (shownDate) time.dateTime = shownDate.toISOString();
    byId('snapshot', HTMLButtonElement).disabled = !hasFrame && !this.#stills.isShown;
    const { transport, transportReason, isAudioRefused } = view;
    const shownBehindS = view.phase === 'playing' || isPaused ? behindS : null;
    const facts = streamFacts(view.stream, { behindS: shownBehindS, transport, isAudioRefused });
    byId('facts', HTMLElement).dataset.way = transport;
    byId('way', HTMLElement).hidden = !transportReason;
    setText(byId('way-reason', HTMLElement), transportReason);
    const { chosenEngine } = this.#channelPlayer;
    byId('facts', HTMLElement).dataset.engine = chosenEngine?.engine ?? '';
    setText(byId('engine', HTMLElement), engineFact(chosenEngine));
    this.#showDamage();
    for (const element of byId('facts', HTMLElement).querySelectorAll('[data-fact]')) {
      setText(element, facts[/** @type {HTMLElement} */ (element).dataset.fact ?? ''] ?? '');
    }
  }

  #showDamage() {
    const { notice, count } = damageOf(this.#channelPlayer.view.stream);
    byId('damage-notice', HTMLElement).hidden = !notice;
    setText(byId('damage-text', HTMLElement), notice);
    byId('dropped', HTMLElement).hidden = !count;
    setText(byId('dropped-count', HTMLElement), count);
  }

  /** True while the live picture needs the whole link. */
  get isLinkThin() {
    return this.isStarted && (this.#socket?.link.isThin(performance.now()) ?? false);
  }

  /** Return the server's time; the socket's clock is exact to milliseconds. */
  #nowMs() {
    return this.#socket?.isUp && this.#socket.clock.isKnown ? this.#socket.clock.nowMs() : this.#api.clock.nowMs();
  }

  #showAudio() {
    const isMuted = this.#livePlayer.hasAttribute('muted');
    const isSilent = this.#channelPlayer.hasAudio === false;
    const button = byId('mute', HTMLButtonElement);
    button.disabled = !this.isWanted || isSilent;
    this.#stage.dataset.muted = String(isMuted || isSilent);
    button.setAttribute('aria-label', isSilent ? 'This channel has no sound' : isMuted ? 'Sound on' : 'Sound off');
    button.dataset.tip = isSilent ? 'No sound on this channel' : 'Sound  M';
  }
}
