// @ts-check
/**
 * The settings of motion of a channel while a user changes them: zones, mode, sensitivity, with undo. Emits 'change'.
 * States are immutable; a run of equal actions, such as a drag, counts as one step of undo.
 */

import { newRectangle } from './motion-geometry.js';

/**
 * @typedef {import('./motion-geometry.js').Point} Point
 * @typedef {'watch'|'ignore'|'alert'} ZoneKind
 * @typedef {{id: number, name: string, kind: ZoneKind, points: Point[]}} Zone
 * @typedef {import('./motion-types.js').ChannelMotion['mode']} Mode
 * @typedef {import('./motion-types.js').ChannelMotion['sensitivity']} Sensitivity
 * @typedef {{mode: Mode, sensitivity: Sensitivity, zones: Zone[]}} MotionChoice
 */

export const MOST_ZONES = 16;
const MOST_STEPS = 200;

export class MotionDraft extends EventTarget {
  /** @type {MotionChoice} */
  #saved = { mode: 'auto', sensitivity: 'high', zones: [] };
  #now = this.#saved;
  /** @type {MotionChoice[]} */
  #past = [];
  /** @type {MotionChoice[]} */
  #future = [];
  /** Action that goes on: its changes are one step. '' between two actions. */
  #action = '';
  /** @type {number|null} */
  #chosenId = null;
  isReadOnly = false;

  get mode() {
    return this.#now.mode;
  }

  get sensitivity() {
    return this.#now.sensitivity;
  }

  get zones() {
    return this.#now.zones;
  }

  get chosenId() {
    return this.#chosenId;
  }

  /** The zone that the user edits. */
  get chosen() {
    return this.#zone(this.#chosenId);
  }

  /** What the server stores on "save". */
  get choice() {
    return this.#now;
  }

  get isChanged() {
    return JSON.stringify(this.#now) !== JSON.stringify(this.#saved);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  get canAdd() {
    return !this.isReadOnly && this.zones.length < MOST_ZONES;
  }

  /** Take what the server stores, and forget the steps. @param {MotionChoice} choice */
  load({ mode, sensitivity, zones }) {
    this.#saved = { mode, sensitivity, zones };
    this.#now = this.#saved;
    this.#past = [];
    this.#future = [];
    this.#action = '';
    this.#emit();
  }

  /** The server has stored this choice; later changes stay. @param {MotionChoice} choice */
  saved({ mode, sensitivity, zones }) {
    this.#saved = { mode, sensitivity, zones };
    this.#action = '';
    this.#emit();
  }

  /** Go back to what the server stores. It can be undone. */
  reset() {
    this.#take(this.#saved, '');
  }

  /** @param {number|null} id */
  choose(id) {
    if (id === this.#chosenId) return;
    this.#action = '';
    this.#chosenId = id;
    this.#emit();
  }

  /** @param {{mode?: Mode, sensitivity?: Sensitivity}} change */
  set(change) {
    this.#take({ ...this.#now, ...change }, '');
  }

  /**
   * Add a zone, and choose it. Return its id; null if there are as many as there may be.
   *
   * @param {ZoneKind} kind
   * @param {Point[]} [points] a rectangle if missing
   */
  add(kind, points = newRectangle(this.zones.length)) {
    if (!this.canAdd) return null;
    const id = Math.max(0, ...this.zones.map((zone) => zone.id)) + 1;
    this.#chosenId = id;
    this.#take({ ...this.#now, zones: [...this.zones, { id, name: this.#freeName(kind), kind, points }] }, '');
    return id;
  }

  /** Change a zone. @param {number} id @param {Partial<Omit<Zone, 'id'>>} change @param {string} [action] equal ones in a row are one step */
  change(id, change, action = '') {
    this.#take({ ...this.#now, zones: this.zones.map((zone) => (zone.id === id ? { ...zone, ...change } : zone)) }, action);
  }

  /** Remove a zone. Return the id of the one in its place; null if it was the only one. @param {number} id */
  remove(id) {
    const index = this.zones.findIndex((zone) => zone.id === id);
    const zones = this.zones.filter((zone) => zone.id !== id);
    const next = zones[Math.min(index, zones.length - 1)]?.id ?? null;
    if (this.#chosenId === id) this.#chosenId = next;
    this.#take({ ...this.#now, zones }, '');
    return next;
  }

  /** The present action is over: the next change begins another step. */
  settle() {
    this.#action = '';
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  /** @param {MotionChoice[]} from @param {MotionChoice[]} to */
  #step(from, to) {
    const state = this.isReadOnly ? undefined : from.pop();
    if (!state) return;
    to.push(this.#now);
    this.#now = state;
    this.#action = '';
    if (!this.chosen) this.#chosenId = null;
    this.#emit();
  }

  /** @param {MotionChoice} next @param {string} action */
  #take(next, action) {
    if (this.isReadOnly || JSON.stringify(next) === JSON.stringify(this.#now)) return;
    if (!action || action !== this.#action) {
      this.#past.push(this.#now);
      if (this.#past.length > MOST_STEPS) this.#past.shift();
    }
    this.#future = [];
    this.#action = action;
    this.#now = next;
    if (!this.chosen) this.#chosenId = null;
    this.#emit();
  }

  /** @param {number|null} id */
  #zone(id) {
    return this.zones.find((zone) => zone.id === id) ?? null;
  }

  /** @param {ZoneKind} kind */
  #freeName(kind) {
    const word = { watch: 'Zone', ignore: 'Mask', alert: 'Alert zone' }[kind];
    const names = new Set(this.zones.map(({ name }) => name));
    let number = 1;
    while (names.has(`${word} ${number}`)) number += 1;
    return `${word} ${number}`;
  }

  #emit() {
    this.dispatchEvent(new Event('change'));
  }
}
