// @ts-check
/** The page of the servers that share the cameras, or of the single one. */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { JsonHttp, problemOf } from '../lib/http.js';
import { drainText, nodeAdvice, nodeFacts, nodeLoad, nodeState, nodesSummary } from '../lib/node-text.js';
import { byId, httpOptions, showToast } from './page.js';
import { pagePoller } from './page-poller.js';
import { watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/node-types.js').Node} Node */

const POLL_MS = 2_000;

const { nodes: url = '' } = document.body.dataset;
const http = new JsonHttp(httpOptions());
const confirmDialog = byId('confirm', ConfirmDialog);
/** @type {Node[]} */
let shown = [];

const poller = pagePoller(async () => show(await http.json('GET', url)), POLL_MS);

/** @param {import('../lib/node-types.js').NodeList} list */
function show(list) {
  const { title, text } = nodesSummary(list);
  setText(byId('summary-title', HTMLElement), title);
  setText(byId('summary-text', HTMLElement), text);
  byId('alone', HTMLElement).hidden = !list.is_alone;
  byId('list', HTMLElement).hidden = list.is_alone;
  if (!list.is_alone) showNodes(list.nodes);
  byId('nodes', HTMLElement).setAttribute('aria-busy', 'false');
}

/** Fill the items of the servers. An item stays while its server is listed, so that its button keeps the focus. @param {Node[]} nodes */
function showNodes(nodes) {
  const list = byId('list', HTMLElement);
  const known = new Map([...list.children].map((item) => [item.getAttribute('data-node'), item]));
  const items = nodes.map((node) => known.get(node.name) ?? newItem(node.name));
  if (items.some((item, index) => list.children[index] !== item) || items.length !== known.size) list.replaceChildren(...items);
  shown = nodes;
  nodes.forEach((node, index) => fill(items[index], node));
}

/** @param {string} name */
function newItem(name) {
  const item = part(cloneTemplate('node'), 'row', HTMLElement);
  item.dataset.node = name;
  part(item, 'drain', HTMLButtonElement).addEventListener('click', () => void drain(name, item.dataset.state === 'alive'));
  return item;
}

/** @param {Element} item @param {Node} node */
function fill(item, node) {
  item.setAttribute('data-state', node.state);
  setText(part(item, 'name', HTMLElement), node.name);
  const state = part(item, 'state', HTMLElement);
  const words = nodeState(node.state);
  setText(state, words.text);
  state.dataset.tone = words.tone;
  setText(part(item, 'load', HTMLElement), nodeLoad(node));
  const advice = part(item, 'advice', HTMLElement);
  setText(advice, nodeAdvice(node));
  advice.hidden = !advice.textContent;
  const button = part(item, 'drain', HTMLButtonElement);
  button.hidden = node.state === 'gone';
  setText(button, node.state === 'alive' ? 'Drain…' : 'Use again');
  button.setAttribute('aria-label', `${button.textContent} ${node.name}`);
  part(item, 'facts', HTMLElement).replaceChildren(...nodeFacts(node).map(([name, value]) => fact(name, value)));
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  const row = document.createElement('div');
  const term = document.createElement('dt');
  const text = document.createElement('dd');
  term.textContent = name;
  text.textContent = value;
  row.append(term, text);
  return row;
}

/** @param {string} name @param {boolean} isWanted */
async function drain(name, isWanted) {
  if (isWanted && !(await confirmDialog.ask(`Drain ${name}?`, drainText(shown, name), 'Drain'))) return;
  try {
    await http.json(isWanted ? 'POST' : 'DELETE', `${url}/${encodeURIComponent(name)}/drain`);
    showToast(isWanted ? `${name} gives its cameras to the others.` : `${name} takes cameras again.`);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
  poller.soon();
}

watchAlerts();
poller.start();
