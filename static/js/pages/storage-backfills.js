// @ts-check
/** The part of the storage page about gaps: those that a recorder can fill, and the jobs that fetch them. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { ACTION_NAMES, backfillActions, backfillText, isBusy, proposalText } from '../lib/backfill-text.js';
import { BackfillsApi } from '../lib/backfills-api.js';
import { problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { rangeTimes } from '../lib/storage-text.js';
import { byId, httpOptions, showToast } from './page.js';

/**
 * @typedef {import('../lib/archive-types.js').Backfill} Backfill
 * @typedef {import('../lib/archive-types.js').BackfillProposal} BackfillProposal
 * @typedef {(cameraId: number, channel: number) => string} NameOf
 * @typedef {(cameraId: number, channel: number, atMs: number) => string} AddressOf
 */

const BUSY_MS = 2000;
const IDLE_MS = 15_000;
const MOST_SHOWN = 50;

/**
 * Show gaps and jobs, and keep them current. Return the poller, which the page stops and starts.
 *
 * @param {NameOf} nameOf @param {AddressOf} addressOf the recordings page at a time @param {(cameraId: number, channel: number) => Promise<void>} learn reads the channels of a camera
 */
export function watchBackfills(nameOf, addressOf, learn) {
  const api = new BackfillsApi('/api/backfills', httpOptions());
  const body = byId('backfills', HTMLElement);

  /** @param {() => Promise<unknown>} act */
  async function run(act) {
    try {
      await act();
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    poller.soon();
  }

  /** @param {string} label @param {string} name @param {() => Promise<unknown>} act */
  function button(label, name, act) {
    const made = document.createElement('button');
    made.type = 'button';
    made.className = 'button quiet small';
    made.textContent = label;
    made.setAttribute('aria-label', `${label}: ${name}`);
    made.addEventListener('click', () => void run(act));
    return made;
  }

  /** @param {Backfill|BackfillProposal} shown @param {string} text @param {(name: string) => HTMLElement[]} actions */
  function row(shown, text, actions) {
    const made = cloneTemplate('backfill');
    const name = nameOf(shown.camera_id, shown.channel);
    const times = rangeTimes(shown, Date.now());
    const link = part(made, 'name', HTMLAnchorElement);
    setText(link, name);
    link.href = addressOf(shown.camera_id, shown.channel, Date.parse(shown.start_time));
    setText(part(made, 'times', HTMLElement), times);
    setText(part(made, 'state', HTMLElement), text);
    part(made, 'actions', HTMLElement).append(...actions(`${name}, ${times}`));
    return made;
  }

  /** @param {Backfill} job */
  function jobRow(job) {
    return row(job, backfillText(job), (name) =>
      backfillActions(job).map((action) =>
        button(ACTION_NAMES[action], name, () => (action === 'remove' ? api.remove(job.id) : api.change(job.id, action))),
      ),
    );
  }

  /** @param {BackfillProposal} proposal */
  function proposalRow(proposal) {
    return row(proposal, proposalText(proposal), (name) => [button('Fetch', name, () => api.add(proposal))]);
  }

  const poller = new Poller(async () => {
    const { backfills, proposals } = await api.list();
    const jobs = backfills.slice(0, MOST_SHOWN);
    for (const { camera_id: id, channel } of [...proposals, ...jobs]) await learn(id, channel);
    const focused = body.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
    body.replaceChildren(...proposals.map(proposalRow), ...jobs.map(jobRow));
    const again = focused ? body.querySelector(`[aria-label="${CSS.escape(focused)}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
    byId('backfills-part', HTMLElement).hidden = !proposals.length && !jobs.length;
    return isBusy(jobs) ? BUSY_MS : IDLE_MS;
  });
  return poller;
}
