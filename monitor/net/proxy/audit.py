"""Faults of the proxy settings that affect a runner: missing NO_PROXY entries, a variable that Go
does not read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.model.settings import ProxyMode, ProxySettings
from monitor.net.proxy.rules import ProxyChooser

REQUIRED_NO_PROXY = (".internal", "169.254.0.0/16", "app.gitpod.io", ".amazonaws.com")
"""Entries that a runner's NO_PROXY needs if there is a proxy (docs/requirements.md)."""

_ALL_PROXY = ("ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class ProxyAudit:
    """``http`` and ``https``: the proxy (``host:port``) of requests of that scheme, "" for
    none. ``missing``: the required NO_PROXY entries that nothing covers, as ``key`` (a
    variable, or the configuration's key) has them. ``ignored``: a variable
    that seems to set a proxy but that Go programs do not read."""

    http: str = ""
    https: str = ""
    key: str = "NO_PROXY"
    missing: tuple[str, ...] = ()
    ignored: str = ""
    compares_nothing: bool = False

    @property
    def in_use(self) -> bool:
        """Whether any request would go through a proxy."""
        return bool(self.http or self.https)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Each fault, as a sentence with its remediation."""
        lines = [
            f"{self.key} lacks {entry}, which a runner behind a proxy has to reach directly; "
            f"add it to {self.key}"
            for entry in self.missing
        ]
        if self.ignored:
            schemes = [name for name in ("http", "https") if not getattr(self, name)]
            lines.append(
                f"{self.ignored} is set, but the runner (Go's net/http) ignores it, so "
                f"requests by {' and '.join(schemes)} go directly; set "
                f"{' and '.join(f'{scheme.upper()}_PROXY' for scheme in schemes)}"
            )
        if self.compares_nothing:
            lines.append(
                'proxy.mode is "both", but no proxy to compare with is configured; '
                "set HTTPS_PROXY, or proxy.https"
            )
        return tuple(lines)


def audit_proxies(settings: ProxySettings, environ: Mapping[str, str]) -> ProxyAudit:
    """Look the proxy settings over.

    ALL_PROXY is worth a word only where HTTP_PROXY or HTTPS_PROXY is missing beside it:
    where both are set, nothing is lost by not reading it.

    Raises:
        ValueError: if a proxy's URL can't be read; the message holds no credentials.
    """
    chooser = ProxyChooser.from_settings(settings, environ)
    by_environment = settings.mode is not ProxyMode.NONE and not settings.named
    all_proxy = next((name for name in _ALL_PROXY if environ.get(name)), "")
    partial = chooser.http is None or chooser.https is None
    return ProxyAudit(
        http=chooser.http.label if chooser.http else "",
        https=chooser.https.label if chooser.https else "",
        key="NO_PROXY" if by_environment else "proxy.no_proxy",
        missing=missing_no_proxy(chooser),
        ignored=all_proxy if by_environment and partial else "",
        compares_nothing=settings.mode is ProxyMode.BOTH and not chooser.in_use,
    )


def missing_no_proxy(
    chooser: ProxyChooser, required: Sequence[str] = REQUIRED_NO_PROXY
) -> tuple[str, ...]:
    """Return the required NO_PROXY entries that nothing in the given NO_PROXY covers.

    An entry is covered by itself, by a wider one (``*``, ``amazonaws.com`` for
    ``.amazonaws.com``), or by several networks together; an entry for one port covers no
    whole host. Empty when no proxy is in use.
    """
    if not chooser.in_use:
        return ()
    return tuple(entry for entry in required if not chooser.no_proxy.includes(entry))
