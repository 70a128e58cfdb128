// @ts-check

/**
 * @template T
 * @typedef {{what: T, label: string}} Dragged the dragged value, and its name for the user
 */

const MOUSE_PX = 6;
const FINGER_PX = 10;
const HOLD_MS = 450;

/**
 * Drag and drop: with a mouse immediately, with a finger after a long press, so that the page still scrolls. `onHold`
 * is called for a long press without a move.
 *
 * @template T
 */
export class TileDrag {
  #area;
  #options;
  /** @type {{dragged: Dragged<T>, source: Element, id: number, x: number, y: number, isFinger: boolean}|null} */
  #pressed = null;
  /** @type {'waiting'|'held'|'dragging'} */
  #state = 'waiting';
  /** @type {ReturnType<typeof setTimeout>|null} */
  #holding = null;
  /** @type {HTMLElement|null} */
  #ghost = null;
  /** @type {Element|null} */
  #over = null;
  #endedMs = 0;

  /**
   * @param {HTMLElement} area
   * @param {{
   *   take: (pressed: Element, isFinger: boolean) => (Dragged<T> & {source: Element})|null,
   *   targetAt: (under: Element|null) => Element|null,
   *   onDrop: (what: T, under: Element|null) => void,
   *   onHold: (what: T, at: {x: number, y: number}) => void,
   * }} options `targetAt` returns the element to mark as the target of a drop
   */
  constructor(area, options) {
    this.#area = area;
    this.#options = options;
    area.addEventListener('pointerdown', (event) => this.#down(event));
    window.addEventListener('pointermove', (event) => this.#move(event));
    window.addEventListener('pointerup', (event) => this.#up(event));
    window.addEventListener('pointercancel', () => this.#end());
    // After a long press the finger drags and does not scroll.
    area.addEventListener('touchmove', (event) => this.#state !== 'waiting' && event.cancelable && event.preventDefault(), {
      passive: false,
    });
    // A drag that ends on its first tile must not count as a click.
    window.addEventListener('click', (event) => this.#endedMs && event.timeStamp - this.#endedMs < 50 && stop(event), true);
    window.addEventListener(
      'keydown',
      (event) => {
        if (event.key !== 'Escape' || this.#state === 'waiting') return;
        stop(event);
        this.#end();
      },
      true,
    );
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || !(event.target instanceof Element)) return;
    if (this.#pressed) {
      if (this.#state !== 'dragging') this.#end(); // a second finger: the user pinches
      return;
    }
    const isFinger = event.pointerType === 'touch';
    const taken = this.#options.take(event.target, isFinger);
    if (!taken) return;
    const { source, ...dragged } = taken;
    this.#pressed = { dragged, source, id: event.pointerId, x: event.clientX, y: event.clientY, isFinger };
    this.#state = 'waiting';
    if (isFinger) this.#holding = setTimeout(() => this.#held(), HOLD_MS);
  }

  #held() {
    this.#holding = null;
    if (!this.#pressed) return;
    this.#state = 'held';
    this.#pressed.source.setAttribute('data-lifted', '');
    navigator.vibrate?.(15);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const pressed = this.#pressed;
    if (!pressed || event.pointerId !== pressed.id) return;
    const movedPx = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y);
    if (this.#state !== 'dragging') {
      if (movedPx < (pressed.isFinger ? FINGER_PX : MOUSE_PX)) return;
      if (pressed.isFinger && this.#state === 'waiting') {
        this.#end(); // the finger scrolls the page
        return;
      }
      this.#begin(pressed);
    }
    if (this.#ghost) {
      this.#ghost.style.left = `${event.clientX}px`;
      this.#ghost.style.top = `${event.clientY}px`;
    }
    this.#mark(this.#options.targetAt(document.elementFromPoint(event.clientX, event.clientY)));
  }

  /** @param {{dragged: Dragged<T>, source: Element}} pressed */
  #begin({ dragged, source }) {
    this.#state = 'dragging';
    source.setAttribute('data-lifted', '');
    document.documentElement.setAttribute('data-dragging', '');
    this.#ghost = document.createElement('div');
    this.#ghost.className = 'drag-ghost';
    this.#ghost.textContent = dragged.label;
    this.#area.append(this.#ghost);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const pressed = this.#pressed;
    if (!pressed || event.pointerId !== pressed.id) return;
    const state = this.#state;
    const at = { x: event.clientX, y: event.clientY };
    this.#end();
    if (state === 'waiting') return;
    this.#endedMs = event.timeStamp;
    const { what } = pressed.dragged;
    if (state === 'dragging') this.#options.onDrop(what, document.elementFromPoint(at.x, at.y));
    else setTimeout(() => this.#options.onHold(what, at)); // not now: this event would close a popover that opens
  }

  #end() {
    if (this.#holding !== null) clearTimeout(this.#holding);
    this.#holding = null;
    this.#pressed?.source.removeAttribute('data-lifted');
    this.#pressed = null;
    this.#state = 'waiting';
    this.#ghost?.remove();
    this.#ghost = null;
    this.#mark(null);
    document.documentElement.removeAttribute('data-dragging');
  }

  /** @param {Element|null} target */
  #mark(target) {
    if (target === this.#over) return;
    this.#over?.removeAttribute('data-over');
    this.#over = target;
    target?.setAttribute('data-over', '');
  }
}

/** @param {Event} event */
function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}
