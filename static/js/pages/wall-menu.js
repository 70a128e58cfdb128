// @ts-check
/** Actions on one tile, from its menu and by keys: snapshot, audio, quality, recordings, viewer. */
import { nameOf } from '../components/live-tile.js';
import { TileMenu } from '../components/tile-menu.js';
import { profileOf } from '../lib/channels.js';
import { snapshotFileName } from '../lib/format.js';
import { AGO_MS, MOMENT_MS, isRecorder, writeRecordingsState } from '../lib/recordings-state.js';
import { playingNote } from '../lib/tile-facts.js';
import { qualityChoice, writeViewerState } from '../lib/viewer-state.js';
import { saveDeviceSnapshot } from './device-snapshot.js';
import { byId, may, saveFile, showToast } from './page.js';

/**
 * @typedef {import('../components/live-tile.js').LiveTile} LiveTile
 * @typedef {import('./wall-board.js').WallBoard} WallBoard
 */

const CHOICE_NAMES = { main: 'Main', sub: 'Sub', saver: 'Saver' };

/** Emits 'full', 'pick' and 'remove' with the place, 'quality' with `{place, quality}`, which the page handles. */
export class WallMenu extends EventTarget {
  #api;
  #board;
  #menu = byId('tile-menu', TileMenu);
  #place = 0;

  /** @param {import('../lib/api.js').Api} api @param {WallBoard} board */
  constructor(api, board) {
    super();
    this.#api = api;
    this.#board = board;
    this.#menu.addEventListener('menu-action', (event) => this.#do(/** @type {CustomEvent<string>} */ (event).detail));
    this.#menu.addEventListener('menu-closed', () => this.#board.at(this.#place)?.focus({ preventScroll: true }));
  }

  /** @param {number} place @param {{x: number, y: number}} at @param {{isFull: boolean}} how */
  open(place, at, { isFull }) {
    const tile = this.#board.at(place);
    if (!tile?.nowPlaying) return;
    this.#place = place;
    const { content, hasFrame, hasAudio, nowPlaying } = tile;
    const channel = content?.channel ?? null;
    const noChannel = channel === null;
    const isAudible = this.#board.audibleTile === tile;
    const quality = content?.tile.quality ?? 'auto';
    const { quality: wallQuality } = this.#board;
    const recorded = content && this.#board.recording.of(content.tile.cameraId, content.tile.channel);
    const records = !noChannel && this.#hasRecordings(place) && may('recordings');
    const isOver = nowPlaying.phase === 'failed' || nowPlaying.phase === 'ended';
    const items = {
      full: { hidden: !content, text: isFull ? 'Back to all' : 'Fill the page' },
      pause: { hidden: !tile.isAlone || !hasFrame || isOver || tile.isPaused },
      play: { hidden: !tile.isPaused },
      retry: { hidden: noChannel || !isOver },
      snapshot: { hidden: noChannel, disabled: !tile.hasPicture },
      sound: {
        hidden: noChannel,
        disabled: hasAudio === false,
        checked: isAudible,
        text: hasAudio === false ? 'No sound on this channel' : isAudible ? 'Sound off' : 'Sound on',
      },
      auto: {
        hidden: noChannel,
        checked: quality === 'auto',
        text: wallQuality === 'auto' ? 'Quality by size and link' : `As the whole wall: ${CHOICE_NAMES[wallQuality]}`,
      },
      main: { hidden: noChannel || !channel || !profileOf(channel, 'main'), checked: quality === 'main' },
      sub: { hidden: noChannel || !channel || !profileOf(channel, 'sub'), checked: quality === 'sub' },
      saver: { hidden: noChannel, checked: quality === 'saver' },
      ago: { hidden: !records },
      recordings: { hidden: !records },
      viewer: { hidden: noChannel },
      pick: { text: content ? 'Another channel here' : 'Choose a channel' },
      'record-rule': { hidden: noChannel },
      'record-pause': { hidden: noChannel || !recorded || recorded.state === 'off' || recorded.state === 'paused' },
      'record-resume': { hidden: recorded?.state !== 'paused' },
      remove: { hidden: !content },
    };
    this.#menu.openAt(at, nameOf(content) || `Place ${place + 1}`, items, playingNote(nowPlaying));
  }

  /** True if the device or the server records the tile's camera. @param {number} place */
  #hasRecordings(place) {
    const { content } = this.#board.at(place) ?? {};
    if (!content) return false;
    const isRecorded = this.#board.recording.ofCamera(content.tile.cameraId).some(({ state }) => state !== 'off');
    return isRecorded || isRecorder(content.camera ?? null);
  }

  /** Open the dialog of a recording action, or resume the recording. @param {number} place @param {string} action */
  async #record(place, action) {
    const { camera, channel } = this.#board.at(place)?.content ?? {};
    if (!camera || !channel) return;
    const { recording } = this.#board;
    if (action === 'record-pause') await recording.openPause(camera.id, channel.channel, channel.name);
    else if (action === 'record-resume') await recording.resume(camera.id, channel.channel, channel.name);
    else await recording.openRule(camera, channel.channel);
  }

  /** Open the tile's recordings. @param {number} place @param {number} beforeMs time before the frame on screen */
  openRecordings(place, beforeMs) {
    const tile = this.#board.at(place);
    const { camera, channel } = tile?.content ?? {};
    if (!tile || !camera || !channel || !this.#hasRecordings(place) || !may('recordings')) return;
    const atMs = (tile.frameMs ?? this.#board.nowMs) - beforeMs;
    const query = writeRecordingsState({ channel: channel.channel, atMs, fromMs: null, toMs: null });
    window.location.assign(`${document.body.dataset.recordings ?? ''}${camera.id}${query}`);
  }

  /** @param {number} place */
  toggleAudio(place) {
    const tile = this.#board.at(place);
    if (!tile?.content?.channel || tile.hasAudio === false) return;
    this.#board.setAudible(this.#board.audibleTile === tile ? null : tile);
  }

  /** Save a snapshot of the main stream, also if the tile shows the sub stream. @param {number} place */
  async saveSnapshot(place) {
    const tile = this.#board.at(place);
    const { camera, channel } = tile?.content ?? {};
    if (!tile?.hasPicture || !camera || !channel) return;
    const names = [camera.name || camera.host, channel.name].filter((name, at, all) => all.indexOf(name) === at);
    const nowMs = tile.frameMs ?? this.#board.nowMs;
    const { hasFrame } = tile;
    const shown = tile.capture();
    if (!hasFrame || (profileOf(channel, 'main') && tile.nowPlaying?.quality !== 'main')) {
      const problem = await saveDeviceSnapshot(this.#api, camera.id, channel, names);
      if (problem) showToast(hasFrame ? `${problem.detail} The picture on screen is saved instead.` : problem.detail, 'bad');
      if (!problem || !hasFrame) return;
    }
    const canvas = await shown;
    if (!canvas) showToast('The picture could not be saved. Try again.', 'bad');
    canvas?.toBlob((blob) => blob && saveFile(blob, snapshotFileName(names, new Date(nowMs))), 'image/jpeg', 0.95);
  }

  /** @param {number} place */
  openViewer(place) {
    const { camera, channel } = this.#board.at(place)?.content ?? {};
    if (!camera || !channel) return;
    const query = writeViewerState({ channel: channel.channel, quality: null, view: 'single', convert: false, transport: null });
    window.location.assign(`${document.body.dataset.viewer ?? ''}${camera.id}${query}`);
  }

  /** @param {string} action */
  #do(action) {
    const place = this.#place;
    const tile = this.#board.at(place);
    if (!tile) return;
    if (action === 'snapshot') void this.saveSnapshot(place);
    else if (action === 'sound') this.toggleAudio(place);
    else if (qualityChoice(action)) this.dispatchEvent(new CustomEvent('quality', { detail: { place, quality: action } }));
    else if (action === 'ago') this.openRecordings(place, AGO_MS);
    else if (action === 'recordings') this.openRecordings(place, MOMENT_MS);
    else if (action === 'viewer') this.openViewer(place);
    else if (action === 'pause' || action === 'play') tile.togglePlay();
    else if (action === 'retry') tile.retry();
    else if (action.startsWith('record-')) void this.#record(place, action);
    else this.dispatchEvent(new CustomEvent(action, { detail: place }));
  }
}
