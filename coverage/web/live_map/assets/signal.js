/* Signal classes: one picture an operator whose pixel values are histories, painted here for the year that is shown. */
import L from './leaflet.js';
import { fetchJson } from './words.js';

const OUTSIDE = 254;
const NO_DATA = 255;
export const NO_DATA_COLOUR = '#9a9a9a';
const stacks = new Map();

function loaded(base, operator) {
  const key = `${base}/signal-${operator}`;
  if (!stacks.has(key)) {
    if (stacks.size > 8) stacks.delete(stacks.keys().next().value);
    const picture = new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = () => reject(new Error('signal picture'));
      image.src = `${key}.webp`;
    });
    const both = Promise.all([picture, fetchJson(`${key}.json`)]).then(([image, rows]) => {
      const scratch = document.createElement('canvas');
      scratch.width = image.naturalWidth;
      scratch.height = image.naturalHeight;
      const ctx = scratch.getContext('2d', { willReadFrequently: true });
      ctx.drawImage(image, 0, 0);
      const bytes = ctx.getImageData(0, 0, scratch.width, scratch.height).data;
      const index = new Uint16Array(scratch.width * scratch.height);
      for (let i = 0; i < index.length; i += 1) index[i] = bytes[4 * i] + 256 * bytes[4 * i + 1];
      return { index, rows, width: scratch.width, height: scratch.height };
    });
    both.catch(() => stacks.delete(key));
    stacks.set(key, both);
  }
  return stacks.get(key);
}

/* No data is hatched, so that it is told from "no signal" without its colour. */
function colours(rows, year, classes) {
  const table = new Uint32Array(rows.length);
  const unknown = new Uint8Array(rows.length);
  const out = new Uint8ClampedArray(table.buffer);
  rows.forEach((row, k) => {
    const c = row[year];
    if (c === OUTSIDE) return;
    if (c === NO_DATA) { unknown[k] = 1; out.set([154, 154, 154, 255], 4 * k); return; }
    out.set(classes[c] ? classes[c].rgba : [0, 0, 0, 0], 4 * k);
  });
  return { table, unknown };
}

export function signalLayer(base, document_, pane) {
  const canvas = document.createElement('canvas');
  const overlay = L.svgOverlay(canvas, document_.frame, { pane, interactive: false });
  let wanted = '';
  return {
    overlay,
    async paint(operator, year) {
      const id = document_.signals.includes(operator) ? operator : 'any';
      const key = `${id}/${year}`;
      if (wanted === key) return key;
      wanted = key;
      const stack = await loaded(base, id);
      if (wanted !== key) return wanted;
      canvas.width = stack.width;
      canvas.height = stack.height;
      const { table, unknown } = colours(stack.rows, year, document_.classes);
      const image = new ImageData(stack.width, stack.height);
      const pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i += 1) {
        const k = stack.index[i];
        const x = i % stack.width;
        const y = (i - x) / stack.width;
        pixels[i] = unknown[k] && (x + y) % 5 === 0 ? 0xffffffff : table[k];
      }
      canvas.getContext('2d').putImageData(image, 0, 0);
      canvas.setAttribute('data-painted', key);
      return key;
    },
  };
}
