// @ts-check
/**
 * State of the viewer page in its address: `?channel=3&quality=sub`, so that it can be linked. `way=hls` plays over HLS
 * even if the socket works: to compare both, and in case of trouble with the socket.
 */

/**
 * @typedef {'main'|'sub'} Quality
 * @typedef {Quality|'auto'|'saver'} QualityChoice of the user. `auto`: the link decides; `saver`: key frames alone
 * @typedef {'single'|'grid'} View
 * @typedef {{channel: number|null, quality: QualityChoice|null, view: View, convert: boolean,
 *   transport: 'hls'|null}} ViewerState
 */

/** @type {readonly QualityChoice[]} */
const CHOICES = ['auto', 'main', 'sub', 'saver'];

/** @param {string} search @returns {ViewerState} invalid values of the address count as absent */
export function readViewerState(search) {
  const query = new URLSearchParams(search);
  const channel = /^[1-9]\d{0,3}$/.test(query.get('channel') ?? '') ? Number(query.get('channel')) : null;
  return {
    channel,
    quality: qualityChoice(query.get('quality')),
    view: query.get('view') === 'grid' ? 'grid' : 'single',
    convert: query.get('convert') === '1',
    transport: query.get('way') === 'hls' ? 'hls' : null,
  };
}

/** @param {string|null|undefined} text @returns {QualityChoice|null} */
export function qualityChoice(text) {
  return CHOICES.find((choice) => choice === text) ?? null;
}

/** @param {ViewerState} state @returns {string} '' or `?...` */
export function writeViewerState(state) {
  const query = new URLSearchParams();
  if (state.channel !== null) query.set('channel', String(state.channel));
  if (state.quality) query.set('quality', state.quality);
  if (state.convert) query.set('convert', '1');
  if (state.view === 'grid') query.set('view', 'grid');
  if (state.transport) query.set('way', state.transport);
  const text = query.toString();
  return text ? `?${text}` : '';
}
