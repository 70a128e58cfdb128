// @ts-check
/** The choice of quality on the viewer page: the pressed button, the one that plays, and the notice about a codec. */
import { setAttribute } from '../components/dom.js';
import { profileOf } from '../lib/channels.js';
import { codecName } from '../lib/format.js';
import { qualityChoice } from '../lib/viewer-state.js';
import { byId } from './page.js';

/**
 * @param {import('./viewer-stage.js').ViewerStage} stage
 * @param {import('../lib/api.js').Channel} channel
 * @param {import('../lib/viewer-state.js').QualityChoice} chosen by the user
 */
export function drawQuality(stage, channel, chosen) {
  const { quality = null, isFallback = false, converting = false, refusedCodec = null } = stage.chosenProfile ?? {};
  // A choice that the channel does not have counts as Auto.
  const choice = (chosen === 'main' || chosen === 'sub') && !profileOf(channel, chosen) ? 'auto' : chosen;
  // During a try the stream before it is on screen.
  const shown = stage.shownRung === stage.rung ? quality : stage.shownRung;
  // Small video and small pictures are none of the choices.
  const played = stage.shownRung === 'phone' || stage.shownRung === 'stills' ? null : stage.shownRung === 'keys' ? 'saver' : shown;
  for (const button of byId('quality', HTMLElement).querySelectorAll('button')) {
    const role = qualityChoice(button.dataset.quality);
    if (role === 'main' || role === 'sub') button.disabled = !profileOf(channel, role);
    button.setAttribute('aria-pressed', String(role === choice));
    setAttribute(button, 'data-now', role === played);
    setAttribute(button, 'aria-description', role === played && role !== choice ? 'Plays now' : null);
  }
  byId('codec-notice', HTMLElement).hidden = !isFallback && !converting;
  byId('convert', HTMLElement).hidden = !isFallback;
  const cost = 'Converting takes about half a processor core while the stream is watched.';
  const codec = codecName(refusedCodec) || 'H.265';
  byId('codec-text', HTMLElement).textContent = isFallback
    ? `The ${quality === 'sub' ? 'main' : 'sub'} stream is ${codec}, which this browser cannot play, so you see the ${quality} stream (H.264). ${cost}`
    : `This stream is ${codec} and is converted to H.264 for this browser. ${cost}`;
}
