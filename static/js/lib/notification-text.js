// @ts-check
/** Rules, sinks and deliveries of notifications in words. */
import { kindWords } from './event-kinds.js';
import { counted, duration } from './format.js';

/**
 * @typedef {import('./notification-types.js').Rule} Rule
 * @typedef {import('./notification-types.js').Sink} Sink
 * @typedef {import('./notification-types.js').Delivery} Delivery
 * @typedef {(cameraId: number, channel: number|null) => string} PlaceName
 */

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const SHORT_DAYS = DAYS.map((day) => day.slice(0, 3));
const MOST_KINDS = 4;

/** @type {Record<string, string>} */
const SINK_KINDS = { push: 'Browsers and phones', webhook: 'Webhook', email: 'E-mail', mqtt: 'MQTT' };

/** @param {string} kind */
export function sinkKindWords(kind) {
  return SINK_KINDS[kind] ?? kind;
}

/** Return what a rule is about: `Alerts`, `Person, vehicle`. @param {Pick<Rule, 'kinds'|'severity'>} rule */
export function kindsText({ kinds, severity }) {
  const suffix = severity === 'alert' && kinds.length ? ', alerts only' : '';
  if (!kinds.length) return severity === 'alert' ? 'All alerts' : 'All events';
  const words = kinds.slice(0, MOST_KINDS).map((kind, index) => (index ? kindWords(kind).toLowerCase() : kindWords(kind)));
  const rest = kinds.length - words.length;
  return (rest ? `${words.join(', ')} and ${counted(rest, 'other kind')}` : words.join(', ')) + suffix;
}

/** Return when a rule holds: `always`, `Mon to Fri, 22:00 to 06:00`. @param {Pick<Rule, 'days'|'from_time_of_day'|'until_time_of_day'>} rule */
export function timesText({ days, from_time_of_day: from, until_time_of_day: until }) {
  const parts = [];
  const dayWords = daysText(days);
  if (dayWords) parts.push(dayWords);
  if (from !== until) parts.push(`${from ?? '00:00'} to ${until ?? '24:00'}`);
  return parts.join(', ') || 'always';
}

/** @param {number[]} days 0 is Monday @returns {string} '' for every day, `Mon to Fri`, `weekends`, `Mon, Wed` */
export function daysText(days) {
  const chosen = [...new Set(days)].sort((one, other) => one - other);
  const [first = 0] = chosen;
  const last = chosen.at(-1) ?? 0;
  if (!chosen.length || chosen.length === DAYS.length) return '';
  if (chosen.join() === '5,6') return 'weekends';
  if (chosen.length > 2 && last - first === chosen.length - 1) return `${SHORT_DAYS[first]} to ${SHORT_DAYS[last]}`;
  return chosen.length === 1 ? `${DAYS[first]}s` : chosen.map((day) => SHORT_DAYS[day]).join(', ');
}

/** Return the limits of a rule: `lasting 5 s or more; at most one in 30 s for each channel`. @param {Rule} rule */
export function limitsText({ min_length_s: length, cool_down_s: pause }) {
  const parts = [];
  if (length > 0) parts.push(`lasting ${whole(length)} or more`);
  if (pause > 0) parts.push(`at most one in ${whole(pause)} for each channel`);
  return parts.join('; ');
}

/** Return a rule in one sentence. @param {Rule} rule @param {PlaceName} placeOf @param {Sink[]} sinks @returns {string} */
export function ruleText(rule, placeOf, sinks) {
  const place = rule.camera_id === null ? 'all channels' : placeOf(rule.camera_id, rule.channel);
  const zone = rule.zone ? ` in “${rule.zone}”` : '';
  const names = sinks.filter(({ id }) => rule.sinks.includes(id)).map((sink) => sinkName(sink));
  const limits = limitsText(rule);
  const where = `${kindsText(rule)} of ${place}${zone}`;
  return `${where}, ${timesText(rule)}${limits ? `, ${limits}` : ''}, to ${names.join(', ') || 'nothing'}.`;
}

/** @param {Pick<Sink, 'kind'|'name'>} sink */
export function sinkName({ kind, name }) {
  return kind === 'push' ? 'browsers and phones' : name;
}

/** Return the server of a sink: `mail.example:587`, or ''. @param {Sink} sink */
export function sinkPlace({ webhook, email, mqtt }) {
  if (webhook) return webhook.url;
  if (email) return `${email.recipients.join(', ')} by ${email.host}:${email.port}`;
  return mqtt ? `${mqtt.host}:${mqtt.port}, ${mqtt.base_topic}/…${mqtt.with_home_assistant ? ', Home Assistant' : ''}` : '';
}

/**
 * Return the state of a sink. `problem`: why its last notification was not sent, or ''.
 *
 * @param {Sink} sink
 * @returns {{text: string, tone: ''|'good'|'bad'|'busy', problem: string}}
 */
export function sinkState({ is_on: isOn, state }) {
  if (!isOn) return { text: 'Off', tone: '', problem: '' };
  const problem = state?.detail ?? '';
  if (state?.is_connected === false) return { text: 'Not connected', tone: 'bad', problem };
  if (problem) return { text: 'Failed', tone: 'bad', problem };
  if (state && state.waiting > 0) return { text: `${state.waiting} waiting`, tone: 'busy', problem };
  return { text: state?.is_connected ? 'Connected' : 'On', tone: 'good', problem };
}

/** @type {Record<string, {text: string, tone: ''|'good'|'bad'|'busy'}>} */
const DELIVERY_STATES = {
  waiting: { text: 'Waiting', tone: 'busy' },
  sent: { text: 'Sent', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
  dropped: { text: 'Dropped', tone: '' },
};

/** Return the name of a delivery's sink. @param {Pick<Delivery, 'sink_kind'|'sink_name'>} delivery */
export function deliverySink({ sink_kind: kind, sink_name: name }) {
  return kind === 'push' ? sinkKindWords(kind) : name;
}

/** @param {Delivery} delivery */
export function deliveryState({ state }) {
  return DELIVERY_STATES[state] ?? { text: state, tone: '' };
}

/** Return what a delivery was about: `Person, Gate`. @param {Delivery} delivery */
export function deliveryText({ event_id: id, event_kind: kind, camera_name: camera, channel_name: channel }) {
  if (id === null) return 'Test';
  const place = channel && channel !== camera ? `${camera}: ${channel}` : camera;
  return [kindWords(kind), place].filter(Boolean).join(', ');
}

/** @type {Record<string, string>} */
const RULE_PROBLEMS = {
  no_sinks: 'It sends nothing: choose where its notifications go.',
  no_permission: 'It sends nothing: its owner may no longer use what it sends to.',
};

/** @param {Pick<Rule, 'problem'>} rule */
export function ruleProblem({ problem }) {
  return problem ? (RULE_PROBLEMS[problem] ?? 'It sends nothing.') : '';
}

/** @type {Record<string, string>} */
const BROWSER_PROBLEMS = {
  busy: 'The push service took no message; the app tries again with the next one.',
  unreachable: 'The push service was not reached. This server needs a connection to the internet.',
  refused: 'The push service refuses messages. Switch notifications off and on in that browser.',
  address_refused: 'The push service has an address to which this server sends nothing.',
  unreadable: 'Its keys cannot be read. Switch notifications off and on in that browser.',
};

/** Return why a browser's last message was not sent, or ''. @param {string} code */
export function browserProblem(code) {
  return code ? (BROWSER_PROBLEMS[code] ?? 'The last message was not sent.') : '';
}

/** `5 s`, `2 min`, `1 h`. @param {number} seconds */
function whole(seconds) {
  return seconds < 60 || seconds % 60 ? `${seconds} s` : duration(seconds);
}
