// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LazyModule } from '../../static/js/lib/lazy-module.js';

/** A module whose loads the test ends by hand. */
function held() {
  /** @type {{resolve: (module: string) => void, reject: (error: unknown) => void}[]} */
  const loads = [];
  const failures = { count: 0 };
  const load = () => /** @type {Promise<string>} */ (new Promise((resolve, reject) => loads.push({ resolve, reject })));
  return { loads, failures, module: new LazyModule(load, () => (failures.count += 1)) };
}

test('two calls during the load get one module', async () => {
  const { loads, module } = held();
  const calls = [module.get(), module.get(), module.prepare()];
  loads[0]?.resolve('menu');
  assert.deepEqual(await Promise.all(calls), ['menu', 'menu', undefined]);
  assert.equal(await module.get(), 'menu');
  assert.equal(loads.length, 1);
  assert.equal(module.loaded, 'menu');
});

test('a failed load is reported if the module is needed, and tried again', async () => {
  const { loads, failures, module } = held();
  const prepared = module.prepare();
  loads[0]?.reject(new TypeError('offline'));
  await prepared;
  assert.equal(failures.count, 0);
  const needed = module.get();
  loads[1]?.reject(new TypeError('offline'));
  assert.equal(await needed, null);
  assert.equal(failures.count, 1);
  const again = module.get();
  loads[2]?.resolve('menu');
  assert.equal(await again, 'menu');
});
