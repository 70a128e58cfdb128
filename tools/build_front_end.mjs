// @ts-check
/**
 * Builds the front end into `static/built`: one script and one style sheet for each page. A page is a pair of
 * `static/css/pages/NAME.css` and `static/js/pages/NAME.js`; code that the page imports with `import()` becomes a file
 * that loads later.
 *
 * `verify.html`, the page of an evidence package, is one file with its script and style inside.
 *
 * The name of each other file holds a hash of its content, so a browser may always keep the file. `manifest.json` maps
 * sources to built files and holds a hash of all sources: `web/front_end.py` computes the same hash and serves no build
 * of other sources.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

/** @typedef {{file: string, imports: string[]}} Built `imports`: files that the script needs before it runs */

const STATIC = path.resolve(fileURLToPath(import.meta.url), '../../static');
const BUILT = path.join(STATIC, 'built');
const MANIFEST = path.join(BUILT, 'manifest.json');
const SOURCE_FOLDERS = ['css', 'img', 'js', 'vendor'];
/** Decodes live pictures. A page starts it by address, so it is a separate script. */
const WORKER = 'js/workers/live-decoder.js';
/** Files that keep their content. hls.js starts its worker by address. */
const COPIED = ['img/icon.svg', 'vendor/hls.mjs', 'vendor/hls.worker.js'];

/**
 * Files that a page loads later by their address. A script of these has copies of the modules that it shares with the
 * page: with `import()` of its source, the page's own script would fall into several files.
 */
const LATER = [
  ...['css/ptz.css', 'js/components/ptz-mode.js'],
  ...['css/storyboard.css', 'js/components/storyboard.js'],
  ...['css/recording.css', 'js/components/server-recording.js'],
];

const OPTIONS = /** @type {const} */ ({
  absWorkingDir: STATIC,
  bundle: true,
  charset: 'utf8',
  chunkNames: '[name]-[hash]',
  entryNames: '[name]-[hash]',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  minify: true,
  outdir: BUILT,
  sourcemap: 'linked',
  target: 'esnext', // the build runs where the sources run
  tsconfigRaw: '{}',
  write: false,
});

/** @param {string|Uint8Array} content */
function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}

/** The hash of an inline script or style, as a content security policy names it. @param {string} content */
function policyHash(content) {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}

/** Hash of all source files: of one line `HASH  PATH` for each, as sha256sum prints it. */
async function hashOfSources() {
  const found = await Promise.all(
    SOURCE_FOLDERS.map(async (folder) => {
      const names = await readdir(path.join(STATIC, folder), { recursive: true });
      return names.map((name) => `${folder}/${name.split(path.sep).join('/')}`);
    }),
  );
  const names = found
    .flat()
    .filter((name) => /\/[^/.][^/]*\.\w+$/.test(name))
    .sort();
  const lines = names.map(async (name) => `${sha256(await readFile(path.join(STATIC, name)))}  ${name}\n`);
  return sha256((await Promise.all(lines)).join(''));
}

/** Hash of this program and of esbuild's version. */
async function hashOfBuilder() {
  return sha256(`${await readFile(fileURLToPath(import.meta.url), 'utf8')}\n${esbuild.version}`);
}

/** @param {{sources: string, builder: string}} wanted */
async function isCurrent(wanted) {
  try {
    const { sources, builder } = JSON.parse(await readFile(MANIFEST, 'utf8'));
    return sources === wanted.sources && builder === wanted.builder;
  } catch {
    return false; // there is no build yet, or a damaged one
  }
}

/** @param {string} output a path of esbuild's metafile */
function fileName(output) {
  return path.basename(output);
}

class Build {
  /** @type {Record<string, Built>} */
  files = {};
  /** @type {Map<string, Uint8Array>} */
  contents = new Map();

  /** @param {string[]} entryPoints relative to `static` @param {{format: 'esm'|'iife', splitting?: boolean}} options */
  async bundle(entryPoints, options) {
    const result = await esbuild.build({ ...OPTIONS, ...options, entryPoints });
    for (const { path: place, contents } of result.outputFiles) this.contents.set(fileName(place), contents);
    const { outputs } = result.metafile;
    for (const [output, { entryPoint }] of Object.entries(outputs)) {
      if (entryPoint && entryPoints.includes(entryPoint)) {
        this.files[entryPoint] = { file: fileName(output), imports: importsOf(output, outputs) };
      }
    }
  }

  /**
   * Makes a page that is one file. Its content security policy allows its own script and style by their hashes.
   * @param {string} name @param {string} template @param {string[]} entryPoints script and style
   */
  async page(name, template, entryPoints) {
    const texts = entryPoints.map(async (entryPoint) => {
      const result = await esbuild.build({ ...OPTIONS, format: 'iife', sourcemap: false, entryPoints: [entryPoint] });
      return result.outputFiles[0].text;
    });
    const [script, style] = await Promise.all(texts);
    const page = (await readFile(path.join(STATIC, template), 'utf8'))
      .replace('HASH-OF-SCRIPT', () => policyHash(script))
      .replace('HASH-OF-STYLE', () => policyHash(style))
      .replace('<!-- STYLE-OF-PAGE -->', () => `<style>${style}</style>`)
      .replace('<!-- SCRIPT-OF-PAGE -->', () => `<script>${script}</script>`);
    this.contents.set(name, new TextEncoder().encode(page));
  }

  /** @param {string} name */
  async copy(name) {
    const content = await readFile(path.join(STATIC, name));
    const { name: stem, ext } = path.parse(name);
    const file = `${stem}-${sha256(content).slice(0, 8).toUpperCase()}${ext}`;
    this.contents.set(file, content);
    this.files[name] = { file, imports: [] };
  }

  /** Writes the manifest last and removes old files after it: an app that runs never names a missing file. */
  async write(/** @type {{sources: string, builder: string}} */ made) {
    await mkdir(BUILT, { recursive: true });
    await Promise.all([...this.contents].map(([file, content]) => writeFile(path.join(BUILT, file), content)));
    const draft = `${MANIFEST}.new`;
    await writeFile(draft, `${JSON.stringify({ ...made, files: this.files }, null, 1)}\n`);
    await rename(draft, MANIFEST);
    const old = (await readdir(BUILT)).filter((file) => file !== path.basename(MANIFEST) && !this.contents.has(file));
    await Promise.all(old.map((file) => rm(path.join(BUILT, file))));
  }

  get bytes() {
    return [...this.contents].reduce((sum, [file, { length }]) => (file.endsWith('.map') ? sum : sum + length), 0);
  }
}

/** All files that a script imports before it runs, directly or not. @param {string} output @param {import('esbuild').Metafile['outputs']} outputs */
function importsOf(output, outputs) {
  /** @type {Set<string>} */
  const found = new Set();
  /** @param {string} from */
  const follow = (from) => {
    for (const { path: to, kind } of outputs[from]?.imports ?? []) {
      if (kind !== 'import-statement' || found.has(to)) continue;
      found.add(to);
      follow(to);
    }
  };
  follow(output);
  return [...found].map(fileName);
}

async function main() {
  const startedMs = performance.now();
  const made = { sources: await hashOfSources(), builder: await hashOfBuilder() };
  if (await isCurrent(made)) return;
  const pages = (await readdir(path.join(STATIC, 'css/pages'))).map((name) => path.parse(name).name);
  const build = new Build();
  await Promise.all([
    ...pages.map((page) => build.bundle([`js/pages/${page}.js`, `css/pages/${page}.css`], { format: 'esm', splitting: true })),
    build.bundle(['js/boot.js'], { format: 'iife' }),
    build.bundle(LATER, { format: 'esm' }),
    build.bundle([WORKER], { format: 'esm' }),
    build.page('verify.html', 'js/verify/verify.html', ['js/verify/page.js', 'css/verify.css']),
    ...COPIED.map((name) => build.copy(name)),
  ]);
  await build.write(made);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`Front end built: ${pages.length} pages, ${Math.round(build.bytes / 1000)} kB, in ${seconds} s\n`);
}

await main();
