// The line to the gateway: the lists once, then what changes, and the lists again whenever the line
// was broken. The list's token and the stream fit together, so that nothing is missed. A gateway that
// has not read its topics yet has no lists: it is asked again each second.
//
// on.lists({alerts, rules, newest}), on.alert(alert), on.points({points, complete}),
// on.state('live' | 'loading' | 'reconnecting', since)

const kFirstDelay = 1_000;
const kLongestDelay = 15_000;

export async function getJson(path, params = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(params)) url.searchParams.append(name, value);
  const response = await fetch(url, {cache: 'no-store'});
  const body = await response.json();
  if (!response.ok) {
    const error = new Error(body.error?.message ?? `HTTP ${response.status}`);
    error.isLoading = response.status === 503;
    throw error;
  }
  return body;
}

export function connect(on) {
  let delay = kFirstDelay;
  let brokenSince = null;
  let source = null;

  const retry = () => {
    source?.close();
    source = null;
    brokenSince ??= Date.now();
    on.state('reconnecting', brokenSince);
    setTimeout(open, delay);
    delay = Math.min(delay * 2, kLongestDelay);
  };

  const awaitLoading = () => {
    brokenSince = null;
    delay = kFirstDelay;
    on.state('loading');
    setTimeout(open, delay);
  };

  const open = async () => {
    let lists;
    try {
      const [alerts, rules] =
          await Promise.all([getJson('/api/v1/alerts'), getJson('/api/v1/rules')]);
      lists = {alerts: alerts.alerts, rules: rules.rules, newest: rules.newest_window_end};
      const stream = new URL('/api/v1/stream', location.origin);
      stream.searchParams.set('from', alerts.resume_token);
      source = new EventSource(stream);
    } catch (error) {
      (error.isLoading ? awaitLoading : retry)();
      return;
    }
    source.onopen = () => {
      delay = kFirstDelay;
      brokenSince = null;
      // Points that came between the lists and now are in what this makes the page fetch.
      on.lists(lists);
      on.state('live');
    };
    source.onerror = retry;
    source.addEventListener('alert', (event) => on.alert(JSON.parse(event.data)));
    source.addEventListener('series', (event) => on.points(JSON.parse(event.data)));
    source.addEventListener('reset', retry);
  };
  open();
}
