// @ts-check
/** The files that a user chose or dropped, by their path from the chosen folder on. */

/** @param {Iterable<File>} files of an input with `webkitdirectory` @returns {Map<string, File>} */
export function chosenFiles(files) {
  return new Map([...files].map((file) => [file.webkitRelativePath || file.name, file]));
}

/**
 * Chromium reads the entries of a dropped folder only on pages of a server, but the handles on pages of the disk, too;
 * other browsers have no handles.
 * @param {DataTransfer} transfer @returns {Promise<Map<string, File>>}
 */
export async function droppedFiles(transfer) {
  // The list of items is empty after the first wait.
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const handles = items.map((item) => ('getAsFileSystemHandle' in item ? /** @type {any} */ (item).getAsFileSystemHandle() : null));
  const entries = items.map((item) => item.webkitGetAsEntry());
  /** @type {Map<string, File>} */
  const found = new Map();
  for (const [index, entry] of entries.entries()) {
    const handle = await handles[index];
    if (handle) await collectHandle(handle, handle.name, found);
    else if (entry) await collect(entry, found);
  }
  return found;
}

/** @param {any} handle a FileSystemHandle @param {string} path @param {Map<string, File>} found */
async function collectHandle(handle, path, found) {
  if (handle.kind === 'file') {
    found.set(path, await handle.getFile());
    return;
  }
  for await (const child of handle.values()) await collectHandle(child, `${path}/${child.name}`, found);
}

/** @param {FileSystemEntry} entry @param {Map<string, File>} found */
async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => {
      /** @type {FileSystemFileEntry} */ (entry).file(done, fail);
    });
    found.set(entry.fullPath.replace(/^\//, ''), file);
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((done, fail) => {
      reader.readEntries(done, fail);
    });
    if (some.length === 0) return; // a reader tells at most 100 at a time
    for (const child of some) await collect(child, found);
  }
}
