// @ts-check
import { HlsSession } from '../lib/hls-session.js';
import { LiveTransport } from '../lib/live-transport.js';
import { PlayedRung } from '../lib/played-rung.js';
import { ProfileChoice } from '../lib/profile-choice.js';
import { isBetter } from '../lib/rung-rates.js';
import { SocketSession } from '../lib/socket-session.js';
import { ChannelPicture } from './channel-picture.js';
import { FirstSnapshot } from './first-snapshot.js';
import { playsFragments } from './fragment-appender.js';

/**
 * @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {{cameraId: number, number: number, channel: Channel|null,
 *   quality: import('../lib/viewer-state.js').Quality|null, convert?: boolean, transport?: 'hls'|null,
 *   isActive: boolean, isAudible: boolean, fallsBack?: boolean,
 *   rung?: import('../lib/quality-ladder.js').RungName|null}} ChannelRequest
 *   `number`: of the channel; `channel`: null while it is unknown; `isActive`: false leaves the stream, and its last
 *   frame stays; `fallsBack`: play the sub stream if the main stream is refused; `rung`: the best one that the
 *   link carries, by the quality ladder; null: any
 * @typedef {{player: import('./live-player.js').LivePlayer, snapshot: import('./snapshot-image.js').SnapshotImage,
 *   api: import('../lib/api.js').Api, socket: import('../lib/live-sockets.js').PageSocket|null,
 *   snapshots: import('../lib/job-queue.js').JobQueue, decodes: readonly string[]}} ChannelPlayerOptions
 */

/** A try plays below the old picture until it is likely that the link carries it. */
const TRY_HELD_MS = 3000;

/**
 * Plays one channel live in a <live-player>: the viewer page has one of these, and each tile of the wall. It chooses the
 * media profile and the transport, falls back to another one, pauses, and shows a snapshot until the first frame.
 *
 * Emits
 *   'change'        `view`, `chosenProfile` or the pause has changed
 *   'audio-blocked' the browser requires a click before it plays audio
 */
export class ChannelPlayer extends ChannelPicture {
  #snapshot;
  #choice;
  #rung;
  #transport;
  /** @type {ChannelRequest|null} */
  #request = null;
  /** Profile and conversion of the stream that was started; '' if none was. */
  #startedKey = '';
  #isPaused = false;
  /** True while the player still has the picture of the channel before. */
  #hasOldPicture = false;
  /** True once the transport has media of the stream that was started last. */
  #hasMedia = false;
  #isAudioBlocked = false;
  #wires = new AbortController();

  /** @param {ChannelPlayerOptions} options */
  constructor({ player, snapshot, api, socket, snapshots, decodes }) {
    super(player);
    this.#snapshot = new FirstSnapshot(snapshot, api, snapshots);
    this.#choice = new ProfileChoice(decodes);
    this.#rung = new PlayedRung(this.#choice);
    const transport = new LiveTransport({
      socketSession: socket && new SocketSession(socket, { plays: playsFragments }),
      hlsSession: new HlsSession(api),
    });
    this.#transport = transport;
    /** @param {EventTarget} target @param {string} type @param {(detail: any, event: Event) => void} work */
    const on = (target, type, work) =>
      target.addEventListener(type, (event) => work(/** @type {CustomEvent} */ (event).detail, event), { signal: this.#wires.signal });
    on(transport, 'open', () => this.#open());
    on(transport, 'change', () => this.#transportChanged());
    on(transport, 'codec', ({ profileToken, codec }, event) => {
      event.preventDefault();
      if (!this.#request) return;
      this.#choice.learnCodec(this.#request.cameraId, profileToken, codec);
      this.#applyRequest();
    });
    on(transport, 'unplayable', (_detail, event) => {
      if (!this.#rung.hasOther) return;
      event.preventDefault();
      this.#leaveRung();
    });
    on(player, 'player-plays', (which) => this.#moved(which));
    on(player, 'player-stalls', (seconds) => transport.playerStalls(seconds));
    on(player, 'player-idle', () => transport.suspend());
    on(player, 'player-restart', (how) => {
      this.#hasMedia = false;
      transport.restartForPlayer(how ?? undefined);
    });
    on(player, 'player-engine', () => transport.rewatch());
    on(player, 'player-failed', (problem) => transport.playerCannotPlay(problem));
    on(player, 'player-audio', (state) => state === 'blocked' && this.#audioBlocked());
  }

  get view() {
    return this.#transport.view;
  }

  /** The chosen media profile; null: nothing to play. */
  get chosenProfile() {
    return this.#choice.chosenProfile;
  }

  get canUseSub() {
    return this.#choice.canUseSub;
  }

  /** True if a stream was started, also while it waits for media or has failed. */
  get isStarted() {
    return this.#startedKey !== '';
  }

  /** True while the transport has a request: false after the stream was stopped. */
  get isWanted() {
    return this.#transport.isWanted;
  }

  get isPaused() {
    return this.#isPaused;
  }

  /** True if the channel has audio; null while unknown. */
  get hasAudio() {
    const { hasAudio, stream } = this.view;
    if (hasAudio !== null) return hasAudio;
    return stream?.status === 'running' ? stream.audio !== null : null;
  }

  /** True if the user wants the channel's audio, which comes neither with key frames alone nor with small video. */
  get lacksAudio() {
    return this.#rung.isSilent && this.isStarted && this.#request?.isAudible === true && this.hasAudio === true;
  }

  /** The stream that plays, and the reasons if it is not the requested one. */
  get nowPlaying() {
    const { phase, transport, transportReason } = this.view;
    const { chosenProfile, refusal } = this.#choice;
    const { quality = null, isFallback = false, converting = false, refusedCodec = null } = chosenProfile ?? {};
    return {
      phase,
      transport: this.isStarted ? transport : /** @type {const} */ ('socket'),
      transportReason,
      engineReason: this.chosenEngine?.reason ?? null,
      quality,
      isFallback,
      converting,
      refusedCodec,
      refusal,
    };
  }

  /** The engine of the live picture, and the reason if it is not WebCodecs; null over HLS and without a stream. */
  get chosenEngine() {
    return this.isStarted ? this.player.chosenEngine : null;
  }

  // ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Set the request; nothing starts again if it is the same.
   *
   * @param {ChannelRequest|null} request
   * @param {{isLinkThin?: boolean}} [how] `isLinkThin`: a lower quality of the same channel does not wait behind the
   *   present one's media
   */
  setRequest(request, { isLinkThin = false } = {}) {
    const before = this.#request;
    this.#request = request;
    if (before?.cameraId !== request?.cameraId || before?.number !== request?.number) this.#forgetChannel();
    const endsTry = this.#rung.isTry && before?.quality !== request?.quality; // the user has chosen
    if (endsTry) this.#rung.endTry();
    else if (request?.isAudible && !before?.isAudible) this.#request = this.#rung.leaveTryForAudio(request);
    const key = this.#startedKey;
    if (before?.isAudible !== request?.isAudible) this.#isAudioBlocked = false;
    this.#applyRequest({ endsOld: isLinkThin && isBetter(before?.rung, request?.rung) });
    if (endsTry && key === this.#startedKey) this.#transport.endTry();
  }

  /**
   * Play another rung of the quality ladder. The picture on screen stays until the first frame of the new one.
   *
   * @param {import('../lib/quality-ladder.js').RungName} rung
   * @param {{endsOld?: boolean, isTry?: boolean}} [how] see LiveTransport.play()
   */
  setRung(rung, how) {
    if (!this.#request || this.#request.rung === rung) return;
    this.#rung.change(this.#request.rung ?? null);
    this.#request = { ...this.#request, rung };
    this.#applyRequest(how);
  }

  /** True if a better rung is being tried that has shown no frame yet. */
  get isStarting() {
    return this.#rung.isTry;
  }

  /** True if the last try ended with a problem: the rung before it plays again. */
  get hasFailedTry() {
    return this.#rung.hasFailedTry;
  }

  /**
   * Return the rungs between which the quality ladder may choose for a request, best first. Empty over HLS, and if this
   * browser decodes none of the channel's streams.
   *
   * @param {Pick<ChannelRequest, 'cameraId'|'number'|'channel'|'convert'|'transport'>} request
   * @param {number} widthPx of the tile, in pixels of the device
   */
  rungsAt(request, widthPx) {
    const isHls = request.transport === 'hls' || (this.isStarted && this.view.transport === 'hls');
    if (isHls || request.convert) return [];
    return this.#choice.rungsAt(request, widthPx, this.#measured(request));
  }

  /** The measured rate of the stream that plays. @param {Pick<ChannelRequest, 'cameraId'|'number'>} request */
  #measured({ cameraId, number }) {
    if (!this.isStarted || this.#rung.isSmall || this.#request?.cameraId !== cameraId || this.#request.number !== number) return null;
    const quality = this.chosenProfile?.quality;
    const { stream } = this.view;
    const kbps = stream?.status === 'running' ? stream.bitrate_kbps : null;
    return quality && kbps ? { quality, kbps } : null;
  }

  /**
   * The pinned quality; null if the channel does not have it.
   *
   * @param {Pick<ChannelRequest, 'cameraId'|'channel'>} request
   * @param {import('../lib/quality-ladder.js').RungName|null} pinned
   */
  pinAt(request, pinned) {
    return this.#choice.pinAt(request, pinned);
  }

  /** Try a refused main stream again. */
  forgetRefusal() {
    this.#choice.forgetRefusal();
  }

  /** Try the channel's profiles again, because the camera may send other codecs now. */
  forgetCodecs() {
    if (this.#request) this.#choice.forgetCodecs(this.#request.cameraId);
  }

  /** @param {boolean} isOn */
  setAudible(isOn) {
    this.#isAudioBlocked = false;
    if (this.#request) this.#request = { ...this.#request, isAudible: isOn };
    if (isOn && this.#request) this.#request = this.#rung.leaveTryForAudio(this.#request);
    if (this.isStarted) this.#applyRequest();
    else this.#showAudio(isOn);
  }

  /** Choose the engine of the live picture anew, because the user has switched WebCodecs on or off. */
  changeEngine() {
    this.player.forgetFailures();
    if (this.isStarted) this.#transport.rewatch();
  }

  /** Stop the stream, on the user's request. */
  stop() {
    this.#startedKey = '';
    this.#transport.stop();
  }

  /** Leave the stream while the page is being closed. */
  leave() {
    this.#leaveStream();
  }

  /** Start the present stream again. */
  restart() {
    this.#transport.retry();
  }

  /** Try a failed stream again, the main stream included. */
  retry() {
    this.forgetRefusal();
    const { phase } = this.view;
    if (phase === 'ended') this.#startedKey = '';
    else if (phase === 'failed') this.restart();
    this.#applyRequest();
  }

  /** Pause or resume; a failed stream is tried again. @param {{canPause?: boolean}} [how] */
  togglePlay({ canPause = true } = {}) {
    const { phase } = this.view;
    if (phase === 'failed' || phase === 'ended') this.retry();
    else if (this.#isPaused || (canPause && this.hasFrame)) this.setPaused(!this.#isPaused);
  }

  /** @param {boolean} isPaused */
  setPaused(isPaused) {
    if (isPaused === this.#isPaused) return;
    // The user wants the frame on screen. A try whose stream is on screen already goes on.
    if (isPaused && this.#rung.isTry && (!this.#hasMedia || this.player.isChanging)) this.#leaveRung({ hasFailed: false });
    this.#isPaused = isPaused;
    if (isPaused) this.player.pause();
    else {
      this.movedAtMs = Date.now();
      if (this.#transport.isSuspended) this.player.detachLive(); // the last frame stays until the next one
      this.player.resume();
      this.#transport.resume();
    }
    this.#changed();
  }

  /** Show the newest frame. */
  toLive() {
    if (this.#isPaused) this.setPaused(false);
    else this.player.toLive();
  }

  /** Continue after a sleep or a loss of network. */
  wake() {
    if (!this.isStarted) return;
    this.#transport.wake();
    this.player.wake();
    if (this.movedAtMs !== null) this.movedAtMs = Date.now();
  }

  close() {
    this.#transport.leave();
    this.#wires.abort();
    this.#snapshot.cancel();
  }

  // ── Playing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {{endsOld?: boolean, isTry?: boolean}} [how] of the change to another rung */
  #applyRequest(how = {}) {
    const request = this.#request;
    const chosenProfile = request && this.#choice.choose({ convert: false, ...request });
    const keyFramesOnly = request?.rung === 'keys' && chosenProfile?.converting === false;
    const isSmall = chosenProfile?.isSmall ?? false;
    const wantedKey = request?.isActive && chosenProfile ? keyOf(chosenProfile, keyFramesOnly) : '';
    this.#showAudio(request?.isAudible ?? false);
    if (wantedKey === this.#startedKey) {
      if (wantedKey) this.#transport.setAudio(request?.isAudible ?? false);
    } else if (!wantedKey && this.view.phase === 'ended')
      this.#startedKey = ''; // the user still sees that it was stopped
    else if (!wantedKey) this.#leaveStream();
    else if (request && chosenProfile) {
      const { isStarted } = this;
      this.#startedKey = wantedKey;
      if (!this.#hasOldPicture) this.player.removeAttribute('src');
      const { cameraId, transport = null, isAudible: audio } = request;
      const { profile, converting } = chosenProfile;
      this.#rung.start({ isTry: how.isTry ?? false, keyFramesOnly, isSmall });
      this.#hasMedia = false;
      const { accept } = this.#choice;
      const { profile_token: profileToken } = profile;
      const stream = { cameraId, profileToken, accept, converting, audio, transport, keyFramesOnly, isSmall };
      this.#transport.play(stream, how);
      this.#clearOldPicture(); // after the request, which takes the server longer
      // After another stream its last frame is on screen, which is newer than a snapshot.
      if (!isStarted && !this.player.isFrozen) this.#snapshot.show(request, () => this.hasFrame);
      if (this.view.transport === 'socket') this.player.prepareLive();
    }
    this.#clearOldPicture();
    this.#changed();
  }

  /** Forget everything about the previous channel; its picture stays until `#clearOldPicture()`. */
  #forgetChannel() {
    this.#endStream();
    this.#forgetPlaying();
    this.forgetRefusal();
    this.#rung.forget();
    this.#hasOldPicture = true;
  }

  #clearOldPicture() {
    if (!this.#hasOldPicture) return;
    this.#hasOldPicture = false;
    this.player.forget();
    this.#snapshot.clear();
  }

  /** Leave the stream; the last frame stays. */
  #leaveStream() {
    this.#endStream();
    this.#detach();
  }

  #endStream() {
    this.#startedKey = '';
    this.#rung.endTry();
    this.#snapshot.cancel();
    this.#transport.leave();
  }

  #detach() {
    this.#forgetPlaying();
    this.player.removeAttribute('src');
    this.player.detachLive();
  }

  #forgetPlaying() {
    this.movedAtMs = null;
    this.#isPaused = false;
  }

  /** The transport has its first media: hand it to the player. */
  #open() {
    const { playlistUrl, transport } = this.view;
    this.#hasMedia = true;
    const how = { keyFramesOnly: this.#rung.keyFramesOnly, heldMs: this.#rung.isTry ? TRY_HELD_MS : 0 };
    if (transport === 'socket') this.#transport.sink = this.player.attachLive(how);
    else if (playlistUrl) {
      this.player.detachLive();
      if (this.player.getAttribute('src') === playlistUrl) this.player.reload();
      else this.player.setAttribute('src', playlistUrl); // LivePlayer#load makes the HlsEngine
    }
  }

  #transportChanged() {
    const { phase, problem, stream } = this.view;
    if (this.isStarted && this.#rung.hasFailed(this.view)) {
      this.#leaveRung();
      return;
    }
    // The session has failed, or the server still tries.
    const why = problem ?? (stream?.status === 'reconnecting' ? stream.error : null);
    if (this.isStarted && this.#request?.fallsBack && this.#choice.fallBackToSub(why)) {
      this.#applyRequest();
      return;
    }
    if (phase === 'failed' || phase === 'ended' || phase === 'idle') this.#detach();
    this.#changed();
  }

  /** Play another rung than the present one. @param {{hasFailed?: boolean}} [how] see PlayedRung.leave() */
  #leaveRung(how) {
    const { isTry } = this.#rung;
    if (this.#request) this.#request = this.#rung.leave(this.#request, how);
    this.#applyRequest({ endsOld: !isTry });
  }

  /** @param {string} which 'before': the old picture, which the next one will replace */
  #moved(which) {
    this.movedAtMs = Date.now();
    this.#snapshot.clear();
    if (which === 'before') return;
    if (this.#hasMedia) this.#rung.endTry();
    this.#transport.playerPlays();
    if (this.#isPaused) this.player.pause(); // the picture of a session that has started again
  }

  #audioBlocked() {
    this.#isAudioBlocked = true;
    this.#showAudio(true);
    this.dispatchEvent(new Event('audio-blocked'));
  }

  /** @param {boolean} isOn */
  #showAudio(isOn) {
    this.player.toggleAttribute('muted', !isOn || this.#isAudioBlocked);
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Identifies a stream that was started. @param {import('../lib/profile-choice.js').ChosenProfile} chosen @param {boolean} keyFramesOnly */
function keyOf({ profile, converting, isSmall }, keyFramesOnly) {
  return `${profile.profile_token}${converting ? ' converted' : ''}${keyFramesOnly ? ' keys' : ''}${isSmall ? ' small' : ''}`;
}
