// @ts-check
/** The notifications page: rules in words, the bodies of its forms, and notifications in this browser. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/http.js';
import { isUsualPort, ruleBody, sinkBody, usualPort } from '../../static/js/lib/notification-forms.js';
import {
  browserProblem,
  daysText,
  deliverySink,
  deliveryState,
  deliveryText,
  kindsText,
  ruleProblem,
  ruleText,
  sinkPlace,
  sinkState,
  timesText,
} from '../../static/js/lib/notification-text.js';
import { PushBrowser, PushRefused, textOfKey } from '../../static/js/lib/push-browser.js';

/** @typedef {import('../../static/js/lib/notifications-api.js').Rule} Rule @typedef {import('../../static/js/lib/notifications-api.js').Sink} Sink */

/** @type {Rule} */
const RULE = {
  id: 4,
  user_id: null,
  name: 'Gate',
  is_on: true,
  kinds: ['person', 'vehicle'],
  severity: null,
  camera_id: 1,
  channel: 3,
  zone: null,
  days: [],
  from_time_of_day: null,
  until_time_of_day: null,
  time_zone: '',
  min_length_s: 0,
  cool_down_s: 30,
  sinks: [1],
  snooze_until: null,
  problem: '',
};
/** @type {Sink} */
const PUSH = { id: 1, name: 'Push', kind: 'push', is_on: true, has_secret: false, webhook: null, email: null, mqtt: null, state: null };
const MAIL = {
  ...PUSH,
  id: 2,
  name: 'Mail to Anna',
  kind: /** @type {const} */ ('email'),
  email: {
    host: 'mail.example',
    port: 587,
    security: /** @type {const} */ ('starttls'),
    username: '',
    sender: 'a@example',
    recipients: ['b@example'],
  },
};
const place = (/** @type {number} */ camera, /** @type {number|null} */ channel) => `camera ${camera}, channel ${channel}`;

test('a rule is one sentence', () => {
  assert.equal(
    ruleText(RULE, place, [PUSH]),
    'Person, vehicle of camera 1, channel 3, always, at most one in 30 s for each channel, to browsers and phones.',
  );
  const night = {
    ...RULE,
    kinds: [],
    severity: /** @type {const} */ ('alert'),
    camera_id: null,
    zone: 'Path',
    days: [0, 1, 2, 3, 4],
    from_time_of_day: '22:00',
    until_time_of_day: '06:00',
    min_length_s: 5,
    cool_down_s: 120,
    sinks: [2, 1, 9],
  };
  assert.equal(
    ruleText(night, place, [PUSH, MAIL]),
    'All alerts of all channels in “Path”, Mon to Fri, 22:00 to 06:00, lasting 5 s or more; at most one in 2 min for each channel, to browsers and phones, Mail to Anna.',
  );
  assert.match(ruleText({ ...RULE, sinks: [] }, place, [PUSH]), /to nothing\.$/);
});

test('days are named as people do', () => {
  /** @type {[number[], string][]} */
  const cases = [
    [[], ''],
    [[0, 1, 2, 3, 4, 5, 6], ''],
    [[5, 6], 'weekends'],
    [[4, 0, 1, 2, 3], 'Mon to Fri'],
    [[2], 'Wednesdays'],
    [[0, 1], 'Mon, Tue'],
    [[0, 2, 4], 'Mon, Wed, Fri'],
  ];
  for (const [days, text] of cases) assert.equal(daysText(days), text);
  assert.equal(timesText({ days: [], from_time_of_day: '18:00', until_time_of_day: null }), '18:00 to 24:00');
  assert.equal(timesText({ days: [5, 6], from_time_of_day: '00:00', until_time_of_day: '00:00' }), 'weekends');
});

test('many kinds are counted', () => {
  const kinds = /** @type {const} */ (['person', 'vehicle', 'animal', 'face', 'motion', 'sound']);
  assert.equal(kindsText({ kinds: [...kinds], severity: 'alert' }), 'Person, vehicle, animal, face and 2 other kinds, alerts only');
  assert.equal(kindsText({ kinds: [], severity: null }), 'All events');
});

test('a sink says its server and what is wrong with it', () => {
  assert.equal(sinkPlace(MAIL), 'b@example by mail.example:587');
  const state = { is_connected: null, waiting: 0, dropped: 0, code: '', detail: '' };
  assert.deepEqual(sinkState({ ...MAIL, state }), { text: 'On', tone: 'good', problem: '' });
  assert.deepEqual(sinkState({ ...MAIL, is_on: false, state }), { text: 'Off', tone: '', problem: '' });
  const refused = { ...state, detail: 'It refuses the login.' };
  assert.deepEqual(sinkState({ ...MAIL, state: refused }), { text: 'Failed', tone: 'bad', problem: 'It refuses the login.' });
  const away = sinkState({ ...MAIL, state: { ...refused, is_connected: false } });
  assert.deepEqual(away, { text: 'Not connected', tone: 'bad', problem: 'It refuses the login.' });
  assert.deepEqual(sinkState({ ...MAIL, state: { ...state, waiting: 2 } }), { text: '2 waiting', tone: 'busy', problem: '' });
});

test('problems of rules and browsers have words, also unknown ones', () => {
  assert.match(ruleProblem({ problem: 'no_sinks' }), /choose where/);
  assert.equal(ruleProblem({ problem: '' }), '');
  assert.match(browserProblem('unreachable'), /internet/);
  assert.equal(browserProblem('something_new'), 'The last message was not sent.');
  assert.equal(browserProblem(''), '');
});

test('a delivery says what it was about', () => {
  const delivery = {
    ...{ id: 1, time: '', changed_time: '', rule_id: 4, rule_name: 'Gate', sink_id: 1, sink_name: 'Push', tries: 1, code: '', detail: '' },
    ...{ camera_id: 1, camera_name: 'Recorder', channel: 3, channel_name: 'Gate', event_id: 7 },
    sink_kind: /** @type {const} */ ('push'),
    event_kind: /** @type {const} */ ('person'),
    state: /** @type {const} */ ('failed'),
  };
  assert.equal(deliveryText(delivery), 'Person, Recorder: Gate');
  assert.equal(deliveryText({ ...delivery, event_id: null }), 'Test');
  assert.deepEqual(deliveryState(delivery), { text: 'Failed', tone: 'bad' });
  assert.equal(deliverySink(delivery), 'Browsers and phones');
  assert.equal(deliverySink({ sink_kind: 'email', sink_name: 'Mail to Anna' }), 'Mail to Anna');
});

/** @param {[string, string][]} entries */
function formOf(entries) {
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value);
  return data;
}
/** @type {[string, string][]} */
const WEEK = Array.from({ length: 7 }, (_, day) => ['days', String(day)]);

test('a rule of a form has all days as no limit, and a name of its kinds', () => {
  const data = formOf([...WEEK, ['sinks', '1'], ['severity', 'alert'], ['camera_id', ''], ['zone', 'left over'], ['cool_down_s', '30']]);
  const rule = ruleBody(data);
  assert.deepEqual(
    { ...rule, kinds: [...rule.kinds] },
    {
      name: 'All alerts',
      severity: 'alert',
      kinds: [],
      camera_id: null,
      channel: null,
      zone: null,
      days: [],
      from_time_of_day: null,
      until_time_of_day: null,
      time_zone: '',
      min_length_s: 0,
      cool_down_s: 30,
      sinks: [1],
    },
  );
});

test('a rule without a day or without a sink names the missing choice', () => {
  /** @type {[[string, string][], string][]} */
  const cases = [
    [[['sinks', '1']], 'days'],
    [WEEK, 'sinks'],
  ];
  for (const [entries, field] of cases) {
    assert.throws(
      () => ruleBody(formOf(entries)),
      (error) => error instanceof ApiError && error.errors[0]?.field === field,
    );
  }
});

test('an empty password keeps the stored one, unless the user removes it', () => {
  /** @type {[string, string][]} */
  const entries = [
    ['email.host', 'mail.example'],
    ['email.security', 'tls'],
    ['email.recipients', 'a@example.com, b@example.com; c@example.com'],
    ['email.password', ''],
  ];
  const { email } = sinkBody(formOf(entries), 'email');
  assert.equal(email?.password, null);
  assert.equal(email?.port, 465);
  assert.deepEqual(email?.recipients, ['a@example.com', 'b@example.com', 'c@example.com']);
  assert.equal(sinkBody(formOf([...entries, ['no_secret', 'on']]), 'email').email?.password, '');
  assert.equal(sinkBody(formOf([['webhook.secret', ' s ']]), 'webhook').webhook?.secret, ' s ');
  assert.equal(sinkBody(formOf([['mqtt.is_tls', 'on']]), 'mqtt').mqtt?.port, 8883);
});

test('a port that the user chose is no usual one', () => {
  assert.ok(isUsualPort(0) && isUsualPort(usualPort('email', 'starttls')) && !isUsualPort(2525));
});

// ── This browser ───────────────────────────────────────────────────────────────────────────────────────────────────

const hashOf = (/** @type {string} */ text) => createHash('sha256').update(text).digest('hex');

/**
 * A browser and a server.
 *
 * @param {{permission?: NotificationPermission, answer?: NotificationPermission, isSecure?: boolean, hasPush?: boolean,
 *   isAppleMobile?: boolean, refusal?: string, serverFails?: boolean, key?: string}} [how]
 */
function world({ permission = 'default', answer = 'granted', key = 'S0VZ', ...how } = {}) {
  /** @type {{endpoint: string, key: string}|null} */
  let subscription = null;
  const calls = /** @type {string[]} */ ([]);
  const browsers = /** @type {any[]} */ ([]);
  const pushManager = {
    getSubscription: async () =>
      subscription && {
        ...subscription,
        options: { applicationServerKey: new TextEncoder().encode(atob(subscription.key)).buffer },
        unsubscribe: async () => {
          calls.push('unsubscribe');
          subscription = null;
        },
      },
    subscribe: async (/** @type {any} */ { applicationServerKey }) => {
      if (how.refusal) throw Object.assign(new Error('no'), { name: how.refusal });
      subscription = { endpoint: `https://push.example/${applicationServerKey}`, key: applicationServerKey };
      const made = subscription;
      return { toJSON: () => ({ endpoint: made.endpoint, keys: {} }), unsubscribe: async () => (subscription = null) };
    },
  };
  /** @type {any} */
  let registration = null;
  const container = {
    getRegistration: async () => registration ?? undefined,
    register: async (/** @type {string} */ url) => {
      calls.push(`register ${url}`);
      registration = { pushManager, unregister: async () => (registration = null) };
    },
    ready: Promise.resolve({ pushManager }),
  };
  const notification = {
    permission,
    requestPermission: async () => {
      notification.permission = answer;
      return answer;
    },
  };
  const api = {
    pushKey: async () => key,
    browsers: async () => browsers,
    addBrowser: async (/** @type {any} */ { endpoint }) => {
      if (how.serverFails) throw new ApiError('server_unreachable', 'The server does not answer.');
      browsers.push({ id: 5, endpoint_sha256: hashOf(endpoint) });
      return browsers[0];
    },
    removeBrowser: async () => {
      browsers.pop();
      return null;
    },
  };
  const push = new PushBrowser(/** @type {any} */ (api), {
    isSecure: how.isSecure ?? true,
    container: /** @type {any} */ (container),
    hasPush: how.hasPush ?? true,
    notification,
    isAppleMobile: how.isAppleMobile ?? false,
    sha256: async (text) => hashOf(text),
  });
  return { push, browsers, calls, api, hasSubscription: () => subscription !== null, hasWorker: () => registration !== null };
}

test('a page says what prevents notifications', async () => {
  /** @type {[Parameters<typeof world>[0], string][]} */
  const cases = [
    [{ isSecure: false }, 'insecure'],
    [{ hasPush: false }, 'unsupported'],
    [{ hasPush: false, isAppleMobile: true }, 'home-screen'],
    [{ permission: 'denied' }, 'blocked'],
    [{}, 'off'],
  ];
  for (const [how, state] of cases) assert.equal((await world(how).push.look([])).state, state);
});

test('notifications go on and off again in the browser and on the server', async () => {
  const { push, browsers, calls, hasSubscription, hasWorker } = world();
  await push.switchOn();
  assert.deepEqual(calls, ['register /service-worker.js']);
  const { state, own } = await push.look(browsers);
  assert.equal(state, 'on');
  await push.switchOff(own);
  assert.deepEqual([browsers.length, hasSubscription(), hasWorker()], [0, false, false]);
});

test('a browser that the server does not list is off', async () => {
  const { push, browsers } = world();
  await push.switchOn();
  browsers.pop(); // removed at another browser
  assert.equal((await push.look(browsers)).state, 'off');
});

test('a subscription with an older key of the server is replaced', async () => {
  const { push, api, calls } = world({ key: 'T0xE' });
  await push.switchOn();
  api.pushKey = async () => 'TkVX';
  await push.switchOn();
  assert.ok(calls.includes('unsubscribe'));
});

test('a refusal says who refuses', async () => {
  /** @type {[Parameters<typeof world>[0], RegExp][]} */
  const cases = [
    [{ answer: 'denied' }, /The browser blocks/],
    [{ answer: 'default' }, /were not allowed/],
    [{ refusal: 'NotAllowedError' }, /The browser blocks/],
    [{ refusal: 'AbortError' }, /push service of its maker/],
    [{ isSecure: false }, /shows no notifications here/],
  ];
  for (const [how, words] of cases) {
    const { push, browsers } = world(how);
    await assert.rejects(push.switchOn(), (error) => error instanceof PushRefused && words.test(error.message));
    assert.equal(browsers.length, 0);
  }
});

test('without the server the browser keeps no subscription', async () => {
  const { push, hasSubscription } = world({ serverFails: true });
  await assert.rejects(push.switchOn(), ApiError);
  assert.equal(hasSubscription(), false);
});

test('a key is compared as base64url', () => {
  assert.equal(textOfKey(new Uint8Array([251, 255, 254]).buffer), '-__-');
  assert.equal(textOfKey(null), '');
});
