"""Whether an MLflow server answers is asked as MLflow will ask it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.tracking.store import _answers


class Proxy(BaseHTTPRequestHandler):
    """Knows one server, and says of any other that it is not there."""

    asked: list

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(401 if "known" in self.path else 502)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def proxy(monkeypatch):
    monkeypatch.setattr(Proxy, "asked", [], raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    yield Proxy
    server.shutdown()
    server.server_close()


def test_a_server_behind_a_proxy_is_found(proxy):
    """Its name is known to the proxy alone; whatever it answers, it is there."""
    _answers("http://known.invalid:5000/mlflow/")
    assert proxy.asked == ["http://known.invalid:5000/mlflow/health"]


def test_a_server_that_the_proxy_does_not_reach_is_none(proxy):
    with pytest.raises(BadInputError, match=r"…@gone.invalid: no MLflow server answers there \(502 Bad Gateway\)"):
        _answers("http://me:hush@gone.invalid")


def test_what_the_system_said_is_told_and_no_more():
    with pytest.raises(BadInputError, match=r"no MLflow server answers there \(Connection refused\)"):
        _answers("http://127.0.0.1:9")
