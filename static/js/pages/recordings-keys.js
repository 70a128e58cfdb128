// @ts-check
/** The keys of the recordings page. */
import { AppDialog } from '../components/app-dialog.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { byId } from './page.js';

/** An open dialog that has no player. */
const OTHER_DIALOG = 'dialog[open]:not(.player-dialog)';

/**
 * @param {import('./recordings-playing.js').RecordingsPlaying} playing
 * @param {import('./recordings-events.js').EventSteps} eventSteps
 * @param {import('./recordings-range.js').RecordingsRange} range
 */
export function handleKeys(playing, eventSteps, range) {
  const timeline = byId('timeline', RecordingTimeline);
  const keysDialog = byId('keys-dialog', AppDialog);

  /** Keys of the visible player. @type {Record<string, () => void>} */
  const playerKeys = {
    ' ': () => playing.visible.player.togglePlay(),
    k: () => playing.visible.player.togglePlay(),
    j: () => playing.visible.player.skip(-10_000),
    l: () => playing.visible.player.skip(10_000),
    ',': () => playing.visible.player.step(-1),
    '.': () => playing.visible.player.step(1),
    '<': () => playing.visible.player.changeSpeed(-1),
    '>': () => playing.visible.player.changeSpeed(1),
    f: () => void playing.visible.player.toggleFullscreen(),
    m: () => playing.visible.player.toggleAudio(),
    s: () => playing.visible.player.saveSnapshot(),
    n: () => void eventSteps.step(1),
    p: () => void eventSteps.step(-1),
    '[': () => range.mark('in'),
    ']': () => range.mark('out'),
    '?': () => keysDialog.show(),
  };

  /** Keys of the timeline, which an open dialog hides. @type {Record<string, () => void>} */
  const timelineKeys = {
    '+': () => timeline.zoomBy(1.5),
    '=': () => timeline.zoomBy(1.5),
    '-': () => timeline.zoomBy(1 / 1.5),
    h: () => timeline.toNeedle(),
  };

  document.addEventListener('keydown', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    // Some layouts type a bracket with Option (Mac) or with AltGr, which Windows reports as Ctrl and Alt.
    const isBracket = event.altKey && !event.metaKey && (event.key === '[' || event.key === ']');
    if ((!isBracket && (event.ctrlKey || event.altKey || event.metaKey)) || event.defaultPrevented) return;
    if (document.querySelector(OTHER_DIALOG) || target?.closest('input:not([type=checkbox]), textarea, select')) return;
    if (event.key === ' ' && target?.closest('button, a, input, summary')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const keys = playing.isDialogOpen ? playerKeys : { ...playerKeys, ...timelineKeys };
    if (!Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]?.();
  });
}
