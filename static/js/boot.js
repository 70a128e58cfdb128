// @ts-check
// Runs before the first paint: sets the colours that the user chose, or the system's, and opens what a live page needs
// while the page is still parsed: its socket, which LiveSocket takes over, and the decoder's worker, for DecoderWorker.
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
  const { live, decoder } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  const scope = /** @type {{openedSocket?: WebSocket, startedDecoder?: Worker}} */ (window);
  if (live && ('MediaSource' in window || 'ManagedMediaSource' in window)) {
    const url = new URL(live, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    scope.openedSocket = new WebSocket(url.href);
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
