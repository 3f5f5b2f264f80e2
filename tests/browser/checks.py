"""Checks of the page in a headless browser, for its own test and for the end-to-end test.

    with browser(user_data_dir) as driver:
        open_page(driver, 'http://127.0.0.1:8080/')
        check_no_console_errors(driver)

Every check raises AssertionError with what it saw. Waiting is for a condition with a deadline.
"""

import contextlib
import json
import re
import time
import unicodedata
import urllib.parse

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM = '/usr/bin/chromium'
CHROMEDRIVER = '/usr/bin/chromedriver'
FLAGS = [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--hide-scrollbars', '--lang=en-US',
]
DEADLINE_S = 20


@contextlib.contextmanager
def browser(user_data_dir, width=1440, height=1000):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f'--user-data-dir={user_data_dir}')
    options.add_argument(f'--window-size={width},{height}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
    try:
        # Not the page that the browser opens by itself, whichever that is.
        driver.get('about:blank')
        driver.get_log('browser')
        set_viewport(driver, width, height)
        yield driver
    finally:
        driver.quit()


def set_viewport(driver, width, height):
    driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False})


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Answers the condition's first true value; fails naming `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'not within {deadline_s} s: {what}'
        time.sleep(0.05)


def text_of(driver, selector):
    """The text there with its no-break spaces as plain ones; empty if nothing is there."""
    script = 'return document.querySelector(arguments[0])?.textContent ?? ""'
    text = driver.execute_script(script, selector)
    return ' '.join(text.replace('\u00a0', ' ').split())


def visit(driver, url):
    """Loads a page. check_only_local_requests() looks at what it asks for from now on."""
    driver.get_log('performance')
    driver.get(url)


def open_page(driver, url):
    visit(driver, url)
    wait_for('the page is live', lambda: connection(driver) == 'live')


def connection(driver):
    return driver.execute_script('return document.getElementById("connection")?.dataset.state')


# What a browser advises the authors of pages, which changes with its versions and is no error.
ADVICE = ('deprecation', 'intervention', 'recommendation', 'violation')


def check_no_console_errors(driver, allow=()):
    """`allow`: parts of messages that are expected, such as of a line that a test has cut."""
    errors = [entry['message'] for entry in driver.get_log('browser')
              if entry['level'] in ('SEVERE', 'WARNING') and entry.get('source') not in ADVICE]
    errors = [message for message in errors if not any(part in message for part in allow)]
    assert not errors, f'the console shows {errors}'


def main_frame(driver):
    return driver.execute_cdp_cmd('Page.getFrameTree', {})['frameTree']['frame']['id']


def performance_log(driver):
    """The events of the DevTools protocol since the last call."""
    return [json.loads(entry['message'])['message'] for entry in driver.get_log('performance')]


def requested_by_page(events, url, frame):
    """What the page at `url`, in the main frame `frame`, and the frames within it have asked for.

    A browser has pages of its own, which ask for what they like, in the same frame too until ours is
    there. So the page's first own request is that of its document, and a frame is the page's if its
    parent is. A page that sends us elsewhere has asked for what is there.
    """
    frames = set()
    requested = []
    for event in events:
        params = event['params']
        if event['method'] == 'Network.requestWillBeSent':
            asked = params['request']['url']
            is_document = params.get('type') == 'Document' and params.get('frameId') == frame
            if is_document and urllib.parse.urldefrag(asked).url == urllib.parse.urldefrag(url).url:
                frames.add(frame)
            if params.get('frameId') in frames:
                requested.append(asked)
        elif not frames:
            continue
        elif event['method'] == 'Page.frameAttached' and params.get('parentFrameId') in frames:
            frames.add(params['frameId'])
        elif event['method'] in ('Network.webSocketCreated', 'Network.webTransportCreated'):
            requested.append(params['url'])  # names no frame
    return requested


def check_only_local_requests(driver, url):
    """Nothing that the page has requested since visit() went over a network but to its own origin."""
    requested = requested_by_page(performance_log(driver), url, main_frame(driver))
    assert requested, f'the log of requests does not show that anybody asked for {url}'
    own = urllib.parse.urlsplit(url).netloc
    elsewhere = [asked for asked in requested
                 if urllib.parse.urlsplit(asked).scheme in ('http', 'https', 'ws', 'wss', 'ftp')
                 and urllib.parse.urlsplit(asked).netloc != own]
    assert not elsewhere, f'the page asked for {elsewhere}'


def chart_ink(driver):
    """How many pixels of the chart's canvases are painted, and in how many colours."""
    return driver.execute_script('''
        let painted = 0;
        const colours = new Set();
        for (const canvas of document.querySelectorAll('#chart canvas')) {
          const copy = new OffscreenCanvas(canvas.width, canvas.height);
          const context = copy.getContext('2d', {willReadFrequently: true});
          context.drawImage(canvas, 0, 0);
          const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] === 0) continue;
            ++painted;
            colours.add((data[i] >> 4) << 8 | (data[i + 1] >> 4) << 4 | data[i + 2] >> 4);
          }
        }
        return [painted, colours.size];''')


def check_chart_drawn(driver):
    def drawn():
        painted, colours = chart_ink(driver)
        return painted > 5_000 and colours > 5
    wait_for('the chart is drawn', drawn)


def alert_texts(driver, alert_id=None):
    """The texts of the alerts' cards, or of the one with this id."""
    selector = f'.alert[data-id="{alert_id}"]' if alert_id else '.alert'
    texts = driver.execute_script(
        'return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)',
        selector)
    return [' '.join(text.replace('\u00a0', ' ').split()) for text in texts]


def alert_text(driver, alert_id=None, containing=''):
    """The text of an alert's card, by id or by what it contains; empty if there is none."""
    return next((text for text in alert_texts(driver, alert_id) if containing in text), '')


def check_alert(driver, parts, alert_id=None):
    """One card holds all of `parts`."""
    def found():
        return any(all(part in text for part in parts) for text in alert_texts(driver, alert_id))
    wait_for(f'an alert that says {parts}; there is: {text_of(driver, "#alert-list")[:600]}', found)


def check_singapore(driver):
    """The story's alert, with ratio and growth told apart."""
    check_alert(driver, ['Singapore', '7.387 × the reference', '+638.7 % growth', '$7,697 M',
                         '$1,042 M'])


def counts(driver, *selectors):
    return driver.execute_script(
        'return arguments[0].map((selector) => document.querySelectorAll(selector).length)', selectors)


def names_in(driver, selector):
    """The names, each apart, in an element."""
    return driver.execute_script(
        'return [...document.querySelectorAll(arguments[0] + " bdi")].map((node) => node.textContent)', selector)


def choose_rule(driver, name):
    driver.execute_script('''
        const select = document.getElementById('rule');
        select.value = arguments[0];
        select.dispatchEvent(new Event('change'));''', name)


def check_made_of(driver, rule, parts):
    """The card of the rule is chosen, and what its alert is made of says all of `parts`."""
    driver.execute_script('''
        for (const show of document.querySelectorAll('#alert-list .show')) {
          if (show.querySelector('.rule').textContent === arguments[0]) { show.click(); break; }
        }''', rule)
    wait_for(f'{rule} is made of {parts}; there is: {text_of(driver, "#made-of")[:600]}', lambda: all(
        part in text_of(driver, '#made-of:not([hidden])') for part in parts))


LONGEST_NAME = 256  # characters


def shown(name):
    """A name as the page shows it (printable() of format.js)."""
    named = {'\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\'}
    hidden = '\u034f\u115f\u1160\u3164\uffa0'  # of no category of its own
    text = ''
    for c in name[:LONGEST_NAME]:
        number = ord(c)
        hides = unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp') or c in hidden or number & 0xfffe == 0xfffe
        hides = hides or 0xfdd0 <= number <= 0xfdef or 0xfe00 <= number <= 0xfe0f or 0xe0000 <= number <= 0xe0fff
        if c in named:
            text += named[c]
        elif hides:
            text += f'\\x{number:02x}' if number < 0x80 else (
                f'\\u{number:04x}' if number < 0x10000 else f'\\U{number:08x}')
        else:
            text += c
    return text + ('\\…' if len(name) > LONGEST_NAME else '')


def check_shown(driver, names):
    """Each name stands somewhere on the page, apart from other text, and does nothing."""
    found = driver.execute_script('''
        const nodes = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const parent = walker.currentNode.parentElement;
          if (parent.closest('script, noscript')) continue;
          nodes.push([walker.currentNode.data, parent.tagName]);
        }
        const tags = new Set([...document.querySelectorAll('body *')].map((node) => node.tagName));
        const handlers = [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes])
            .filter((attribute) => attribute.name.startsWith('on')).map((attribute) => attribute.name);
        return {nodes, tags: [...tags], handlers, hacked: window.hacked ?? null,
                links: [...document.querySelectorAll('a')].map((link) => link.protocol)};''')
    assert found['hacked'] is None, 'a script of a name ran'
    assert not found['handlers'], f'handlers of events: {found["handlers"]}'
    assert set(found['links']) <= {'http:', 'https:'}, f'links to {set(found["links"])}'
    ours = set('''A HEADER DIV IMG H1 P DL DT DD MAIN SECTION H2 LABEL SELECT OPTION UL LI SPAN CANVAS OL BUTTON H3
               BDI B DETAILS SUMMARY TABLE CAPTION TBODY TR TH TD CODE INPUT FOOTER NAV NOSCRIPT'''.split())
    assert set(found['tags']) <= ours, f'elements that nobody meant: {set(found["tags"]) - ours}'
    isolates = re.compile('\u2068([^\u2066-\u2069\u202a-\u202e]*)\u2069')
    apart = set()
    for text, tag in found['nodes']:
        if tag == 'BDI':
            apart.add(text)
        if tag == 'OPTION':  # which holds no elements
            apart.update(isolates.findall(text))
            text = isolates.sub('', text)
        elif tag != 'BDI':
            assert not re.search('[\u0590-\u08ff]', text), f'not apart: {text[:200]!r}'
        text = text.replace('\n', ' ')  # of the page's own markup
        hidden = [hex(ord(c)) for c in text if unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp')]
        assert not hidden, f'{hidden} in {text[:200]!r}'
    missing = [name for name in names if shown(name) not in apart]
    assert not missing, f'not shown: {missing}'


def check_keyboard(driver):
    """Tab reaches skip link, selectors and alerts, each with a visible focus ring."""
    driver.execute_script('document.activeElement?.blur(); window.scrollTo(0, 0)')
    reached = []
    body = driver.find_element(By.TAG_NAME, 'body')
    body.send_keys(Keys.TAB)
    for _ in range(40):
        focused = driver.execute_script('''
            const node = document.activeElement;
            return [node.id || node.className || node.tagName,
                    getComputedStyle(node).outlineStyle !== 'none'];''')
        reached.append(focused[0])
        assert focused[1], f'no focus ring on {focused[0]}'
        if 'show' in reached:
            break
        driver.switch_to.active_element.send_keys(Keys.TAB)
    for wanted in ('skip', 'rule', 'subject', 'heat-name', 'show'):
        assert wanted in reached, f'Tab does not reach {wanted}: {reached}'


def check_landmarks(driver):
    counts = driver.execute_script('''
        const count = (selector) => document.querySelectorAll(selector).length;
        return {header: count('body > header'), main: count('main'), h1: count('h1'),
                footer: count('body > footer'),
                unlabelled: [...document.querySelectorAll('section')]
                    .filter((s) => !document.getElementById(s.getAttribute('aria-labelledby'))).length};''')
    assert counts == {'header': 1, 'main': 1, 'h1': 1, 'footer': 1, 'unlabelled': 0}, counts


def check_contrast(driver, least=4.5):
    """Every text that is shown stands out from what is behind it (WCAG 2.1, 1.4.3)."""
    weak = driver.execute_script('''
        // By painting it: how a colour is spelt is the browser's choice.
        const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
        const parse = (colour) => {
          canvas.clearRect(0, 0, 1, 1);
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
          return {r, g, b, a: a / 255};
        };
        const luminance = ({r, g, b}) => {
          const [x, y, z] = [r, g, b].map((v) => v / 255).map(
              (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
          return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const behind = (node) => {
          for (; node; node = node.parentElement) {
            const colour = parse(getComputedStyle(node).backgroundColor);
            if (colour.a === 1) return colour;
          }
          return {r: 255, g: 255, b: 255};
        };
        const weak = new Set();
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const node = walker.currentNode.parentElement;
          if (!walker.currentNode.data.trim() || !node.checkVisibility() ||
              node.closest('script, noscript, option')) continue;
          const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(behind(node))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < arguments[0])
            weak.add(`${node.tagName}.${node.className} "${walker.currentNode.data.trim().slice(0, 20)}" ${ratio.toFixed(2)}`);
        }
        return [...weak];''', least)
    assert not weak, f'weak contrast: {weak}'


def set_colour_scheme(driver, scheme):
    driver.execute_cdp_cmd('Emulation.setEmulatedMedia',
                           {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})


def background(driver):
    return driver.execute_script('return getComputedStyle(document.body).backgroundColor')


def screenshot(driver, path):
    assert driver.save_screenshot(str(path)), f'no screenshot at {path}'
