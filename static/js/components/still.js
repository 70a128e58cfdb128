// @ts-check
/** A video's picture as it stands: to be shown in its place, or kept as a file. */

/** Whether there was one. @param {HTMLVideoElement} video @param {HTMLCanvasElement} canvas takes the picture's size */
export function drawStill(video, canvas) {
  if (!video.videoWidth || video.readyState < 2) return false;
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context?.drawImage(video, 0, 0);
  return context !== null;
}

/** Hands it to the browser's downloads, in its full resolution; nothing where there is none. @param {HTMLVideoElement} video @param {string} name */
export function saveStill(video, name) {
  const canvas = document.createElement('canvas');
  if (!drawStill(video, canvas)) return;
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
