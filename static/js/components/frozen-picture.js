// @ts-check
/**
 * The last frame of a live player, which stays on screen until the next stream moves: drawn on the player's hidden
 * canvas, or left on the canvas of the old engine, which the page must not read (see WebCodecsEngine.snapshot()).
 */
import { part } from './dom.js';
import { drawPicture } from './frame-capture.js';
import { canvasEngine } from './live-engines.js';

/** @typedef {import('./frame-capture.js').Picture} Picture */

export class FrozenPicture {
  #player;
  /** True if the hidden canvas has the last frame: a picture that has run dry may have none to draw later. */
  #isKept = false;
  /** The canvas of an old engine. @type {import('./webcodecs-engine.js').LeftCanvas|null} */
  #left = null;

  /** @param {HTMLElement} player */
  constructor(player) {
    this.#player = player;
  }

  get isShown() {
    return this.#left !== null || !this.#canvas.hidden;
  }

  /** Freeze the frame of an engine, which is closed next. @param {unknown} engine @param {Picture|null} picture null: it has no frame */
  show(engine, picture) {
    const onCanvas = canvasEngine(engine);
    if (onCanvas && picture) {
      const left = onCanvas.leaveCanvas();
      if (left) left.canvas.className = this.#canvas.className;
      this.hide();
      this.#left = left;
    } else if ((picture && drawPicture(picture, this.#canvas)) || this.#isKept) this.#canvas.hidden = false;
  }

  /** Draw a frame that stands still, once. @param {unknown} engine @param {Picture|null} picture null: it has no frame */
  keep(engine, picture) {
    if (this.#isKept || this.isShown || canvasEngine(engine)) return; // a canvas keeps its frame by itself
    this.#isKept = picture !== null && drawPicture(picture, this.#canvas);
  }

  /** The frame that `keep()` has drawn is no longer the last one. */
  forgetKept() {
    this.#isKept = false;
  }

  hide() {
    this.#canvas.hidden = true;
    this.close();
  }

  /** Remove the canvas of an old engine. */
  close() {
    this.#left?.close();
    this.#left = null;
  }

  get #canvas() {
    return part(this.#player, 'frozen', HTMLCanvasElement);
  }
}
