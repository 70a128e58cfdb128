// @ts-check
/** The grid of changed cells of a watched picture: a bit for each cell, row by row, as hexadecimal digits. */

export const CELL_COLUMNS = 32;
export const CELL_ROWS = 18;
const DIGITS = (CELL_COLUMNS * CELL_ROWS) / 4;
const DIGITS_A_ROW = CELL_COLUMNS / 4;

/** Return the rows of the grid: true for a changed cell. An invalid text has none. @param {string} hex @returns {boolean[][]} */
export function cellRows(hex) {
  if (hex.length !== DIGITS || !/^[0-9a-f]*$/i.test(hex)) return [];
  return Array.from({ length: CELL_ROWS }, (_, row) => {
    const bits = parseInt(hex.slice(row * DIGITS_A_ROW, (row + 1) * DIGITS_A_ROW), 16);
    return Array.from({ length: CELL_COLUMNS }, (__, column) => Boolean((bits >>> (CELL_COLUMNS - 1 - column)) & 1));
  });
}

/** Return the changed cells as the path of an SVG whose unit is a cell; neighbours in a row are one rectangle. @param {string} hex */
export function cellsPath(hex) {
  let path = '';
  cellRows(hex).forEach((row, y) => {
    for (let x = 0; x < row.length; x += 1) {
      let width = 0;
      while (row[x + width]) width += 1;
      if (width) path += `M${x} ${y}h${width}v1h-${width}z`;
      x += width;
    }
  });
  return path;
}
