// @ts-check
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { snapshotFileName } from '../lib/format.js';
import { ReplayState } from '../lib/replay-state.js';
import { part } from './dom.js';
import { drawFrame, saveFrame } from './frame-capture.js';
import { ZoomView } from './zoom-view.js';

/** The picture of the replay player, and what does not depend on where its media comes from. */
export class ReplayPicture extends HTMLElement {
  /** @protected */
  state = new ReplayState();
  /** Names for the file name of a snapshot. @type {string[]} */
  names = [];
  /** The clock of the shown times. */
  clock = LOCAL_CLOCK;

  get video() {
    return part(this, 'video', HTMLVideoElement);
  }

  /** Time of the frame on screen, in ms; before the first frame, the requested time. */
  get atMs() {
    return this.state.atMs;
  }

  get isOpen() {
    return this.state.request !== null;
  }

  /** True while the player shows frames one after the other, or waits for them. */
  get isPlaying() {
    return this.isOpen && !this.state.isPaused;
  }

  /** @param {number} factor */
  zoomBy(factor) {
    part(this, 'zoom', ZoomView).zoomBy(factor);
  }

  async toggleFullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await part(this, 'stage', HTMLElement).requestFullscreen?.();
  }

  /** Save the frame in full resolution; the file name has camera, channel and the frame's time. */
  saveSnapshot() {
    const { atMs } = this;
    if (atMs !== null) saveFrame(this.video, snapshotFileName(this.names, new Date(atMs), this.clock));
  }

  /** Play the `<video>`: without audio if the browser does not allow it. @protected */
  async playVideo() {
    const { video } = this;
    await video.play().catch(async (error) => {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      video.muted = true;
      await video.play().catch(() => {});
    });
  }

  /** Keep the frame on screen until `thaw()`. @protected */
  freeze() {
    const frozen = part(this, 'frozen', HTMLCanvasElement);
    if (this.state.hasFrame && drawFrame(this.video, frozen)) frozen.hidden = false;
  }

  /** @protected */
  thaw() {
    part(this, 'frozen', HTMLCanvasElement).hidden = true;
  }
}
