// @ts-check
/** How far the recorder was asked, and what stands in the way, above the timeline. */
import { isComplete, messageOf } from '../lib/messages.js';
import { byId } from './page.js';

/** @param {import('../lib/api.js').Coverage} coverage */
export function showIndexing(coverage) {
  const bar = byId('indexing', HTMLElement);
  bar.hidden = coverage.indexing === null;
  if (coverage.indexing) {
    const { done, total } = coverage.indexing;
    byId('indexing-progress', HTMLProgressElement).value = done / total;
    byId('indexing-text', HTMLElement).textContent = `Asking the recorder: ${Math.round((100 * done) / total)} %`;
  }
  byId('indexing-resume', HTMLElement).hidden = !coverage.indexing_stopped;
  document.body.toggleAttribute('data-sees-some', !coverage.may_stop_indexing);
  byId('unknown-note', HTMLElement).hidden = coverage.event_search;
}

/**
 * Show a problem, or hide the last one.
 *
 * @param {import('../lib/api.js').Problem|null} problem
 * @param {{camera: import('../lib/api.js').Camera|null, hasRows: boolean}} page `hasRows`: the timeline shows channels
 */
export function showRecordingsProblem(problem, { camera, hasRows }) {
  const element = byId('problem', HTMLElement);
  element.hidden = problem === null;
  const live = byId('problem-live', HTMLAnchorElement);
  const isUnsupported = problem?.code === 'camera_unsupported';
  byId('problem-retry', HTMLElement).hidden = isUnsupported;
  byId('recordings', HTMLElement).toggleAttribute('data-unsupported', isUnsupported && !hasRows);
  live.hidden = !isUnsupported || !camera;
  if (!problem) return;
  if (camera) live.href = `${document.body.dataset.viewer ?? ''}${camera.id}`;
  const { title, advice } = messageOf(problem.code);
  byId('problem-text', HTMLElement).textContent =
    isUnsupported && camera?.onvif === false
      ? `${problem.detail} Live video works here.`
      : isUnsupported
        ? `This device does not list its recordings over ONVIF (${problem.detail.replace(/\.$/, '')}). It may still record: check its own web page. Live video works here.`
        : `${title}. ${isComplete(problem.code) ? advice : problem.detail}`;
}
