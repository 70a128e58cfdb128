// @ts-check
/** The socket that boot.js opens before the page's scripts run. */
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { LiveSocket } from '../../static/js/lib/live-socket.js';
import { mockTime } from './time.mjs';
import { Wire, asked, start } from './wire.mjs';

const REQUEST = { cameraId: 1, profileToken: 'a' };

/** @param {Wire} wire @param {string|null} first @param {(string|ArrayBuffer)[]} early */
function socketOver(wire, first = null, early = []) {
  const opened = { socket: /** @type {any} */ (wire), first, early };
  return new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5, opened });
}

function latest() {
  const wire = Wire.made.at(-1);
  assert.ok(wire);
  return wire;
}

mockTime();
beforeEach(() => (Wire.made = []));

/**
 * @param {(wire: Wire) => void} before what happens to the socket before the page's script runs
 * @param {{first?: string|null, early?: (string|ArrayBuffer)[], audio?: boolean}} [about]
 */
async function withOpenedSocket(before, { first = null, early = [], audio = false } = {}) {
  const wire = new Wire();
  before(wire);
  const link = socketOver(wire, first, early);
  /** @type {string[]} */
  const heard = [];
  const listener = { onLink() {}, onInit: () => heard.push('init'), onFragments: () => heard.push('fragments') };
  const id = link.watch({ ...REQUEST, audio }, /** @type {any} */ (listener));
  await Promise.resolve();
  return { wire, link, id, heard };
}

/** Return the messages with which a server starts the watch that the socket's address names. */
function messagesOfFirst() {
  const wire = new Wire();
  /** @type {(string|ArrayBuffer)[]} */
  const early = [];
  wire.addEventListener('message', (event) => early.push(/** @type {MessageEvent} */ (event).data));
  start(wire, 0);
  Wire.made = [];
  return early;
}

test('a socket that opened before the script ran is used immediately', async () => {
  const { wire } = await withOpenedSocket((early) => early.open());
  assert.equal(asked(wire).length, 1);
  assert.equal(Wire.made.length, 1);
});

test('a socket that is still connecting is used once it is open', async () => {
  const { wire } = await withOpenedSocket(() => {});
  assert.equal(asked(wire).length, 0);
  wire.open();
  assert.equal(asked(wire).length, 1);
  assert.equal(Wire.made.length, 1);
});

test('a socket that was refused before the script ran is replaced', async () => {
  const { wire } = await withOpenedSocket((early) => early.break(), { first: '1/a' });
  assert.equal(Wire.made.length, 2);
  latest().open();
  assert.equal(asked(latest()).length, 1);
  assert.equal(asked(wire).length, 0);
});

test('media that came before the script goes to the watch of that stream', async () => {
  const early = messagesOfFirst();
  const { wire, id, heard } = await withOpenedSocket((wire) => wire.open(), { first: '1/a', early });
  assert.deepEqual(heard, ['init', 'fragments']);
  assert.equal(asked(wire).length, 0);
  wire.receiveBinary(2, id, { startS: 2 });
  assert.equal(heard.length, 3);
});

test('the stream of the address is requested again after a reconnect', async () => {
  const { wire, id } = await withOpenedSocket((wire) => wire.open(), { first: '1/a' });
  wire.break();
  mock.timers.tick(3000);
  latest().open();
  assert.deepEqual(
    asked(latest()).map((message) => message.id),
    [id],
  );
});

for (const [what, about] of /** @type {const} */ ([
  ['of another channel', { first: '1/b' }],
  ['without the audio that the page wants', { first: '1/a', audio: true }],
])) {
  test(`a stream ${what} in the address is left`, async () => {
    const early = messagesOfFirst();
    const { wire, id, heard } = await withOpenedSocket((wire) => wire.open(), { ...about, early });
    assert.deepEqual(
      wire.sent.filter(({ type }) => type !== 'clock').map((message) => [message.type, message.id]),
      [
        ['leave', 0],
        ['watch', id],
      ],
    );
    assert.deepEqual(heard, []);
  });
}

test('a socket that was opened for nothing is closed after a while', () => {
  const wire = new Wire();
  wire.open();
  socketOver(wire);
  mock.timers.tick(4000);
  assert.equal(wire.readyState, 1);
  mock.timers.tick(2000);
  assert.equal(wire.readyState, 3);
});
