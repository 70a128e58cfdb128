// @ts-check
/** The keys of the events page. */
import { AppDialog } from '../components/app-dialog.js';
import { EventRow } from '../components/event-row.js';
import { byId } from './page.js';

const COVERED_PX = 104;

/** @param {{seen: import('./events-seen.js').EventsSeen, showNews: () => void}} page */
export function handleEventKeys({ seen, showNews }) {
  const keysDialog = byId('keys-dialog', AppDialog);
  byId('keys', HTMLElement).addEventListener('click', () => keysDialog.show());
  /** @type {Record<string, () => boolean|void>} false leaves the key to the browser */
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    ' ': () => {
      const row = focusedRow();
      if (!row?.event) return false;
      void seen.mark([row.event.id], !row.event.seen);
      return true;
    },
    a: () => void seen.markShown(),
    n: () => showNews(),
    '/': () => byId('search-words', HTMLElement).focus(),
    '?': () => keysDialog.show(),
  };
  document.addEventListener('keydown', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open]') || target?.closest('input, textarea, select')) return;
    if (event.key === ' ' && target?.closest('button, summary')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!Object.hasOwn(keys, key) || keys[key]?.() === false) return;
    event.preventDefault();
  });
}

function focusedRow() {
  const row = document.activeElement?.closest('event-row');
  return row instanceof EventRow ? row : null;
}

/** Go to the next or the previous row; without a focused one, to the first row in sight. @param {1|-1} direction */
function step(direction) {
  const rows = [...document.querySelectorAll('event-row')].filter((row) => row instanceof EventRow);
  const focused = focusedRow();
  const next = focused
    ? rows[rows.indexOf(focused) + direction]
    : rows.find((row) => row.getBoundingClientRect().top >= COVERED_PX - row.clientHeight / 2);
  if (!next) return;
  next.link.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
