// What the chosen alert is made of, from its evidence and contributors: routes against what came
// straight, where it went or who makes most of it, the rules that a typology weighs, orders by name.
import {element, nameElement} from './alerts.js';
import * as format from './format.js';

const named = (alert, name) => (alert.evidence ?? []).filter((item) => item.name === name);

// Orders, and the others: of those the finest, which share nothing with one another.
function contributors(alert) {
  const all = alert.contributors ?? [];
  const rest = all.filter((item) => item.labels?.order_id === undefined);
  const finest = Math.max(...rest.map((item) => Object.keys(item.labels ?? {}).length), 0);
  const unit = alert.measure === 'revenue_usd' ? 'usd_micros' : alert.measure;
  return {
    orders: all.filter((item) => item.labels?.order_id !== undefined),
    parts: rest.filter((item) => Object.keys(item.labels ?? {}).length === finest)
        .map((item) => ({...item, value: item.amount, unit})),
  };
}

// 'to <bdi>Malaysia (MY)</bdi>, billed to <bdi>acme</bdi>'
function labelled(labels) {
  return format.labelParts(labels).flatMap(([words, value], i) => [
    `${i === 0 ? '' : ', '}${words}${words ? ' ' : ''}`, nameElement(value)]);
}

function bars(title, items) {
  const largest = Math.max(...items.map((item) => item.value ?? 0), 0);
  if (!(largest > 0)) return [];
  const rows = items.map((item) => element(
      'li', {}, element('span', {class: 'made-name'}, ...(item.labels ? labelled(item.labels) : [item.text])),
      element('meter', {min: 0, max: largest, value: Math.max(0, item.value ?? 0), 'aria-hidden': 'true'}),
      element('span', {class: 'made-value'}, format.evidenceValue(item.value, item.unit))));
  return [element('h3', {}, title), element('ul', {class: 'bars'}, ...rows)];
}

// Which of an order's facts say where it was to go, and went.
const kOfAnOrder = ['sku', 'bill_to.party_id', 'declared', 'destination'];
function orders(items, inAll) {
  if (items.length === 0) return [];
  const rows = items.map((item) => {
    const labels = kOfAnOrder.filter((name) => item.labels?.[name]).map((name) => [name, item.labels[name]]);
    return element('li', {}, element('b', {}, nameElement(item.labels?.order_id ?? '')), ': ',
                   ...labelled(Object.fromEntries(labels)));
  });
  const title = inAll > items.length ? `Orders: the ${items.length} largest of ${inAll}` : 'Orders';
  return [element('h3', {}, title), element('ul', {class: 'orders'}, ...rows)];
}

export function drawMadeOf(root, alert) {
  const nodes = [];
  if (alert !== undefined) {
    const routes = named(alert, 'route');
    const {orders: found, parts} = contributors(alert);
    nodes.push(...bars('What was found, by weight', named(alert, 'finding')));
    if (routes.length > 0) {
      nodes.push(...bars('By way of third countries, and straight', [...routes, ...named(alert, 'direct')]));
    } else if (found.length === 0) {
      nodes.push(...bars('What makes most of it', parts));
    }
    nodes.push(...orders(found, named(alert, 'orders_in_all')[0]?.value ?? 0));
  }
  root.hidden = nodes.length === 0;
  const what = alert === undefined ? '' : format.windowText(alert.window_start, alert.window_end);
  root.replaceChildren(...(nodes.length === 0 ? [] : [element('p', {class: 'sub'}, `Of the alert's window, ${what}`), ...nodes]));
}
