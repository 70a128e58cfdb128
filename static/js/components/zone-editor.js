// @ts-check
import { keyEffect, WHOLE } from '../lib/motion-keys.js';
import {
  contains,
  movedShape,
  nearestEdge,
  placeInside,
  rectangleBetween,
  withEdgeMoved,
  withPointAfter,
  withPointAt,
} from '../lib/motion-geometry.js';
import { placeText, pointName } from '../lib/motion-text.js';
import { emit, part, setAttribute, setText } from './dom.js';

/**
 * @typedef {import('../lib/motion-draft.js').MotionDraft} MotionDraft @typedef {import('../lib/motion-draft.js').Zone} Zone
 * @typedef {import('../lib/search-area.js').SearchArea} SearchArea
 * @typedef {import('../lib/motion-geometry.js').Point} Point
 * @typedef {{pointerId: number, from: Point, to: Point, kind: 'point'|'edge'|'zone'|'draw', index: number,
 *   points: Point[]}} Drag `points`: the shape at the begin of the drag
 */

const SVG = 'http://www.w3.org/2000/svg';
/** The shapes are drawn in parts of a thousand. */
const UNITS = 1000;
const NEAR_PX = { mouse: 8, touch: 18 };
/** After so long without a key the position is read out. */
const QUIET_MS = 400;

/**
 * Draws the zones of a draft over a picture, and changes the chosen one. A drag on a point moves it, on an edge adds a
 * point, inside moves the zone; a drag of the mouse on the empty picture draws a zone. Each point of the chosen zone is a
 * button: see lib/motion-keys.js. Emits 'zone-leave' when the user is done with the points, and 'zone-note' with a text.
 *
 * With the attribute `moves-edges` a drag on an edge moves the edge; with `draws-by-touch` a finger draws, too.
 */
export class ZoneEditor extends HTMLElement {
  /** @type {MotionDraft|SearchArea|null} */
  #draft = null;
  /** @type {Drag|null} */
  #drag = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #noteTimer = null;
  /** Height of the picture by its width. */
  #tallness = 9 / 16;

  connectedCallback() {
    const stage = this.stage;
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    // It follows pointerdown: a finger that drags a zone does not scroll. Browsers ignore touch-action of a polygon.
    stage.addEventListener('touchstart', (event) => this.#drag && event.preventDefault(), { passive: false });
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) stage.addEventListener(type, (event) => this.#up(event));
    stage.addEventListener('keydown', (event) => this.#key(event));
    stage.addEventListener('focusin', (event) => this.#focused(event));
  }

  disconnectedCallback() {
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer);
  }

  get stage() {
    return part(this, 'stage', HTMLElement);
  }

  /** @param {MotionDraft|SearchArea} draft */
  set draft(draft) {
    this.#draft = draft;
    draft.addEventListener('change', () => this.#draw());
    this.#draw();
  }

  /** @param {number} tallness height by width */
  set tallness(tallness) {
    this.#tallness = tallness;
    this.stage.style.setProperty('--tallness', String(tallness));
  }

  /** Move the focus to a point of the chosen zone. @param {number} [index] */
  focusPoint(index = 0) {
    this.#points[index]?.focus({ preventScroll: true });
    this.stage.scrollIntoView({ block: 'nearest' });
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  get #handles() {
    return part(this, 'handles', HTMLElement);
  }

  /** @returns {HTMLButtonElement[]} */
  get #points() {
    return [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.#handles.querySelectorAll('[data-point]'))];
  }

  #draw() {
    const draft = this.#draft;
    if (!draft) return;
    const drag = this.#drag;
    const drawn = drag?.kind === 'draw' ? rectangleBetween(drag.from, drag.to) : null;
    this.#drawShapes(draft.zones, draft.chosenId, drawn);
    this.#drawNames(draft.zones, draft.chosenId);
    this.#drawHandles(draft.isReadOnly ? null : draft.chosen);
    setAttribute(this.stage, 'data-empty', draft.zones.length === 0 && !drawn);
    setAttribute(this.stage, 'data-draws', draft.canAdd);
  }

  /** @param {Zone[]} zones @param {number|null} chosenId @param {Point[]|null} drawn */
  #drawShapes(zones, chosenId, drawn) {
    const layer = part(this, 'shapes', SVGElement);
    const shapes = [
      // The chosen one lies on top.
      ...zones.filter(({ id }) => id !== chosenId),
      ...zones.filter(({ id }) => id === chosenId),
      ...(drawn ? [{ id: 0, kind: 'watch', points: drawn }] : []),
    ];
    const polygons = [...layer.querySelectorAll('polygon')];
    for (const polygon of polygons.slice(shapes.length)) polygon.remove();
    shapes.forEach(({ id, kind, points }, index) => {
      const polygon = polygons[index] ?? layer.appendChild(document.createElementNS(SVG, 'polygon'));
      setAttribute(polygon, 'points', points.map(({ x, y }) => `${x * UNITS},${y * UNITS}`).join(' '));
      setAttribute(polygon, 'data-kind', kind);
      setAttribute(polygon, 'data-chosen', id === chosenId || id === 0);
    });
  }

  /** @param {Zone[]} zones @param {number|null} chosenId */
  #drawNames(zones, chosenId) {
    const layer = part(this, 'names', HTMLElement);
    while (layer.childElementCount > zones.length) layer.lastElementChild?.remove();
    zones.forEach((zone, index) => {
      const name = layer.children[index] ?? layer.appendChild(document.createElement('span'));
      if (!(name instanceof HTMLElement)) return;
      setText(name, zone.name);
      name.dataset.kind = zone.kind;
      setAttribute(name, 'data-chosen', zone.id === chosenId);
      placeAt(name, placeInside(zone.points));
    });
  }

  /** @param {Zone|null} zone */
  #drawHandles(zone) {
    const layer = this.#handles;
    setAttribute(layer, 'aria-label', zone ? `Points of ${zone.name}` : null);
    const whole = part(layer, 'whole', HTMLButtonElement);
    whole.hidden = !zone;
    const points = this.#points;
    const kept = zone?.points.length ?? 0;
    for (const point of points.slice(kept)) point.remove();
    if (!zone) return;
    placeAt(whole, placeInside(zone.points));
    whole.setAttribute('aria-label', `${zone.name}, the whole zone`);
    zone.points.forEach((at, index) => {
      const point = points[index] ?? document.createElement('button');
      if (!points[index]) {
        point.type = 'button';
        point.className = 'zone-point';
        point.dataset.point = String(index);
        point.setAttribute('aria-roledescription', 'point');
        point.setAttribute('aria-describedby', 'zone-keys');
        layer.append(point);
      }
      placeAt(point, at);
      setAttribute(point, 'aria-label', `${pointName(zone, index)}: ${placeText(at)}`);
    });
  }

  /** Tell a text soon, unless another one follows. @param {string} text */
  #note(text) {
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => emit(this, 'zone-note', text), QUIET_MS);
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Return the index of the point that a handle moves, WHOLE, or null. @param {EventTarget|null} target */
  #indexOf(target) {
    if (!(target instanceof HTMLElement)) return null;
    if (target.dataset.part === 'whole') return WHOLE;
    return target.dataset.point === undefined ? null : Number(target.dataset.point);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const draft = this.#draft;
    const zone = draft?.chosen;
    const index = this.#indexOf(event.target);
    if (!draft || !zone || index === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const effect = keyEffect(event, zone.points, index);
    if (!effect) return;
    event.preventDefault();
    event.stopPropagation();
    if (effect.kind === 'refused') this.#note(effect.refusal);
    else if (effect.kind === 'leave') emit(this, 'zone-leave');
    else if (effect.kind === 'remove') {
      draft.remove(zone.id);
      emit(this, 'zone-leave');
    } else {
      const count = zone.points.length;
      draft.change(zone.id, { points: effect.points }, effect.action && `${zone.id} ${effect.action}`);
      if (effect.points.length !== count) this.focusPoint(effect.index);
      const at = effect.points[effect.index];
      this.#note(at ? placeText(at) : 'Moved');
    }
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    if (this.#indexOf(event.target) !== null && !this.#drag) this.#draft?.settle();
  }

  // ── Pointers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {PointerEvent} event @returns {Point} */
  #pointOf(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const draft = this.#draft;
    if (!draft || event.button !== 0 || this.#drag) return;
    const at = this.#pointOf(event);
    draft.settle();
    const begun = draft.isReadOnly ? null : this.#begin(event, at);
    if (!begun) {
      draft.choose(this.#zoneAt(at)?.id ?? null);
      return;
    }
    event.preventDefault(); // the browser would move the focus after this handler
    this.stage.setPointerCapture(event.pointerId);
    this.#drag = { pointerId: event.pointerId, from: at, to: at, ...begun };
    if (begun.kind === 'point') this.#points[begun.index]?.focus({ preventScroll: true });
    else if (begun.kind === 'zone') part(this, 'whole', HTMLElement).focus({ preventScroll: true });
  }

  /** Return what a drag does that begins here; null if it does nothing. @param {PointerEvent} event @param {Point} at @returns {Pick<Drag, 'kind'|'index'|'points'>|null} */
  #begin(event, at) {
    const draft = this.#draft;
    if (!draft) return null;
    const { chosen } = draft;
    const index = this.#indexOf(event.target);
    if (chosen && index !== null) return { kind: index === WHOLE ? 'zone' : 'point', index, points: chosen.points };
    if (chosen) {
      const edge = nearestEdge(chosen.points, at, this.#tallness);
      const nearPx = event.pointerType === 'mouse' ? NEAR_PX.mouse : NEAR_PX.touch;
      const isNear = edge.distance * this.stage.clientWidth <= nearPx;
      if (isNear && this.hasAttribute('moves-edges')) return { kind: 'edge', index: edge.index, points: chosen.points };
      const points = isNear ? withPointAfter(chosen.points, edge.index, edge.at) : null;
      if (points) {
        draft.change(chosen.id, { points }, `drag ${event.pointerId}`);
        return { kind: 'point', index: edge.index + 1, points };
      }
      if (contains(chosen.points, at)) return { kind: 'zone', index: WHOLE, points: chosen.points };
    }
    // A finger on the empty picture scrolls the page.
    const isDrawer = event.pointerType !== 'touch' || this.hasAttribute('draws-by-touch');
    const canDraw = isDrawer && draft.canAdd && !this.#zoneAt(at);
    return canDraw ? { kind: 'draw', index: WHOLE, points: [] } : null;
  }

  /** @param {Point} at */
  #zoneAt(at) {
    return this.#draft?.zones.findLast(({ points }) => contains(points, at)) ?? null;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const drag = this.#drag;
    const draft = this.#draft;
    if (!draft || !drag || event.pointerId !== drag.pointerId) return;
    drag.to = this.#pointOf(event);
    if (drag.kind === 'draw') {
      this.#draw();
      return;
    }
    const { chosen } = draft;
    if (!chosen) return;
    const by = { x: drag.to.x - drag.from.x, y: drag.to.y - drag.from.y };
    draft.change(chosen.id, { points: draggedShape(drag, by) }, `drag ${drag.pointerId}`);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const drag = this.#drag;
    const draft = this.#draft;
    if (!draft || event.pointerId !== drag?.pointerId) return;
    this.#drag = null;
    draft.settle();
    if (drag.kind === 'draw') {
      const points = event.type === 'pointerup' ? rectangleBetween(drag.from, this.#pointOf(event)) : null;
      if (!points || draft.add('watch', points) === null) draft.choose(null);
    } else if (event.type === 'pointercancel' && draft.chosen) draft.change(draft.chosen.id, { points: drag.points });
    this.#draw();
  }
}

/** Return the shape after a drag. @param {Drag} drag @param {Point} by */
function draggedShape({ kind, index, points }, by) {
  if (kind === 'edge') return withEdgeMoved(points, index, by);
  const grabbed = points[index];
  return grabbed ? withPointAt(points, index, { x: grabbed.x + by.x, y: grabbed.y + by.y }) : movedShape(points, by);
}

/** @param {HTMLElement} element @param {Point} at */
function placeAt(element, { x, y }) {
  element.style.setProperty('--x', String(x));
  element.style.setProperty('--y', String(y));
}

customElements.define('zone-editor', ZoneEditor);
