// @ts-check
/** The present frame of a video, drawn on a canvas or saved as a file. */

/**
 * @typedef {{source: HTMLVideoElement|HTMLCanvasElement|ImageBitmap, width: number, height: number}} Picture an element that
 *   shows frames, and their size: 0 without a frame
 */

/** @param {HTMLVideoElement} video @returns {Picture} */
export function pictureOf(video) {
  const hasFrame = video.readyState >= 2;
  return { source: video, width: hasFrame ? video.videoWidth : 0, height: hasFrame ? video.videoHeight : 0 };
}

/**
 * Draw the frame; false if there is none.
 *
 * @param {Picture} picture
 * @param {HTMLCanvasElement} canvas gets the size of the frame
 */
export function drawPicture({ source, width, height }, canvas) {
  if (!width) return false;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  context?.drawImage(source, 0, 0);
  return context !== null;
}

/** Draw the frame; false if the video has none. @param {HTMLVideoElement} video @param {HTMLCanvasElement} canvas */
export function drawFrame(video, canvas) {
  return drawPicture(pictureOf(video), canvas);
}

/**
 * Save the frame with the browser's downloads, in full resolution. Does nothing if the video has no frame.
 *
 * @param {HTMLVideoElement} video
 * @param {string} name of the file
 */
export function saveFrame(video, name) {
  const canvas = document.createElement('canvas');
  if (!drawFrame(video, canvas)) return;
  canvas.toBlob(
    (blob) => {
      if (!blob) return;
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
    'image/jpeg',
    0.92,
  );
}
