// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatChannelNumbers, parseChannelNumbers } from '../../static/js/lib/channel-numbers.js';
import { ApiError, JsonHttp } from '../../static/js/lib/http.js';

test('numbers and ranges are parsed', () => {
  assert.equal(parseChannelNumbers('  '), null);
  assert.deepEqual(parseChannelNumbers('3'), [3]);
  assert.deepEqual(parseChannelNumbers('1-4, 7'), [1, 2, 3, 4, 7]);
  assert.deepEqual(parseChannelNumbers('7;1 – 3'), [1, 2, 3, 7]);
  assert.deepEqual(parseChannelNumbers('2 5 5'), [2, 5]);
});

test('an invalid list of channels is refused', () => {
  for (const text of ['a', '1-', '-3', '4-2', '0', '1.5', '99999', '1,b', ',']) {
    assert.equal(parseChannelNumbers(text), undefined, text);
  }
});

test('numbers are formatted as ranges that can be parsed again', () => {
  assert.equal(formatChannelNumbers(null), '');
  assert.equal(formatChannelNumbers([1, 2, 3, 4, 7]), '1–4, 7');
  assert.deepEqual(parseChannelNumbers(formatChannelNumbers([1, 3, 4, 9])), [1, 3, 4, 9]);
});

test('changes send the CSRF token, and login_needed calls onLoginNeeded', async () => {
  /** @type {RequestInit[]} */
  const sent = [];
  let calls = 0;
  const http = new JsonHttp({
    csrf: 'abc',
    onLoginNeeded: () => (calls += 1),
    fetch: async (_, init = {}) => {
      sent.push(init);
      return new Response(JSON.stringify({ code: 'login_needed', detail: 'Log in.' }), { status: 401 });
    },
  });
  await assert.rejects(http.json('DELETE', '/x'), ApiError);
  await assert.rejects(http.json('GET', '/x'), ApiError);
  assert.deepEqual(sent[0]?.headers, { 'X-CSRF-Token': 'abc' });
  assert.equal(sent[1]?.headers, undefined);
  assert.equal(calls, 2);
});
