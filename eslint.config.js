// @ts-check
import js from '@eslint/js';
import globals from 'globals';

/** Text of a device reaches the page: it is only ever set as text. */
const markupSinks = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write'].map((name) => ({
  selector: name.includes('.')
    ? `CallExpression[callee.object.name='document'][callee.property.name='write']`
    : `MemberExpression[property.name='${name}']`,
  message: 'Markup from strings is forbidden: clone a template and set textContent.',
}));

export default [
  { ignores: ['static/vendor/', 'static/built/', 'static/streams/', 'node_modules/', 'build/', 'data/'] },
  js.configs.recommended,
  {
    files: ['static/js/**/*.js'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.browser },
    rules: {
      'no-restricted-syntax': ['error', ...markupSinks],
      'no-restricted-globals': ['error', { name: 'fetch', message: 'lib/http.js is the only place that fetches.' }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-shadow': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    // The pure half: no document, no window, no elements.
    files: ['static/js/lib/**/*.js'],
    languageOptions: { globals: { ...globals['shared-node-browser'], ...globals.es2024 } },
    rules: {
      'no-restricted-globals': [
        'error',
        ...['document', 'window', 'navigator', 'HTMLElement', 'localStorage', 'location', 'fetch'].map((name) => ({
          name,
          message: 'lib/ has no DOM; lib/http.js alone fetches.',
        })),
      ],
    },
  },
  {
    files: ['static/js/lib/http.js'],
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    // Runs beside the pages, as a plain script without modules, and has its own requests.
    files: ['static/js/service-worker.js'],
    languageOptions: { sourceType: 'script', globals: globals.serviceworker },
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    // Runs before the first paint, as a plain script, so that no page flashes in the wrong colours.
    files: ['static/js/boot.js'],
    languageOptions: { sourceType: 'script' },
  },
  {
    files: ['tests/js/**/*.mjs', 'tools/**/*.mjs', 'eslint.config.js'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.node },
  },
];
