// One strip for each region: the ratio of observed to expected as colour, time from left to right.
import {element, nameElements} from './alerts.js';
import * as format from './format.js';

// Stops of log2(ratio): half, as expected, four times, eight times and more.
const kStops = [
  [-1, '--heat-low'], [0, '--heat-even'], [1, '--heat-high-1'], [2, '--heat-high-2'], [3, '--heat-high-3'],
];

function parse(colour) {
  const hex = colour.trim().slice(1);
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function readStops() {
  const style = getComputedStyle(document.documentElement);
  return kStops.map(([at, name]) => [at, parse(style.getPropertyValue(name))]);
}

function colourOf(ratio, stops) {
  const at = Math.max(-1, Math.min(3, Math.log2(Math.max(ratio, 0.01))));
  let i = 1;
  while (i < stops.length - 1 && stops[i][0] < at) ++i;
  const [[low, a], [high, b]] = [stops[i - 1], stops[i]];
  const part = (at - low) / (high - low);
  return `rgb(${a.map((v, k) => Math.round(v + (b[k] - v) * part)).join(' ')})`;
}

const ratioOf = (point) =>
    point.expected > 0 && !point.inconclusive ? (point.observed ?? 0) / point.expected : null;

function drawStrip(canvas, points, from, to, step, stops) {
  const density = Math.min(devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * density));
  const height = Math.max(1, Math.round(canvas.clientHeight * density));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  context.clearRect(0, 0, width, height);
  const columns = Math.max(1, to - from + 1);
  const firing = getComputedStyle(document.documentElement).getPropertyValue('--ink');
  for (const point of points) {
    const ratio = ratioOf(point);
    if (ratio === null) continue;
    const column = Math.floor(Date.parse(point.window_end) / step) - from;
    const left = Math.floor(column * width / columns);
    const right = Math.ceil((column + 1) * width / columns);
    context.fillStyle = colourOf(ratio, stops);
    context.fillRect(left, 0, right - left, height);
    if (point.firing) {
      context.fillStyle = firing;
      context.fillRect(left, height - 2 * density, right - left, 2 * density);
    }
  }
}

function drawScale(canvas, stops) {
  const context = canvas.getContext('2d');
  for (let x = 0; x < canvas.width; ++x) {
    context.fillStyle = colourOf(2 ** (-1 + 4 * x / canvas.width), stops);
    context.fillRect(x, 0, 1, canvas.height);
  }
}

// render({points, step, selectedKey}): points of all subjects of one rule, `step` in milliseconds.
export function makeHeat(root, scale, select) {
  let last = null;
  const rows = new Map();  // subject key → its elements

  const rowOf = (key, subject) => {
    let row = rows.get(key);
    if (row === undefined) {
      const name = element('button', {type: 'button', class: 'heat-name'},
                           ...nameElements(format.subjectNames(subject)));
      const canvas = element('canvas', {'aria-hidden': 'true'});
      const value = element('span', {class: 'heat-value'});
      row = {node: element('li', {}, name, canvas, value), name, canvas, value};
      name.addEventListener('click', () => select(subject));
      rows.set(key, row);
    }
    return row;
  };

  const render = (next) => {
    last = next;
    const groups = new Map();
    let from = Infinity;
    let to = -Infinity;
    for (const point of next.points) {
      const key = format.subjectKey(point.subject);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(point);
      const column = Math.floor(Date.parse(point.window_end) / next.step);
      from = Math.min(from, column);
      to = Math.max(to, column);
    }
    const newest = [...groups].map(([key, points]) => {
      const point = points.reduce((a, b) => (Date.parse(a.window_end) > Date.parse(b.window_end) ? a : b));
      return {key, points, point, ratio: ratioOf(point)};
    }).sort((a, b) => (b.ratio ?? -1) - (a.ratio ?? -1) || (a.key < b.key ? -1 : 1));

    const stops = readStops();
    for (const [key, row] of rows) {
      if (!groups.has(key)) {
        row.node.remove();
        rows.delete(key);
      }
    }
    newest.forEach(({key, point, ratio}, i) => {
      const row = rowOf(key, point.subject);
      row.value.textContent = ratio === null ? '–' : format.ratio(ratio, 2);
      row.node.classList.toggle('firing', Boolean(point.firing));
      row.node.classList.toggle('selected', key === next.selectedKey);
      row.name.setAttribute('aria-pressed', String(key === next.selectedKey));
      if (root.children[i] !== row.node) root.insertBefore(row.node, root.children[i] ?? null);
    });
    for (const {key, points} of newest) drawStrip(rows.get(key).canvas, points, from, to, next.step, stops);
    drawScale(scale, stops);
  };

  const again = () => last !== null && render(last);
  addEventListener('resize', again);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
  return {render};
}
