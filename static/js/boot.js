// @ts-check
// Runs before the first paint: sets the colours that the user chose, or the system's, and opens the socket of a live page.
'use strict';
(() => {
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then the system's colours stay.
  }
  // The connection is made while the page is parsed; LiveSocket takes it over.
  const { live } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  if (live && ('MediaSource' in window || 'ManagedMediaSource' in window)) {
    const url = new URL(live, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    /** @type {{openedSocket?: WebSocket}} */ (window).openedSocket = new WebSocket(url.href);
  }
})();
