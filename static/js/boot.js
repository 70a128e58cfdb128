// @ts-check
// Runs before the first paint: sets the colours that the user chose, or the system's, and opens what a live page needs
// while the page is still parsed: its socket, which LiveSocket takes over, and the decoder's worker, for DecoderWorker.
// The viewer page's socket watches the main stream from the start (`data-first`), unless the user wants another one.
'use strict';
(() => {
  /** @param {string} key */
  const stored = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage may be forbidden: then the system's colours stay
    }
  };
  const chosen = stored('theme');
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  const { live, first, decoder } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  const scope = /** @type {{openedSocket?: import('./lib/live-socket.js').OpenedSocket, startedDecoder?: Worker}} */ (window);
  const wantsMainStream = () => {
    const query = new URLSearchParams(location.search);
    const { connection } = /** @type {{connection?: {saveData?: boolean, type?: string}}} */ (navigator);
    if (connection?.saveData || connection?.type === 'cellular' || stored('sound') === 'on') return false;
    if (['view', 'way', 'convert'].some((name) => query.has(name))) return false;
    return ['main', 'auto'].includes(query.get('quality') ?? stored('quality-choice') ?? 'auto');
  };
  if (live && ('MediaSource' in window || 'ManagedMediaSource' in window)) {
    const watched = first && wantsMainStream() ? first : null;
    const url = new URL(watched ? `${live}/${watched}` : live, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url.href);
    socket.binaryType = 'arraybuffer';
    /** @type {(string|ArrayBuffer)[]} */
    const early = [];
    socket.onmessage = ({ data }) => early.push(data);
    scope.openedSocket = { socket, first: watched, early };
  }
  if (decoder && 'VideoDecoder' in window && stored('decoder') !== 'mse') {
    try {
      const worker = new Worker(decoder, { type: 'module' });
      worker.addEventListener('error', () => delete scope.startedDecoder);
      scope.startedDecoder = worker;
    } catch {
      // The browser has no module workers: the player says so.
    }
  }
})();
