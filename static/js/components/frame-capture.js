// @ts-check
/** The present frame of a video, drawn on a canvas or saved as a file. */

/**
 * Draw the frame; false if the video has none.
 *
 * @param {HTMLVideoElement} video
 * @param {HTMLCanvasElement} canvas gets the size of the frame
 */
export function drawFrame(video, canvas) {
  if (!video.videoWidth || video.readyState < 2) return false;
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context?.drawImage(video, 0, 0);
  return context !== null;
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
