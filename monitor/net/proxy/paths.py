"""The path by which a target is probed, and the alternate one: by ``[proxy]`` or its own choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.model.settings import ProxyMode, ProxySettings
from monitor.model.target import ProxyUse, Target
from monitor.net.proxy.rules import NoProxy, Proxy, ProxyChooser, named_proxy

_DIRECT = ProxyChooser(None, None, NoProxy(""))


@dataclass(frozen=True, slots=True)
class ProxyPaths:
    """``taken`` is the proxy of the path that counts, None for the direct one. With ``both`` the
    path of ``alternate`` is measured as well."""

    taken: Proxy | None = None
    both: bool = False
    alternate: Proxy | None = None


@dataclass(frozen=True, slots=True)
class ProxySelector:
    """Chooses the paths of each target."""

    settings: ProxySettings
    configured: ProxyChooser
    environment: ProxyChooser
    both: bool = False

    @classmethod
    def from_settings(cls, settings: ProxySettings, environ: Mapping[str, str]) -> ProxySelector:
        """Choose by ``[proxy]``, unless a target has its own choice.

        Raises:
            ValueError: if the URL of a proxy that ``[proxy]`` uses can't be read; the message
                holds no credentials.
        """
        configured = ProxyChooser.from_settings(settings, environ)
        try:
            environment = ProxyChooser.from_environment(environ)
        except ValueError:
            # Nothing that [proxy] uses; a target that uses it is an error of the configuration.
            environment = _DIRECT
        return cls(settings, configured, environment, settings.mode is ProxyMode.BOTH)

    def always(self) -> ProxySelector:
        """Return the selector that uses the proxy of ``[proxy]`` only, regardless of NO_PROXY."""
        configured = replace(self.configured, no_proxy=NoProxy(""))
        return replace(self, configured=configured, both=False)

    def of(self, target: Target, scheme: str) -> ProxyPaths:
        """Return the paths of a target's requests by ``scheme`` ("http" or "https")."""
        choice = target.proxy
        if choice is None:
            return _proxy_paths(self.configured, target, scheme, both=self.both)
        if choice.use is ProxyUse.BOTH:
            chooser = self.configured if self.configured.in_use else self.environment
            return _proxy_paths(chooser, target, scheme, both=True)
        if choice.use is ProxyUse.ENVIRONMENT:
            return _proxy_paths(self.environment, target, scheme, both=False)
        return ProxyPaths(named_proxy(choice.url, self.settings))


def _proxy_paths(chooser: ProxyChooser, target: Target, scheme: str, *, both: bool) -> ProxyPaths:
    taken = chooser.choose(scheme, target.host, target.port)
    other = chooser.of(scheme)
    if not both or other is None:
        return ProxyPaths(taken)
    return ProxyPaths(taken, both=True, alternate=other if taken is None else None)
