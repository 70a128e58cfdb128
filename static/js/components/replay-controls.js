// @ts-check
/** The buttons and choices of the replay player. */
import { part } from './dom.js';
import { ZoomView } from './zoom-view.js';

const SKIP_MS = 10_000;

/**
 * Let the controls inside a player work on it until `signal` is aborted.
 *
 * @param {import('./replay-player.js').ReplayPlayer} player
 * @param {AbortSignal} signal
 */
export function wireReplayControls(player, signal) {
  for (const [name, work] of /** @type {[string, () => void][]} */ ([
    ['play', () => player.togglePlay()],
    ['big-play', () => player.togglePlay()],
    ['back', () => player.skip(-SKIP_MS)],
    ['forward', () => player.skip(SKIP_MS)],
    ['mute', () => player.toggleAudio()],
    ['snapshot', () => player.saveSnapshot()],
    ['fullscreen', () => void player.toggleFullscreen()],
    ['retry', () => player.retry()],
  ])) {
    part(player, name, HTMLElement).addEventListener('click', work, { signal });
  }
  const speed = part(player, 'speed', HTMLSelectElement);
  speed.addEventListener('change', () => player.chooseSpeed(Number(speed.value)), { signal });
  const quality = part(player, 'quality', HTMLSelectElement);
  quality.addEventListener('change', () => player.chooseQuality(quality.value), { signal });
  part(player, 'zoom', ZoomView).addEventListener('zoom-tap', () => void player.toggleFullscreen(), { signal });
}
