#!/usr/bin/python3
"""The page against a fixture that serves the story's shape.

    page_test.py --fixture build/release/bin/page_fixture --screenshots build/release/screenshots
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import checks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))
from hostile import hostile_utf8  # noqa: E402

FIXTURE = None
SCREENSHOTS = None
# What the console says when the fixture is ended under the page.
LINE_CUT = ('net::ERR_',)


class Fixture:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([FIXTURE, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        assert line[:1] == ['PORT'], f'the fixture did not start: {line}'
        self.port = int(line[1])
        self.url = f'http://127.0.0.1:{self.port}/'

    def tell(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == 'ok', f'{command}: {answer}'

    def stop(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.process.communicate('quit\n', timeout=10)


class PageTest(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        profile = self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self.driver = self.stack.enter_context(checks.browser(profile))

    def serve(self, *arguments):
        fixture = Fixture(*arguments)
        self.stack.callback(fixture.stop)
        return fixture

    def shoot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        checks.screenshot(self.driver, SCREENSHOTS / f'{name}.png')

    def test_story_in_light_and_dark(self):
        fixture = self.serve()
        checks.set_colour_scheme(self.driver, 'light')
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        checks.check_chart_drawn(self.driver)
        checks.wait_for('five strips', lambda: self.driver.execute_script(
            'return document.querySelectorAll("#heat canvas").length') == 5)
        self.assertIn('Singapore', checks.text_of(self.driver, '#chart-title'))
        divergence = checks.alert_text(self.driver, 'a-sg-elsewhere')
        self.assertIn('95.4 % not delivered there', divergence)
        self.assertNotIn('growth', divergence)
        self.assertEqual(checks.text_of(self.driver, '#event-time'), '26 Jan 2025')
        checks.check_landmarks(self.driver)
        checks.check_contrast(self.driver)
        self.shoot('page-light')
        light = checks.background(self.driver)

        checks.set_colour_scheme(self.driver, 'dark')
        checks.wait_for('the dark colours', lambda: checks.background(self.driver) != light)
        checks.check_contrast(self.driver)
        checks.check_chart_drawn(self.driver)
        self.shoot('page-dark')
        checks.check_no_console_errors(self.driver)
        checks.check_only_local_requests(self.driver, fixture.url)

    def test_alerts_and_points_come_live(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        self.assertEqual(checks.alert_text(self.driver, 'a-ae-since'), '')
        fixture.tell('alert')
        checks.check_alert(self.driver, ['critical', '9.500 ×', '+850.0 %',
                                         '<b>United Arab Emirates</b>'])
        first = self.driver.execute_script('return document.querySelector(".alert").dataset.id')
        self.assertEqual(first, 'a-ae-since', 'the most severe comes first')

        fixture.tell('point')
        checks.wait_for('the event time moves', lambda: checks.text_of(
            self.driver, '#event-time') == '27 Jan 2025')
        fixture.tell('resolve')
        checks.check_alert(self.driver, ['Singapore', 'resolved', '7.387 ×'], 'a-sg-since')
        checks.check_no_console_errors(self.driver)

    def test_a_choice_shows_its_chart(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_chart_drawn(self.driver)
        self.driver.execute_script('''
            const select = document.getElementById('subject');
            select.value = 'bill_to=TW';
            select.dispatchEvent(new Event('change'));''')
        checks.wait_for('the chart of Taiwan', lambda: 'Taiwan' in checks.text_of(
            self.driver, '#chart-title') and checks.text_of(self.driver, '#tile-observed') == '$5,307 M')
        self.assertIn('bill_to=TW', self.driver.current_url)
        self.driver.find_element('css selector', '[data-alert="a-sg-since"]').click()
        checks.wait_for('the chart of Singapore', lambda: 'Singapore' in checks.text_of(
            self.driver, '#chart-title') and checks.text_of(self.driver, '#tile-observed') == '$6,328 M')
        self.driver.find_element('css selector', '[data-id="a-sg-since"] summary').click()
        checks.check_alert(self.driver, ['Singapore', 'excess over total', '2.840 ×', 'ship_to=US', '54.7 %',
                                         'documents INV-1'], 'a-sg-since')
        checks.check_no_console_errors(self.driver)

    def test_keyboard_reaches_everything(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        checks.wait_for('the strips', lambda: checks.text_of(self.driver, '#heat'))
        checks.check_keyboard(self.driver)

    def test_says_that_the_line_is_broken_and_comes_back(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        checks.check_no_console_errors(self.driver)
        fixture.stop()
        checks.wait_for('the banner', lambda: 'No connection' in checks.text_of(
            self.driver, '#banner:not([hidden])'))
        checks.check_singapore(self.driver)
        self.shoot('page-disconnected')
        again = self.serve('port', str(fixture.port))
        again.tell('alert')
        checks.wait_for('the page is live again', lambda: checks.connection(self.driver) == 'live')
        checks.check_alert(self.driver, ['United Arab Emirates', 'critical'])
        self.assertEqual(checks.text_of(self.driver, '#banner:not([hidden])'), '')
        checks.check_no_console_errors(self.driver, LINE_CUT)

    def test_says_that_it_loads_and_goes_on_by_itself(self):
        fixture = self.serve('empty', 'loading')
        checks.visit(self.driver, fixture.url)
        checks.wait_for('that it loads', lambda: checks.connection(self.driver) == 'loading')
        self.assertIn('is reading its topics', checks.text_of(self.driver, '#banner:not([hidden])'))
        self.assertNotIn('No connection', checks.text_of(self.driver, '#banner'))
        self.assertEqual(checks.text_of(self.driver, '#no-alerts:not([hidden])'), '')
        checks.check_contrast(self.driver)
        self.shoot('page-loading')
        fixture.tell('fill')
        self.assertEqual(checks.alert_texts(self.driver), [])
        fixture.tell('loaded')
        checks.wait_for('the page is live', lambda: checks.connection(self.driver) == 'live')
        checks.check_singapore(self.driver)
        checks.check_chart_drawn(self.driver)
        self.assertEqual(checks.text_of(self.driver, '#banner:not([hidden])'), '')
        checks.check_no_console_errors(self.driver, ('503',))

    def test_another_topic_takes_the_place_of_what_was_known(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        checks.check_chart_drawn(self.driver)
        fixture.tell('anew')
        checks.wait_for('that it loads', lambda: checks.connection(self.driver) == 'loading')
        self.assertIn('what was known before', checks.text_of(self.driver, '#banner:not([hidden])'))
        fixture.tell('alert')
        fixture.tell('point')
        fixture.tell('loaded')
        checks.wait_for('the page is live', lambda: checks.connection(self.driver) == 'live')
        checks.check_alert(self.driver, ['United Arab Emirates', 'critical'])
        self.assertEqual(checks.alert_texts(self.driver, 'a-sg-since'), [])
        checks.wait_for('the event time of the new topic', lambda: checks.text_of(
            self.driver, '#event-time') == '30 Apr 2023')
        checks.wait_for('the only window of the new topic', lambda: checks.text_of(
            self.driver, '#tile-window').endswith('30 Apr 2023 (91 days)'))

    def test_says_why_an_alert_is_resolved(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        fixture.tell('withdraw')
        checks.check_alert(self.driver, ['Singapore', 'resolved: its rule was removed',
                                         'rule-0123456789abcdef'], 'a-sg-since')
        checks.check_no_console_errors(self.driver)

    def test_hostile_texts_are_shown_and_do_nothing(self):
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        texts = [text for _, text in hostile_utf8() if text]
        fixture.tell('hostile')
        checks.wait_for('every alert and rule', lambda: checks.counts(
            self.driver, '.alert', '#rule option') == [4 + len(texts), 1 + len(texts)])
        self.driver.execute_script('document.querySelectorAll("details").forEach((d) => { d.open = true; })')
        checks.check_shown(self.driver, texts)
        wider = self.driver.execute_script(
            'return document.documentElement.scrollWidth - document.documentElement.clientWidth')
        self.assertLessEqual(wider, 0)
        self.shoot('page-hostile')

        # A choice goes through the address and comes back as what it was.
        for text in ('</bdi></h3><svg onload=window.hacked=1>', 'invoice_\u202excod.exe', 'constructor',
                     "x\"] , body [y=\""):
            with self.subTest(text):
                self.assertIn(text, texts)
                checks.choose_rule(self.driver, text)
                checks.wait_for('its chart', lambda: checks.names_in(self.driver, '#chart-title') ==
                                2 * [checks.shown(text)])
                checks.check_shown(self.driver, texts)
                self.driver.refresh()
                checks.wait_for('the page is live', lambda: checks.connection(self.driver) == 'live')
                checks.wait_for('the same chart', lambda: checks.names_in(self.driver, '#chart-title') ==
                                2 * [checks.shown(text)])
        checks.check_no_console_errors(self.driver)
        checks.check_only_local_requests(self.driver, fixture.url)

    def test_an_address_shows_what_it_says_and_no_more(self):
        fixture = self.serve()
        for text in ('<img src=x onerror="window.hacked = 1">', '\u202e\u2066abc', '\u05d7\u05d1 7,697'):
            fragment = urllib.parse.urlencode({'rule': text, 'bill_to': text})
            self.driver.get('about:blank')
            checks.open_page(self.driver, f'{fixture.url}#{fragment}')
            checks.wait_for('its title', lambda shown=checks.shown(text): checks.names_in(
                self.driver, '#chart-title') == [shown])
            checks.check_shown(self.driver, [])
        checks.check_no_console_errors(self.driver)

    def test_hides_what_the_log_and_the_terminal_hide(self):
        """The browser's list of characters may be of a newer Unicode, and then name more."""
        fixture = self.serve('empty')
        checks.open_page(self.driver, fixture.url)
        ranges = subprocess.run([FIXTURE, 'hidden'], capture_output=True, text=True, check=True).stdout
        hidden = {number for line in ranges.splitlines()
                  for first, last in [map(int, line.split())] for number in range(first, last + 1)}
        self.assertGreater(len(hidden), 4_000)
        self.driver.set_script_timeout(60)
        escaped = self.driver.execute_async_script('''
            const done = arguments[arguments.length - 1];
            import('/format.js').then(({printable}) => {
              const escaped = [];
              for (let c = 0; c < 0x110000; ++c) {
                if (c >= 0xd800 && c < 0xe000) continue;
                const text = String.fromCodePoint(c);
                if (text !== '\\\\' && printable(text) !== text) escaped.push(c);
              }
              done(escaped);
            });''')
        self.assertEqual(hidden - set(escaped), set())
        self.assertLess(len(set(escaped) - hidden), 1_000)

    def test_nothing_yet(self):
        fixture = self.serve('empty')
        checks.open_page(self.driver, fixture.url)
        checks.wait_for('that it waits', lambda: checks.text_of(
            self.driver, '#no-alerts:not([hidden])') == 'No alerts. Waiting for events…')
        self.shoot('page-empty')
        fixture.tell('point')
        checks.wait_for('the first point', lambda: checks.text_of(
            self.driver, '#event-time') == '30 Apr 2023')
        checks.check_no_console_errors(self.driver)

    def test_hundreds_of_regions(self):
        fixture = self.serve('regions', '300')
        checks.open_page(self.driver, fixture.url)
        checks.check_singapore(self.driver)
        checks.check_chart_drawn(self.driver)
        checks.wait_for('a strip for each region', lambda: self.driver.execute_script(
            'return document.querySelectorAll("#heat canvas").length') > 290)
        self.shoot('page-300-regions')
        checks.check_no_console_errors(self.driver)

    def test_narrow_screen_does_not_scroll_sideways(self):
        checks.set_viewport(self.driver, 420, 900)
        fixture = self.serve()
        checks.open_page(self.driver, fixture.url)
        checks.check_chart_drawn(self.driver)
        self.shoot('page-narrow')
        wider = self.driver.execute_script(
            'return document.documentElement.scrollWidth - document.documentElement.clientWidth')
        self.assertLessEqual(wider, 0)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--fixture', required=True)
    parser.add_argument('--screenshots', required=True, type=pathlib.Path)
    known, rest = parser.parse_known_args()
    FIXTURE = known.fixture
    SCREENSHOTS = known.screenshots
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
