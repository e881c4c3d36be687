"""Set-ups in which the way to GitLab, or GitLab itself, is wrong."""

from collections.abc import Callable
from datetime import timedelta

from cryptography import x509

from exporter.simulator.faults import Fault
from exporter.simulator.world import utc_now
from tests.doctor.setup import Case, Setup
from tests.gitlab.server import Asked, Told
from tests.ports import free_port
from tests.webconfig.certificates import LOOPBACK, Authority

Broken = Callable[[Setup], object]

PAGE = b"<!DOCTYPE html><title>Sign in</title>"


def _url(setup: Setup, url: str) -> None:
    setup.config["gitlab"]["url"] = url


def _nobody_listens(setup: Setup) -> None:
    _url(setup, f"http://127.0.0.1:{free_port()}")


def _no_answer(setup: Setup) -> None:
    setup.config["gitlab"]["timeout"] = "100ms"
    setup.serve()
    assert setup.gitlab
    setup.gitlab.faults.add(Fault("timeout", delay=5))


def _dead_proxy(setup: Setup) -> None:
    setup.environ.update(http_proxy=f"http://127.0.0.1:{free_port()}", no_proxy="")


def _self_signed(setup: Setup) -> None:
    setup.secure(*Authority("gitlab").own())


def _wrong_ca_file(setup: Setup) -> None:
    setup.certificate()
    setup.trust("no certificate")


def _https_to_http(setup: Setup) -> None:
    setup.serve()
    _url(setup, setup.config["gitlab"]["url"].replace("http:", "https:"))


def _http_to_https(setup: Setup) -> None:
    setup.certificate()
    setup.serve()
    _url(setup, setup.config["gitlab"]["url"].replace("https:", "http:"))


def _redirecting(setup: Setup) -> None:
    target = "https://gitlab.example.com/api/v4/version"
    setup.answer(lambda _: Told(PAGE, 301, {"Location": target}))


def _below_a_path(setup: Setup) -> None:
    def answering(asked: Asked) -> Told:
        if asked.path == "/":
            return Told(PAGE, 302, {"Location": "/gitlab/users/sign_in"})
        return Told(PAGE, 200 if asked.path.startswith("/gitlab/") else 404)

    setup.answer(answering)


def _skewed(setup: Setup) -> None:
    setup.serve()
    assert setup.gitlab
    setup.gitlab.faults.add(Fault("skewed_clock", delay=3600))


def _nearly_spent(setup: Setup) -> None:
    # Just after a minute began, by its clock, so that the next one is far.
    now = utc_now()
    ahead = now.replace(second=2) - now
    setup.world.clock = lambda: utc_now() + ahead
    setup.world.features.rate_limit_per_minute = 3


def _failing(setup: Setup) -> None:
    setup.serve()
    assert setup.gitlab
    setup.gitlab.faults.add(Fault("status", status=503))


def _token(**traits: object) -> Broken:
    def broken(setup: Setup) -> None:
        setup.world.features.token_reasons = True
        for name, value in traits.items():
            setattr(setup.token, name, value)

    return broken


def _features(**switches: object) -> Broken:
    def broken(setup: Setup) -> None:
        for name, value in switches.items():
            assert hasattr(setup.world.features, name)
            setattr(setup.world.features, name, value)

    return broken


def _unverified(setup: Setup) -> None:
    setup.certificate(trusted=False)
    setup.config["gitlab"]["ssl_verify"] = False


def _blocked(setup: Setup) -> None:
    setup.user.state = "blocked"


def _unknown_token(setup: Setup) -> None:
    del setup.world.tokens[setup.token.value]


def _short_history(setup: Setup) -> None:
    setup.config["poll"] = {"history": "30d"}


WAYS = [
    Case("unknown host", "unknown-host", lambda s: _url(s, "http://gitlab.invalid")),
    Case("nobody listens", "connection-refused", _nobody_listens),
    Case("no answer in time", "no-answer", _no_answer),
    Case("dead proxy", "proxy-fails", _dead_proxy),
    Case(
        "expired certificate",
        "certificate-expired",
        lambda s: s.certificate(begin=-timedelta(days=9), lasting=timedelta(days=8)),
    ),
    Case(
        "certificate of tomorrow",
        "certificate-not-yet-valid",
        lambda s: s.certificate(begin=timedelta(days=1)),
    ),
    Case(
        "certificate of another host",
        "certificate-wrong-host",
        lambda s: s.certificate(x509.DNSName("gitlab.example.com")),
    ),
    Case("self-signed certificate", "certificate-self-signed", _self_signed),
    Case(
        "certificate of an unknown authority",
        "certificate-untrusted",
        lambda s: s.certificate(*LOOPBACK, trusted=False),
    ),
    Case("CA file without a certificate", "ca-file-unusable", _wrong_ca_file),
    Case("https where http is spoken", "no-tls", _https_to_http),
    Case("http where https is spoken", "connection-fails", _http_to_https),
    Case(
        "redirect to another address",
        "redirected",
        _redirecting,
        also=("it redirects to https://gitlab.example.com",),
    ),
    Case("not GitLab", "not-gitlab", lambda s: s.answer(lambda _: Told(PAGE, 404))),
    Case("path missing in the URL", "not-gitlab", _below_a_path, also=("/gitlab/users/sign_in",)),
    Case("login page", "web-page", lambda s: s.answer(lambda _: Told(PAGE))),
    Case(
        "proxy that asks for a password",
        "web-page",
        lambda s: s.answer(lambda _: Told(PAGE, 401)),
        also=("401",),
    ),
    Case("GitLab is down", "gitlab-fails", _failing, also=("503",)),
    Case("expired token", "token-expired", _token(expires_at=utc_now() - timedelta(days=1))),
    Case("revoked token", "token-revoked", _token(revoked=True)),
    Case("unknown token", "token-unknown", _unknown_token),
    Case("wrong scope", "token-scope", _token(scopes=("read_user",)), also=("read_user",)),
    Case("blocked owner of the token", "token-refused", _blocked, also=("has been blocked",)),
    Case("rate limit nearly spent", "rate-limit-spent", _nearly_spent),
    Case("GitLab of 2019", "version-too-old", _features(version="12.4.0"), also=("12.4.0",)),
    Case("clocks apart", "clocks-differ", _skewed, also=("ahead of",)),
    Case(
        "token that expires next week",
        "token-expires-soon",
        _token(expires_at=utc_now() + timedelta(days=7)),
        mild=True,
    ),
    Case(
        "certificate that expires next week",
        "certificate-expires-soon",
        lambda s: s.certificate(lasting=timedelta(days=8)),
        mild=True,
    ),
    Case("certificate not checked", "certificate-not-verified", _unverified, mild=True),
    Case("no GraphQL", "graphql-off", _features(graphql=False), mild=True),
    Case(
        "old GraphQL",
        "graphql-lacks",
        _features(graphql_finished_at=False, graphql_deployment_merge_requests=False),
        mild=True,
        also=("exact finishes", "merge requests"),
    ),
    Case("GitLab tells no tiers", "tiers-untold", _features(environment_tier=False), mild=True),
    Case(
        "history shorter than the windows",
        "history-too-short",
        _short_history,
        mild=True,
        also=("the window 90d is longer",),
    ),
]
