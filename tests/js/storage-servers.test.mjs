// @ts-check
/** The storage of several servers, in words. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { serversOf, silentText } from '../../static/js/lib/storage-text.js';

/** @param {string} node @param {string} name @returns {any} */
const volume = (node, name) => ({ node, name });

test('the volumes are grouped by server in their order', () => {
  const volumes = [volume('north', 'a'), volume('south', 'b'), volume('north', 'c')];
  const found = serversOf({ volumes, channels: [], silent_nodes: [] });
  assert.deepEqual(
    found.map(({ name, volumes: own }) => [name, ...own.map((one) => one.name)]),
    [
      ['north', 'a', 'c'],
      ['south', 'b'],
    ],
  );
});

test('the words name each server that does not answer', () => {
  assert.equal(silentText([]), '');
  assert.match(silentText(['north']), /^The server north does not answer/);
  assert.match(silentText(['a', 'b', 'c']), /^The servers a, b and c do not answer/);
});
