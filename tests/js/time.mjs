// @ts-check
import { afterEach, beforeEach, mock } from 'node:test';

/** Mock timers and both clocks for all tests of a file, so that no test depends on the speed of the machine. */
export function mockTime() {
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
    mock.method(performance, 'now', () => Date.now());
  });
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });
}

/** Let promises settle and advance the mocked clock. @param {number} [ms] @param {number} [stepMs] */
export async function pass(ms = 0, stepMs = 50) {
  for (let passedMs = 0; ; passedMs += stepMs) {
    mock.timers.tick(passedMs === 0 ? 0 : stepMs);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    if (passedMs + stepMs > ms) return;
  }
}

/**
 * Advance the mocked clock until a promise has settled, for at most a minute. Return its result.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function settled(promise) {
  let isSettled = false;
  void promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  );
  for (let passedMs = 0; !isSettled && passedMs < 60_000; passedMs += 10) await pass(10, 1);
  return promise;
}
