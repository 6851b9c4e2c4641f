"""Those who are logged in: they come over TLS through nginx, keep their connections, and never ask a second time."""

import http.client
import json
import socket
import ssl
import threading
import time
from urllib.parse import urlencode

from machines import ISSUER_HOST

PASSWORD = "walnut 1000003 lantern over quarry"


class Wire(http.client.HTTPSConnection):
    """A connection to the issuer's name at this address, from an address of a person's own."""

    def __init__(self, address, source, context):
        super().__init__(ISSUER_HOST, context=context, timeout=30)
        self.address, self.source = address, source

    def connect(self):
        plain = socket.create_connection(self.address, self.timeout, self.source)
        self.sock = self._context.wrap_socket(plain, server_hostname=ISSUER_HOST)


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        cookies = [line.split(";")[0] for name, line in response.getheaders() if name.lower() == "set-cookie"]
        self.cookie = next((cookie for cookie in cookies if cookie.startswith("__Host-symbolon=ses_")), None)

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:300]}"


class Door:
    """Where requests go in. Each thread has a connection of its own."""

    def __init__(self, connect):
        self.connect, self.mine = connect, threading.local()

    def ask(self, method, path, cookie=None, token=None, body=None, form=None):
        if not hasattr(self.mine, "wire"):
            self.mine.wire = self.connect()
        headers = {}
        if cookie:
            headers |= {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body)
        if form is not None:
            headers["Content-Type"], data = "application/x-www-form-urlencoded", urlencode(form)
        try:
            self.mine.wire.request(method, path, data, headers)
            return Answer(self.mine.wire.getresponse())
        except Exception:
            self.mine.wire.close()
            raise

    def login(self, name):
        return self.ask("POST", "/v1/sessions", body={"identifier": name, "password": PASSWORD})

    def me(self, **shown):
        return self.ask("GET", "/v1/me", **shown)


def straight_to(address):
    """To a node itself, in the clear."""
    host, port = address.split(":")
    return Door(lambda: http.client.HTTPConnection(host, int(port), timeout=30))


def through(address, source, certificate):
    """Through nginx."""
    context = ssl.create_default_context(cafile=certificate)
    return Door(lambda: Wire(address, (source, 0), context))


class Crowd:
    """Threads that go on asking until told to stop, and remember whatever was not as it should be."""

    def __init__(self, door):
        self.door, self.asked, self.faults = door, 0, []
        self.over, self.lock, self.threads = threading.Event(), threading.Lock(), []

    def sends(self, times, errand, *arguments):
        for _ in range(times):
            thread = threading.Thread(target=self.work, args=(errand, arguments))
            thread.start()
            self.threads.append(thread)

    def work(self, errand, arguments):
        state = None
        while not self.over.is_set():
            try:
                state = errand(self, state, *arguments)
            except Exception as error:
                with self.lock:
                    self.faults.append(f"{errand.__name__}: {type(error).__name__}: {error}")
            time.sleep(0.01)

    def expects(self, status, answer):
        with self.lock:
            self.asked += 1
        assert answer.status == status, f"{answer} instead of {status}"
        return answer

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def checks(crowd, _, shown):
    """Somebody who is logged in goes on using it."""
    crowd.expects(200, crowd.door.me(**shown))


def refreshes(crowd, token, first):
    """A client renews its tokens, and uses them."""
    form = {"grant_type": "refresh_token", "refresh_token": token or first}
    answer = crowd.expects(200, crowd.door.ask("POST", "/oauth/token", form=form)).json()
    crowd.expects(200, crowd.door.me(token=answer["access_token"]))
    return answer["refresh_token"]


def comes_and_goes(crowd, _, name):
    """Logs in, uses it, logs out; whatever node is asked next has heard of it."""
    cookie = crowd.expects(201, crowd.door.login(name)).cookie
    crowd.expects(200, crowd.door.me(cookie=cookie))
    crowd.expects(204, crowd.door.ask("DELETE", "/v1/sessions/current", cookie=cookie))
    for _ in range(4):
        crowd.expects(401, crowd.door.me(cookie=cookie))
