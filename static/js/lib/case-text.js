// @ts-check
/** Words for evidence packages. */
import { LOCAL_CLOCK } from './display-clock.js';
import { counted, fileSize } from './format.js';

/** @typedef {import('./case-types.js').Case} Case */

/** Return the state of a case's package in words. @param {Case} item @returns {{text: string, tone: 'quiet'|'busy'|'good'|'bad'}} */
export function packageState({ package: made }) {
  switch (made.state) {
    case 'making':
      return { text: 'Being made', tone: 'busy' };
    case 'ready':
      return { text: 'Ready', tone: 'good' };
    case 'failed':
      return { text: 'Failed', tone: 'bad' };
    case 'none':
      return { text: 'Not made', tone: 'quiet' };
  }
}

/** Return what a case holds, and since when its package is unchanged. @param {Case} item @param {import('./display-clock.js').DisplayClock} [clock] */
export function caseFacts({ exports: ids, package: made }, clock = LOCAL_CLOCK) {
  const facts = [counted(ids.length, 'export')];
  if (made.state === 'ready') {
    facts.push(`ZIP of ${fileSize(made.bytes)}`);
    if (made.made_at)
      facts.push(`signed on ${clock.stamp(Date.parse(made.made_at)).slice(0, 16)}${made.made_by ? ` by ${made.made_by}` : ''}`);
  }
  return facts.join(' · ');
}

/** Return the progress of a package, 0 to 1; null if it is not being made. @param {Case} item */
export function packageShare({ package: made }) {
  if (made.state !== 'making') return null;
  return made.total_bytes > 0 ? Math.min(1, made.done_bytes / made.total_bytes) : 0;
}

/** Return why a package could not be made; '' without a reason. @param {Case} item */
export function packageReason({ package: made, exports: ids }) {
  if (!ids.length) return 'All exports of this case were deleted.';
  if (made.state === 'none') return 'The package was not made yet, or the case was changed since.';
  return made.error?.detail ?? '';
}

/** Return what the deletion of an export does to the cases with these names; '' without one. @param {string[]} names */
export function lossText(names) {
  if (!names.length) return '';
  const all = names.map((name) => `“${name}”`);
  if (all.length === 1) return `The evidence package ${all[0]} loses this export, and must be made again.`;
  return `The evidence packages ${all.slice(0, -1).join(', ')} and ${all.at(-1)} lose this export, and must be made again.`;
}

/** Return the pause before the next request for the cases, in ms; null if nothing changes by itself. @param {Case[]} cases */
export function casesPauseMs(cases) {
  return cases.some((item) => item.package.state === 'making') ? 1500 : null;
}
