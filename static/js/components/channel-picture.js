// @ts-check
/** Facts about the picture that a <live-player> shows, for ChannelPlayer and its owners. */
export class ChannelPicture extends EventTarget {
  /** @protected */
  player;
  /** When the picture moved last; null if it never moved. @protected @type {number|null} */
  movedAtMs = null;

  /** @param {import('./live-player.js').LivePlayer} player */
  constructor(player) {
    super();
    this.player = player;
  }

  get hasFrame() {
    return this.player.hasFrame;
  }

  /** Time of the frame on screen; null without a frame. */
  get frameDate() {
    return this.player.frameDate;
  }

  /** Usual time between two frames if only key frames come; otherwise 0. */
  get spacingS() {
    return this.player.spacingS;
  }

  /** How long the picture has stood still, in seconds; null if it never moved. */
  get stalledS() {
    return this.movedAtMs === null ? null : Math.max(0, (Date.now() - this.movedAtMs) / 1000 - this.spacingS);
  }

  /** Delay of the picture in seconds; null without a frame. @param {number} nowMs the server's clock */
  behindS(nowMs) {
    const date = this.frameDate;
    return date && Math.max(0, (nowMs - date.getTime()) / 1000);
  }

  /** Return the frame on screen, in the stream's resolution; null without a frame. */
  capture() {
    return this.player.capture();
  }
}
