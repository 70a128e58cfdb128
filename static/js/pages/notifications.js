// @ts-check
/**
 * The notifications page: this browser, rules, receivers, and the log of deliveries.
 *
 *   notifications.js           loads everything, and shows the rules
 *   notifications-browser.js   switches notifications on and off in this browser (lib/push-browser.js)
 *   notifications-rule.js      the dialog of a rule
 *   notifications-sinks.js     for admins: e-mail, webhooks, MQTT
 *   notifications-log.js       the log of deliveries
 */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { AccountsApi } from '../lib/accounts-api.js';
import { visibleChannels } from '../lib/channels.js';
import { problemOf } from '../lib/http.js';
import { NotificationsApi } from '../lib/notifications-api.js';
import { ruleProblem, ruleText } from '../lib/notification-text.js';
import { Poller } from '../lib/poller.js';
import { shortTime } from '../lib/recording-text.js';
import { ThisBrowser } from './notifications-browser.js';
import { DeliveryLog } from './notifications-log.js';
import { RuleDialog } from './notifications-rule.js';
import { SinkPart } from './notifications-sinks.js';
import { byId, httpOptions, may, pageApi, showToast } from './page.js';
import { watchAlerts } from './server-recording.js';

/**
 * @typedef {import('../lib/notifications-api.js').Rule} Rule
 * @typedef {import('../lib/notifications-api.js').Sink} Sink
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 */

const REFRESH_MS = 15_000;
const WAITING_MS = 2_000; // while a notification is on its way
const HOUR_MS = 3_600_000;

const {
  rules: rulesUrl = '',
  sinks: sinksUrl = '',
  deliveries = '',
  push = '',
  events = '',
  cameras: camerasUrl = '',
} = document.body.dataset;
const api = new NotificationsApi({ rules: rulesUrl, sinks: sinksUrl, deliveries, push, events, cameras: camerasUrl }, httpOptions());
const cameraApi = pageApi();
const accountsApi = new AccountsApi(httpOptions());
const confirmDialog = byId('confirm', ConfirmDialog);
const list = byId('rules', HTMLElement);

/** @type {Camera[]} */
let cameras = [];
/** The channels of a camera, by its id. @type {Map<number, Channel[]>} */
const channelsOf = new Map();
/** @type {Rule[]} */
let rules = [];
/** @type {Sink[]} */
let sinks = [];
/** Names of users, by id. Only admins get rules of others, and may read the names. @type {Map<number, string>} */
let users = new Map();
/** The content of the lists, as text. */
let shown = '';

const browser = new ThisBrowser(api, confirmDialog, () => showRulesNote());
const log = new DeliveryLog(api);
const sinkPart = may('manage') ? new SinkPart(api, confirmDialog, () => refresh()) : null;
const dialog = new RuleDialog(api, { channels, saved: () => refresh() });

const poller = new Poller(async () => {
  if (document.querySelector('dialog[open]')) return REFRESH_MS;
  try {
    [cameras, rules, sinks] = await Promise.all([cameraApi.listCameras(), api.rules(), api.sinks()]);
    if (rules.some(isOfUnknown)) users = new Map((await accountsApi.users()).map(({ id, name }) => [id, name]));
    await Promise.all(rules.map(({ camera_id: id }) => (id === null ? [] : channels(id).catch(() => []))));
    await Promise.all([browser.refresh(), log.refresh()]);
  } catch (error) {
    byId('problem', HTMLElement).hidden = false;
    setText(byId('problem-text', HTMLElement), problemOf(error).detail);
    throw error;
  }
  const problem = byId('problem', HTMLElement);
  if (problem.contains(document.activeElement)) byId('rules-title', HTMLElement).focus();
  problem.hidden = true;
  show();
  return log.isWaiting ? WAITING_MS : REFRESH_MS;
});

/** True if the user of a rule has no name yet. @param {Rule} rule */
function isOfUnknown({ user_id: id }) {
  return may('manage') && id !== null && !users.has(id);
}

/** Return the name of the other user whose rule this is; '' for an own rule. @param {Rule} rule */
function otherOwner({ user_id: id }) {
  const name = id === null ? '' : (users.get(id) ?? '');
  return name === document.body.dataset.user ? '' : name;
}

async function refresh() {
  poller.soon();
}

/** Return the channels of a camera that the user may choose. @param {number} cameraId @returns {Promise<Channel[]>} */
async function channels(cameraId) {
  const known = channelsOf.get(cameraId);
  if (known) return known;
  const found = visibleChannels(await cameraApi.channels(cameraId));
  channelsOf.set(cameraId, found);
  return found;
}

/** @param {number} cameraId @param {number|null} channel */
function placeOf(cameraId, channel) {
  const camera = cameras.find(({ id }) => id === cameraId);
  const cameraName = camera ? camera.name || camera.host : `camera ${cameraId} (deleted)`;
  if (channel === null) return cameraName;
  const name = channelsOf.get(cameraId)?.find((item) => item.channel === channel)?.name || `channel ${channel}`;
  return name === cameraName ? name : `${cameraName}: ${name}`;
}

function show() {
  byId('notifications', HTMLElement).removeAttribute('aria-busy');
  byId('add-rule', HTMLButtonElement).disabled = false;
  byId('no-rules', HTMLElement).hidden = rules.length > 0;
  list.hidden = !rules.length;
  // Rows stay while nothing changes, so that an open choice in a row does not close.
  const isSnoozed = rules.map(({ snooze_until: until }) => until !== null && Date.parse(until) > Date.now());
  const now = JSON.stringify([rules, sinks, cameras.map(({ name, host }) => name || host), isSnoozed]);
  if (now !== shown) {
    fill(list, rules.map(ruleRow));
    sinkPart?.show(sinks);
  }
  shown = now;
  showRulesNote();
}

/** Replace the rows of a list, and keep the focus on the same control. @param {HTMLElement} parent @param {DocumentFragment[]} rows */
function fill(parent, rows) {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.getAttribute('aria-label') : null;
  const hadFocus = parent.contains(document.activeElement);
  parent.replaceChildren(...rows);
  if (!hadFocus) return;
  const again = focused ? parent.querySelector(`[aria-label="${CSS.escape(focused)}"]`) : null;
  if (again instanceof HTMLElement) again.focus();
  else byId('rules-title', HTMLElement).focus();
}

/** Show a note if the rules reach no browser of this user. */
function showRulesNote() {
  const pushIds = sinks.filter(({ kind }) => kind === 'push').map(({ id }) => id);
  const usesPush = rules.some((rule) => rule.is_on && !otherOwner(rule) && rule.sinks.some((id) => pushIds.includes(id)));
  const isMissing = usesPush && browser.isLoaded && browser.count === 0;
  byId('rules-note', HTMLElement).hidden = !isMissing;
  setText(
    byId('rules-note-text', HTMLElement),
    isMissing ? 'No browser of yours has notifications switched on, so these rules reach no phone or computer. Switch them on above.' : '',
  );
}

/** @param {Rule} rule */
function ruleRow(rule) {
  const row = cloneTemplate('rule-row');
  part(row, 'row', HTMLElement).id = `rule-${rule.id}`;
  setText(part(row, 'name', HTMLElement), rule.name);
  const owner = otherOwner(rule);
  setText(part(row, 'text', HTMLElement), `${owner ? `Rule of ${owner}. ` : ''}${ruleText(rule, placeOf, sinks)}`);
  const problem = ruleProblem(rule);
  part(row, 'problem', HTMLElement).hidden = !problem;
  setText(part(row, 'problem', HTMLElement), problem);
  const on = part(row, 'on', HTMLInputElement);
  on.checked = rule.is_on;
  on.setAttribute('aria-label', `Rule ${rule.name}`);
  on.addEventListener('change', () =>
    act(() => api.changeRule(rule.id, { is_on: on.checked }), `${rule.name} is ${on.checked ? 'on' : 'off'}`),
  );
  showSnooze(row, rule);
  wire(row, 'test', `Test the rule ${rule.name}`, () =>
    act(() => api.testRule(rule.id), 'The test is on its way. The deliveries below show the result.'),
  );
  wire(row, 'edit', `Edit the rule ${rule.name}`, () => dialog.open(rule, { cameras, sinks }));
  wire(row, 'remove', `Delete the rule ${rule.name}`, async () => {
    const sure = await confirmDialog.ask(`Delete ${rule.name}?`, 'Its events send nothing from now on.', 'Delete');
    if (sure) await act(() => api.removeRule(rule.id), `${rule.name} is deleted`);
  });
  return row;
}

/** @param {DocumentFragment} row @param {Rule} rule */
function showSnooze(row, rule) {
  const untilMs = rule.snooze_until === null ? 0 : Date.parse(rule.snooze_until);
  const isSnoozed = untilMs > Date.now();
  part(row, 'snoozed', HTMLElement).hidden = !isSnoozed;
  setText(part(row, 'snoozed-text', HTMLElement), isSnoozed ? `Snoozed until ${shortTime(untilMs, Date.now())}.` : '');
  wire(row, 'wake', `Send again: the rule ${rule.name}`, () =>
    act(() => api.changeRule(rule.id, { snooze_until: null }), `${rule.name} sends again`),
  );
  const select = part(row, 'snooze', HTMLSelectElement);
  select.setAttribute('aria-label', `Snooze the rule ${rule.name}`);
  select.hidden = isSnoozed || !rule.is_on;
  select.addEventListener('change', () => {
    const until = new Date(Date.now() + Number(select.value) * HOUR_MS);
    void act(() => api.changeRule(rule.id, { snooze_until: until.toISOString() }), `${rule.name} is snoozed`);
  });
}

/** @param {ParentNode} row @param {string} name @param {string} label @param {() => unknown} work */
function wire(row, name, label, work) {
  const button = part(row, name, HTMLButtonElement);
  button.setAttribute('aria-label', label);
  button.addEventListener('click', () => void work());
}

/** @param {() => Promise<unknown>} work @param {string} done */
async function act(work, done) {
  try {
    await work();
    showToast(done);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
  shown = ''; // a refused change goes back in the page, too
  await refresh();
}

byId('add-rule', HTMLElement).addEventListener('click', () => dialog.open(null, { cameras, sinks }));
byId('problem-retry', HTMLElement).addEventListener('click', () => poller.soon());
document.addEventListener('visibilitychange', () => (document.hidden ? poller.stop() : poller.start()));
poller.start();
watchAlerts();
