// What is known, what is chosen, and when to draw it.
import {byImportance, isFiring, makeAlertList, nameElement, nameElements, rank, textNodes} from './alerts.js';
import {makeChart} from './chart.js';
import * as format from './format.js';
import {makeHeat} from './heat.js';
import {connect, getJson} from './live.js';
import {drawMadeOf} from './made_of.js';

const $ = (id) => document.getElementById(id);
const kHeatPoints = 6_000;
const kChartPoints = 4_000;
const kDay = 86_400_000;

const state = {
  rules: new Map(),     // name → WatchedRule with subjects: Map(key → newest point)
  alerts: new Map(),    // id → newest revision
  newest: null,         // newest window_end of all, milliseconds
  chosen: null,         // {rule, subject}
  byHand: false,        // the reader has chosen; do not follow the alerts any more
  chart: new Map(),     // window_end → point, of what is chosen
  heat: new Map(),      // subject key and step → point, of the chosen rule
  heatStep: 7 * kDay,
  generation: 0,        // grows with each choice: late answers for an older one are dropped
  arrived: null,        // while series are being fetched: points that came live meanwhile
};

// --- Drawing: at most once a frame, however much comes ------------------------------------------

const pending = new Set();
function schedule(...parts) {
  if (pending.size === 0) requestAnimationFrame(drawPending);
  for (const part of parts) pending.add(part);
}
function drawPending() {
  const parts = new Set(pending);
  pending.clear();
  if (parts.has('facts')) drawFacts();
  if (parts.has('selectors')) drawSelectors();
  if (parts.has('alerts')) drawAlerts();
  if (parts.has('chart')) drawChart();
  if (parts.has('heat')) drawHeat();
}

const isChosen = (rule, subject) => state.chosen !== null && state.chosen.rule === rule &&
    format.subjectKey(state.chosen.subject) === format.subjectKey(subject);

const alertList = makeAlertList($('alert-list'), {select: (alert) => choose(alert.rule, alert.subject ?? {}, true)});
const chart = makeChart($('chart'), (point) => drawTiles(point ?? newestPoint()));
const heat = makeHeat($('heat'), document.querySelector('#scale canvas'),
                      (subject) => choose(state.chosen.rule, subject, true));

function drawFacts() {
  const subjects = new Set();
  for (const rule of state.rules.values()) for (const key of rule.subjects.keys()) subjects.add(key);
  $('event-time').textContent = state.newest === null ? '–' : format.date(state.newest - 1);
  $('rule-count').textContent = state.rules.size;
  $('subject-count').textContent = subjects.size;
  $('firing-count').textContent = [...state.alerts.values()].filter(isFiring).length;
}

function drawAlerts() {
  const all = [...state.alerts.values()];
  const firing = all.filter(isFiring);
  const shown = $('show-resolved').checked ? all : firing;
  alertList(shown, (alert) => isChosen(alert.rule, alert.subject));
  $('no-alerts').hidden = shown.length > 0;
  $('alerts-subtitle').textContent = all.length === 0 ?
      'None so far' :
      `${firing.length} firing, ${all.length - firing.length} resolved`;
}

function replaceOptions(select, options, value) {
  const same = select.options.length === options.length &&
      options.every(([v, text], i) => select.options[i].value === v && select.options[i].textContent === text);
  if (!same) select.replaceChildren(...options.map(([v, text]) => new Option(text, v)));
  if (value !== undefined && select.value !== value) select.value = value;
}

function drawSelectors() {
  replaceOptions($('rule'), [...state.rules.keys()].map((name) => [name, format.isolated(name)]), state.chosen?.rule);
  const rule = state.rules.get(state.chosen?.rule);
  const subjects = rule ? [...rule.subjects] : [];
  const options = subjects.map(([key, point]) => [key, format.subjectText(point.subject)])
                      .sort(([, a], [, b]) => a.localeCompare(b));
  replaceOptions($('subject'), options,
                 state.chosen ? format.subjectKey(state.chosen.subject) : undefined);
}

const chartPoints = () =>
    [...state.chart.values()].sort((a, b) => Date.parse(a.window_end) - Date.parse(b.window_end));
const newestPoint = () => chartPoints().at(-1) ?? null;

function drawTiles(point) {
  const text = (name, value) => { $(`tile-${name}`).textContent = value; };
  if (point === null) {
    for (const name of ['observed', 'expected', 'ratio', 'growth', 'window']) text(name, '–');
    return;
  }
  const ratio = point.expected > 0 ? (point.observed ?? 0) / point.expected : NaN;
  text('observed', format.amount(point.observed ?? 0, format.unitOf(point)));
  text('expected', format.amount(point.expected, format.unitOf(point)));
  text('ratio', format.ratioOf(ratio, point));
  const shortfall = format.isShortfall(point);
  const growth = format.growth(format.hasGrowth(point) ? 100 * (ratio - 1) : NaN);
  text('growth', shortfall ? format.missing(point.observed, point.expected) : growth);
  $('label-observed').textContent = shortfall ? 'Billed' : 'Observed';
  $('label-expected').textContent = shortfall ? 'Delivered there' : 'Expected';
  $('label-growth').textContent = shortfall ? 'Not delivered' : 'Growth';
  text('window', format.windowText(point.window_start, point.window_end));
  $('tiles').classList.toggle('firing', Boolean(point.firing));
}

function drawChart() {
  const points = chartPoints();
  const newest = points.at(-1) ?? null;
  drawTiles(newest);
  if (state.chosen === null) return;
  const rule = state.rules.get(state.chosen.rule);
  const name = format.subjectText(state.chosen.subject);
  $('chart-title').replaceChildren(...nameElements(format.subjectNames(state.chosen.subject)));
  const what = format.printableLine(
      [format.measureName(newest?.measure ?? rule?.measure), format.windowsOf(rule?.window)].filter(Boolean).join(', '));
  $('chart-subtitle').replaceChildren(
      nameElement(state.chosen.rule), ...textNodes(newest === null ? `: ${what}. No closed window yet.` : `: ${what}`));
  const alert = [...state.alerts.values()].filter((a) => isChosen(a.rule, a.subject)).sort(byImportance)[0];
  drawMadeOf($('made-of'), alert);
  chart.show({
    key: `${state.chosen.rule} ${format.subjectKey(state.chosen.subject)}`,
    points, unit: format.unitOf(newest), alert,
  });
  if (newest !== null) {
    $('chart').setAttribute('aria-label',
        `${name}, ${format.isolated(state.chosen.rule)}: ${what}. Newest window ${$('tile-window').textContent}: observed ` +
        `${$('tile-observed').textContent}, expected ${$('tile-expected').textContent}, ratio ` +
        `${$('tile-ratio').textContent}.`);
  }
}

function drawHeat() {
  heat.render({
    points: [...state.heat.values()],
    step: state.heatStep,
    selectedKey: state.chosen ? format.subjectKey(state.chosen.subject) : null,
  });
}

// --- Choosing -------------------------------------------------------------------------------------

async function loadSeries() {
  const generation = ++state.generation;
  state.arrived = [];
  const {rule, subject} = state.chosen;
  try {
    const chosen = await getJson('/api/v1/series', {rule, ...subject, limit: kChartPoints});
    if (generation !== state.generation) return;
    // What came live meanwhile is not older than what was fetched; what was known before may be of
    // another log.
    const live = state.arrived.filter((point) => isChosen(point.rule, point.subject));
    state.chart = new Map([...chosen.points, ...live].map((point) => [point.window_end, point]));
    schedule('chart');
    const points = chartPoints();
    const span = points.length > 1 ?
        Date.parse(points.at(-1).window_end) - Date.parse(points[0].window_end) : kDay;
    const subjects = Math.max(1, state.rules.get(rule)?.subjects.size ?? 1);
    const columns = Math.min(120, Math.max(24, Math.floor(kHeatPoints / subjects)));
    const step = Math.max(1_000, Math.ceil(span / columns / 1_000) * 1_000);
    const all = await getJson('/api/v1/series', {rule, step: `${step / 1_000}s`, limit: kHeatPoints});
    if (generation !== state.generation) return;
    state.heatStep = step;
    state.heat = new Map();
    for (const point of [...all.points, ...state.arrived]) addHeatPoint(point);
    state.arrived = null;
    schedule('heat');
  } catch {
    // The line is broken; everything is loaded again when it is back.
  }
}

function addHeatPoint(point) {
  const column = Math.floor(Date.parse(point.window_end) / state.heatStep);
  const key = `${format.subjectKey(point.subject)} ${column}`;
  const held = state.heat.get(key);
  if (!held || Date.parse(held.window_end) <= Date.parse(point.window_end)) state.heat.set(key, point);
}

function choose(rule, subject, byHand) {
  state.byHand ||= byHand;
  if (!isChosen(rule, subject)) {
    if (state.chosen?.rule !== rule) state.heat = new Map();
    state.chosen = {rule, subject};
    state.chart = new Map();
    loadSeries();
  }
  if (byHand) {
    history.replaceState(null, '', `#${new URLSearchParams({rule, ...subject})}`);
    $('watch').scrollIntoView({block: 'nearest', behavior: 'smooth'});
  }
  schedule('chart', 'heat', 'selectors', 'alerts');
}

// The most severe, newest alert; without one, the first that is watched.
function follow() {
  if (state.byHand) return;
  const top = [...state.alerts.values()].filter((a) => state.rules.get(a.rule)?.subjects.has(format.subjectKey(a.subject)))
                  .sort(byImportance)[0];
  const current = [...state.alerts.values()].filter((a) => isChosen(a.rule, a.subject)).sort(byImportance)[0];
  if (top !== undefined) {
    const better = current === undefined || Number(isFiring(top)) > Number(isFiring(current)) ||
        (isFiring(top) === isFiring(current) && rank(top) > rank(current));
    if (better) choose(top.rule, top.subject ?? {}, false);
    return;
  }
  if (state.chosen !== null) return;
  for (const rule of state.rules.values()) {
    for (const point of rule.subjects.values()) return choose(rule.name, point.subject ?? {}, false);
  }
}

function chooseFromAddress() {
  const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const {rule, ...subject} = wanted;
  if (rule) choose(rule, subject, true);
}

// --- What comes -----------------------------------------------------------------------------------

function seePoint(point) {
  let rule = state.rules.get(point.rule);
  if (rule === undefined) {
    rule = {name: point.rule, type: point.rule_type, measure: point.measure, subjects: new Map()};
    state.rules.set(point.rule, rule);
  }
  const end = Date.parse(point.window_end);
  const key = format.subjectKey(point.subject);
  const known = rule.subjects.get(key);
  if (!known || Date.parse(known.window_end) <= end) rule.subjects.set(key, point);
  if (state.newest === null || end > state.newest) state.newest = end;
  if (state.chosen?.rule !== point.rule) return;
  state.arrived?.push(point);
  addHeatPoint(point);
  if (isChosen(point.rule, point.subject)) state.chart.set(point.window_end, point);
}

connect({
  lists({alerts, rules}) {
    state.alerts = new Map(alerts.map((alert) => [alert.alert_id, alert]));
    state.rules = new Map();
    state.newest = null;
    for (const rule of rules) {
      state.rules.set(rule.name, {...rule, subjects: new Map()});
      for (const point of rule.subjects ?? []) seePoint(point);
    }
    if (state.chosen === null) chooseFromAddress();
    const before = state.generation;
    follow();
    if (state.chosen !== null && state.generation === before) loadSeries();
    schedule('facts', 'selectors', 'alerts', 'chart', 'heat');
  },
  alert(alert) {
    const held = state.alerts.get(alert.alert_id);
    if (held && held.revision >= alert.revision) return;
    state.alerts.set(alert.alert_id, alert);
    follow();
    schedule('facts', 'alerts', 'chart');
  },
  points({points, complete}) {
    points.forEach(seePoint);
    follow();
    if (!complete && state.chosen !== null) loadSeries();
    schedule('facts', 'selectors', 'chart', 'heat');
  },
  state(name, since) {
    const known = state.rules.size > 0 || state.alerts.size > 0;
    const texts = {
      live: ['Live', ''],
      loading: ['Loading…',
                'The gateway is reading its topics and has no alerts to show yet. This page goes on by itself. ' +
                (known ? 'What you see is what was known before.' : '')],
      reconnecting: ['Reconnecting…',
                     `No connection to the gateway since ${new Date(since).toLocaleTimeString()}. ` +
                     'What you see is what was known then. Trying again…'],
    };
    const [connection, banner] = texts[name];
    $('connection').dataset.state = name;
    $('connection').textContent = connection;
    $('banner').dataset.state = name;
    $('banner').hidden = banner === '';
    $('banner').textContent = banner;
  },
});

$('rule').addEventListener('change', () => {
  const rule = state.rules.get($('rule').value);
  const key = state.chosen ? format.subjectKey(state.chosen.subject) : '';
  const point = rule?.subjects.get(key) ?? rule?.subjects.values().next().value;
  if (rule) choose(rule.name, point?.subject ?? {}, true);
});
$('subject').addEventListener('change', () => {
  const point = state.rules.get(state.chosen?.rule)?.subjects.get($('subject').value);
  if (point) choose(state.chosen.rule, point.subject ?? {}, true);
});
$('show-resolved').addEventListener('change', () => schedule('alerts'));
addEventListener('hashchange', chooseFromAddress);
