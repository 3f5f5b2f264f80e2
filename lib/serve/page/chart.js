// Observed against expected through time (dygraphs), with what fired shaded and an alert's onset and
// peak marked.
import * as format from './format.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function colours() {
  return {
    observed: css('--observed'),
    expected: css('--expected'),
    bound: css('--bound'),
    firing: css('--firing-area'),
    grid: css('--grid'),
    ink: css('--ink'),
    paper: css('--panel'),
    mark: css('--critical'),
  };
}

// Runs of firing points as [first, last] on the time axis.
function firingSpans(points) {
  const spans = [];
  let open = null;
  for (const point of points) {
    const time = format.lastInstant(point.window_end);
    if (point.firing) {
      if (open) open[1] = time;
      else spans.push(open = [time, time]);
    } else {
      open = null;
    }
  }
  return spans;
}

function drawFlag(canvas, area, x, row, text, palette) {
  if (x < area.x - 1 || x > area.x + area.w + 1) return;
  canvas.save();
  canvas.strokeStyle = palette.mark;
  canvas.lineWidth = 1;
  canvas.setLineDash([3, 3]);
  canvas.beginPath();
  canvas.moveTo(Math.round(x) + 0.5, area.y);
  canvas.lineTo(Math.round(x) + 0.5, area.y + area.h);
  canvas.stroke();
  canvas.font = `600 12px ${css('--font')}`;
  const width = canvas.measureText(text).width + 14;
  const left = Math.max(area.x + 2, Math.min(x - width - 5, area.x + area.w - width - 2));
  const top = area.y + 5 + row * 25;
  canvas.setLineDash([]);
  canvas.fillStyle = palette.paper;
  canvas.beginPath();
  canvas.roundRect(left, top, width, 21, 5);
  canvas.fill();
  canvas.stroke();
  canvas.fillStyle = palette.ink;
  canvas.textBaseline = 'middle';
  canvas.fillText(text, left + 7, top + 11);
  canvas.restore();
}

// show({points, unit, alert}); hovered(point or null) says what the pointer is on.
export function makeChart(root, hovered) {
  // Its legend sets styles as markup, which our content security policy does not let pass.
  Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
  let graph = null;
  let shown = null;
  let palette = colours();

  const shadeFiring = (canvas, area, g) => {
    canvas.fillStyle = palette.firing;
    for (const [from, to] of firingSpans(shown.points)) {
      const left = Math.max(g.toDomXCoord(from), area.x);
      const right = Math.min(Math.max(g.toDomXCoord(to), left + 2), area.x + area.w);
      if (right > left) canvas.fillRect(left, area.y, right - left, area.h);
    }
  };

  // A plotter, so that flags lie over grid and lines; it runs for each line, and draws with the last.
  const drawFlags = (e) => {
    const alert = shown.alert;
    if (!alert || e.seriesIndex !== e.seriesCount - 1) return;
    const at = (time, row, text) =>
        drawFlag(e.drawingContext, e.plotArea, e.dygraph.toDomXCoord(time), row, text, palette);
    if (alert.onset_time) {
      const onset = format.lastInstant(alert.onset_time);
      at(onset, 0, `Onset ${format.date(onset)}`);
    }
    if (alert.peak?.window_end) {
      const peak = format.lastInstant(alert.peak.window_end);
      at(peak, 1, `Peak ${format.ratio(alert.peak.ratio)} on ${format.date(peak)}`);
    }
  };

  // Room above the lines for the flags.
  const valueRange = () => {
    const values = rows().flatMap(([, ...numbers]) => numbers).filter(Number.isFinite);
    const top = Math.max(0, ...values);
    const bottom = Math.min(0, ...values);
    return top === bottom ? [0, 1] : [bottom, top + (top - bottom) * (shown.alert ? 0.24 : 0.08)];
  };

  const rows = () => shown.points.map((point) => [
    new Date(format.lastInstant(point.window_end)),
    ...[point.observed ?? 0, point.expected, point.upper_bound].map(
        (value) => format.chartValue(value, shown.unit)),
  ]);

  const label = (value) => format.chartLabel(value, shown.unit);
  const options = () => ({
    labels: ['time', 'Observed', 'Expected', 'Bound'],
    labelsUTC: true,
    colors: [palette.observed, palette.expected, palette.bound],
    gridLineColor: palette.grid,
    axisLineColor: palette.grid,
    gridLineWidth: 1,
    axisLabelFontSize: 12,
    valueRange: valueRange(),
    connectSeparatedPoints: false,
    strokeWidth: 1.5,
    highlightCircleSize: 4,
    fillAlpha: 0.12,
    rightGap: 14,
    series: {
      Observed: {fillGraph: true, strokeWidth: 2.5},
      Expected: {strokeWidth: 2},
      Bound: {strokePattern: [7, 5]},
    },
    axes: {
      y: {axisLabelWidth: 76, axisLabelFormatter: label, pixelsPerLabel: 44},
      x: {pixelsPerLabel: 84},
    },
    underlayCallback: shadeFiring,
    plotter: [Dygraph.Plotters.fillPlotter, Dygraph.Plotters.linePlotter, drawFlags],
    highlightCallback: (event, x) => hovered(
        shown.points.find((point) => format.lastInstant(point.window_end) === x) ?? null),
    unhighlightCallback: () => hovered(null),
  });

  const draw = () => {
    if (shown === null || shown.points.length === 0) {
      graph?.destroy();
      graph = null;
      root.replaceChildren();
      return;
    }
    if (graph === null) {
      graph = new Dygraph(root, rows(), options());
    } else {
      graph.updateOptions({...options(), file: rows()});
    }
  };

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    palette = colours();
    draw();
  });

  return {
    show(next) {
      const another = shown?.key !== next.key;
      shown = next;
      if (another && graph !== null) graph.resetZoom();
      draw();
    },
  };
}
