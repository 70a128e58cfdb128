// @ts-check
// Runs before the first paint: sets the colours that the user chose, or the system's.
'use strict';
(() => {
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then the system's colours stay.
  }
})();
