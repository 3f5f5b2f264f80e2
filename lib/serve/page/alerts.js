// The list of alerts: firing ones first, then by severity, then the newest.
import * as format from './format.js';

const kRank = {SEVERITY_CRITICAL: 3, SEVERITY_WARNING: 2, SEVERITY_INFO: 1};
const kTimings = {
  TIMING_EARLY: 'early: the window is still open',
  TIMING_ON_TIME: 'on time: the window has closed',
  TIMING_FINAL: 'final: not expected to change',
};

const kResolutions = {
  RESOLUTION_QUIET: 'quiet again',
  RESOLUTION_RULE_REMOVED: 'its rule was removed',
  RESOLUTION_RULE_CHANGED: 'its rule was changed',
  RESOLUTION_DATA_CORRECTED: 'its data were corrected',
};

export const isFiring = (alert) => alert.state !== 'ALERT_STATE_RESOLVED';
export const rank = (alert) => kRank[alert.severity] ?? 0;

export function byImportance(a, b) {
  return Number(isFiring(b)) - Number(isFiring(a)) || rank(b) - rank(a) ||
      Date.parse(b.onset_time ?? 0) - Date.parse(a.onset_time ?? 0) ||
      (a.alert_id < b.alert_id ? -1 : 1);
}

// An element with text or children; data never becomes markup, and text never what acts. Words in it
// that read from right to left stand apart, so that figures beside them stay where they are.
export function element(tag, attributes = {}, ...children) {
  const result = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) result.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children) {
    if (child === undefined || child === null) continue;
    result.append(...(child instanceof Node ? [child] : textNodes(child)));
  }
  return result;
}

function apart(text) {
  const result = document.createElement('bdi');
  result.textContent = text;
  return result;
}
export const textNodes = (line) => format.splitByDirection(format.printableLine(line))
    .map((part, i) => (i % 2 === 1 ? apart(part) : part));

// What others call something, apart from the text around it as a whole.
export const nameElement = (name) => apart(format.printable(name));

// [a, b] → [<bdi>a</bdi>, ' · ', <bdi>b</bdi>]
export const nameElements = (names) =>
    names.flatMap((name, i) => (i === 0 ? [nameElement(name)] : [' · ', nameElement(name)]));

function fact(term, ...text) {
  return element('div', {}, element('dt', {}, term), element('dd', {}, ...text));
}

const labelNodes = (labels) => Object.entries(labels ?? {}).flatMap(
    ([name, value], i) => [`${i === 0 ? '' : ', '}${name}=`, nameElement(value)]);

function factRow(head, value, unit, ...rest) {
  return element('tr', {}, element('th', {scope: 'row'}, ...head),
                 element('td', {class: 'number'}, format.evidenceValue(value, unit)),
                 element('td', {}, ...rest));
}

function evidenceRow(item) {
  const labels = labelNodes(item.labels);
  const between = labels.length > 0 && item.text ? [' · '] : [];
  return factRow([(item.name ?? '').replaceAll('_', ' ')], item.value, item.unit,
                 ...labels, ...between, item.text);
}

function contributorRow(item) {
  const documents = (item.documents ?? []).flatMap(
      (id, i) => [i === 0 ? ' · documents ' : ', ', nameElement(id)]);
  return factRow(labelNodes(item.labels), item.share ?? 0, 'share', item.text, ...documents);
}

const factTable = (caption, rows) => rows.length === 0 ? undefined : element(
    'div', {class: 'scroll'},
    element('table', {}, caption ? element('caption', {}, caption) : undefined,
            element('tbody', {}, ...rows)));

const peakText = (alert) =>
    `${format.ratioOf(alert.peak.ratio, alert)} on ${format.date(format.lastInstant(alert.peak.window_end))}`;

// The ratio is never shown as growth, nor growth as the ratio: each has its label.
function figures(alert) {
  const shown = (value) => format.amount(value ?? 0, format.unitOf(alert));
  const figure = (kind, value, label) =>
      element('p', {class: kind}, element('b', {}, value), ` ${label}`);
  const ratio = figure('ratio', format.ratioOf(alert.ratio, alert), format.against(alert));
  let rest;
  if (format.isShortfall(alert)) {
    rest = figure('growth', format.missing(alert.observed, alert.expected ?? 0), 'not delivered there');
  } else if (format.hasGrowth(alert)) {
    rest = figure('growth', alert.ratio > 0 ? format.growth(alert.growth_percent ?? 0) : '–', 'growth');
  }
  const past = !isFiring(alert) && alert.peak ? `; at its peak ${peakText(alert)}` : '';
  return element('div', {class: 'figures'}, ratio, rest,
                 element('p', {class: 'compared'}, `${shown(alert.observed)} against ${shown(alert.expected)}${past}`));
}

// Only what is a web address becomes a link.
function runbook(url) {
  const safe = /^https?:\/\//.test(url ?? '');
  return safe ? fact('Runbook', element('a', {href: url, rel: 'noreferrer'}, nameElement(url))) : undefined;
}

function card(alert, handlers, open) {
  const severity = format.shortName(alert.severity, 'SEVERITY_') || 'unknown';
  const firing = isFiring(alert);
  const title = element('h3', {}, ...nameElements(format.subjectNames(alert.subject)));
  const show = element(
      'button', {type: 'button', class: 'show', 'data-alert': alert.alert_id}, title,
      element('span', {class: 'rule'}, nameElement(alert.rule ?? '')));
  show.addEventListener('click', () => handlers.select(alert));

  const why = firing ? undefined : kResolutions[alert.resolution];
  const evidence = alert.evidence ?? [];
  const details = element(
      'details', {open}, element('summary', {}, `Evidence and facts (${evidence.length})`),
      factTable(undefined, evidence.map(evidenceRow)),
      factTable('What makes most of the window', (alert.contributors ?? []).map(contributorRow)),
      element('dl', {class: 'facts-list'},
              fact('Measure', format.measureName(alert.measure)),
              fact('Onset', alert.onset_time ? format.date(format.lastInstant(alert.onset_time)) : '–'),
              fact('Peak', alert.peak ? peakText(alert) : '–'),
              fact('Timing', kTimings[alert.timing] ?? '–'),
              runbook(alert.runbook_url),
              why ? fact('Resolved', why) : undefined,
              fact('Revision', String(alert.revision ?? 0)),
              alert.rule_version ? fact('Rule version', element('code', {}, nameElement(alert.rule_version))) : undefined,
              fact('Id', element('code', {}, nameElement(alert.alert_id ?? '')))));
  details.addEventListener('toggle', () => handlers.toggled(alert.alert_id, details.open));

  const shadow = alert.mode === 'MODE_SHADOW';
  return element(
      'li', {class: 'alert', 'data-severity': severity, 'data-state': firing ? 'firing' : 'resolved',
             'data-id': alert.alert_id},
      element('div', {class: 'alert-top'}, element('span', {class: 'severity'}, severity),
              element('span', {class: 'state'}, firing ? 'firing' : why ? `resolved: ${why}` : 'resolved'),
              shadow ? element('span', {class: 'state'}, 'shadow') : undefined,
              element('span', {class: 'when'}, format.windowText(alert.window_start, alert.window_end))),
      show, figures(alert), element('p', {class: 'explanation'}, alert.explanation), details);
}

// Keeps what is open and what has the focus over redraws; handlers.select(alert) on a choice.
export function makeAlertList(root, handlers) {
  const opened = new Set();
  const drawn = new Map();  // alert_id → {revision, node}
  const cardHandlers = {
    select: handlers.select,
    toggled: (id, open) => (open ? opened.add(id) : opened.delete(id)),
  };

  return function render(alerts, isSelected) {
    const sorted = [...alerts].sort(byImportance);
    const first = drawn.size === 0;
    const focused = document.activeElement?.dataset?.alert;
    const nodes = sorted.map((alert) => {
      let entry = drawn.get(alert.alert_id);
      if (entry?.revision !== alert.revision) {
        const isNew = entry === undefined;
        entry = {revision: alert.revision, node: card(alert, cardHandlers, opened.has(alert.alert_id))};
        if (isNew && !first) entry.node.classList.add('arrived');
        drawn.set(alert.alert_id, entry);
      }
      const selected = isSelected(alert);
      entry.node.classList.toggle('selected', selected);
      entry.node.querySelector('.show').setAttribute('aria-pressed', String(selected));
      return entry.node;
    });
    // Only what moved is touched, so that a reader's place and focus stay.
    nodes.forEach((node, i) => {
      if (root.children[i] !== node) root.insertBefore(node, root.children[i] ?? null);
    });
    while (root.children.length > nodes.length) root.lastElementChild.remove();
    if (focused && document.activeElement === document.body) {
      root.querySelector(`[data-alert="${CSS.escape(focused)}"]`)?.focus();
    }
  };
}
