// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxPlace, modelFacts, serverText, stateWords, trialFacts, trialSize, watchedWords } from '../../static/js/lib/detector-text.js';

/** @type {import('../../static/js/lib/detector-types.js').Detector} */
const DETECTOR = {
  node: '',
  state: 'idle',
  is_installed: true,
  install_command: 'make detector',
  model: 'nanodet-g',
  pictures: 0,
  dropped: 0,
  ms: null,
  problem: '',
  models: [],
};

test('the state names what is missing', () => {
  assert.match(stateWords({ ...DETECTOR, is_installed: false }).text, /not installed/);
  assert.equal(stateWords({ ...DETECTOR, model: '' }).text, 'No model is chosen.');
  assert.equal(stateWords({ ...DETECTOR, state: 'failed', problem: 'It broke.' }).text, 'It broke.');
});

test('a working detector tells its cost once it is known', () => {
  assert.match(stateWords(DETECTOR).text, /sees motion\.$/);
  assert.match(stateWords({ ...DETECTOR, ms: 26.4, pictures: 2 }).text, /2 pictures, the last ones in 26 ms each\.$/);
});

test('the words tell that nothing is recognized while no channel is watched', () => {
  assert.equal(watchedWords(2), 'This server looks for motion in 2 channels:');
  assert.equal(watchedWords(2, true), 'The servers look for motion in 2 channels:');
  assert.match(watchedWords(0), /recognizes nothing/);
});

test('a model without format and licence shows its size alone', () => {
  const model = { name: 'mine', size_bytes: 3_900_000, format: '', licence: '', is_chosen: false, problem: '' };
  assert.equal(modelFacts(model), '3.9 MB');
  assert.equal(modelFacts({ ...model, format: 'yolox', licence: 'MIT' }), '3.9 MB · yolox · MIT');
});

test('a trial tells the objects, the time and the input', () => {
  const trial = { format: 'ssd', width: 300, height: 200, labels: 80, load_ms: 512.3, ms: 30.2, objects: [] };
  assert.equal(trialFacts(trial), 'No object in 30 ms of processor time. Format ssd, 300 × 200 pixels, 80 labels, loaded in 512 ms.');
});

test('a large picture shrinks to 640 pixels, a small one stays', () => {
  assert.deepEqual(trialSize(1920, 1080), { width: 640, height: 360 });
  assert.deepEqual(trialSize(300, 5000), { width: 38, height: 640 });
  assert.deepEqual(trialSize(64, 48), { width: 64, height: 48 });
});

test('a box lies on a picture of a thousand', () => {
  assert.deepEqual(boxPlace([0.25, 0.125, 0.5, 0.375]), { x: '250', y: '125', width: '500', height: '375' });
});

test('with several servers the words name the one that answers', () => {
  assert.equal(serverText(DETECTOR), '');
  assert.match(serverText({ ...DETECTOR, node: 'north' }), /of the server north\./);
});
