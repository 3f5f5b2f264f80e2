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

// show({points, measure, ruleType, alert}); hovered(point or null) says what the pointer is on.
export function makeChart(root, hovered) {
  let graph = null;
  let shown = null;
  let palette = colours();

  const underlay = (canvas, area, g) => {
    canvas.fillStyle = palette.firing;
    for (const [from, to] of firingSpans(shown.points)) {
      const left = Math.max(g.toDomXCoord(from), area.x);
      const right = Math.min(Math.max(g.toDomXCoord(to), left + 2), area.x + area.w);
      if (right > left) canvas.fillRect(left, area.y, right - left, area.h);
    }
    const alert = shown.alert;
    if (!alert) return;
    if (alert.onset_time) {
      const onset = format.lastInstant(alert.onset_time);
      drawFlag(canvas, area, g.toDomXCoord(onset), 0, `Onset ${format.date(onset)}`, palette);
    }
    if (alert.peak?.window_end) {
      const peak = format.lastInstant(alert.peak.window_end);
      drawFlag(canvas, area, g.toDomXCoord(peak), 1,
               `Peak ${format.ratio(alert.peak.ratio)} on ${format.date(peak)}`, palette);
    }
  };

  const rows = () => shown.points.map((point) => [
    new Date(format.lastInstant(point.window_end)),
    ...[point.observed ?? 0, point.expected, point.upper_bound].map(
        (value) => format.chartValue(value, shown.measure, shown.ruleType)),
  ]);

  const label = (value) => format.chartLabel(value, shown.measure, shown.ruleType);
  const options = () => ({
    labels: ['time', 'Observed', 'Expected', 'Bound'],
    labelsUTC: true,
    legend: 'never',
    colors: [palette.observed, palette.expected, palette.bound],
    gridLineColor: palette.grid,
    axisLineColor: palette.grid,
    gridLineWidth: 1,
    axisLabelFontSize: 12,
    includeZero: true,
    connectSeparatedPoints: false,
    strokeWidth: 1.5,
    highlightCircleSize: 4,
    fillAlpha: 0.16,
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
    underlayCallback: underlay,
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
