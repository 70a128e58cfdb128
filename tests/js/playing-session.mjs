// @ts-check
import assert from 'node:assert/strict';
import { LiveSocket } from '../../static/js/lib/live-socket.js';
import { SocketSession } from '../../static/js/lib/socket-session.js';
import { Wire, asked, start } from './wire.mjs';

export const REQUEST = { cameraId: 1, profileToken: 'a' };
export const MAIN = { ...REQUEST, profileToken: 'main' };

export function socket() {
  return new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5 });
}

export function latest() {
  const wire = Wire.made.at(-1);
  assert.ok(wire);
  return wire;
}

/**
 * Return a session whose first stream is on screen, and the media that its sinks get.
 *
 * @param {{sinksLive?: boolean}} [how] `sinksLive`: the engine of a previous stream is still on screen
 */
export function playing({ sinksLive = true } = {}) {
  const session = new SocketSession(socket(), { plays: (codecs) => codecs.startsWith('avc1'), random: () => 0.5 });
  /** @type {string[]} */
  const sunk = [];
  /** @type {string[]} */
  const unplayable = [];
  const screen = { takesBack: sinksLive, takenBack: 0 };
  session.addEventListener('open', () => {
    session.sink = {
      init: () => sunk.push('init'),
      append: () => sunk.push('pictures'),
      takeBack: () => {
        if (screen.takesBack) screen.takenBack += 1;
        return screen.takesBack;
      },
    };
  });
  session.addEventListener('unplayable', (event) => {
    unplayable.push(/** @type {CustomEvent} */ (event).detail.reason);
    session.leave();
  });
  session.play(REQUEST);
  const wire = latest();
  wire.open();
  const [first] = asked(wire);
  start(wire, first.id);
  session.playerPlays();
  return { session, sunk, unplayable, screen, wire, first };
}
