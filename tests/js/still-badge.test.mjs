import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stillBadge } from '../../static/js/lib/stream-facts.js';

test('the badge of a small picture has whole seconds', () => {
  assert.equal(stillBadge(6.2).text, 'PICTURE −6 s');
  assert.equal(stillBadge(42).text, 'PICTURE −42 s');
});

test('the badge tells that the first small picture is being loaded', () => {
  assert.equal(stillBadge(null).text, 'LOADING A PICTURE');
});
