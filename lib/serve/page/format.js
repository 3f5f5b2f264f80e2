// Figures, times and names for people. Nothing here touches the document.

const kNone = '–';
const kNbsp = '\u00a0';
const kMonths = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const kDay = 86_400_000;
const kCountryDimensions =
    new Set(['seller', 'bill_to', 'ship_to', 'end_user', 'payer', 'ship_from', 'intermediate_consignee',
             'freight_forwarder', 'declared', 'destination', 'region', 'lane_from', 'lane_to']);
// What stands before a value of a dimension; those that are not here need nothing.
const kDimensionWords = new Map(Object.entries({
  'seller': 'sold from', 'bill_to': 'billed to', 'ship_to': 'to', 'end_user': 'for end users in', 'ship_from': 'from',
  'payer': 'paid from', 'intermediate_consignee': 'by way of a consignee in', 'freight_forwarder': 'forwarded by way of',
  'declared': 'declared for', 'destination': 'sent to',
  'seller.party_id': 'sold by', 'bill_to.party_id': 'billed to', 'ship_to.party_id': 'delivered to',
  'payer.party_id': 'paid by', 'intermediate_consignee.party_id': 'by way of consignee', 'end_user.party_id': 'for end user',
  'ship_from.party_id': 'sent by', 'freight_forwarder.party_id': 'forwarded by',
}));

const grouped = (value, digits) => value.toLocaleString(
    'en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});

// --- Text that others wrote: as lib/base/printable.h has it ---------------------------------------

const kHidden =
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const kNamedEscapes = {'\n': '\\n', '\r': '\\r', '\t': '\\t'};
const kLongestName = 256;  // characters
const kLongestLine = 4_000;
const kCut = '\\…';

function escapeOf(character) {
  const number = character.codePointAt(0);
  const hex = (digits) => number.toString(16).padStart(digits, '0');
  if (number < 0x80) return kNamedEscapes[character] ?? `\\x${hex(2)}`;
  return number < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

// Between characters; an escape counts as what it stands for.
function cut(text, longest) {
  if (text.length <= longest) return {text, end: ''};
  const characters = [...text.slice(0, 2 * longest + 2)];
  return characters.length <= longest ? {text, end: ''} :
                                        {text: characters.slice(0, longest).join(''), end: kCut};
}

// A line that holds names, which are escaped already.
export function printableLine(line) {
  const {text, end} = cut(String(line ?? ''), kLongestLine);
  return text.replace(kHidden, escapeOf) + end;
}

// A name by itself: its backslashes are doubled, so that no two look alike.
export function printable(name) {
  const {text, end} = cut(String(name ?? ''), kLongestName);
  return text.replaceAll('\\', '\\\\').replace(kHidden, escapeOf) + end;
}

// The name among other text where there is no <bdi>, in options and attributes: what reads from
// right to left in it turns nothing beside it.
export const isolated = (name) => `\u2068${printable(name)}\u2069`;

// Text cut at its words of scripts that read from right to left, which are every second part.
const kFromTheRight = '[\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefe\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}]+';
const kWordsFromTheRight = new RegExp(`(${kFromTheRight}(?: ${kFromTheRight})*)`, 'u');
export const splitByDirection = (text) => text.split(kWordsFromTheRight);

// --------------------------------------------------------------------------------------------------

// 'SEVERITY_WARNING' → 'warning'
export function shortName(name, prefix) {
  return (name ?? '').replace(prefix, '').toLowerCase();
}

// What the figures of an alert or a point are in.
export const unitOf = (said) => said?.unit || said?.measure;
export const isMoney = (measure) => measure === 'revenue_usd' || measure === 'usd_micros';

// What the chart plots: money in millions of US dollars, shares in percent.
export function chartValue(value, unit) {
  if (value === undefined || value === null) return null;
  if (unit === 'share') return value * 100;
  return isMoney(unit) ? value / 1e12 : value;
}

export function chartLabel(value, unit) {
  if (value === undefined || value === null || Number.isNaN(value)) return kNone;
  if (unit === 'share') return `${grouped(value, 1)}${kNbsp}%`;
  if (unit === 'index') return grouped(value, 1);
  if (!isMoney(unit)) return compactCount(value);
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `$${grouped(value, digits)}${kNbsp}M`.replace('$-', '−$');
}

function compactCount(value) {
  const size = Math.abs(value);
  for (const [limit, suffix] of [[1e12, 'T'], [1e9, 'G'], [1e7, 'M']]) {
    if (size >= limit) return `${grouped(value / limit, 2)}${kNbsp}${suffix}`;
  }
  return grouped(value, Number.isInteger(value) ? 0 : 2);
}

export const amount = (value, unit) => chartLabel(chartValue(value, unit), unit);

export function ratio(value, digits = 3) {
  return Number.isFinite(value) && value > 0 ? `${grouped(value, digits)}${kNbsp}×` : kNone;
}
// What stands behind a ratio, "7.387 × the reference": never to be read as growth, which stands
// beside it.
export const against = (alert) => alert.against || 'what was expected';
export const ratioOf = (value, said) => ratio(value, said.comparison === 'COMPARISON_LINE' ? 1 : 3);
// Against a line that somebody has drawn nothing has grown, nor against another quantity.
export const hasGrowth = (said) => !['COMPARISON_LINE', 'COMPARISON_RATIO'].includes(said.comparison);
export function growth(percent) {
  if (!Number.isFinite(percent)) return kNone;
  const sign = percent < 0 ? '−' : '+';
  return `${sign}${grouped(Math.abs(percent), 1)}${kNbsp}%`;
}

// Two sides of the same time: what counts is the part that is missing.
export const isShortfall = (said) => said.comparison === 'COMPARISON_SHORTFALL';
export function missing(observed, expected) {
  if (!(observed > 0) || !Number.isFinite(expected)) return kNone;
  return `${grouped(100 * (1 - expected / observed), 1)}${kNbsp}%`;
}

// "91d" → "91-day windows"
export function windowsOf(length) {
  if (!length) return '';
  const days = /^(\d+)d$/.exec(length);
  return days ? `${days[1]}-day windows` : `windows of ${length}`;
}

export function date(time) {
  const d = new Date(time);
  return `${d.getUTCDate()} ${kMonths[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
}

function instant(time) {
  const d = new Date(time);
  const clock = `${String(d.getUTCHours()).padStart(2, '0')}:${String(d.getUTCMinutes()).padStart(2, '0')}`;
  return clock === '00:00' ? date(time) : `${date(time)} ${clock}`;
}

// Where a window stands on a time axis: its last instant, so that 91 days that end before
// 2024-10-28T00:00:00Z stand at 27 October.
export const lastInstant = (windowEnd) => Date.parse(windowEnd) - 1;

export function windowText(start, end) {
  if (!start || !end) return kNone;
  const from = Date.parse(start);
  const to = Date.parse(end);
  const whole = from % kDay === 0 && to % kDay === 0;
  if (!whole) return `${instant(from)} – ${instant(to)} UTC`;
  const days = (to - from) / kDay;
  if (days === 1) return date(from);
  const sameYear = new Date(from).getUTCFullYear() === new Date(to - 1).getUTCFullYear();
  const first = sameYear ? date(from).replace(/ \d+$/, '') : date(from);
  return `${first} – ${date(to - 1)} (${days} days)`;
}

let regionNames = null;
try {
  regionNames = new Intl.DisplayNames(['en'], {type: 'region', fallback: 'none'});
} catch {
  // The codes alone, then.
}

export function regionName(code) {
  if (code === 'ZZ') return 'Not stated';
  try {
    return regionNames?.of(code) ?? code;
  } catch {
    return code;
  }
}

const dimensions = (subject) => Object.entries(subject ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

// 'Singapore (SG)' of a country, else the value.
function valueName(dimension, value) {
  if (!kCountryDimensions.has(dimension)) return value;
  const name = regionName(value);
  return name === value ? value : `${name} (${value})`;
}
// ['billed to', 'Singapore (SG)'] for each of an evidence's labels, the rule's type aside: its name says it.
export const labelParts = (labels) => dimensions(labels)
    .filter(([name]) => name !== 'rule_type')
    .map(([name, value]) => [kDimensionWords.get(name) ?? '', valueName(name, value)]);
// 'Singapore (SG)', a name for each dimension.
export function subjectNames(subject) {
  const names = dimensions(subject).map(([dimension, value]) => valueName(dimension, value));
  return names.length > 0 ? names : ['All'];
}
export const subjectText = (subject) => subjectNames(subject).map(isolated).join(' · ');

export function subjectKey(subject) {
  return dimensions(subject).map(([dimension, value]) => `${dimension}=${value}`).join(';');
}

const kMeasureNames = {
  documents: 'documents',
  units: 'units',
  chips: 'chips',
  revenue_usd: 'revenue',
  tpp: 'total processing performance',
};
export const measureName = (measure) =>
    Object.hasOwn(kMeasureNames, measure ?? '') ? kMeasureNames[measure] : measure ?? '';

const kEvidenceUnits = {usd_micros: 'revenue_usd', revenue_usd: 'revenue_usd'};
export function evidenceValue(value, unit) {
  if (unit === 'share') return `${grouped((value ?? 0) * 100, 1)}${kNbsp}%`;
  if (unit === 'ratio') return ratio(value ?? 0);
  if (unit === 'percent') return `${grouped(value ?? 0, 1)}${kNbsp}%`;
  if (unit === 'none') return '';
  if (Object.hasOwn(kEvidenceUnits, unit ?? '')) return amount(value ?? 0, kEvidenceUnits[unit]);
  const figure = compactCount(value ?? 0);
  return unit ? `${figure}${kNbsp}${unit}` : figure;
}
