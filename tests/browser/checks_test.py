#!/usr/bin/python3
"""The checks themselves: what they must catch, and what is none of a page's doing."""

import contextlib
import http.server
import tempfile
import threading
import unittest

import checks

DOCUMENT = '<!doctype html><title>asks</title><link rel="icon" href="data:,"><body>%s</body>'
DONE = "document.title = 'asked'"
# Every way to ask for something at ELSEWHERE, where nobody listens; the title says when it was tried.
WAYS = {
    'image': f'<img src="http://ELSEWHERE/" onerror="{DONE}">',
    'script': f'<script src="http://ELSEWHERE/" onerror="{DONE}"></script>',
    'style': f'<link rel="stylesheet" href="http://ELSEWHERE/" onerror="{DONE}">',
    'frame': f'<iframe src="http://ELSEWHERE/" onload="{DONE}"></iframe>',
    'fetch': f'<script>fetch("http://ELSEWHERE/").catch(() => {{ {DONE}; }})</script>',
    'events': f'<script>new EventSource("http://ELSEWHERE/").onerror = () => {{ {DONE}; }}</script>',
    'socket': f'<script>new WebSocket("ws://ELSEWHERE/").onerror = () => {{ {DONE}; }}</script>',
    'image in a frame': '<iframe srcdoc="<img src=http://ELSEWHERE/ '
                        "onerror=parent.document.title='asked'>\"></iframe>",
}


@contextlib.contextmanager
def page(body):
    """Serves one page; yields its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = (DOCUMENT % body).encode()
            self.send_response(200)
            self.send_header('Content-Type', 'text/html')
            self.send_header('Content-Length', str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/'
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RequestsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        profile = cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        cls.driver = cls.enterClassContext(checks.browser(profile))
        with page('') as gone:
            cls.elsewhere = gone.removeprefix('http://').rstrip('/')

    def visit_asking(self, url):
        checks.visit(self.driver, url)
        checks.wait_for('the page has asked', lambda: self.driver.title == 'asked')

    def test_a_page_that_asks_elsewhere_is_caught(self):
        for way, body in WAYS.items():
            with self.subTest(way), page(body.replace('ELSEWHERE', self.elsewhere)) as url:
                self.visit_asking(url)
                with self.assertRaisesRegex(AssertionError, f'asked for .*{self.elsewhere}'):
                    checks.check_only_local_requests(self.driver, url)

    def test_a_page_that_leads_elsewhere_is_caught(self):
        with page(f'<script>{DONE}</script>') as other, page(f'<script>location = "{other}"</script>') as url:
            self.visit_asking(url)
            with self.assertRaisesRegex(AssertionError, 'asked for'):
                checks.check_only_local_requests(self.driver, url)

    def test_what_a_page_asks_of_its_own_origin_is_right(self):
        with page(f'<iframe src="data:text/html,hello"></iframe><script>fetch("/data").then(() => {{ {DONE}; }})'
                  '</script>') as url:
            self.visit_asking(url)
            checks.check_only_local_requests(self.driver, url)

    def test_what_was_in_the_frame_before_does_not_count(self):
        with page(WAYS['image'].replace('ELSEWHERE', self.elsewhere)) as before, page('') as url:
            self.visit_asking(before)
            self.driver.get(url)  # not visit(): the log holds both
            checks.check_only_local_requests(self.driver, url)

    def test_a_browsers_own_frames_do_not_count(self):
        def request(frame, url, kind='Document'):
            return {'method': 'Network.requestWillBeSent',
                    'params': {'frameId': frame, 'type': kind, 'request': {'url': url}}}

        def attach(frame, parent):
            return {'method': 'Page.frameAttached', 'params': {'frameId': frame, 'parentFrameId': parent}}

        events = [
            request('main', 'chrome://new-tab-page/'),
            attach('promo', 'main'),
            request('main', 'http://127.0.0.1:8080/'),
            request('promo', 'chrome-untrusted://new-tab-page/one-google-bar'),
            request('promo', 'https://example.org/late', 'Image'),
            request('other', 'https://example.org/update', 'Other'),
            attach('ours', 'main'),
            request('ours', 'http://127.0.0.1:8080/frame'),
        ]
        self.assertEqual(checks.requested_by_page(events, 'http://127.0.0.1:8080/#rule=x', 'main'),
                         ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/frame'])

    def test_a_log_that_shows_nothing_is_no_proof(self):
        with page('') as url:
            checks.visit(self.driver, url)
            checks.check_only_local_requests(self.driver, url)
            with self.assertRaisesRegex(AssertionError, 'does not show'):
                checks.check_only_local_requests(self.driver, url)


if __name__ == '__main__':
    unittest.main(verbosity=2)
