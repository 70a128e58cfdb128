// @ts-check
/** Servers that share the cameras, in words. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { drainText, nodeAdvice, nodeFacts, nodeLoad, nodeState, nodesSummary } from '../../static/js/lib/node-text.js';

/** @typedef {import('../../static/js/lib/node-types.js').Node} Node */

/** @type {Node} */
const NORTH = {
  name: 'north',
  address: '10.0.0.11:5001',
  place: 'a1',
  state: 'alive',
  is_this: true,
  cameras: 2,
  channels: 8,
  capacity: null,
  site: '',
  version: '1.0.0',
  build: '3fa92c1d',
  streams: 5,
  cpu_share: 0.344,
  lease_left_s: 5.96,
};
/** @param {Node[]} nodes */
const list = (...nodes) => ({ is_alone: false, lease_s: 6, nodes });

test('a single server says that nothing takes over', () => {
  const { title, text } = nodesSummary({ is_alone: true, lease_s: null, nodes: [{ ...NORTH, name: '', cameras: 1 }] });
  assert.equal(title, 'One server does everything');
  assert.equal(text, 'It has 1 camera with 8 channels. If it stops, nothing takes over.');
});

test('the summary counts servers, and warns if too few take cameras', () => {
  const [alive, leaving, gone] = [
    NORTH,
    { ...NORTH, state: /** @type {const} */ ('leaving') },
    { ...NORTH, state: /** @type {const} */ ('gone') },
  ];
  assert.equal(nodesSummary(list(alive, alive, gone)).title, '2 servers of 3 work');
  assert.match(nodesSummary(list(alive, alive, gone)).text, /^They share/);
  assert.equal(nodesSummary(list(alive, gone)).title, '1 server of 2 works');
  assert.match(nodesSummary(list(alive, leaving)).text, /^Only one server/);
  assert.match(nodesSummary(list(leaving, gone)).text, /^No server takes/);
});

test('load and facts leave out what a server does not have', () => {
  assert.equal(nodeLoad(NORTH), '2 cameras, 8 channels, 5 running streams, 34 % of a processor core');
  const gone = { ...NORTH, cameras: 1, capacity: 64, streams: null, cpu_share: null };
  assert.equal(nodeLoad(gone), '1 camera, 8 channels of at most 64');
  assert.deepEqual(nodeFacts(NORTH), [
    ['Address', '10.0.0.11:5001'],
    ['Version', '1.0.0, build 3fa92c1d'],
    ['Lease', '6.0 s left'],
  ]);
  assert.deepEqual(nodeFacts({ ...NORTH, lease_left_s: null, site: 'roof', build: '' }), [
    ['Address', '10.0.0.11:5001'],
    ['Site', 'roof'],
    ['Version', '1.0.0'],
  ]);
});

test('the advice says when a drained server can be stopped', () => {
  assert.equal(nodeAdvice(NORTH), '');
  assert.match(nodeAdvice({ ...NORTH, state: 'leaving' }), /gives its cameras/);
  assert.match(nodeAdvice({ ...NORTH, state: 'leaving', cameras: 0 }), /can be stopped now/);
  assert.match(nodeAdvice({ ...NORTH, state: 'gone' }), /wait/);
  assert.equal(nodeState('gone').tone, 'bad');
});

test('the question before a drain warns if no other server takes cameras', () => {
  const south = { ...NORTH, name: 'south' };
  assert.match(drainText([NORTH, south], 'north'), /^It gives/);
  assert.match(drainText([NORTH, { ...south, state: 'leaving' }], 'north'), /^No other server/);
});
